"""Bash."""

from __future__ import annotations

from sandbox.languages.language import PRIVATE, Language, Plan, Proof, encoded, harness
from sandbox.languages.sealed import Sealed
from sandbox.types import Request, Status, Stdio, TestSource

# A bare `[ ... ]` that does not hold is a failed assertion of the tests, though the shell itself would go on. Its text
# may be of several lines, a line of the report may not.
_BEFORE = """__pv_bare() {{
    if [[ ${{BASH_SOURCE[1]}} == /dev/fd/4 && $1 =~ ^(\\[|\\[\\[|test)[[:space:]] ]]; then
        builtin printf '%s fail line-%s %s\\n' {seal} "$2" "${{1//$'\\n'/\\\\n}}" >&5
    fi
    builtin return 0
}}
set -E
trap '__pv_bare "$BASH_COMMAND" "$((LINENO - {offset}))"' ERR
"""
_AFTER = """
__pv_status=$?
if (( __pv_status == 0 )); then builtin printf '%s pass tests\\n%s end 1\\n' {seal} {seal} >&5; fi
exit $__pv_status
"""


def tests(request: Request, seal: str) -> Plan:
    """The program, and after it its tests, in one shell."""
    assert isinstance(request.tests, TestSource)
    offset = _BEFORE.count("\n")
    text = _BEFORE.format(seal=seal, offset=offset) + request.tests.source + _AFTER.format(seal=seal)
    return Plan(
        request.source,
        "solution.sh",
        ("bash", f"{PRIVATE}/tests.sh"),
        files={f"{PRIVATE}/tests.sh": encoded(harness("tests.sh"))},
        stdin=encoded(text),
        report=Sealed(seal, {"tests": "the whole of the tests"}),
    )


_DOUBLE = "double() {\n    echo $((2 * $1))\n}\n"

BASH = Language(
    name="bash",
    filename="solution.sh",
    run=("bash", "solution.sh"),
    tests=tests,
    packages=("bash",),
    self_test=(
        Proof(Request("bash", "for i in 1 2 3; do echo $i; done"), Status.OK),
        Proof(Request("bash", "exit 3"), Status.NONZERO),
        Proof(Request("bash", "read x\necho $((x + 1))", tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("bash", _DOUBLE, tests=TestSource('[ "$(double 3)" = 6 ]\necho done')), Status.OK, passed=True),
        Proof(Request("bash", _DOUBLE, tests=TestSource('[ "$(double 3)" = 7 ]\necho done')), Status.NONZERO, False),
    ),
)
