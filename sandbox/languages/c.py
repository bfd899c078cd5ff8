"""C, compiled by GCC."""

from __future__ import annotations

from sandbox.languages import linked
from sandbox.languages.language import Language, Plan, Proof
from sandbox.types import Request, Status, Stdio, TestSource

_COMPILER = ("gcc", "-std=gnu17", "-O1", "-w")
_FILE = "solution.c"


def plain(request: Request, seal: str) -> Plan:
    """The program by itself."""
    del seal
    return linked.plain(request, _COMPILER, _FILE)


def tests(request: Request, seal: str) -> Plan:
    """The program and its tests, which hold main."""
    return linked.tests(request, seal, _COMPILER, _FILE)


_DOUBLE = "int twice(int x) { return 2 * x; }\n"
_MAIN = "int main(void) {{ assert(twice(3) == {}); return 0; }}\n"
_ECHO = '#include <stdio.h>\nint main(void) { int x; scanf("%d", &x); printf("%d\\n", x + 1); return 0; }\n'

C = Language(
    name="c",
    filename=_FILE,
    plain=plain,
    tests=tests,
    missing=linked.MISSING,
    packages=("gcc", "libc6-dev", "libssl-dev"),
    self_test=(
        Proof(Request("c", _ECHO, tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("c", "int main(void) { return 3; }"), Status.NONZERO),
        Proof(Request("c", "int main(void) { return undeclared; }"), Status.COMPILE_ERROR),
        Proof(Request("c", _DOUBLE, tests=TestSource(_MAIN.format(6))), Status.OK, passed=True),
        Proof(Request("c", _DOUBLE, tests=TestSource(_MAIN.format(7))), Status.NONZERO, passed=False),
    ),
)
