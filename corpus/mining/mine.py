"""Mines the functions of a module in the sandbox, and makes tools of them: definitions, bindings, example calls."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from corpus.reader import OpenSandbox
from sandbox.types import Limits, Request, Sandbox
from verifiers.strict_json import NotJson, read
from verifiers.toolbox.box import definition
from verifiers.toolbox.runner import program

LIMITS = Limits(cpu_s=20.0, memory_bytes=512 << 20)
MAX_NAME = 64  # of a function in OpenAI's interface
# Modules that tell about the machine, the clock or the interpreter, or that act on them: no two runs agree, or the
# functions mean nothing to somebody who only has JSON values.
NOT_TOOLS = frozenset(
    [
        "abc",
        "antigravity",
        "asynchat",
        "asyncio",
        "asyncore",
        "atexit",
        "audioop",
        "bdb",
        "builtins.eval",
        "cProfile",
        "cgi",
        "cgitb",
        "cmd",
        "code",
        "codeop",
        "compileall",
        "concurrent",
        "contextlib",
        "contextvars",
        "copy",
        "copyreg",
        "crypt",
        "ctypes",
        "curses",
        "dataclasses",
        "dbm",
        "dis",
        "distutils",
        "doctest",
        "ensurepip",
        "enum",
        "faulthandler",
        "fcntl",
        "filecmp",
        "fileinput",
        "ftplib",
        "functools",
        "gc",
        "genericpath",
        "getopt",
        "getpass",
        "gettext",
        "glob",
        "grp",
        "http",
        "idlelib",
        "imaplib",
        "imp",
        "importlib",
        "inspect",
        "io",
        "lib2to3",
        "linecache",
        "locale",
        "logging",
        "mailbox",
        "mailcap",
        "marshal",
        "mimetypes",
        "mmap",
        "modulefinder",
        "msilib",
        "msvcrt",
        "multiprocessing",
        "nis",
        "nntplib",
        "nt",
        "ntpath",
        "numbers",
        "opcode",
        "optparse",
        "os",
        "ossaudiodev",
        "pdb",
        "pickle",
        "pickletools",
        "pipes",
        "pkgutil",
        "platform",
        "poplib",
        "posix",
        "posixpath",
        "profile",
        "pstats",
        "pty",
        "pwd",
        "py_compile",
        "pydoc",
        "pydoc_data",
        "pyexpat",
        "queue",
        "random",
        "readline",
        "resource",
        "rlcompleter",
        "runpy",
        "sched",
        "secrets",
        "select",
        "selectors",
        "shelve",
        "shutil",
        "signal",
        "site",
        "smtpd",
        "smtplib",
        "socket",
        "socketserver",
        "spwd",
        "sqlite3",
        "ssl",
        "stat",
        "subprocess",
        "symtable",
        "sys",
        "sysconfig",
        "syslog",
        "tabnanny",
        "tarfile",
        "telnetlib",
        "tempfile",
        "termios",
        "test",
        "this",
        "threading",
        "time",
        "timeit",
        "tkinter",
        "trace",
        "traceback",
        "tracemalloc",
        "tty",
        "turtle",
        "turtledemo",
        "types",
        "typing",
        "unittest",
        "venv",
        "warnings",
        "weakref",
        "webbrowser",
        "winreg",
        "winsound",
        "wsgiref",
        "xdrlib",
        "xmlrpc",
        "zipapp",
        "zipimport",
    ]
)
PARTS = (
    "urllib.parse", "xml.sax.saxutils", "email.utils", "email.quoprimime", "email.base64mime", "encodings.punycode",
    "encodings.idna", "json.encoder", "http.cookies", "ntpath", "posixpath", "stat",
)  # fmt: skip
"""Modules of packages, and of those above, whose functions are pure."""

CLOCKS = frozenset(
    ("datetime.date.today", "datetime.datetime.today", "datetime.datetime.utcnow", "posixpath.abspath",
     "posixpath.realpath", "posixpath.expanduser", "posixpath.relpath", "ntpath.abspath", "ntpath.relpath",
     "ntpath.expanduser", "builtins.eval", "builtins.hasattr", "builtins.callable")
)  # fmt: skip
"""Functions of good modules that read the clock, the folder or the user, or that run what they are given."""


@dataclass(frozen=True)
class MinedTool:
    """A function that works: its definition, how it is called, and calls with the results that they gave twice."""

    function: str  # "statistics.NormalDist.cdf"
    tool: Mapping[str, Any]
    binding: Mapping[str, Any]
    examples: tuple[Mapping[str, Any], ...]  # {"arguments", "result"}
    refused: (
        Mapping[str, Any] | None
    )  # arguments that fit the schema and that the function raises on, where one is known

    @property
    def name(self) -> str:
        """The tool's name."""
        name: str = self.tool["function"]["name"]
        return name


