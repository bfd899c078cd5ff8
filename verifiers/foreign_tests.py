"""Tests in a statically typed language, written from what a Python program was seen to return.

Every call whose arguments and result can be written in the function's own types becomes one test; what a type cannot
hold is left out and counted by whoever asks. Runs in a worker process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifiers.foreign_literals import WRITERS, Unwritable, literal
from verifiers.foreign_types import Signature, Type, read_signature

LANGUAGES = frozenset(WRITERS)

CPP = """#undef NDEBUG
#include <assert.h>
#include <cmath>
#include <map>
#include <string>
#include <vector>
using namespace std;
inline bool pv_same(double one, double other) {{
    return fabs(one - other) <= {tolerance} * fmax(1.0, fabs(other));
}}
inline bool pv_same(float one, float other) {{ return pv_same((double) one, (double) other); }}
template <class T> bool pv_same(const T &one, const T &other) {{ return one == other; }}
template <class T> bool pv_same(const vector<T> &one, const vector<T> &other) {{
    if (one.size() != other.size()) return false;
    for (size_t i = 0; i < one.size(); i++) if (!pv_same((T) one[i], (T) other[i])) return false;
    return true;
}}
int main() {{
{tests}
    return 0;
}}
"""
JAVA = """import java.util.*;

public class Main {{
    static boolean same(Object one, Object other) {{
        if (one instanceof Number && other instanceof Number) {{
            double a = ((Number) one).doubleValue(), b = ((Number) other).doubleValue();
            return Math.abs(a - b) <= {tolerance} * Math.max(1.0, Math.abs(b));
        }}
        if (one instanceof List && other instanceof List) {{
            List<?> a = (List<?>) one, b = (List<?>) other;
            if (a.size() != b.size()) return false;
            for (int i = 0; i < a.size(); i++) if (!same(a.get(i), b.get(i))) return false;
            return true;
        }}
        if (one instanceof Object[] && other instanceof Object[]) {{
            return same(Arrays.asList((Object[]) one), Arrays.asList((Object[]) other));
        }}
        return Objects.deepEquals(one, other);
    }}

    public static void main(String[] args) {{
        {owner} s = new {owner}();
{tests}
    }}
}}
"""
GO = """package main

import (
    "math"
    "reflect"
    "testing"
)

func pvSame(one, other interface{{}}) bool {{
    a, b := reflect.ValueOf(one), reflect.ValueOf(other)
    if one == nil || other == nil {{
        return one == nil && other == nil
    }}
    if a.Kind() != b.Kind() {{
        return false
    }}
    if a.Kind() == reflect.Float64 || a.Kind() == reflect.Float32 {{
        return math.Abs(a.Float()-b.Float()) <= {tolerance}*math.Max(1, math.Abs(b.Float()))
    }}
    if a.Kind() == reflect.Slice || a.Kind() == reflect.Array {{
        if a.Len() != b.Len() {{
            return false
        }}
        for i := 0; i < a.Len(); i++ {{
            if !pvSame(a.Index(i).Interface(), b.Index(i).Interface()) {{
                return false
            }}
        }}
        return true
    }}
    return reflect.DeepEqual(one, other)
}}

{tests}
"""
RUST = """#[cfg(test)]
mod pv_tests {{
    use super::*;

    trait PvSame {{ fn pv_same(&self, other: &Self) -> bool; }}
    macro_rules! pv_exact {{ ($($t:ty),*) => {{ $(impl PvSame for $t {{
        fn pv_same(&self, other: &Self) -> bool {{ self == other }}
    }})* }} }}
    macro_rules! pv_close {{ ($($t:ty),*) => {{ $(impl PvSame for $t {{
        fn pv_same(&self, other: &Self) -> bool {{ (self - other).abs() <= {tolerance} * other.abs().max(1.0) }}
    }})* }} }}
    pv_exact!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, bool, char, String, &str);
    pv_close!(f32, f64);
    impl<T: PvSame> PvSame for Vec<T> {{
        fn pv_same(&self, other: &Self) -> bool {{
            self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a.pv_same(b))
        }}
    }}
    impl<T: PvSame> PvSame for Option<T> {{
        fn pv_same(&self, other: &Self) -> bool {{
            match (self, other) {{ (Some(a), Some(b)) => a.pv_same(b), (None, None) => true, _ => false }}
        }}
    }}
    impl<A: PvSame, B: PvSame> PvSame for (A, B) {{
        fn pv_same(&self, other: &Self) -> bool {{ self.0.pv_same(&other.0) && self.1.pv_same(&other.1) }}
    }}

{tests}
}}
"""
FRAMES = {"cpp": CPP, "java": JAVA, "go": GO, "rust": RUST}


@dataclass(frozen=True, slots=True)
class Written:
    """The tests, and the places of the cases that they hold."""

    tests: str
    cases: tuple[int, ...]


def write_tests(language: str, program: str, entry_point: str, cases: Sequence[tuple[list[Any], Any]]) -> Written:
    """Tests of the function for as many cases as can be written. `cases` are arguments with the result."""
    signature = read_signature(language, program, entry_point)
    if signature is None:
        return Written("", ())
    written: list[str] = []
    places: list[int] = []
    for place, (arguments, result) in enumerate(cases):
        try:
            written.append(_test(language, signature, entry_point, (place, arguments, result)))
        except Unwritable:
            continue  # counted by what is missing in `cases`
        places.append(place)
    tolerance = "1e-4" if _single(signature) else "1e-7"
    frame = FRAMES[language].format(tests="\n".join(written), tolerance=tolerance, owner=signature.owner or "Solution")
    return Written(frame if written else "", tuple(places))


def _single(signature: Signature) -> bool:
    """Whether 32-bit floats are about."""
    pending: list[Type] = [*signature.parameters, signature.returns]
    while pending:
        kind = pending.pop()
        if kind.kind == "float" and kind.bits == 32:
            return True
        pending += kind.parts
    return False


def _test(language: str, signature: Signature, name: str, case: tuple[int, list[Any], Any]) -> str:
    """One test. Raises Unwritable."""
    place, arguments, result = case
    writer = WRITERS[language]
    if len(arguments) != len(signature.parameters):
        raise Unwritable("another number of parameters")
    given = [
        f"&{literal(writer, kind, value)}" if kind.borrowed else literal(writer, kind, value)
        for kind, value in zip(signature.parameters, arguments, strict=True)
    ]
    wanted, joined = literal(writer, signature.returns, result), ", ".join(given)
    kind = signature.returns
    if language == "cpp":
        shown = f"pv_same(({kind.spelled}) {name}({joined}), ({kind.spelled}) {wanted})"
        return f"    assert({shown});"
    if language == "java":
        shown = f"same((Object) s.{name}({joined}), (Object) {wanted})"
        return f'        if (!{shown}) throw new AssertionError("case {place}");'
    if language == "go":
        return _go_test(place, f"{name}({joined})", kind, wanted)
    spelled = "&str" if kind.spelled == "str" else kind.spelled
    call = f"let got: {spelled} = {name}({joined}); let wanted: {spelled} = {wanted};"
    return f"    #[test]\n    fn pv_{place}() {{ {call} assert!(got.pv_same(&wanted)); }}"


def _go_test(place: int, call: str, kind: Type, wanted: str) -> str:
    if kind.kind == "tuple":
        raise Unwritable("several results")
    check = f"if !pvSame({call}, {wanted}) {{\n        t.Fatal({place})\n    }}"
    return f"func TestPv{place}(t *testing.T) {{\n    {check}\n}}"
