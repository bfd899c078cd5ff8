"""JavaScript, run by Node.js."""

from __future__ import annotations

import json
import re

from sandbox.languages.language import PRIVATE, Language, Plan, Proof, encoded, harness
from sandbox.languages.scan import blanked, line_of
from sandbox.languages.sealed import Sealed
from sandbox.types import Calls, Request, Status, Stdio, TestSource

_MODULE = re.compile(r"^[ \t]*(?:import\s*[\w*{\"']|export\s)", re.MULTILINE)
_CONSOLE_ASSERT = re.compile(r"\bconsole\s*\.\s*assert\s*\(")
_ASSERTS = re.compile(r"\bassert\b")
_ASSERTIONS = re.compile(r"(?<!function )\bassert(?:\s*\.\s*\w+)*\s*\(")  # of the assert module, and the console's
_BRANCHES = re.compile(r"\b(?:if|else|switch|case|catch)\b|\?")
_THROWS = re.compile(r"\bthrow\b|\bprocess\s*\.\s*exit\b")
_WAITS = re.compile(r"\bawait\b|\bPromise\b|\.\s*then\b|\basync\b|\bset(?:Timeout|Interval|Immediate)\b")
NODE = ("node", "--stack-size=900")


def plain(request: Request, seal: str) -> Plan:
    """The program by itself; a file that imports or exports is a module."""
    del seal
    filename = _filename(request.source)
    return Plan(request.source, filename, (*NODE, filename))


def _filename(source: str) -> str:
    return "solution.mjs" if _MODULE.search(blanked(source)) else "solution.js"


def numbered(tests: str) -> tuple[str, dict[str, str]]:
    """The tests with each `console.assert(` told its number, and what each number is called in the report."""
    code, out, end, names = blanked(tests), [], 0, {}
    for number, match in enumerate(_CONSOLE_ASSERT.finditer(code)):
        out += [tests[end : match.end() - 1], f".call({number}, "]
        end = match.end()
        line, text = line_of(tests, match.start())
        names[str(number)] = f"line {line}: {text}"
    return "".join([*out, tests[end:]]), names


def sealed(tests: str, names: dict[str, str], seal: str) -> Sealed:
    """What must be seen of the tests: each assertion, unless there are branches that need not be taken.

    Where they wait, what is waited for may never come; then, branches or not, as many as are written must be reached.
    """
    code = blanked(tests)
    waits = bool(_WAITS.search(code))
    asserts = bool(names or _ASSERTS.search(code))
    labels = {**names, str(len(names)): "the tests' other assertions"}
    must = asserts or not _THROWS.search(code)
    straight = not _BRANCHES.search(code)
    least = len(_ASSERTIONS.findall(code)) if waits and straight else 0
    return Sealed(seal, labels, frozenset(names if waits or straight else ()), must_assert=must, least=least)


def test_stdin(seal: str, filename: str, names: dict[str, str], **told: str) -> bytes:
    """What the harness is told, and the program is not: the `tests`, the `testsFile` where they lie, or `whole`."""
    whole = {"seal": seal, "name": filename, "sites": len(names), "module": filename.endswith(".mjs"), **told}
    return json.dumps(whole).encode()


def tests(request: Request, seal: str) -> Plan:
    """The program, and after it its tests, in one process and one global scope; or both as one module."""
    assert isinstance(request.tests, TestSource)
    filename = _filename(f"{request.source}\n{request.tests.source}")
    source, names = numbered(request.tests.source)
    whole = filename.endswith(".mjs")  # the names of a module are only to be seen in its own file
    told = {"whole": "yes"} if whole else {"tests": source}
    return Plan(
        f"{request.source}\n;\n{source}" if whole else request.source,
        filename,
        (*NODE, f"{PRIVATE}/tests.js"),
        files={f"{PRIVATE}/tests.js": encoded(harness("tests.js"))},
        stdin=test_stdin(seal, filename, names, **told),
        report=sealed(request.tests.source, names, seal),
    )


def calls_stdin(calls: Calls, filename: str) -> bytes:
    """What is told of the calls: never an expected value."""
    arguments = [list(arguments) for arguments, _ in calls.io]
    told = {"entryPoint": calls.entry_point, "calls": arguments, "name": filename}
    return json.dumps({**told, "module": filename.endswith(".mjs")}).encode()


def calls(request: Request, seal: str) -> Plan:
    """The program's function, called from outside."""
    del seal
    assert isinstance(request.tests, Calls)
    filename = _filename(request.source)
    return Plan(
        request.source,
        filename,
        (*NODE, f"{PRIVATE}/calls.js"),
        files={f"{PRIVATE}/calls.js": encoded(harness("calls.js"))},
        stdin=calls_stdin(request.tests, filename),
    )


_DOUBLE = "const double = (x) => 2 * x\n"
_ECHO = "process.stdin.on('data', (data) => console.log(Number(data) + 1))\n"

JAVASCRIPT = Language(
    name="javascript",
    filename="solution.js",
    plain=plain,
    tests=tests,
    calls=calls,
    reserves=True,
    missing=(r"Error: Cannot find module '(?![./])[^'\n]+'", r"Cannot find package '[^'\n]+'"),
    packages=("nodejs",),
    self_test=(
        Proof(Request("javascript", "console.log([1, 2].map((x) => x * 2).join())"), Status.OK),
        Proof(Request("javascript", "throw new Error('no')"), Status.NONZERO),
        Proof(Request("javascript", _ECHO, tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("javascript", _DOUBLE, tests=TestSource("console.assert(double(3) === 6)")), Status.OK, True),
        Proof(
            Request("javascript", _DOUBLE, tests=TestSource("console.assert(double(3) === 7)")), Status.NONZERO, False
        ),
        Proof(Request("javascript", _DOUBLE, tests=Calls("double", (((2,), 4),))), Status.OK, passed=True),
        Proof(Request("javascript", _DOUBLE, tests=Calls("double", (((2,), 5),))), Status.OK, passed=False),
    ),
)
