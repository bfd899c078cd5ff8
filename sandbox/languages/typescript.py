"""TypeScript: checked and translated by tsc, run by Node.js. A type error is a compile error."""

from __future__ import annotations

import re

from sandbox.languages import javascript
from sandbox.languages.language import PRIVATE, Language, Plan, Proof, encoded, harness
from sandbox.languages.scan import blanked
from sandbox.types import Calls, Request, Status, Stdio, TestSource

_AMBIENT = f"{PRIVATE}/node.d.ts"  # the least that programs expect of Node.js, whose own types are not installed
_TSC = (
    "tsc", "--target", "es2020", "--lib", "es2021", "--skipLibCheck", "--moduleResolution", "node",
    "--esModuleInterop", "--outDir", PRIVATE + "/made", "--rootDir", ".", "--pretty", "false",
)  # fmt: skip
_DECLARES = re.compile(r"\b(?:const|let|var|function|class|enum)\s+(\w+)")
_AMBIENT_NAME = re.compile(r"declare (?:var|function|class) (\w+)")
_MODULE = re.compile(r"^[ \t]*(?:import\s*[\w*{\"']|export\s)", re.MULTILINE)


def _tsc(*files: str) -> tuple[str, ...]:
    return (*_TSC, "--module", "commonjs", _AMBIENT, *files)


def _files(*sources: str) -> dict[str, bytes]:
    declared = {name for source in sources for name in _DECLARES.findall(blanked(source))}
    lines = harness("node.d.ts").splitlines(keepends=True)
    kept = [line for line in lines if not ((found := _AMBIENT_NAME.match(line)) and found.group(1) in declared)]
    return {_AMBIENT: encoded("".join(kept))}


def _made(name: str) -> str:
    return f"{PRIVATE}/made/{name}"


def plain(request: Request, seal: str) -> Plan:
    """The program by itself."""
    del seal
    run = (*javascript.NODE, _made("solution.js"))
    return Plan(request.source, "solution.ts", run, (_tsc("solution.ts"),), _files(request.source))


def tests(request: Request, seal: str) -> Plan:
    """Program and tests are two scripts of one global scope, or, where the program is a module, one module."""
    assert isinstance(request.tests, TestSource)
    source, names = javascript.numbered(request.tests.source)
    report = javascript.sealed(request.tests.source, names, seal)
    whole = bool(_MODULE.search(blanked(request.source + "\n" + source)))
    program = f"{request.source}\n;\n{source}" if whole else request.source
    files = {**_files(request.source, source), f"{PRIVATE}/tests.js": encoded(harness("tests.js"))}
    if not whole:
        files["tests.ts"] = encoded(source)
    told = {"whole": "yes"} if whole else {"testsFile": _made("tests.js")}
    return Plan(
        program,
        "solution.ts",
        (*javascript.NODE, f"{PRIVATE}/tests.js"),
        (_tsc("solution.ts", *(() if whole else ("tests.ts",))),),
        files,
        stdin=javascript.test_stdin(seal, _made("solution.js"), names, **told),
        hide=("tests.ts", *(("solution.ts",) if whole else ())),
        report=report,
    )


def calls(request: Request, seal: str) -> Plan:
    """The program's function, called from outside."""
    del seal
    assert isinstance(request.tests, Calls)
    return Plan(
        request.source,
        "solution.ts",
        (*javascript.NODE, f"{PRIVATE}/calls.js"),
        (_tsc("solution.ts"),),
        {**_files(request.source), f"{PRIVATE}/calls.js": encoded(harness("calls.js"))},
        stdin=javascript.calls_stdin(request.tests, _made("solution.js")),
    )


_DOUBLE = "function double(x: number): number {\n  return 2 * x\n}\n"

TYPESCRIPT = Language(
    name="typescript",
    filename="solution.ts",
    plain=plain,
    tests=tests,
    calls=calls,
    reserves=True,
    missing=javascript.JAVASCRIPT.missing,
    packages=("nodejs", "node-typescript"),
    self_test=(
        Proof(Request("typescript", "const x: number = 2\nconsole.log(x * 2)"), Status.OK),
        Proof(Request("typescript", "const x: number = 'two'"), Status.COMPILE_ERROR),
        Proof(Request("typescript", _DOUBLE, tests=TestSource("console.assert(double(3) === 6)")), Status.OK, True),
        Proof(
            Request("typescript", _DOUBLE, tests=TestSource("console.assert(double(3) === 7)")), Status.NONZERO, False
        ),
        Proof(Request("typescript", _DOUBLE, tests=Calls("double", (((2,), 4),))), Status.OK, passed=True),
        Proof(Request("typescript", "console.log('hi')", tests=Stdio("", "ho")), Status.OK, passed=False),
    ),
)
