"""Tests in other languages: signatures are read, values written in their types, and what a type cannot hold is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.foreign_literals import WRITERS, Unwritable, literal
from verifiers.foreign_tests import LANGUAGES, write_tests
from verifiers.foreign_types import parse_type, read_signature

PROGRAMS = {
    "cpp": "#include <vector>\nusing namespace std;\nvector<int> f(const vector<float>& xs, string s) { return {}; }\n",
    "java": "class Solution {\n    public List<Integer> f(List<Double> xs, String s) { return null; }\n}\n",
    "go": "func f(xs []float32, s string) []int { return nil }\n",
    "rust": "fn f(xs: &Vec<f32>, s: &str) -> Vec<i32> { vec![] }\n",
}
KINDS = {
    ("cpp", "std::vector<std::string>"): "list",
    ("cpp", "map<string, int>"): "map",
    ("cpp", "pair<int, int>"): "tuple",
    ("cpp", "unsigned long long"): "uint",
    ("cpp", "list_any"): "other",
    ("java", "Optional<Integer>"): "option",
    ("java", "int[]"): "list",
    ("java", "Object"): "any",
    ("go", "map[string][]int"): "map",
    ("go", "[2]float64"): "list",
    ("go", "interface{}"): "any",
    ("go", "(int, string)"): "tuple",
    ("rust", "&[i64]"): "list",
    ("rust", "Option<String>"): "option",
    ("rust", "(usize, bool)"): "tuple",
    ("rust", "&'a str"): "text",
}
# What is written for a value, and values that the type cannot hold.
WRITTEN: dict[tuple[str, str], tuple[Any, str, list[Any]]] = {
    ("cpp", "vector<int>"): ([1, -2], "vector<int>{(int)(1LL), (int)(-2LL)}", [[1.5], ["a"], [1 << 40], [True], None]),
    ("cpp", "string"): ('a"b', 'string("a\\"b")', [1, None, ["a"], "\x00"]),
    ("java", "List<Long>"): ([7], "new ArrayList<Long>(Arrays.<Long>asList((7L)))", [[1 << 70], [0.5], 3]),
    ("java", "Optional<String>"): (None, "Optional.empty()", [1, ["a"]]),
    ("go", "[]string"): (["x"], '[]string{"x"}', [[1], "x", None]),
    ("go", "interface{}"): (None, "nil", [[1], {"a": 1}]),
    ("rust", "Vec<String>"): (["x"], 'vec!["x".to_string()]', [[1], "x"]),
    ("rust", "u8"): (200, "(200u8)", [-1, 256, 1.0, True]),
    ("rust", "f64"): (-1, "(-1.0f64)", [float("inf"), "1", True, 1e300]),
}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_signatures_are_read(language: str) -> None:
    signature = read_signature(language, PROGRAMS[language], "f")
    assert signature is not None
    assert [kind.kind for kind in signature.parameters] == ["list", "text"]
    assert (signature.returns.kind, signature.returns.parts[0].kind) == ("list", "int")
    assert signature.owner == ("Solution" if language == "java" else "")
    assert read_signature(language, PROGRAMS[language], "g") is None


@pytest.mark.parametrize(("spelled", "kind"), KINDS.items())
def test_types_are_understood(spelled: tuple[str, str], kind: str) -> None:
    assert parse_type(*spelled).kind == kind


@pytest.mark.parametrize("spelled", WRITTEN)
def test_values_are_written_or_refused(spelled: tuple[str, str]) -> None:
    value, text, impossible = WRITTEN[spelled]
    kind = parse_type(*spelled)
    assert literal(WRITERS[spelled[0]], kind, value) == text
    for other in impossible:
        with pytest.raises(Unwritable):
            literal(WRITERS[spelled[0]], kind, other)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_each_case_that_can_be_written_is_a_test(language: str) -> None:
    cases: list[tuple[list[Any], Any]] = [
        ([[1.5], "a"], [1]),
        ([["x"], "a"], [1]),  # no numbers
        ([[1.5]], [1]),  # too few arguments
        ([[0.25, 2], ""], [1, 2]),
        ([[1.0], "b"], None),  # no list
    ]
    written = write_tests(language, PROGRAMS[language], "f", cases)
    assert written.cases == (0, 3)
    assert "1e-4" in written.tests or language == "java"  # 32-bit floats are compared with less precision
    assert write_tests(language, PROGRAMS[language], "missing", cases).cases == ()
    assert write_tests(language, PROGRAMS[language], "f", cases[1:3]).tests == ""


@given(st.sampled_from(sorted(LANGUAGES)), st.text(max_size=120))
def test_any_text_is_read(language: str, text: str) -> None:
    write_tests(language, text, "f", [([1], 1)])
    parse_type(language, text)
