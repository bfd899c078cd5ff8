"""Turns a request into the frames that the agent and its children read, or refuses it before anything runs."""

from __future__ import annotations

import json
import math
import os
import secrets
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from sandbox.languages import LANGUAGES, Language
from sandbox.languages.language import PRIVATE, Plan, Report, encoded
from sandbox.profiles import PLAIN, PROFILE_BYTES, profile_of
from sandbox.types import (
    Calls,
    Execution,
    FileRefused,
    Limits,
    Request,
    SandboxError,
    Status,
    Stdio,
    StdioCases,
    TestSource,
)
from sandbox.wire import pack

_REPORT_BYTES = 8 << 20
_MAX_FRAME = 128 << 20
_PAGE = 4096
_SESSION_CPU_S = float(1 << 20)  # for the resource limit of the whole session; each cell has its own
MAX_FILE_BYTES = 16 << 20
COMPILE_LIMITS = Limits(cpu_s=30.0, memory_bytes=1 << 30, file_bytes=128 << 20)
_LEAST = {
    "cpu_s": 0.001, "memory_bytes": 1 << 20, "pids": 1, "disk_bytes": 1 << 16, "inodes": 16, "file_bytes": 1 << 12,
    "open_files": 16, "output_bytes": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A request, ready to be sent."""

    request: Request
    language: Language
    frames: tuple[bytes, ...]  # for the agent, for the program's process, and, with test source, for the driver's
    compile_frames: tuple[tuple[bytes, ...], ...] = ()  # the same for each step before, where the language has some
    later: tuple[tuple[bytes, ...], ...] = ()  # the same as `frames` for each further input
    profile: str = PLAIN
    report: Report | None = None  # reads what the tests' harness said; None: the agent's own driver tests, or nobody


def make_job(request: Request, site: bool = False) -> Job | Execution:
    """The job, or the execution of a request that is refused; `site`: there are more packages than the library's.

    Raises SandboxError for what we do not know to run.
    """
    language = LANGUAGES.get(request.language)
    if language is None:
        raise SandboxError(f"no such language: {request.language!r} (there are: {', '.join(sorted(LANGUAGES))})")
    reason = _refusal(request, language)
    if isinstance(request.tests, StdioCases) and not request.tests.cases:
        reason = "there are no cases"
    plan = None if reason or language.embedded else _plan(request, language)
    if plan is not None and (taken := {plan.filename, *plan.files} & request.files.keys()):
        reason = f"a file of the request has the name of the program or its tests: {min(taken)!r}"
    if reason:
        return Execution(Status.REJECTED, None, None, "", "", 0.0, 0.0, None, "none", None, reason)
    if plan is not None:
        return _planned_job(request, language, plan)
    return _embedded_job(request, language, profile_of(request) if site else PLAIN)


def _embedded_job(request: Request, language: Language, profile: str) -> Job:
    names = sorted(request.files)
    contents = [request.files[name] for name in names]
    header, source = pack(_header(request, language, profile)), encoded(request.source)
    tests = (pack({}, encoded(request.tests.source)),) if isinstance(request.tests, TestSource) else ()
    runs = [
        (header, pack({"files": names}, source, stdin, _calls(request), *contents), *tests)
        for stdin in _inputs(request)
    ]
    return Job(request, language, runs[0], later=tuple(runs[1:]), profile=profile)


def _planned_job(request: Request, language: Language, plan: Plan) -> Job:
    """The steps of a language that is compiled, or run by a program image of its own."""
    files = {**request.files, **plan.files}
    contents = [encoded(plan.source), *(files[name] for name in sorted(files))]

    def program(stdin: bytes, first: bool) -> bytes:
        if not first:  # all is there already
            return pack({"files": []}, b"", stdin, b"")
        return pack({"files": sorted(files)}, contents[0], stdin, b"", *contents[1:])

    reports = plan.report is not None or isinstance(request.tests, Calls)
    header = {
        **_header(request, language), "mode": "script", "filename": plan.filename, "env": dict(language.env),
        "reserves": language.reserves, "report_bytes": _REPORT_BYTES if reports else 0,
    }  # fmt: skip
    disk = min(request.limits.disk_bytes, request.limits.memory_bytes)  # what it leaves is there during the run
    limits = {**_limits(COMPILE_LIMITS), "disk_bytes": disk, "inodes": request.limits.inodes, "report_bytes": 0}
    compiling = [
        (pack({**header, **limits, "argv": list(argv), "fresh": number == 0}), program(plan.compile_stdin, number == 0))
        for number, argv in enumerate(plan.compile)
    ]
    fresh = not compiling
    run = pack({**header, "argv": list(plan.run), "fresh": fresh, "hide": plan.hide})
    runs = [(run, program(stdin if plan.stdin is None else plan.stdin, fresh)) for stdin in _inputs(request)]
    return Job(request, language, runs[0], tuple(compiling), tuple(runs[1:]), report=plan.report)


def _plan(request: Request, language: Language) -> Plan:
    """Raises SandboxError where the language has no such tests."""
    planner = {TestSource: language.tests, Calls: language.calls}.get(type(request.tests), language.plain)
    if planner is not None:
        return planner(request, secrets.token_hex(16))
    if isinstance(request.tests, TestSource | Calls):
        what = "calls from outside" if isinstance(request.tests, Calls) else "tests"
        raise SandboxError(f"no {what} in {language.name}")
    compiling = (language.compile,) if language.compile else ()
    return Plan(request.source, language.filename, language.run, compiling)


def session_frames(request: Request, profile: str) -> tuple[bytes, ...]:
    """The frames that open a session with the files and limits of a request. Raises SandboxError."""
    language = LANGUAGES.get(request.language)
    if language is None or not language.sessions:
        able = ", ".join(sorted(name for name, known in LANGUAGES.items() if known.sessions))
        raise SandboxError(f"no sessions in {request.language!r} (there are: {able})")
    reason = _refusal(request, language)
    if reason:
        raise SandboxError(reason)
    names = sorted(request.files)
    header = {**_header(request, language, profile), "mode": "session", "filename": "", "cpu_s": _SESSION_CPU_S}
    return pack(header), pack({"files": names}, b"", b"", b"", *(request.files[name] for name in names))


def cell_frames(cell: str, limits: Limits, wall_s: float) -> tuple[bytes, ...]:
    """The frames for one cell."""
    return pack({"do": "cell", "cpu_s": limits.cpu_s, "wall_s": wall_s}), pack({}, encoded(cell))


def file_frames(name: str, data: bytes | None) -> tuple[bytes, ...]:
    """The frames that put a file into a session, or, without data, get it. Raises FileRefused."""
    path = PurePosixPath(name)
    if not _is_plain(name, ""):
        raise FileRefused(f"not the name of a file in the working directory: {name!r}")
    if len(data or b"") > MAX_FILE_BYTES:
        raise FileRefused(f"{name}: larger than {MAX_FILE_BYTES >> 20} MiB")
    order = {"do": "get" if data is None else "put", "name": str(path), "most": MAX_FILE_BYTES}
    return pack(order), pack({}, data or b"")


def _limits(limits: Limits) -> dict[str, Any]:
    return {**{field.name: getattr(limits, field.name) for field in fields(Limits)}, "wall_s": limits.wall_limit_s}


def _header(request: Request, language: Language, profile: str = PLAIN) -> dict[str, Any]:
    mode = {TestSource: "tests", Calls: "calls"}.get(type(request.tests), "script")
    return {
        **_limits(request.limits),
        "fresh": True,
        "profile_bytes": PROFILE_BYTES[profile],
        "mode": mode,
        "argv": list(language.run),
        "filename": language.filename,
        "report_bytes": 0 if mode == "script" else _REPORT_BYTES,
    }


def _inputs(request: Request) -> list[bytes]:
    """Standard input of each run."""
    if isinstance(request.tests, StdioCases):
        return [encoded(case.stdin) for case in request.tests.cases]
    return [encoded(request.tests.stdin) if isinstance(request.tests, Stdio) else request.stdin]


def _calls(request: Request) -> bytes:
    """What the program's process is told of the calls: never an expected value."""
    if not isinstance(request.tests, Calls):
        return b""
    arguments = [list(arguments) for arguments, _ in request.tests.io]
    return json.dumps({"entry_point": request.tests.entry_point, "arguments": arguments}).encode()


def _refusal(request: Request, language: Language) -> str:
    """Why a request cannot be run at all; "" where it can."""
    limits = request.limits
    small = [name for name, least in _LEAST.items() if not least <= getattr(limits, name) < math.inf]
    if small or not 0 < limits.wall_limit_s < math.inf:
        return f"limits under which nothing runs: {', '.join(small) or 'wall_s'}"
    bad = [name for name in request.files if not _is_plain(name, language.filename)]
    bad += [name for name in request.files for parent in PurePosixPath(name).parents if str(parent) in request.files]
    if bad:
        return f"not the name of a file beside the program: {bad[0]!r}"
    sizes = [len(encoded(request.source)), *map(len, request.files.values())]
    needed = sum(size // _PAGE * _PAGE + _PAGE for size in sizes)
    if needed > min(limits.disk_bytes, limits.memory_bytes, _MAX_FRAME) or max(sizes) > limits.file_bytes:
        return "the program and its files do not fit the limits"
    if 4 * len(sizes) > limits.inodes or len(request.stdin) > min(limits.memory_bytes, limits.file_bytes):
        return "the program's files or its input do not fit the limits"
    return ""


def _is_plain(name: str, taken: str) -> bool:
    path = PurePosixPath(name)
    try:
        short = len(os.fsencode(name)) <= 255
    except UnicodeEncodeError:
        return False
    inside = bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    inside = inside and path.parts[0] != PRIVATE
    return short and inside and str(path) == name != taken
