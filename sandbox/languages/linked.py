"""What C and C++ share: a program is compiled once; tests are a main that is compiled behind the program."""

from __future__ import annotations

import re

from sandbox.languages.language import PRIVATE, Plan, encoded, harness
from sandbox.languages.scan import blanked
from sandbox.languages.sealed import Sealed
from sandbox.types import Request, TestSource

_KEYWORDS = (
    "if", "else", "for", "while", "do", "switch", "case", "return", "true", "false", "main", "assert", "abort", "exit",
    "int", "bool", "float", "double", "char", "long", "auto", "const", "void",
)  # fmt: skip
_DEFINES = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_INCLUDES = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[<\"]openssl/", re.MULTILINE)
_CRYPTO = ("-lcrypto", "-lssl")
MISSING = (r"fatal error: (?:boost|openssl)/[\w./]+: No such file or directory", r"cannot find -l(?:crypto|ssl)\b.*")
_TESTS = """#include "../{filename}"
{undefined}
#undef NDEBUG
#include <assert.h>
#line 1 "tests"
{tests}
"""


def plain(request: Request, compiler: tuple[str, ...], filename: str) -> Plan:
    """The program by itself."""
    return Plan(
        request.source,
        filename,
        ("./program",),
        ((*compiler, "-o", "program", filename, *_libraries(request.source)),),
        hide=(filename,),
    )


def tests(request: Request, seal: str, compiler: tuple[str, ...], filename: str) -> Plan:
    """The program and its tests as one unit, whose main is called by the harness.

    The program is included, so that what it leaves open at its end is an error and cannot swallow the tests; macros of
    its own that would change what the tests say are taken back.
    """
    assert isinstance(request.tests, TestSource)
    # all but what is written in capitals, as macros that are meant to be used by others are
    own = {name for name in _DEFINES.findall(blanked(request.source)) if name.upper() != name}
    undefined = "\n".join(f"#undef {word}" for word in sorted({*_KEYWORDS, *own}))
    suffix = filename.rpartition(".")[2]
    unit, seal_file = f"{PRIVATE}/tests.{suffix}", f"{PRIVATE}/seal.c"
    text = _TESTS.format(filename=filename, undefined=undefined, tests=request.tests.source)
    header = f"{PRIVATE}/assert.h"
    language = ("-x", "c++" if suffix == "cpp" else "c")
    sources = (*language, unit, "-x", "c", "-std=gnu17", seal_file, "-x", "none")
    libraries = _libraries(request.source + text)
    return Plan(
        request.source,
        filename,
        ("./program",),
        ((*compiler, f"-I{PRIVATE}", "-o", "program", *sources, "-Wl,--wrap=main", *libraries),),
        {unit: encoded(text), seal_file: encoded(harness("seal.c")), header: encoded(harness("assert.h"))},
        stdin=seal.encode(),
        hide=(filename, unit, seal_file, header),
        report=Sealed(seal, {"main": "main of the tests"}),
    )


def _libraries(source: str) -> tuple[str, ...]:
    wanted = _CRYPTO if _INCLUDES.search(source) and blanked(source) else ()
    return (*wanted, "-lm", "-lpthread")
