"""Arrays, tables and expressions cross as data: what comes back is what was sent, and nothing in it is evaluated."""

# ruff: noqa: E501 - programs stand in the table on one line each
from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import open_sandbox
from sandbox.harness import science
from sandbox.harness.values import Decoder, Encoder, Uncrossable
from sandbox.types import Calls, Request, Sandbox, TestSource

numpy = pytest.importorskip("numpy")
sympy = pytest.importorskip("sympy")


def crossed(value: Any) -> Any:
    return Decoder(None).decode(json.loads(json.dumps(Encoder(None).encode(value))))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["<i8", "<f8", "|b1", "<u2", "<c16", "<U3", "|S4", "<f4", "<M8[ns]"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.binary(min_size=16 * 27, max_size=16 * 27),
)
def test_arrays_come_back_as_they_were(dtype: str, shape: list[int], data: bytes) -> None:
    size = int(numpy.prod(shape, dtype=int))
    if dtype == "<U3":
        array = numpy.array(["añ", "", "x"] * 9, dtype=dtype)[:size].reshape(shape)
    elif dtype == "|b1":
        array = (numpy.frombuffer(data, dtype="|u1")[:size] > 100).reshape(shape)
    else:
        array = numpy.frombuffer(data, dtype=dtype)[:size].reshape(shape)
    back = crossed(array)
    assert back.dtype == array.dtype and back.shape == array.shape and back.tobytes() == array.tobytes()


def test_scalars_objects_and_aliases() -> None:
    assert type(crossed(numpy.int64(3))) is numpy.int64
    assert crossed(numpy.float64(1.5)) == 1.5
    assert crossed(numpy.array([None, "x", [1]], dtype=object)).tolist() == [None, "x", [1]]
    array = numpy.arange(3)
    first, second = crossed([array, array])
    assert first is second
    inner = [1]
    outer = crossed([numpy.array([inner, None], dtype=object), inner])
    assert outer[0][0] is outer[1]


