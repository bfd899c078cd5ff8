"""Turns a request into the frames that the agent and its children read, or refuses it before anything runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from sandbox.languages import LANGUAGES, Language
from sandbox.types import Calls, Execution, Limits, Request, SandboxError, Status, Stdio, TestSource
from sandbox.wire import pack

_REPORT_BYTES = 8 << 20
_MAX_FRAME = 128 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """A request, ready to be sent."""

    request: Request
    frames: tuple[bytes, ...]  # for the agent, for the program's process, and, with test source, for the driver's


def make_job(request: Request) -> Job | Execution:
    """The job, or the execution of a request that is refused. Raises SandboxError for a language we do not know."""
    language = LANGUAGES.get(request.language)
    if language is None:
        raise SandboxError(f"no such language: {request.language!r} (there are: {', '.join(sorted(LANGUAGES))})")
    reason = _refusal(request, language)
    if reason:
        return Execution(Status.REJECTED, None, None, "", "", 0.0, 0.0, None, "none", None, reason)
    names = sorted(request.files)
    contents = [request.files[name] for name in names]
    program = pack({"files": names}, _encoded(request.source), _stdin(request), _calls(request), *contents)
    frames = [pack(_header(request, language)), program]
    if isinstance(request.tests, TestSource):
        frames.append(pack({}, _encoded(request.tests.source)))
    return Job(request, tuple(frames))


def _header(request: Request, language: Language) -> dict[str, Any]:
    limits = request.limits
    mode = {TestSource: "tests", Calls: "calls"}.get(type(request.tests), "script")
    return {
        **{field.name: getattr(limits, field.name) for field in fields(Limits)},
        "wall_s": limits.wall_limit_s,
        "mode": mode,
        "argv": list(language.run),
        "filename": language.filename,
        "report_bytes": 0 if mode == "script" else _REPORT_BYTES,
    }


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _stdin(request: Request) -> bytes:
    return _encoded(request.tests.stdin) if isinstance(request.tests, Stdio) else request.stdin


def _calls(request: Request) -> bytes:
    """What the program's process is told of the calls: never an expected value."""
    if not isinstance(request.tests, Calls):
        return b""
    arguments = [list(arguments) for arguments, _ in request.tests.io]
    return json.dumps({"entry_point": request.tests.entry_point, "arguments": arguments}).encode()


def _refusal(request: Request, language: Language) -> str:
    """Why a request cannot be run at all; "" where it can."""
    for name in request.files:
        path = PurePosixPath(name)
        inside = path.parts and not path.is_absolute() and ".." not in path.parts and "\0" not in name
        if not inside or len(name.encode("utf-8", "surrogatepass")) > 255 or str(path) == language.filename:
            return f"file name {name!r} is not one of a file beside the program"
    size = len(request.source) + sum(len(data) for data in request.files.values())
    if size > min(request.limits.disk_bytes, request.limits.memory_bytes, _MAX_FRAME):
        return "the program and its files do not fit the disk limit"
    if len(request.files) >= request.limits.inodes or len(request.stdin) > request.limits.memory_bytes:
        return "the program's files or input do not fit its limits"
    return ""
