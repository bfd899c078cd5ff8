"""Turns a request into the frames that the agent and its children read, or refuses it before anything runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sandbox.languages import LANGUAGES, Language
from sandbox.types import Calls, Execution, Limits, Request, SandboxError, Status, Stdio, TestSource
from sandbox.wire import pack

_REPORT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """A request, ready to be sent: the frames of each step before the run, and of the run."""

    request: Request
    before: tuple[tuple[bytes, ...], ...]
    frames: tuple[bytes, ...]


def make_job(request: Request) -> Job | Execution:
    """The job, or the execution of a request that is refused. Raises SandboxError for a language we do not know."""
    language = LANGUAGES.get(request.language)
    if language is None:
        raise SandboxError(f"no such language: {request.language!r} (there are: {', '.join(sorted(LANGUAGES))})")
    reason = _refusal(request)
    if reason:
        return Execution(Status.REJECTED, None, None, "", "", 0.0, 0.0, None, "none", None, reason)
    source = request.source.encode("utf-8", "surrogatepass")
    names = sorted(request.files)
    program = pack({"files": names}, source, _stdin(request), _extra(request), *(request.files[name] for name in names))
    header = _header(request, language)
    tests = (pack({}, request.tests.source.encode("utf-8", "surrogatepass")),) if _driven(request) else ()
    return Job(request, (), (pack(header), program, *tests))


def _driven(request: Request) -> bool:
    return isinstance(request.tests, TestSource)


def _header(request: Request, language: Language) -> dict[str, Any]:
    limits = request.limits
    mode = {TestSource: "tests", Calls: "calls"}.get(type(request.tests), "script")
    return {
        "mode": mode,
        "argv": list(language.run),
        "filename": language.filename,
        "fresh": True,
        "report_bytes": 0 if mode == "script" else _REPORT_BYTES,
        "wall_s": limits.wall_limit_s,
        **{name: getattr(limits, name) for name in Limits.__slots__ if name != "wall_s"},
    }


def _stdin(request: Request) -> bytes:
    return request.tests.stdin.encode("utf-8", "surrogatepass") if isinstance(request.tests, Stdio) else request.stdin


def _extra(request: Request) -> bytes:
    if not isinstance(request.tests, Calls):
        return b""
    arguments = [list(arguments) for arguments, _ in request.tests.io]
    return json.dumps({"entry_point": request.tests.entry_point, "arguments": arguments}).encode()


def _refusal(request: Request) -> str:
    """Why a request cannot be run at all; "" where it can."""
    for name in request.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name or len(name.encode()) > 255:
            return f"file name {name!r} does not stay in the working directory"
    size = len(request.source) + sum(len(data) for data in request.files.values())
    if size > min(request.limits.disk_bytes, 64 << 20) or len(request.files) >= request.limits.inodes:
        return "the files do not fit the disk limit"
    return ""