EXPRESSIONS = [
    "sqrt(8) * x + 1", "sin(x)**2 + cos(x)", "Rational(1, 3)", "pi * E * I", "oo", "Eq(x, 2)", "Matrix([[x, 1], [0, 2]])",
    "Float('1.25')", "Symbol('y', positive=True)", "FiniteSet(1, 2)", "Piecewise((x, x > 0), (0, True))", "zoo", "nan",
    "Integral(x**2, (x, 0, 1))", "Interval(0, 1)", "true",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_come_back_as_they_were(text: str) -> None:
    expression = eval(text, {**vars(sympy), "x": sympy.Symbol("x")})
    assert crossed(expression) == expression


REJECTS = [
    ["X", "sin('__import__(\"os\")')"],
    ["X", "Symbol('x').free_symbols"],
    ["X", "Integer('2')"],
    ["X", "sympify('1')"],
    ["X", "__import__('os')"],
    ["X", "Lambda(x for x in [1])"],
    ["X", "Float('__import__')"],
    ["X", "Symbol('x;y()')"],
    ["X", "parse_expr('1')"],
    ["X", "lambdify(Symbol('x'), Symbol('x'))"],
    ["X", "(" * 500],
    ["X", 3],
    ["N", "|O", [1], "AAAA"],
    ["N", "<i8", [1], "AAAA"],
    ["N", "<i8", [-1], ""],
    ["N", "<i8", [1 << 40], ""],
    ["N", "<f8", ["1"], "AAAAAAAAAAA="],
    ["N", "<f8", [1], "no base64"],
    ["N", "<f8"],
    ["n", "object", "AAAA"],
    ["N", "", [3], [1, 2]],
]


@pytest.mark.parametrize("coded", REJECTS, ids=range(len(REJECTS)))
def test_nothing_else_is_read(coded: list[Any]) -> None:
    with pytest.raises(Uncrossable):
        Decoder(None).decode(coded)


def test_a_class_that_only_looks_like_an_array_is_none() -> None:
    class Sly(numpy.ndarray):  # type: ignore[misc, name-defined]
        def __eq__(self, other: object) -> bool:  # type: ignore[override]
            return True

    with pytest.raises(Uncrossable):
        Encoder(None).encode(numpy.arange(3).view(Sly))
    assert science.plain(numpy.arange(3).view(Sly)) == [0, 1, 2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stocked() -> AsyncIterator[Sandbox]:
    if not (Path(sys.prefix) / "pyvenv.cfg").is_file():
        pytest.skip("the tests do not run in a virtual environment")
    pool = open_sandbox("namespaces", slots=1, site=sys.prefix)
    yield pool
    await pool.aclose()


NUMPY, SYMPY = "import numpy as np\n", "import sympy as sp\n"
IN_TESTS = [
    (NUMPY + "def f(a): return a * 2", NUMPY + "assert np.array_equal(f(np.array([1, 2])), [2, 4])", True),
    (NUMPY + "def f(a): return a * 2", NUMPY + "assert np.array_equal(f(np.array([1, 2])), [2, 5])", False),
    (NUMPY + "def f(a): return a.sum()", NUMPY + "assert f(np.ones((2, 3))) == 6", True),
    (NUMPY + "def f(a):\n    a[0] = 5", NUMPY + "x = np.array([1, 2])\nf(x)\nassert x[0] == 5", True),
    (NUMPY + "def f(a): return 0", NUMPY + "x = np.array([1, 2])\nf(x)\nassert x[0] == 5", False),
    (NUMPY + "def f(n): return np.arange(n)", NUMPY + "np.testing.assert_allclose(f(3), [0, 1, 2])\nassert True", True),
    (NUMPY + "def f(n): return np.arange(n)", "assert f(3).tolist() == [0, 1, 2]", True),
    (NUMPY + "def f(n): return [np.int64(n), np.float32(0.5)]", "assert f(3) == [3, 0.5]", True),
    (SYMPY + "def f(): return sp.sqrt(8)", SYMPY + "assert f() == 2 * sp.sqrt(2)", True),
    (SYMPY + "def f(): return sp.sqrt(8)", SYMPY + "assert f() == 3 * sp.sqrt(2)", False),
    (SYMPY + "def f(e, x): return sp.diff(e, x)", SYMPY + "x = sp.symbols('x')\nassert f(x**2, x) == 2 * x", True),
    (
        NUMPY + "np.array_equal = np.allclose = lambda *a: True\ndef f(): return np.arange(2)",
        NUMPY + "assert np.allclose(f(), [5, 6])",
        False,
    ),
    (
        NUMPY
        + "class A(np.ndarray):\n    def __eq__(self, o): return np.array([True])\ndef f(): return np.arange(2).view(A)",
        NUMPY + "assert f().tolist() == [5, 6]",
        False,
    ),
]


@pytest.mark.parametrize(("program", "tests", "passes"), IN_TESTS, ids=range(len(IN_TESTS)))
@pytest.mark.asyncio(loop_scope="module")
async def test_scientific_programs_are_tested_from_outside(
    stocked: Sandbox, program: str, tests: str, passes: bool
) -> None:
    execution = await stocked.run(Request("python", program, tests=TestSource(tests)))
    assert execution.tests is not None
    assert execution.tests.passed is passes, execution
    assert execution.tests.trust == "outside" or not passes


@pytest.mark.asyncio(loop_scope="module")
async def test_calls_compare_arrays_with_lists(stocked: Sandbox) -> None:
    program = NUMPY + "def f(n): return {'a': np.eye(n), 'n': np.int32(n)}"
    expected = {"a": [[1, 0], [0, 1]], "n": 2}
    execution = await stocked.run(Request("python", program, tests=Calls("f", (((2,), expected), ((3,), expected)))))
    assert execution.tests is not None
    assert [case.passed for case in execution.tests.cases] == [True, False], execution
