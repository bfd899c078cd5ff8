"""Tests in languages whose functions have a settled form: C and Bash, by the shape of the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from verifiers import foreign_bash, foreign_c
from verifiers.foreign_shapes import Case, Shape, holds, read_shape, shape_of
from verifiers.foreign_tests import Written


@dataclass(frozen=True, slots=True)
class Form:
    """How one language takes and gives values of a shape; a test line is empty where it cannot."""

    fits: Callable[[Shape], bool]
    lines: Callable[[str, Shape, Sequence[Case]], list[str]]
    script: Callable[[str, Shape, Sequence[str]], str]


FORMS: Mapping[str, Form] = {
    "bash": Form(foreign_bash.fits, foreign_bash.test_lines, foreign_bash.script),
    "c": Form(foreign_c.fits, foreign_c.test_lines, foreign_c.script),
}
LANGUAGES = frozenset(FORMS)


def write_shaped_tests(language: str, entry_point: str, shape: str, cases: Sequence[Case]) -> Written:
    """Tests of the function for as many cases as can be written; none where the shape does not fit.

    A shape that is given decides, also over values that it cannot hold: they are left out.
    """
    form = FORMS[language]
    settled = read_shape(shape) if shape else shape_of(cases)
    if settled is None or not form.fits(settled):
        return Written("", ())
    held = [(place, case) for place, case in enumerate(cases) if holds(settled, case)]
    lines = form.lines(entry_point, settled, [case for _, case in held])
    places = tuple(place for (place, _), line in zip(held, lines, strict=True) if line)
    return Written(form.script(entry_point, settled, [line for line in lines if line]) if places else "", places)
