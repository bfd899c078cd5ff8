"""Algebraic equality by math-verify and sympy. Imported in worker processes only: hostile input may hang it."""

from __future__ import annotations

import logging
from typing import Any

from latex2sympy2_extended import NormalizationConfig
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify
from sympy import And, Expr, I, Or, Rel, Set, simplify

# math-verify's own timeouts rest on SIGALRM; the worker's limit replaces them, and it warns that they are off.
logging.getLogger("math_verify").setLevel(logging.CRITICAL)
# Units are read before (verifiers.units); the library's way with them takes variables for units: x + 3t for x + 3.
NOTATION = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all")
TARGETS = (LatexExtractionConfig(boxed_match_priority=0, normalization_config=NOTATION), ExprExtractionConfig())


def symbolically_equal(expected: str, answer: str) -> bool:
    """Whether two canonical texts are equal as mathematics; False where one of them cannot be read."""
    first, second = _read(expected), _read(answer)
    if not first or not second:
        return False
    return (
        bool(verify(first, second, timeout_seconds=None))
        or _same_solutions(first[0], second[0])
        or _same_complex(first[0], second[0])
    )


def _read(text: str) -> list[Any]:
    parsed: list[Any] = parse(f"${text}$", TARGETS, parsing_timeout=None, fallback_mode="no_fallback")
    return parsed


def _same_complex(expected: Any, answer: Any) -> bool:
    """Equal numbers once `i`, which the parser may take for a variable, is the imaginary unit."""
    if not (isinstance(expected, Expr) and isinstance(answer, Expr)):
        return False
    first, second = (_with_imaginary_unit(value) for value in (expected, answer))
    if (first, second) == (expected, answer) or first.free_symbols or second.free_symbols:
        return False
    return bool(simplify(first - second) == 0)


def _with_imaginary_unit(value: Expr) -> Expr:
    return value.subs({symbol: I for symbol in value.free_symbols if symbol.name == "i"}).doit()


def _same_solutions(expected: Any, answer: Any) -> bool:
    """Two inequalities in one and the same variable that hold for the same numbers: 2x > 6 and x > 3, |x| < 3 and
    -3 < x < 3."""
    relations = isinstance(expected, Rel | And | Or) and isinstance(answer, Rel | And | Or)
    if not relations or len(expected.free_symbols) != 1 or expected.free_symbols != answer.free_symbols:
        return False
    try:
        sets = [relation.as_set() for relation in (expected, answer)]
    except (NotImplementedError, TypeError, ValueError):  # sympy has no method for it
        return False
    return all(isinstance(one, Set) for one in sets) and sets[0] == sets[1]
