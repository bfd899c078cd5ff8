"""Executes the calls of any box: in the sandbox, or by the MCP server that the user named."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from records.types import canonical_json
from sandbox.types import Sandbox
from verifiers.strict_json import NotJson, check
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.mcp_client import McpError, server_calls
from verifiers.toolbox.runner import MAX_RESULT_CHARS, CallResult, NotExecutable, ToolArguments, ToolRun, run_calls


class ToolsUnavailable(Exception):
    """The tools cannot be reached; nothing is known about the calls."""


async def execute(sandbox: Sandbox, toolbox: Toolbox, calls: Sequence[ToolArguments]) -> ToolRun:
    """Results in the order of the calls. Raises SandboxError, ToolsUnavailable, NotExecutable."""
    if not toolbox.server:
        return await run_calls(sandbox, toolbox, calls)
    for name, _ in calls:
        if name not in toolbox.bindings:
            raise NotExecutable(name)
    asked = [(str(toolbox.bindings[name]["mcp"]), arguments) for name, arguments in calls]
    try:
        answers = await server_calls(shlex.split(toolbox.server), asked)
    except McpError as error:
        raise ToolsUnavailable(str(error)) from error
    return ToolRun(tuple(_result(ok, value) for ok, value in answers), None)


def _result(ok: bool, value: object) -> CallResult:
    try:
        check(value)
    except NotJson as error:
        return CallResult(False, canonical_json({"error": f"the result is not JSON: {error.code}"}))
    text = canonical_json(value if ok else {"error": value})
    if len(text) > MAX_RESULT_CHARS:
        return CallResult(False, canonical_json({"error": "the result is too long to be shown"}))
    return CallResult(ok, text)
