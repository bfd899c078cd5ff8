"""Executes calls in the sandbox, all calls of a dialogue in one process, and gives what each of them gave.

A dialogue that grows is replayed from its first call: tools start from the same state each time, so that the results of
earlier calls come out again as they were, and a result that does not is found by whoever compares.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from records.types import JSON, canonical_json, stable_hash
from sandbox.jail_config import SITE
from sandbox.types import Limits, Request, Sandbox, SandboxError, Status
from verifiers.strict_json import NotJson, read
from verifiers.toolbox.box import Toolbox

LIMITS = Limits(cpu_s=10.0, memory_bytes=512 << 20, pids=32)
MAX_RESULT_CHARS = 4_000
ENDED = {
    Status.TIMEOUT_CPU: "the call took too long",
    Status.TIMEOUT_WALL: "the call took too long",
    Status.MEMORY: "the call took too much memory",
    Status.OUTPUT: "the call wrote too much",
}
CRASHED = "the call ended its process"

ToolArguments = tuple[str, Mapping[str, JSON]]
"""The name of a tool, and the arguments of one call."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call gave. `text` is what the tool's message says: the result as JSON, or an object with `error`."""

    ok: bool
    text: str

    @property
    def value(self) -> JSON:
        """The result, or the error's words."""
        found = read(self.text)
        return found if self.ok else found["error"]


@dataclass(frozen=True, slots=True)
class ToolRun:
    """Results in the order of the calls, up to the first that ended the process; and the database afterwards."""

    results: tuple[CallResult, ...]
    state: Mapping[str, JSON] | None


class NotExecutable(Exception):
    """A call of a tool that the box cannot execute."""


async def run_calls(sandbox: Sandbox, toolbox: Toolbox, calls: Sequence[ToolArguments]) -> ToolRun:
    """Execute the calls. Raises SandboxError where nothing is known about them, NotExecutable.

    After a call that ended the process (time, memory, a crash) the remaining calls have a result that says so.
    """
    for name, _ in calls:
        if name not in toolbox.bindings:
            raise NotExecutable(name)
    spec = {
        "bindings": dict(toolbox.bindings),
        "schema": toolbox.schema,
        "busy": list(toolbox.busy),
        "site": SITE if toolbox.site else "",
    }
    asked = canonical_json([[name, dict(arguments)] for name, arguments in calls])
    mark = f"{stable_hash(canonical_json(spec), asked)} "
    files = {name: base64.b64decode(text) for name, text in toolbox.files.items()}
    files |= {"calling.py": program("calling"), "calls.json": asked.encode("utf-8", "replace")}
    files["toolbox.json"] = canonical_json({**spec, "mark": mark}).encode("utf-8", "replace")
    execution = await sandbox.run(Request("python", program("driver").decode(), files=files, limits=LIMITS))
    if execution.status in (Status.COMPILE_ERROR, Status.REJECTED):
        raise SandboxError(f"the tools could not be started: {execution.detail or execution.stderr[-300:]}")
    lines = [line[len(mark) :] for line in execution.stdout.splitlines() if line.startswith(mark)]
    values = [_read(line) for line in lines]
    state = next((value["state"] for value in values if "state" in value), None)
    results = [_result(value) for value in values if "state" not in value][: len(calls)]
    if not results and calls and "Traceback" in execution.stderr and execution.status is Status.NONZERO:
        raise SandboxError(f"the tools could not be started: {execution.stderr.strip().splitlines()[-1][:300]}")
    ended = ENDED.get(execution.status, CRASHED)
    results += [_error(ended)] * (len(calls) - len(results))
    return ToolRun(tuple(results), state)


@cache
def program(name: str) -> bytes:
    """The source of a program of this package that runs inside."""
    return resources.files("verifiers.toolbox").joinpath(f"{name}.py").read_bytes()


def _read(line: str) -> dict[str, Any]:
    try:
        value = read(line)
    except NotJson as error:
        return {"error": f"the result is not JSON: {error.code}"}
    return value if isinstance(value, dict) else {"error": "the result is not JSON"}


def _result(value: Mapping[str, Any]) -> CallResult:
    if "result" not in value:
        return _error(str(value.get("error", CRASHED)))
    text = canonical_json(value["result"])
    return CallResult(True, text) if len(text) <= MAX_RESULT_CHARS else _error("the result is too long to be shown")


def _error(words: str) -> CallResult:
    return CallResult(False, canonical_json({"error": words}))
