"""Java, compiled by javac and run by the JVM with assertions on."""

from __future__ import annotations

import re

from sandbox.languages.language import PRIVATE, Language, Plan, Proof, encoded, harness
from sandbox.languages.scan import blanked
from sandbox.languages.sealed import Sealed
from sandbox.types import Limits, Request, Status, Stdio, TestSource

_PUBLIC = re.compile(r"\bpublic\s+(?:(?:final|abstract|sealed|strictfp)\s+)*(?:class|interface|enum|record)\s+(\w+)")
_TYPE = re.compile(r"\b(?:class|interface|enum|record)\s+(\w+)")
_MAIN = re.compile(r"\bstatic\s+(?:final\s+)?void\s+main\s*\(|\bvoid\s+main\s*\(")
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import\s+(?:static\s+)?[\w.*]+\s*;", re.MULTILINE)
_ARCHIVE = "/usr/local/lib/provender/java/javac.jsa"  # the compiler's classes, ready loaded; made by scripts/toolchains
# What tests decide with comes from the library, by name: a class of the program that is called so would go before it.
_LIBRARY = (
    *(f"java.util.{name}" for name in ("Arrays", "Collections", "List", "Map", "Objects", "Set")),
    *(f"java.lang.{name}" for name in (
        "AssertionError", "Boolean", "Character", "Double", "Error", "Exception", "Float", "Integer", "Long", "Math",
        "Object", "RuntimeException", "String", "StringBuilder", "System",
    )),
)  # fmt: skip
_JAVAC = (
    "javac", f"-J-XX:SharedArchiveFile={_ARCHIVE}", "-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC",
    "-J-Xss8m", "-proc:none", "-nowarn", "-Xlint:none", "-encoding", "UTF-8", "-d", ".",
)  # fmt: skip


def _java(limits: Limits) -> tuple[str, ...]:
    heap = max(16, (limits.memory_bytes >> 20) * 3 // 4)
    return (
        "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-ea", "-Xss8m",
        f"-Xmx{heap}m", "-XX:ReservedCodeCacheSize=48m", "-XX:CompressedClassSpaceSize=64m",
    )  # fmt: skip


def plain(request: Request, seal: str) -> Plan:
    """The program by itself: the class that holds main is run."""
    del seal
    filename = f"{_public_type(request.source) or 'Main'}.java"
    run = (*_java(request.limits), "-cp", ".", _main_class(request.source))
    return Plan(request.source, filename, run, ((*_JAVAC, filename),), hide=(filename,))


def tests(request: Request, seal: str) -> Plan:
    """The program, and in a file of their own its tests, which hold main and see what the program imports."""
    assert isinstance(request.tests, TestSource)
    source = request.tests.source
    program, unit = f"{_public_type(request.source) or 'Solution'}.java", f"{_public_type(source) or 'Main'}.java"
    if program == unit:  # only one of the two can have the name; the program then lies beside it
        program = f"program/{program}"
    launch = f"{PRIVATE}/ProvenderLaunch.java"
    opened = ("--add-opens", "java.base/java.io=ALL-UNNAMED")
    return Plan(
        request.source,
        program,
        (*_java(request.limits), *opened, "-cp", ".", "ProvenderLaunch", _main_class(source)),
        ((*_JAVAC, program, unit, launch),),
        {unit: encoded(_with_imports(source, request.source)), launch: encoded(harness("Launch.java"))},
        stdin=seal.encode(),
        hide=(program, unit, launch),
        report=Sealed(seal, {"main": "main of the tests"}),
    )


def _public_type(source: str) -> str:
    found = _PUBLIC.search(blanked(source))
    return found.group(1) if found else ""


def _main_class(source: str) -> str:
    """The class that holds the main method: the last one that begins before it."""
    code = blanked(source)
    main = _MAIN.search(code)
    names = [match.group(1) for match in _TYPE.finditer(code, 0, main.start() if main else len(code))]
    package = _PACKAGE.search(code)
    return (f"{package.group(1)}." if package else "") + (names[-1] if names else "Main")


def _with_imports(tests: str, program: str) -> str:
    """Tests are written as if they stood behind the program: they see its imports. Their lines stay where they are."""
    code = blanked(tests)
    own, used = set(_TYPE.findall(code)), set(re.findall(r"\b[A-Z]\w+", code))
    library = [
        f"import {name};" for name in _LIBRARY if (short := name.rpartition(".")[2]) in used and short not in own
    ]
    imports = " ".join([*(match.group().strip() for match in _IMPORT.finditer(blanked(program))), *library])
    package = _PACKAGE.search(blanked(tests))
    at = package.end() if package else 0
    return f"{tests[:at]} {imports} {tests[at:]}"


_DOUBLE = "class Solution {\n    int twice(int x) {\n        return 2 * x;\n    }\n}\n"
_TEST = """public class Main {{
    public static void main(String[] args) {{
        if (new Solution().twice(3) != {}) throw new AssertionError();
    }}
}}
"""
_ECHO = """import java.util.Scanner;
public class Echo {
    public static void main(String[] args) {
        System.out.println(new Scanner(System.in).nextInt() + 1);
    }
}
"""

JAVA = Language(
    name="java",
    filename="Main.java",
    plain=plain,
    tests=tests,
    reserves=True,
    packages=("openjdk-17-jdk-headless",),
    self_test=(
        Proof(Request("java", _ECHO, tests=Stdio("41\n", "42\n")), Status.OK, passed=True),
        Proof(Request("java", "class Main { int x = y; }"), Status.COMPILE_ERROR),
        Proof(Request("java", _DOUBLE, tests=TestSource(_TEST.format(6))), Status.OK, passed=True),
        Proof(Request("java", _DOUBLE, tests=TestSource(_TEST.format(7))), Status.NONZERO, passed=False),
    ),
)
