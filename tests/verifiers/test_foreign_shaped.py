"""C and Bash by the shape of the values: what fits, what is left out, and that the tests tell right from wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed, Verdict
from sandbox import open_sandbox
from verifiers import foreign_bash, foreign_c
from verifiers.base import Resources
from verifiers.foreign_shaped import write_shaped_tests
from verifiers.foreign_shapes import Shape, holds, read_shape, shape_of
from verifiers.same_behaviour import SameBehaviour, verify
from verifiers.workers import ProcessPool

SHAPES: list[tuple[list[tuple[list[Any], Any]], str | None]] = [
    ([([[1, 2], 3], [4]), ([[], 0], [])], "list[int], int -> list[int]"),
    ([([1], 2), ([1.5], 2)], "float -> int"),
    ([(["a"], None), (["b"], 3)], "text -> option[int]"),
    ([([True], [["a"], []])], "bool -> list[list[text]]"),
    ([([[]], [])], "list[int] -> list[int]"),
    ([([1], None)], None),
    ([([1], 2), ([1, 2], 2)], None),
    ([([1], {"a": 1})], None),
    ([([1], "a"), ([1], 2)], None),
    ([([True], 1), ([1], 1)], None),
    ([([[1, "a"]], 1)], None),
    ([([[None, 1]], 1), ([[1]], 1)], "list[option[int]] -> int"),
    ([], None),
]
FITS = {"int, list[text] -> list[text]": "c bash", "float -> int": "c", "list[int], list[int] -> int": "c"}
FITS |= {"int -> list[list[int]]": "bash", "text -> option[int]": "bash", " -> int": "", "list[option[int]] -> int": ""}
FITS |= {"int -> list[list[text]]": ""}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(("cases", "written"), SHAPES)
def test_a_shape_is_what_all_calls_share(cases: Any, written: str | None) -> None:
    shape = shape_of(cases)
    assert (None if shape is None else str(shape)) == written
    if shape is not None:
        assert read_shape(str(shape)) == shape and all(holds(shape, case) for case in cases)


@given(st.lists(st.tuples(st.tuples(values, values).map(list), values), min_size=1, max_size=4))
def test_calls_hold_to_their_shape(cases: list[tuple[list[Any], Any]]) -> None:
    shape = shape_of(cases)
    if shape is not None:
        assert read_shape(str(shape)) == shape
        assert all(holds(shape, case) for case in cases)
        assert not holds(shape, ([*cases[0][0], 1], cases[0][1]))


@pytest.mark.parametrize("shape", FITS)
def test_languages_take_what_they_can_hold(shape: str) -> None:
    fitting = [name for name, module in (("c", foreign_c), ("bash", foreign_bash)) if module.fits(read_shape(shape))]
    assert fitting == FITS[shape].split()


@pytest.mark.parametrize(
    ("language", "case"),
    [
        ("bash", ([["a"]], ["x", ""])),  # `$(...)` ends before the last newlines
        ("bash", ([["a"]], ["two\nlines", "x"])),
        ("bash", ([["é"]], ["x"])),
        ("c", ([["nul\0"]], ["x"])),
        ("c", ([["a"]], ["é"])),
        ("c", ([["a"]], 1)),
        ("bash", ([[1]], ["x"])),
    ],
)
def test_what_cannot_be_written_is_left_out(language: str, case: Any) -> None:
    usual = [([["a", "b"]], ["c"])] * 3
    written = write_shaped_tests(language, "f", "list[text] -> list[text]", [*usual, case])
    assert written.cases == (0, 1, 2)


def test_headers_of_c() -> None:
    names = ["count", "int"]
    assert foreign_c.header("f", names, Shape(("int", "list[text]"), "list[float]")) == (
        "double *f(long long count, const char *const *int_, size_t int__count, size_t *result_count)"
    )
    assert foreign_c.header("f", ["a"], Shape(("bool",), "text")) == "char *f(_Bool a)"
    assert foreign_bash.usage("f", ["xs", "k"], Shape(("list[int]", "int"), "int")) == "f k xs..."


# What comes back is what went in, so that every value has to survive both ways.
ECHO_PYTHON = "def echo(number, words):\n    return [*words, str(number)]\n"
ECHO = {
    "bash": 'echo_all() {\n  local number=$1\n  shift\n  printf \'%s\\n\' "$@" "$number"\n}\n',
    "c": "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    "char **echo_all(long long number, const char *const *words, size_t words_count, size_t *result_count) {\n"
    "    char **all = malloc((words_count + 1) * sizeof *all);\n"
    "    for (size_t i = 0; i < words_count; i++) all[i] = strdup(words[i]);\n"
    '    asprintf(&all[words_count], "%lld", number);\n'
    "    *result_count = words_count + 1;\n    return all;\n}\n",
}
NEAR_MISSES = {
    "bash": [
        ("printf '%s\\n' \"$@\"", "printf '%s\\n' $@"),
        ('"$number"', '"$((number + 1))"'),
        ("echo_all()", "other()"),
    ],
    "c": [("words_count + 1;", "words_count;"), ("long long number", "int number"), ("strdup(words[i])", "words[0]")],
}
LETTERS = "ab \"'\\$`!*~#;|&<>(){}[]%?=-\t"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judges() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


def echoed() -> tuple[Any, ...]:
    rng = Random(5)
    words = [["".join(rng.choices(LETTERS, k=rng.randint(0, 8))) for _ in range(rng.randint(0, 4))] for _ in range(40)]
    return tuple((number * 7 - 9, tuple(some)) for number, some in enumerate(words))


async def judge(judges: Resources, language: str, program: str) -> Verdict:
    check = SameBehaviour(language, "echo_all", ECHO_PYTHON, "echo", echoed(), cpu_s=5.0, memory_mb=512)
    parts = {"solution": program}
    verdict = await verify(check, Candidate("c", "c", Seed("s", "x", "t", "u"), "t", (), parts, (), ()), judges)
    if verdict.reason == "toolchain_missing":
        pytest.skip(str(verdict.evidence["error"]))
    return verdict


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("language", sorted(ECHO))
async def test_values_survive_and_near_misses_do_not(judges: Resources, language: str) -> None:
    verdict = await judge(judges, language, ECHO[language])
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "same_behaviour"), json.dumps(verdict.evidence)
    assert verdict.evidence["compared"] == len(echoed())
    for old, new in NEAR_MISSES[language]:
        assert old in ECHO[language]
        verdict = await judge(judges, language, ECHO[language].replace(old, new))
        assert verdict.outcome is Outcome.FAIL, (new, verdict)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_shell_that_leaves_or_renames_what_tests_use_proves_nothing(judges: Resources) -> None:
    for end in ("exit 0\n", "[() { return 0; }\n", "trap '' ERR\nset +E\nexec true\n"):
        verdict = await judge(judges, "bash", f"echo_all() {{ :; }}\n{end}")
        assert verdict.outcome is Outcome.FAIL, end
