"""C++, compiled by GCC."""

from __future__ import annotations

from sandbox.languages import linked
from sandbox.languages.language import Language, Plan, Proof
from sandbox.types import Request, Status, Stdio, TestSource

_COMPILER = ("g++", "-std=gnu++17", "-O1", "-w")
_FILE = "solution.cpp"


def plain(request: Request, seal: str) -> Plan:
    """The program by itself."""
    del seal
    return linked.plain(request, _COMPILER, _FILE)


def tests(request: Request, seal: str) -> Plan:
    """The program and its tests, which hold main."""
    return linked.tests(request, seal, _COMPILER, _FILE)


_DOUBLE = "#include <vector>\nstd::vector<int> twice(int x) { return {x, x}; }\n"
_MAIN = "int main() {{ assert(twice(3).size() == {}); }}\n"
_ECHO = "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << x + 1 << std::endl; }\n"

CPP = Language(
    name="cpp",
    filename=_FILE,
    plain=plain,
    tests=tests,
    missing=linked.MISSING,
    packages=("g++", "libc6-dev", "libboost-dev", "libssl-dev"),
    self_test=(
        Proof(Request("cpp", _ECHO, tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("cpp", "int main() { return undeclared; }"), Status.COMPILE_ERROR),
        Proof(Request("cpp", _DOUBLE, tests=TestSource(_MAIN.format(2))), Status.OK, passed=True),
        Proof(Request("cpp", _DOUBLE, tests=TestSource(_MAIN.format(3))), Status.NONZERO, passed=False),
    ),
)
