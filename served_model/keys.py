"""The journal key of a request: a hash of exactly what determines the reply."""

from __future__ import annotations

import hashlib
from typing import Any

from records.types import Message, canonical_json
from served_model.types import ChatRequest

KEY_LENGTH = 32  # hexadecimal characters: 128 bits, so that no two requests of any run share a key by chance


def _content(message: Message) -> list[Any]:
    """Role and text; the parts of tool dialogues only where there are any, so that other keys stay as they were."""
    tools = [[call.id, call.name, call.arguments] for call in message.tool_calls], message.tool_call_id, message.name
    return [message.role, message.content, *(tools if any(tools) else ())]


def request_key(model_name: str, request: ChatRequest) -> str:
    """Hash of model name, messages, sampling and schema.

    Role, prompt name and endpoint are left out: they do not change what the model sees. Numbers are brought to one
    form first, so that a temperature of 1 and of 1.0 give the same key.
    """
    sampling = request.sampling
    content = canonical_json(
        {
            "model": model_name,
            "messages": [_content(message) for message in request.messages],
            "sampling": [
                float(sampling.temperature),
                float(sampling.top_p),
                int(sampling.max_tokens),
                int(sampling.seed),
            ],
            "schema": None if request.schema is None else dict(request.schema),
        }
    )
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LENGTH]
