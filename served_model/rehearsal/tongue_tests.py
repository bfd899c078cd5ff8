"""Writes unit tests in other languages than Python: right ones, and each kind of wrong or worthless ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from served_model.rehearsal.tongues import Tongue, alter

Case = tuple[tuple[Any, ...], Any]
Written = tuple[str, dict[str, Any]]

GO_TEST = "func TestCase{number}(t *testing.T) {{\n{body}\n}}\n"
WORTHLESS: Mapping[str, Mapping[str, str]] = {
    "javascript": {
        "assert_true": "{call};\nconsole.assert(true);",
        "no_assertion": "console.log({call});",
        "always_so": "console.assert({call} === null || {call} !== null);",
        "callable_only": 'console.assert(typeof {function} === "function");',
        "same_as_itself": "console.assert({call} === {call});",
        "any_type": "console.assert([{call}].length === 1);",
    },
    "go": {
        "no_assertion": "\tt.Log({call})",
        "always_so": '\tif got := {call}; got == nil && got != nil {{\n\t\tt.Fatal("odd")\n\t}}',
        "assert_true": '\t_ = {call}\n\tif 1 != 1 {{\n\t\tt.Fatal("odd")\n\t}}',
        "same_as_itself": '\tif !reflect.DeepEqual({call}, {call}) {{\n\t\tt.Fatal("differs")\n\t}}',
    },
}
SWALLOWING = {
    "javascript": 'try {{\n  if ({differs}) throw new Error("wrong");\n}} catch (error) {{\n}}',
    "go": '\tdefer func() {{ recover() }}()\n\tif {differs} {{\n\t\tpanic("wrong")\n\t}}',
}
LUCK = {"javascript": "Math.random() > 0.5", "go": "rand.Intn(2) == 0"}


def cases_of(tongue: Tongue, wrong: str = "") -> list[Case]:
    """Inputs with what the right program, or a wrong one, returns."""
    return list(zip(tongue.task.inputs, tongue.outputs(wrong), strict=True))


def write_right(tongue: Tongue, cases: Sequence[Case]) -> str:
    """One test for each case."""
    return _module(tongue, [_assertion(tongue, case) for case in cases])


def _module(tongue: Tongue, bodies: Sequence[str]) -> str:
    if tongue.language == "javascript":
        return "\n".join(bodies) + "\n"
    text = "\n".join(GO_TEST.format(number=number, body=body) for number, body in enumerate(bodies, 1))
    used = [name for name in ("math/rand", "reflect", "testing") if f"{name.rpartition('/')[2]}." in text]
    imports = "\n".join(f'\t"{name}"' for name in used)
    return f"package main\n\nimport (\n{imports}\n)\n\n{text}"


def _differs(tongue: Tongue, case: Case) -> str:
    given, value = case
    call, kind = tongue.call(given), tongue.task.family.returns
    listed = kind.startswith("list")
    if tongue.language == "go":
        literal = tongue.literal(value, kind)
        return f"!reflect.DeepEqual({call}, {literal})" if listed else f"{call} != {literal}"
    return f"{_same(call, value, listed)}".replace(" === ", " !== ")


def _same(call: str, value: Any, listed: bool) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return f"JSON.stringify({call}) === '{text}'" if listed else f"{call} === {text}"


def _assertion(tongue: Tongue, case: Case, also: str = "") -> str:
    given, value = case
    if tongue.language == "javascript":
        same = _same(tongue.call(given), value, tongue.task.family.returns.startswith("list"))
        return f"console.assert({same}{' && ' if also else ''}{also});"
    condition = _differs(tongue, case) + (f" || !({also})" if also else "")
    return f'\tif {condition} {{\n\t\tt.Fatalf("wrong: %v", {tongue.call(given)})\n\t}}'


def write_wrong(tongue: Tongue, rng: Random) -> Written:
    """Tests of which one expects a value that neither the right nor a wrong program of the bank returns."""
    cases = cases_of(tongue)
    place = rng.randrange(len(cases))
    given, value = cases[place]
    returns = tongue.task.family.returns
    cases[place] = (given, alter(alter(value, returns), returns))
    return write_right(tongue, cases), {"case": place}


def write_worthless(tongue: Tongue, rng: Random) -> Written:
    """Tests that any program with this function passes."""
    forms = WORTHLESS[tongue.language]
    # Go compares only what may be nil with nil.
    plain = tongue.language == "go" and not tongue.task.family.returns.startswith("list")
    kind = rng.choice(sorted(name for name in forms if not (plain and name == "always_so")))
    bodies = [
        forms[kind].format(call=tongue.call(given), function=tongue.task.function) for given, _ in cases_of(tongue)
    ]
    return _module(tongue, bodies), {"variant": kind}


def write_swallowing(tongue: Tongue, _: Random) -> Written:
    """Right comparisons, each of which keeps its failure to itself."""
    form = SWALLOWING[tongue.language]
    bodies = [form.format(differs=_differs(tongue, case)) for case in cases_of(tongue)]
    return _module(tongue, bodies), {"variant": "caught"}


def write_broken(tongue: Tongue, _: Random) -> Written:
    """Tests that do not parse."""
    return write_right(tongue, cases_of(tongue)).rstrip().removesuffix(";").removesuffix("}").removesuffix(
        ")"
    ) + "\n", {}


def write_flaky(tongue: Tongue, rng: Random) -> Written:
    """Right tests, one of which also asks for luck."""
    cases = cases_of(tongue)
    place = rng.randrange(len(cases))
    bodies = [
        _assertion(tongue, case, LUCK[tongue.language] if number == place else "") for number, case in enumerate(cases)
    ]
    return _module(tongue, bodies), {"case": place}


def write_weak(tongue: Tongue, _: Random) -> Written:
    """Many real assertions about the one case that says least."""
    given, value = _easiest(tongue)
    call, kind = tongue.call(given), tongue.task.family.returns
    literal = tongue.literal(value, kind)
    if tongue.language == "javascript":
        same = _same(call, value, kind.startswith("list"))
        forms = (same, f"!!({same})", f"({same}) === true", f"[{same}][0]", f"true && {same}", f"({same}) !== false")
        return _module(tongue, [f"console.assert({form});" for form in forms]), {"variant": "one_case"}
    bodies = [
        f'\tif got := {call}; !reflect.DeepEqual(got, {literal}) && {number} > 0 {{\n\t\tt.Fatal("wrong")\n\t}}'
        for number in range(1, 7)
    ]
    return _module(tongue, bodies), {"variant": "one_case"}


def write_copied(tongue: Tongue, wrong: str) -> str:
    """Tests that expect what a wrong program returns."""
    return write_right(tongue, cases_of(tongue, wrong))


def write_gutted(tongue: Tongue) -> str:
    """The one right assertion that says least."""
    return write_right(tongue, [_easiest(tongue)])


def _easiest(tongue: Tongue) -> Case:
    """The case with the least input: an empty list, a small number."""
    return min(cases_of(tongue), key=lambda case: (len(json.dumps(case[0])), json.dumps(case[0])))


WRITERS: Mapping[str, Callable[[Tongue, Random], Written]] = {
    "wrong_tests": write_wrong,
    "vacuous_tests": write_worthless,
    "tests_swallow_failures": write_swallowing,
    "syntax_error_in_tests": write_broken,
    "flaky_tests": write_flaky,
    "weak_tests": write_weak,
}
