"""Tools of MCP servers, over standard input and output, through the official SDK (an extra of the package)."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from corpus.errors import CorpusError
from corpus.mining.lists import make_tool
from corpus.mining.mine import MinedTool
from verifiers.toolbox.mcp_client import McpError, server_tools

PREFIX = "mcp:"


def list_server_tools(command: str) -> Sequence[MinedTool]:
    """What the server offers. Raises CorpusError where it does not start or the SDK is missing."""
    try:
        with ThreadPoolExecutor(1) as thread:
            listed = thread.submit(asyncio.run, server_tools(shlex.split(command))).result()
    except McpError as error:
        raise CorpusError(command, None, "mcp", str(error)) from error
    made = [make_tool(name, text, schema, {"mcp": name}) for name, text, schema in listed if text]
    tools = [tool for tool in made if tool is not None]
    if not tools:
        raise CorpusError(command, None, "mcp", "the server offers no documented tool with a usable schema")
    return tools
