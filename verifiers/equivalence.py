r"""Do two final answers say the same (feature row M6)?

Plain quantities, choices, words and structures of them are decided here, exactly and at once. What needs algebra goes
to the symbolic library (`verifiers.equivalence_symbolic`) in a killable worker process with a deadline.

Conventions. Fixed: decimals of at least six places stand for the number that they correctly round; `(a, b)` compares
in order and is no set; intervals must agree in their ends and their brackets; two stated units must measure the same
thing and are converted; words compare without case; an expected relation (`x > 2`) may be answered by its interval,
an expected interval only by an interval. Switchable, see `Conventions`: percent, omitted units, list order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from verifiers.answer_shapes import EQUALS, Shape, enclosed, is_relation, joined, read_shape, unnamed
from verifiers.answer_text import canonical, depths, split_outside
from verifiers.equivalence_plain import DEFAULT, LONE_CHOICE, Conventions, decided
from verifiers.units import NO_UNIT, Unit, known_unit, read_unit
from verifiers.worker_process import Named
from verifiers.workers import DeadlineExceeded, ProcessPool

MAX_CHARACTERS = 2_000  # of one answer; a longer one is refused before anything reads it
MAX_DEPTH = 40  # of nested brackets
MAX_PARTS = 64  # of one structure
MAX_STEPS = 4_000  # comparisons of parts: sets of sets are compared each with each
COMPARISON_CPU_S = 3.0  # the symbolic library needs milliseconds for ordinary answers

QUICK_CPU_S = 0.5  # what takes longer, or looks as if it might, is compared in a lane of its own: no other one waits
COMPARE: Callable[[str, str, Conventions], bool] = Named("verifiers.equivalence_worker", "compare")
RISKY = re.compile(
    r"\\(?:int|sum|prod|lim|binom)(?![A-Za-z])|!|\^\s*[{(]*\s*-?\d{3,}|\^\s*[{(]?[^{}()^]*\^|\^\s*[{(]?[^{}()^]*[a-z][^{}()^]*[)}]?\s*\^"
)

MAX_EXPONENT = 99_999  # of a numeral
MAX_TOWER_EXPONENT = 16
TOWER = re.compile(r"\^\s*[{(]*\s*(\d{1,6})\s*[})]*\s*\^\s*[{(]*\s*(\d{1,6})")  # the b and c of a^(b^c)
# Exponents and factorials of long numerals, factorials of factorials and of powers.
HUGE = re.compile(r"\^\s*[{(]*\s*-?\d{6,}|\d{5,}\s*!|!\s*[)}\]]+\s*!|!{3,}|\^\s*\{?\s*\d+\s*\}?\s*\)\s*!")

CLOCK = re.compile(r"\d{1,2}:\d\d\s*[ap]\.?\s?m\.?", re.IGNORECASE)
SPACE_THAT_PARTS_NOTHING = re.compile(r"(?<!\w) | (?!\w)")
VARIABLE = re.compile(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])")
CUT_OFF = re.compile(r"(?:[-+*/^=<>_]|\\(?:times|cdot|div|frac|sqrt|pm))\s*$")
FOREIGN = re.compile(r"\\(?:to|rightarrow|mapsto|phantom|newline)(?![A-Za-z])|(?<!\\)\\\\(?!.*\\end)")
LIMIT = re.compile(r"\\lim\s*_\s*\{[^{}]*\}")  # whose arrow is no foreign sign
TRAILING_UNIT = re.compile(r"(?P<value>.*\S)\s+(?P<unit>(?:square |cubic |sq )?[A-Za-z]+(?:\s*[/^].*| per .*)?)")

Symbolic = Callable[[str, str], bool]


class TooLarge(Exception):
    """An answer is too long, nested or wide to be compared."""


@dataclass(frozen=True, slots=True)
class _How:
    """One comparison: by which conventions, who does the algebra, and how many parts it may still compare."""

    conventions: Conventions
    symbolic: Symbolic
    steps: Iterator[int] = field(default_factory=lambda: iter(range(MAX_STEPS)))


class NeedsSymbols(Exception):
    """The comparison cannot be decided without the symbolic library."""


async def is_equivalent(
    expected: str,
    answer: str,
    workers: ProcessPool,
    conventions: Conventions = DEFAULT,
    deadline_s: float = COMPARISON_CPU_S,
) -> bool:
    """Whether the answer says what the expected answer says. `deadline_s` is CPU seconds, for algebra only.

    Raises TooLarge, or WorkerError (DeadlineExceeded, WorkerDied, CallFailed) when it cannot be decided.
    """
    try:
        return equivalent(expected, answer, conventions, _no_symbols)
    except NeedsSymbols:
        pass
    texts = (expected, answer, conventions)
    if not (RISKY.search(expected) or RISKY.search(answer)):
        try:
            return await workers.run(COMPARE, *texts, deadline_s=min(QUICK_CPU_S, deadline_s))
        except DeadlineExceeded:
            if deadline_s <= QUICK_CPU_S:
                raise
    return await workers.slow_lane.run(COMPARE, *texts, deadline_s=deadline_s)


def _no_symbols(expected: str, answer: str) -> bool:
    raise NeedsSymbols


def equivalent(expected: str, answer: str, conventions: Conventions, symbolic: Symbolic) -> bool:
    """Compare two answers as they were written. Raises TooLarge, and what `symbolic` raises."""
    for text in (expected, answer):
        if len(text) > MAX_CHARACTERS:
            raise TooLarge
    first, second = joined(canonical(expected)), joined(canonical(answer))
    if not first or not second:
        return False
    for text in (first, second):
        _refuse_large(text)
    return _same(first, second, _How(conventions, symbolic))


def _refuse_large(text: str) -> None:
    """Raise TooLarge for what can be seen to be beyond any comparison; the worker's deadline is for the rest."""
    if max(depths(text), default=0) > MAX_DEPTH or HUGE.search(text):
        raise TooLarge
    for tower in TOWER.finditer(text):
        base, exponent = int(tower[1]), int(tower[2])
        if exponent > MAX_TOWER_EXPONENT or base**exponent > MAX_EXPONENT:
            raise TooLarge


