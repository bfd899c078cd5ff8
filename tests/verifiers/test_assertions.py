"""What counts as a real assertion about the function under test."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from verifiers.assertions import take_inventory


def guarded(body: str, caught: str = "", handled: str = "pass", rest: str = "") -> str:
    """A try statement as it stands in a test function."""
    caught = f" {caught}" if caught else ""
    return f"try:\n        {body}\n    except{caught}:\n        {handled}" + (f"\n    {rest}" if rest else "")


CALL_THEN_FAIL = "f(-1)\n        assert False, 'no error'"
CALL_THEN_RAISE = "f(-1)\n        raise AssertionError('no error')"
RIGHT = "assert f(2) == 4"

# (what it is, body of one test function, strength)
REAL = [
    ("equality", "assert f(2) == 4", 3),
    ("reversed equality", "assert 4 == f(2)", 3),
    ("identity with None", "assert f(2) is None", 3),
    ("truth", "assert f(2)", 2),
    ("negation", "assert not f(2)", 2),
    ("equality with True", "assert f(2) == True", 2),
    ("tolerance", "assert abs(f(2) - 0.5) < 1e-9", 3),
    ("isclose", "assert math.isclose(f(2), 0.5)", 3),
    ("type only", "assert isinstance(f(2), int)", 1),
    ("inequality", "assert f(2) != 3", 1),
    ("through a name", "result = f(2)\n    assert result == 4", 3),
    ("through two names", "a = f(2)\n    b = a + 1\n    assert b == 5", 3),
    ("through unpacking", "a, b = f(2)\n    assert a == 1", 3),
    ("through the walrus", "assert (r := f(2)) == 4 and r", 3),
    ("through a collected list", "out = []\n    out.append(f(2))\n    assert out == [4]", 3),
    ("through an item", "box = {}\n    box['a'] = f(2)\n    assert box == {'a': 4}", 3),
    ("argument changed in place", "data = [2, 1]\n    f(data)\n    assert data == [1, 2]", 3),
    ("in a loop", "for x, y in [(1, 2), (2, 4)]:\n        assert f(x) == y", 3),
    ("over results", "for r in f(3):\n        assert r > 0", 1),
    ("printed output", "with redirect_stdout(buffer):\n        f(2)\n    assert buffer.getvalue() == 'x'", 3),
    ("property", "assert f(f(2)) == f(2)", 3),
    ("expected exception", guarded(CALL_THEN_FAIL, "ValueError"), 3),
    ("expected exception, raise", guarded(CALL_THEN_RAISE, "ValueError"), 3),
    ("expected exception, else", guarded("f(-1)", "ValueError", rest="else:\n        assert False"), 3),
    ("any exception", guarded("f(-1)", "Exception", rest="else:\n        assert False"), 1),
    ("pytest", "with pytest.raises(ValueError):\n        f(-1)", 3),
    ("pytest, any exception", "with pytest.raises(Exception):\n        f(-1)", 1),
    ("approximately", "assert f(2) == pytest.approx(0.5)", 3),
    ("of the module", "assert solution.f(2) == 4", 3),
    ("method assertEqual", "self.assertEqual(f(2), 4)", 3),
    ("method assertTrue", "self.assertTrue(f(2) == 4)", 3),
    ("method assertFalse", "self.assertFalse(f(2))", 2),
    ("method assertIsNone", "self.assertIsNone(f(2))", 3),
    ("method assertIn", "self.assertIn(f(2), [4])", 2),
    ("method assertRaises", "with self.assertRaises(ValueError):\n        f(-1)", 3),
    (
        "expected exception, flag",
        "raised = False\n    " + guarded("f(-1)", "ValueError", "raised = True", "assert raised"),
        2,
    ),
    ("failure raised again", guarded(RIGHT, "AssertionError", "raise"), 3),
]

# (what it is, body, rule of the finding; empty where there is nothing to point at)
NOT_REAL = [
    ("constant", "f(2)\n    assert True", "constant-assertion"),
    ("text", "f(2)\n    assert 'fine'", "constant-assertion"),
    ("tuple with message", "assert (f(2) == 4, 'message')", "constant-assertion"),
    ("list", "assert [f(2)]", "constant-assertion"),
    ("generator object", "assert (f(x) == 2 * x for x in range(3))", "constant-assertion"),
    ("lambda", "assert lambda: f(2) == 4", "constant-assertion"),
    ("or true", "assert f(2) == 4 or True", "constant-assertion"),
    ("not false", "f(2)\n    assert not 0", "constant-assertion"),
    ("no call", "assert 2 + 2 == 4", "unrelated-assertion"),
    ("only its name", "assert callable(f)", "unrelated-assertion"),
    ("another function", "assert g(2) == 4", "unrelated-assertion"),
    ("method of the same name", "assert box.f(2) == 4", "unrelated-assertion"),
    ("itself", "assert f(2) == f(2)", "self-comparison"),
    ("itself through a name", "r = f(2)\n    assert r == f(2)", "self-comparison"),
    ("a name with itself", "r = f(2)\n    assert r == r", "self-comparison"),
    ("swallowed bare", guarded(RIGHT), "swallowed-assertion"),
    ("swallowed Exception", guarded(RIGHT, "Exception"), "swallowed-assertion"),
    ("swallowed in a tuple", guarded(RIGHT, "(KeyError, AssertionError)", "..."), "swallowed-assertion"),
    ("swallowed deeper", guarded(f"if True:\n            {RIGHT}"), "swallowed-assertion"),
    ("suppressed", f"with contextlib.suppress(AssertionError):\n        {RIGHT}", "swallowed-assertion"),
    ("expected exception hides its failure", guarded(CALL_THEN_FAIL, "Exception"), "swallowed-assertion"),
    ("swallowed by pytest", f"with pytest.raises(AssertionError):\n        {RIGHT}", "swallowed-assertion"),
    ("swallowed expectation", guarded("with pytest.raises(ValueError):\n            f(1)"), "swallowed-assertion"),
    ("exception of something else", "with pytest.raises(ValueError):\n        int('x')", "unrelated-assertion"),
    ("method with a constant", "f(2)\n    self.assertTrue(True)", "constant-assertion"),
    ("method with itself", "self.assertEqual(f(2), f(2))", "self-comparison"),
    ("method about something else", "self.assertEqual(len([1]), 1)", "unrelated-assertion"),
    ("no assertion", "print(f(2))", ""),
    ("plain failure", "assert False", ""),
]


def body_of(case: str) -> str:
    return f"def test_one():\n    {case}\n"


@pytest.mark.parametrize(("body", "strength"), [case[1:] for case in REAL], ids=[case[0] for case in REAL])
def test_real_assertions_count_with_their_strength(body: str, strength: int) -> None:
    inventory = take_inventory(body_of(body), "f")
    assert inventory.cases == ("test_one",)
    assert max(assertion.strength for assertion in inventory.assertions) == strength
    assert not [finding for finding in inventory.problems if finding.rule != "unavailable-import"]


@pytest.mark.parametrize(("body", "rule"), [case[1:] for case in NOT_REAL], ids=[case[0] for case in NOT_REAL])
def test_assertions_that_prove_nothing_do_not_count(body: str, rule: str) -> None:
    inventory = take_inventory(body_of(body), "f")
    assert inventory.assertions == ()
    assert inventory.cases == ()
    assert {finding.rule for finding in inventory.problems} == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("def f(x):\n    return x\ndef test_a():\n    assert f(1) == 1\n", "rebinds-entry-point"),
        ("f = lambda x: x\ndef test_a():\n    assert f(1) == 1\n", "rebinds-entry-point"),
        ("def test_a():\n    global f\n    f = abs\n    assert f(1) == 1\n", "rebinds-entry-point"),
        ("from mylib import f\ndef test_a():\n    assert f(1) == 1\n", "rebinds-entry-point"),
        ("from .solution import f\ndef test_a():\n    assert f(1) == 1\n", "rebinds-entry-point"),
        ("import hypothesis\ndef test_a():\n    assert f(1) == 1\n", "unavailable-import"),
        ("def test_a(:\n    assert f(1) == 1\n", "syntax"),
        ("def test_a():\n    assert f(1) == \0\n", "syntax"),
        ("def test_a():\n    assert f(" + "-" * 5000 + "1) == 1\n", "too-complex"),
        ("def test_a():\n    assert f(1) == " + "1+" * 800 + "1\n", "too-complex"),
        ("assert f(1) == 1\n" * 20_000, "too-complex"),
    ],
)
def test_texts_that_cannot_be_trusted_are_named(source: str, rule: str) -> None:
    assert rule in {finding.rule for finding in take_inventory(source, "f").problems}


def test_helpers_that_assert_count_where_they_are_called() -> None:
    source = "def check(x, y):\n    assert f(x) == y\ndef test_a():\n    check(1, 2)\ndef test_b():\n    check(2, 4)\n"
    inventory = take_inventory(source, "f")
    assert inventory.cases == ("test_a", "test_b")
    assert {"check(1, 2)", "check(2, 4)"} <= inventory.calls().keys()


def test_a_function_that_is_handed_on_is_followed() -> None:
    source = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 4\ncheck(f)\n"
    inventory = take_inventory(source, "f")
    assert {"candidate(1)", "candidate(2)"} <= inventory.calls().keys()


IMPORTED = {
    "by name": "from solution import f\ndef test_a():\n    assert f(2) == 4\n",
    "under another name": "from solution import f as g\ndef test_a():\n    assert g(2) == 4\n",
    "as a module": "import solution\ndef test_a():\n    assert solution.f(2) == 4\n",
    "under another name by assignment": "g = f\ndef test_a():\n    assert g(2) == 4\n",
}


@pytest.mark.parametrize("source", IMPORTED.values(), ids=IMPORTED)
def test_the_program_may_be_imported_where_the_driver_offers_it(source: str) -> None:
    inventory = take_inventory(source, "f")
    assert (len(inventory.assertions), inventory.problems) == (1, ())


def test_methods_of_test_classes_are_cases() -> None:
    source = (
        "import unittest\nclass TestF(unittest.TestCase):\n"
        "    def test_a(self):\n        self.assertEqual(f(2), 4)\n    def test_b(self):\n        assert f(3) == 9\n"
    )
    assert take_inventory(source, "f").cases == ("TestF.test_a", "TestF.test_b")


def test_a_parameter_that_hides_the_function_is_not_it() -> None:
    source = "def helper(f):\n    assert f(1) == 2\ndef test_a():\n    helper(abs)\n"
    assert take_inventory(source, "f").assertions == ()


def test_without_test_functions_the_assertions_are_the_cases() -> None:
    assert len(take_inventory("assert f(1) == 2\nassert f(2) == 4\n", "f").cases) == 2


def test_real_tests_of_a_benchmark_are_all_seen(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "code" / "humanevalpack_python.jsonl").read_text().splitlines()]
    for row in rows:
        inventory = take_inventory(row["test"], row["entry_point"])
        written = len(re.findall(r"^\s*assert (?!True)", row["test"], re.MULTILINE))
        found = [assertion for assertion in inventory.assertions if not assertion.text.startswith("check(")]
        assert not [finding for finding in inventory.problems if finding.rule != "constant-assertion"], row["task_id"]
        assert len(found) == written, row["task_id"]
