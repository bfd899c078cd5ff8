"""Python, run by the agent's own warm interpreter."""

from __future__ import annotations

from sandbox.languages.language import Language, Proof
from sandbox.profiles import MISSING
from sandbox.types import Calls, Request, Status, Stdio, TestSource

_DOUBLE = "def double(x):\n    return 2 * x\n"

PYTHON = Language(
    name="python",
    filename="solution.py",
    sessions=True,
    missing=MISSING,
    packages=("python3", "python3-numpy", "python3-scipy", "python3-pandas", "python3-sympy", "python3-matplotlib"),
    self_test=(
        Proof(Request("python", "print(sum(range(10)))"), Status.OK),
        Proof(Request("python", "raise ValueError('no')"), Status.NONZERO),
        Proof(Request("python", "def f(:\n"), Status.COMPILE_ERROR),
        Proof(Request("python", "print(int(input()) + 1)", tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("python", _DOUBLE, tests=Calls("double", (((2,), 4),))), Status.OK, passed=True),
        Proof(Request("python", _DOUBLE, tests=Calls("double", (((2,), 5),))), Status.OK, passed=False),
        Proof(Request("python", _DOUBLE, tests=TestSource("assert double(3) == 6\n")), Status.OK, passed=True),
        Proof(Request("python", _DOUBLE, tests=TestSource("assert double(3) == 7\n")), Status.NONZERO, passed=False),
    ),
)
