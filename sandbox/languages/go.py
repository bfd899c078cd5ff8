"""Go, compiled by the toolchain's own compiler and linker against packages that were compiled beforehand."""

from __future__ import annotations

import hashlib
import re

from sandbox.languages.language import Language, Plan, Proof, encoded, harness
from sandbox.languages.scan import blanked
from sandbox.languages.sealed import Sealed
from sandbox.types import Request, Status, Stdio, TestSource

_CONFIG = "/usr/local/lib/provender/go/importcfg"  # made by scripts/toolchains
_COMPILE = ("go", "tool", "compile", "-p", "main", "-complete", "-pack", "-importcfg", _CONFIG, "-o", "program.a")
_LINK = ("go", "tool", "link", "-s", "-w", "-importcfg", _CONFIG, "-o", "program", "program.a")
_TEST = re.compile(r"(?:^|;)[ \t]*func\s+(Test(?![a-z])\w*)\s*\(\s*\w+\s+\*\s*testing\s*\.\s*T\s*\)", re.MULTILINE)
_PACKAGE = re.compile(r"^[ \t]*package[ \t]+\w+[ \t]*;?", re.MULTILINE)
_MAIN = re.compile(r"(?:^|;)[ \t]*func\s+main\s*\(\s*\)", re.MULTILINE)
_IMPORTS = re.compile(r"(?:^|(?<=;))[ \t]*import\b\s*(?:\((?P<many>[^)]*)\)|(?P<one>[^\n;]*))[;\n]?", re.MULTILINE)
_SPEC = re.compile(r"^[ \t]*(?:(?P<name>[\w.]+)[ \t]+)?(?P<quote>[\"`])(?P<path>[^\"`]+)(?P=quote)", re.MULTILINE)
_QUALIFIER = re.compile(r"(?<![\w.\])])([A-Za-z_]\w*)\s*\.\s*[A-Z]")
_USUAL = {
    "testing": "testing", "assert": "github.com/stretchr/testify/assert",
    "require": "github.com/stretchr/testify/require", "fmt": "fmt", "math": "math", "sort": "sort",
    "strings": "strings", "reflect": "reflect", "strconv": "strconv", "time": "time", "rand": "math/rand",
    "errors": "errors", "os": "os", "bytes": "bytes", "unicode": "unicode", "big": "math/big", "regexp": "regexp",
    "json": "encoding/json", "md5": "crypto/md5", "hex": "encoding/hex", "slices": "slices", "maps": "maps",
    "sync": "sync",
}  # fmt: skip


def plain(request: Request, seal: str) -> Plan:
    """The program by itself; a package clause is added where there is none."""
    del seal
    source = request.source if _PACKAGE.search(blanked(request.source)) else f"package main; {request.source}"
    return Plan(source, "solution.go", ("./program",), ((*_COMPILE, "solution.go"), _LINK), hide=("solution.go",))


def tests(request: Request, seal: str) -> Plan:
    """The program and its test file in one package, with a main that runs every test and says which came to its end."""
    assert isinstance(request.tests, TestSource)
    program, unit = _one_package(request.source, request.tests.source)
    names = [match.group(1) for match in _TEST.finditer(blanked(unit))]
    listed = "".join(f'\t\tprovenderTest_SEAL("{name}", &done, {name}),\n' for name in names)
    runner = harness("seal.go").replace("TESTS", listed).replace("SEAL", hashlib.sha256(seal.encode()).hexdigest()[:16])
    files = ("a_seal.go", "solution.go", "solution_test.go")
    return Plan(
        program,
        "solution.go",
        ("./program",),
        ((*_COMPILE, *files), _LINK),
        {"a_seal.go": encoded(runner), "solution_test.go": encoded(unit)},
        stdin=seal.encode(),
        hide=(*files, "program.a"),
        report=Sealed(seal, {name: name for name in names}, frozenset(names)),
    )