def _same(expected: str, answer: str, how: _How) -> bool:
    """The comparison of canonical texts; also of the parts of structures."""
    if next(how.steps, None) is None:
        raise TooLarge
    if _unspaced(expected) == _unspaced(answer):
        return True
    if not expected or not answer:
        return False
    (first_name, first), (second_name, second) = unnamed(_plain(expected)), unnamed(_plain(answer))
    if first_name and second_name and first_name != second_name:
        return False
    if is_relation(first) or is_relation(second):
        first, second = _plain(expected), _plain(answer)
    verdict = decided(first, second, how.conventions)
    return _same_values(first, second, how) if verdict is None else verdict


def _same_values(expected: str, answer: str, how: _How) -> bool:
    """Structures part by part, everything else by algebra."""
    if _unreadable(expected) or _unreadable(answer):
        return False
    first, second = read_shape(expected), read_shape(answer)
    if first is None or second is None:
        several = "list" in (first and first.kind, second and second.kind)
        return not several and _same_single(expected, answer, how)
    if _same_shapes(first, second, how):
        return True
    overlapping = "union" in (first.kind, second.kind) and not (is_relation(expected) or is_relation(answer))
    return overlapping and how.symbolic(expected, answer)


def _unreadable(text: str) -> bool:
    """Cut off or no expression at all: the symbolic library would read what it can of it, and forget the rest."""
    plain = LIMIT.sub("", text)
    return bool(CUT_OFF.search(plain) or FOREIGN.search(plain)) or depths(text)[-1] != 0