@dataclass(frozen=True)
class Mined:
    """What a module gave: its tools, and the names that gave none with the reason of each."""

    tools: tuple[MinedTool, ...]
    refused: tuple[tuple[str, str], ...]


class NotMined(Exception):
    """Nothing is known about the module's functions; the text says why."""


def library_modules() -> tuple[str, ...]:
    """The modules of the running interpreter's standard library whose functions may be tools."""
    names = {name for name in sys.stdlib_module_names if not name.startswith("_")} - NOT_TOOLS
    return tuple(sorted(names | set(PARTS)))


Source = tuple[str, str | None]
"""A module's name, and the source of a user's module; None for one of the library."""


@cache
def _mined_before(sandbox: OpenSandbox) -> dict[Source, Mined | NotMined]:
    """What this process has mined in such a sandbox: the recipes of a run read the same modules."""
    return {}


def mine(sources: Sequence[Source], sandbox: OpenSandbox) -> list[Mined | NotMined]:
    """The tools of each module, in order, mined with one sandbox: its start costs more than a module."""
    known = _mined_before(sandbox)
    missing = tuple(dict.fromkeys(source for source in sources if source not in known))
    if missing:
        with ThreadPoolExecutor(1) as thread:  # a reader is called where an event loop may be running already
            known.update(zip(missing, thread.submit(asyncio.run, _mine_all(missing, sandbox())).result(), strict=True))
    return [known[source] for source in sources]


async def _mine_all(sources: tuple[Source, ...], sandbox: Sandbox) -> tuple[Mined | NotMined, ...]:
    try:
        return tuple(await asyncio.gather(*(_mine(sandbox, *source) for source in sources)))
    finally:
        await sandbox.aclose()


async def _mine(sandbox: Sandbox, module: str, source: str | None) -> Mined | NotMined:
    folder = resources.files("corpus.mining")
    inside = folder.joinpath("inside.py").read_text(encoding="utf-8")
    files = {name: folder.joinpath(name).read_bytes() for name in ("shapes.py", "samples.py")}
    files |= {"calling.py": program("calling")}
    files |= {"again.py": inside.encode(), "module.txt": json.dumps(module).encode()}
    if source is not None:
        files[f"{module}.py"] = source.encode()
    execution = await sandbox.run(Request("python", inside, files=files, limits=LIMITS))
    lines = execution.stdout.strip().splitlines()
    try:
        return _mined(read(lines[-1] if lines else ""))
    except NotJson:
        words = (execution.stderr.strip().splitlines() or [""])[-1]
        return NotMined(f"{execution.status}: {words[:200]}")


def _mined(answer: Mapping[str, Any]) -> Mined:
    tools, refused = [], [(name, reason) for name, reason in answer["refused"]]
    for found in answer["tools"]:
        function = f"{found['module']}.{found['path']}"
        if function in CLOCKS:
            refused.append((function, "depends_on_surroundings"))
        elif len(tool_name(function)) > MAX_NAME:
            refused.append((function, "name_too_long"))
        else:
            tools.append(_tool(function, found))
    return Mined(tuple(tools), tuple(refused))


def _tool(function: str, found: Mapping[str, Any]) -> MinedTool:
    parameters = {
        "type": "object",
        "properties": found["properties"],
        "required": found["required"],
        "additionalProperties": False,
    }
    tool = definition(tool_name(function), found["description"], parameters)
    return MinedTool(function, tool, found["binding"], tuple(found["examples"]), found["raising"])


def tool_name(function: str) -> str:
    """A function's name in the letters of OpenAI's interface: `math_gcd`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", function.removeprefix("builtins."))
