"""Messages in OpenAI's form, as requests and training files have them."""

from __future__ import annotations

from typing import Any

from records.types import Message


def openai_message(message: Message) -> dict[str, Any]:
    """Role and content, and what a tool dialogue adds; `arguments` stays JSON text, as in OpenAI's interface."""
    form: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        form["tool_calls"] = [openai_call(call.id, call.name, call.arguments) for call in message.tool_calls]
    if message.tool_call_id is not None:
        form["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        form["name"] = message.name
    return form


def openai_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """One entry of `tool_calls`."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