def _same_single(expected: str, answer: str, how: _How) -> bool:
    """Algebra. Of a value and an equation all sides must be that value: 5 is "2 + 3 = 5", 4 is not "x^2 = 4"."""
    for value, chain in ((expected, answer), (answer, expected)):
        sides = split_outside(chain, EQUALS)
        if len(sides) > 1 and not is_relation(value):
            return all(_same(side, value, how) for side in sides)
    return _same_expression(expected, answer, how)


def _unspaced(text: str) -> str:
    """Without the spaces that part nothing: "2 1/2" is not "21/2". Times of day in one form."""
    clock = CLOCK.fullmatch(text)
    return re.sub(r"[. ]", "", text).lower() if clock else SPACE_THAT_PARTS_NOTHING.sub("", text)


def _plain(text: str) -> str:
    """Without brackets that enclose a single value."""
    for brackets in ("()", "[]", "{}"):
        inner = enclosed(text, *brackets)
        if inner and read_shape(text) is None and not LONE_CHOICE.fullmatch(text):
            return _plain(inner)
    return text


def _same_shapes(expected: Shape, answer: Shape, how: _How) -> bool:
    if max(len(expected.parts), len(answer.parts)) > MAX_PARTS:
        raise TooLarge
    first, second = _comparable(expected, answer), _comparable(answer, expected)
    if first.kind != second.kind or (first.kind == "interval" and first.brackets != second.brackets):
        return False
    if first.kind == "named":
        given = dict(zip(second.names, second.parts, strict=True))
        wanted = dict(zip(first.names, first.parts, strict=True))
        return wanted.keys() == given.keys() and all(_same(wanted[name], given[name], how) for name in wanted)
    unordered = first.kind in ("set", "union") or (first.kind == "list" and not how.conventions.lists_ordered)
    if unordered:
        return _same_members(first, second, lambda one, other: _same(one, other, how))
    return len(first.parts) == len(second.parts) and all(
        _same(one, other, how) for one, other in zip(first.parts, second.parts, strict=True)
    )


def _comparable(shape: Shape, other: Shape) -> Shape:
    """The shape as the other one's kind where notation leaves that open."""
    if shape.kind == "list" and other.kind in ("tuple", "set"):
        return replace(shape, kind=other.kind)
    if shape.kind == "named" and other.kind == "tuple" and list(shape.names) == sorted(shape.names):
        return replace(shape, kind="tuple")
    if shape.kind == "tuple" and other.kind == "interval":
        return replace(shape, kind="interval")
    return shape


def _same_members(first: Shape, second: Shape, same: Symbolic) -> bool:
    """Every member of each has its equal in the other; in lists and unions also the counts agree."""
    if first.kind != "set" and len(first.parts) != len(second.parts):
        return False
    return all(any(same(one, other) for other in second.parts) for one in first.parts) and all(
        any(same(one, other) for one in first.parts) for other in second.parts
    )


def _same_expression(expected: str, answer: str, how: _How) -> bool:
    """Algebra, with the unit that may follow it compared apart."""
    (first, unit), (second, other) = _split_unit(expected), _split_unit(answer)
    if unit == other or (NO_UNIT in (unit, other) and how.conventions.units_optional):
        return how.symbolic(first, second)
    if unit.powers != other.powers:
        return False
    scale = other.factor / unit.factor
    return how.symbolic(first, rf"({second}) \cdot \frac{{{scale.numerator}}}{{{scale.denominator}}}")


def _split_unit(text: str) -> tuple[str, Unit]:
    match = TRAILING_UNIT.fullmatch(text)
    if match is None or is_relation(text):
        return text, NO_UNIT
    words = match["unit"].split()
    if len(words[0]) == 1 and VARIABLE.search(match["value"]):
        return text, NO_UNIT  # "2x + 3 m" is algebra
    if known_unit(re.split(r"[/^ ]", words[-1] if words[0] in ("square", "cubic", "sq") else words[0])[0]) is None:
        return text, NO_UNIT
    unit = read_unit(match["unit"])
    return (match["value"], unit) if unit is not None else (text, NO_UNIT)
