"""A Python function's calls as tests of a C function with a header that is settled beforehand.

Whole numbers are `long long`, fractions `double`, texts `const char *`; a list is a pointer with its length behind it.
A result that is a text or a list has been allocated; the length of a list goes into `result_count`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from verifiers.foreign_literals import Unwritable
from verifiers.foreign_shapes import SCALARS, Shape, is_list, member

TYPES = {"int": "long long ", "float": "double ", "bool": "_Bool ", "text": "const char *"}
POINTERS = {
    "int": "const long long *",
    "float": "const double *",
    "bool": "const _Bool *",
    "text": "const char *const *",
}
LARGEST = (1 << 63) - 1
KEYWORDS = frozenset({
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "bool", "true", "false",
    "size_t", "main",
})  # fmt: skip
TESTS = """#include <math.h>
#include <stddef.h>
#include <string.h>

static int pv_int(long long one, long long other) {{ return one == other; }}
static int pv_bool(_Bool one, _Bool other) {{ return one == other; }}
static int pv_float(double one, double other) {{ return fabs(one - other) <= 1e-7 * fmax(1.0, fabs(other)); }}
static int pv_text(const char *one, const char *other) {{ return one && !strcmp(one, other); }}
{lists}
{header};
int main(void) {{
{tests}
    return 0;
}}
"""
SAME = """static int pv_list_{kind}({type}one, size_t count, {type}other, size_t wanted) {{
    if (count != wanted) return 0;
    for (size_t i = 0; i < wanted; i++) if (!pv_{kind}(one[i], other[i])) return 0;
    return 1;
}}"""


def fits(shape: Shape) -> bool:
    """Whether the header of a C function can be written."""
    inner = [member(kind) if is_list(kind) else kind for kind in (*shape.parameters, shape.returns)]
    return bool(shape.parameters) and SCALARS.issuperset(inner)


def header(name: str, parameters: Sequence[str], shape: Shape) -> str:
    """The line of the definition, without a body. It needs `stddef.h` only."""
    given = [text for one, kind in zip(parameters, shape.parameters, strict=True) for text in _parameter(one, kind)]
    given += ["size_t *result_count"] if is_list(shape.returns) else []
    return f"{_returned(shape.returns)}{name}({', '.join(given)})"


def _parameter(name: str, kind: str) -> list[str]:
    name = f"{name}_" if name in KEYWORDS else name
    if is_list(kind):
        return [f"{POINTERS[member(kind)]}{name}", f"size_t {name}_count"]
    return [f"{TYPES[kind]}{name}"]


def _returned(kind: str) -> str:
    """Without `const`, as the caller owns it."""
    owned = TYPES[member(kind) or kind].removeprefix("const ")
    return f"{owned}*" if is_list(kind) else owned


def test_lines(name: str, shape: Shape, cases: Sequence[tuple[Sequence[Any], Any]]) -> list[str]:
    """One test for each case; empty where C cannot hold its values."""
    return [_test(name, shape, arguments, result) for arguments, result in cases]


def script(name: str, shape: Shape, lines: Sequence[str]) -> str:
    """The tests of all lines, as a file with main. A function with another header does not compile with it."""
    lists = [SAME.format(kind=kind, type=POINTERS[kind]) for kind in sorted(SCALARS)]
    named = [f"a{number}" for number in range(len(shape.parameters))]
    return TESTS.format(lists="\n".join(lists), header=header(name, named, shape), tests="\n".join(lines))


def _test(name: str, shape: Shape, arguments: Sequence[Any], result: Any) -> str:
    try:
        given = [text for value, kind in zip(arguments, shape.parameters, strict=True) for text in _given(value, kind)]
        kind = shape.returns
        if not is_list(kind):
            return f"    assert(pv_{kind}({name}({', '.join(given)}), {_scalar(result, kind)}));"
        inner, wanted = member(kind), ", ".join(_given(result, kind))
        called = f"{POINTERS[inner]}pv_got = ({POINTERS[inner]}) {name}({', '.join([*given, '&pv_count'])});"
        return f"    {{ size_t pv_count = 0; {called} assert(pv_list_{inner}(pv_got, pv_count, {wanted})); }}"
    except Unwritable:
        return ""


def _given(value: Any, kind: str) -> list[str]:
    if not is_list(kind):
        return [_scalar(value, kind)]
    items = [_scalar(item, member(kind)) for item in value]
    # an empty list is a pointer to something all the same: nobody is to crash for copying nothing from it
    return [f"({TYPES[member(kind)]}[]){{{', '.join(items) or '0'}}}", str(len(items))]


def _scalar(value: Any, kind: str) -> str:
    if kind == "text":
        return _text(value)
    if kind == "bool":
        return str(int(value))
    if abs(value) > LARGEST:
        raise Unwritable("beyond 64 bits")
    return f"({float(value)!r})" if kind == "float" else f"({value}LL)"


def _text(value: str) -> str:
    if not all(" " <= letter <= "~" or letter in "\n\t" for letter in value):
        raise Unwritable("no plain text")
    return json.dumps(value)
