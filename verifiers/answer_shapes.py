r"""Takes an answer of several values apart: tuples, intervals, sets, unions, matrices, lists, named values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from verifiers.answer_text import depths, split_outside

Kind = Literal["tuple", "interval", "set", "list", "union", "matrix", "named"]

COMMA = re.compile(r"[,;]")
LIST_SEPARATOR = re.compile(
    r"[,;]\s*(?:or\b|and\b)?|(?<![A-Za-z])(?:or|and)(?![A-Za-z])|\\(?:lor|land|vee|wedge)(?![A-Za-z])"
)
ALTERNATIVE = re.compile(r"(?<![A-Za-z])or(?![A-Za-z])|\\(?:lor|vee)(?![A-Za-z])")
UNION = re.compile(r"\\cup(?![A-Za-z])|(?<=[)\]])\s*U\s*(?=[(\[])")
MATRIX = re.compile(r"\\begin\s*\{(?P<name>[pbBvV]?matrix|array)\}(?:\{[^{}]*\})?(?P<body>.*)\\end\s*\{(?P=name)\}")
ROW_END = re.compile(r"\\\\")
CELL_END = re.compile(r"&")
BOTH = re.compile(r"(?<![A-Za-z])and(?![A-Za-z])|\\(?:land|wedge)(?![A-Za-z])")
BOUND = re.compile(r"(?P<left>[^<>=\\]+|[^<>=]*?)\s*(?P<sign><|>|\\le|\\ge)(?![A-Za-z])\s*(?P<right>[^<>=]+)")
SIGNS = {"<": "<", ">": ">", "\\le": "<=", "\\ge": ">="}
TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
LESS = {"<": "<", ">": "<", "<=": "\\le", ">=": "\\le"}
PLUS_MINUS = re.compile(r"\\pm(?![A-Za-z])")
RELATION = re.compile(r"<|>|=|\\(?:le|ge|neq|in|approx|equiv)(?![A-Za-z])")
EQUALS = re.compile(r"(?<![<>!:])=")
NAMED = re.compile(
    r"(?P<name>[A-Za-z](?:_\{?\w+\}?)?'?(?:\s*\(\s*[a-z](?:\s*,\s*[a-z])*\s*\))?|\\(?:theta|alpha|beta|lambda|phi))"
    r"\s*(?:=|\\in(?![A-Za-z]))\s*(?P<value>.+)"
)
NAMED_TUPLE = re.compile(
    r"(?P<name>\(\s*(?:[a-z]|\\theta)(?:\s*,\s*(?:[a-z]|\\theta\s*|\\phi\s*))+\))\s*=\s*(?P<value>.+)"
)
WORDY_NAME = re.compile(r"[A-Za-z][A-Za-z' ]{2,}(?<!\s)\s*=\s*(?P<value>[^=]+)")


@dataclass(frozen=True, slots=True)
class Shape:
    """Several values. `brackets` matters for intervals; `names` for named values, one per part."""

    kind: Kind
    parts: tuple[str, ...]
    brackets: str = ""
    names: tuple[str, ...] = ()


def read_shape(text: str) -> Shape | None:
    """The structure of a canonical text, or None for a single value."""
    matrix = MATRIX.fullmatch(text)
    if matrix:
        rows = [row for row in ROW_END.split(matrix["body"]) if row.strip()]
        return Shape("matrix", tuple("[" + ",".join(split_outside(row, CELL_END)) + "]" for row in rows))
    union = split_outside(text, UNION)
    if len(union) > 1:
        return Shape("union", tuple(union))
    return _bracketed(text) or _listed(text)


def _bracketed(text: str) -> Shape | None:
    inner = enclosed(text, r"\{", r"\}")
    inner = enclosed(text, "{", "}") if inner is None else inner
    if inner is not None:
        return Shape("set", tuple(split_outside(inner, COMMA)))
    for opening in "([":
        for closing in ")]":
            inner = enclosed(text, opening, closing)
            if inner is not None:
                return _ordered(tuple(split_outside(inner, COMMA)), opening + closing)
    return None


def _ordered(parts: tuple[str, ...], brackets: str) -> Shape | None:
    if len(parts) == 1:
        return None
    if brackets == "[]" and all(enclosed(part, "[", "]") is not None for part in parts):
        return Shape("matrix", parts)
    return Shape("interval" if len(parts) == 2 and brackets != "()" else "tuple", parts, brackets)


def _listed(text: str) -> Shape | None:
    parts = [part for part in split_outside(text, LIST_SEPARATOR) if part]
    if len(parts) == 1:
        signs = _signs(text)
        return Shape("list", signs) if len(signs) > 1 and not is_relation(text) else None
    if not is_relation(text):
        return Shape("list", tuple(sign for part in parts for sign in _signs(part)))
    named = [match for match in map(NAMED.fullmatch, parts) if match]
    if len(named) == len(parts):
        return _named(tuple(match["name"] for match in named), tuple(match["value"] for match in named))
    alternatives = split_outside(text, ALTERNATIVE)
    if len(alternatives) > 1 and all(is_relation(part) for part in alternatives):
        return Shape("union", tuple(alternatives))
    return None


def _named(names: tuple[str, ...], values: tuple[str, ...]) -> Shape:
    """x = 1, y = 2 names its values; x = 1, x = 2 and x_1 = 1, x_2 = 2 are lists."""
    one_variable = len({name.split("_")[0] for name in names}) == 1
    return Shape("list", values) if one_variable else Shape("named", values, names=names)


def _signs(text: str) -> tuple[str, ...]:
    """Both values of a text with one plus-minus sign."""
    signs = PLUS_MINUS.split(text)
    return (f"{signs[0]}+{signs[1]}".lstrip("+ "), f"{signs[0]}-{signs[1]}") if len(signs) == 2 else (text,)


def enclosed(text: str, opening: str, closing: str) -> str | None:
    """What stands between the brackets where they enclose the whole text, else None."""
    if not (text.startswith(opening) and text.endswith(closing)) or len(text) < len(opening) + len(closing):
        return None
    depth = depths(text)
    last = len(text) - 1
    if depth[last] != 0 or min(depth[len(opening) - 1 : last]) < 1:
        return None
    return text[len(opening) : len(text) - len(closing)].strip()


def joined(text: str) -> str:
    """ "x > 1 and x < 4" as "1 < x < 4"; any other text as it is."""
    sides = [_bound(part) for part in split_outside(text, BOTH)]
    if len(sides) != 2 or None in sides:
        return text
    bounds = {side[1][0]: side for side in sides if side is not None}
    lower, upper = bounds.get(">"), bounds.get("<")
    if lower is None or upper is None or lower[0] != upper[0]:
        return text
    return f"{lower[2]} {LESS[lower[1]]} {lower[0]} {LESS[upper[1]]} {upper[2]}"


def _bound(text: str) -> tuple[str, str, str] | None:
    """Variable, sign and bound of "x > 1", also of "1 < x"; the sign is one of < <= > >=."""
    match = BOUND.fullmatch(text)
    if match is None:
        return None
    left, sign, right = match["left"].strip(), SIGNS[match["sign"].strip()], match["right"].strip()
    if len(left) == 1 and left.isalpha():
        return left, sign, right
    return (right, TURNED[sign], left) if len(right) == 1 and right.isalpha() else None


def is_relation(text: str) -> bool:
    """Whether a relation sign stands outside every bracket: not in `\\sum_{k=1}`."""
    return RELATION.search(text) is not None and len(split_outside(text, RELATION)) > 1


def unnamed(text: str) -> tuple[str, str]:
    """("x", "5") for "x = 5" and "x = 2 + 3 = 5"; ("", text) where nothing is named or it is another relation."""
    match = NAMED.fullmatch(text) or NAMED_TUPLE.fullmatch(text)
    if match is None:
        wordy = WORDY_NAME.fullmatch(text)
        return "", wordy["value"].strip() if wordy else text
    value = match["value"].rsplit("=", 1)[-1].strip()
    several = "=" in match["value"] and len(split_outside(text, LIST_SEPARATOR)) > 1
    if is_relation(value) or not value or several:
        return "", text
    return match["name"].replace(" ", ""), value
