"""Talks to an MCP server that the user named: lists its tools, makes calls. Through the official SDK, an extra.

The server is the user's own program and runs as they would run it, outside the sandbox; it is started anew for every
dialogue, so that each one meets the server's first state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from records.types import JSON

DEADLINE_S = 60.0  # of one dialogue with the server
MISSING = "MCP servers need the official SDK: pip install 'provender[mcp]'"


class McpError(Exception):
    """The server does not start, breaks off or does not answer: nothing is known about the calls."""


async def server_tools(command: Sequence[str]) -> list[tuple[str, str, JSON]]:
    """Name, description and schema of every tool of the server. Raises McpError."""
    async with _session(command) as session:
        listed = await session.list_tools()
        return [(tool.name, tool.description or "", _schema(tool)) for tool in listed.tools]


async def server_calls(
    command: Sequence[str], calls: Sequence[tuple[str, Mapping[str, JSON]]]
) -> list[tuple[bool, JSON]]:
    """Whether each call succeeded, and its text or structured result. Raises McpError."""
    async with _session(command) as session:
        return [_read(await session.call_tool(name, dict(arguments))) for name, arguments in calls]


@asynccontextmanager
async def _session(command: Sequence[str]) -> AsyncIterator[Any]:
    try:
        from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client
    except ImportError:
        raise McpError(MISSING) from None
    if not command:
        raise McpError("name the server's command: mcp:COMMAND")
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]))
    try:
        async with asyncio.timeout(DEADLINE_S), stdio_client(parameters) as streams, ClientSession(*streams) as session:
            await session.initialize()
            yield session
    except* (OSError, TimeoutError, ValueError, RuntimeError, MCPError) as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise McpError(f"{command[0]}: {type(first).__name__}: {str(first)[:200]}") from None


def _schema(tool: Any) -> JSON:
    return getattr(tool, "input_schema", None) or getattr(tool, "inputSchema", None)


def _read(answer: Any) -> tuple[bool, JSON]:
    failed = getattr(answer, "is_error", None) or getattr(answer, "isError", False)
    structured = getattr(answer, "structured_content", None) or getattr(answer, "structuredContent", None)
    texts = [item.text for item in answer.content if getattr(item, "text", None) is not None]
    value: JSON = structured if structured is not None else "\n".join(texts)
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]
    return not failed, value