def _one_package(program: str, tests: str) -> tuple[str, str]:
    """Both as files of package main.

    The tests may be written as if they stood in the program's file: then they have its imports, and it may import what
    only they use.
    """
    program, tests = _in_main(program), _in_main(tests)
    program = _MAIN.sub(lambda match: match.group().replace("main", "provenderProgramMain"), program)
    used, by_tests = _qualifiers(program), _qualifiers(tests)
    specs, body = _taken_apart(program)
    kept = [spec for spec in specs if _name(spec) in used or _name(spec) not in by_tests]
    test_specs, test_body = _taken_apart(tests)
    known = {_name(spec) for spec in test_specs}
    lent = [spec for spec in specs if _name(spec) in by_tests and _name(spec) not in known]
    known |= {_name(spec) for spec in lent}
    usual = [f'"{_USUAL[name]}"' for name in sorted(by_tests - known) if name in _USUAL and not _declares(tests, name)]
    return _put_together(kept, body), _put_together([*test_specs, *lent, *usual], test_body)


def _in_main(source: str) -> str:
    found = _PACKAGE.search(blanked(source))
    if found is None:
        return f"package main;{source}"
    return f"{source[: found.start()]}package main;{source[found.end() :]}"


def _taken_apart(source: str) -> tuple[list[str], str]:
    """The import specs of a file, and the file with blanks in their place; the package clause comes first."""
    specs: list[str] = []
    code = re.sub(r"//[^\n]*|/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found.group()), source, flags=re.DOTALL)
    if len(code) != len(source):
        return [], source
    for found in reversed(list(_IMPORTS.finditer(code))):
        inner = found.group("many") if found.group("many") is not None else found.group("one")
        specs[:0] = [match.group().strip() for match in _SPEC.finditer(inner)]
        source = source[: found.start()] + re.sub(r"[^\n]", " ", found.group()) + source[found.end() :]
    return specs, source


def _put_together(specs: list[str], body: str) -> str:
    clause, _, rest = body.partition("package main;")
    return f"{clause}package main;" + "".join(f" import {spec};" for spec in dict.fromkeys(specs)) + rest


def _name(spec: str) -> str:
    """The name by which a file uses an import."""
    match = _SPEC.match(spec)
    assert match is not None
    last = [part for part in match.group("path").split("/") if not re.fullmatch(r"v\d+", part)][-1]
    return match.group("name") or last


def _qualifiers(source: str) -> set[str]:
    return set(_QUALIFIER.findall(blanked(source)))


def _declares(source: str, name: str) -> bool:
    """Whether a name is a variable of the tests, as in `assert := assert.New(t)`: then a package is meant as well."""
    return bool(re.search(rf"\b{name}\s*:=", blanked(source))) and not re.search(rf"\b{name}\s*:=\s*{name}\.", source)


_DOUBLE = "package main\n\nfunc Double(x int) int {\n\treturn 2 * x\n}\n"
_TESTIFY = "func TestDouble(t *testing.T) {{\n\tassert := assert.New(t)\n\tassert.Equal({}, Double(3))\n}}\n"
_ECHO = 'package main\n\nimport "fmt"\n\nfunc main() {\n\tvar x int\n\tfmt.Scan(&x)\n\tfmt.Println(x + 1)\n}\n'

GO = Language(
    name="go",
    filename="solution.go",
    plain=plain,
    tests=tests,
    env={"GOMAXPROCS": "2", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GO111MODULE": "off"},
    missing=(
        r"open /usr/local/lib/provender/go/importcfg: no such file or directory",
        r"could not import github\.com/\S+",
    ),
    reserves=True,
    packages=("golang-go", "golang-github-stretchr-testify-dev"),
    self_test=(
        Proof(Request("go", _ECHO, tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("go", "package main\nfunc main() { x }\n"), Status.COMPILE_ERROR),
        Proof(Request("go", _DOUBLE, tests=TestSource(_TESTIFY.format(6))), Status.OK, passed=True),
        Proof(Request("go", _DOUBLE, tests=TestSource(_TESTIFY.format(7))), Status.NONZERO, passed=False),
    ),
)
