"""What the factuality recipes share: a call as a record keeps it, and text that cannot leave its tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from records.types import Call, Seed
from served_model.prompts import load_prompt
from served_model.quoting import quote_tags
from served_model.types import ChatRequest, Reply, Sampling

PACKAGE = "generators.factuality"
TAG = re.compile(r"</?([a-z][a-z_]{0,30})>")


def request(
    name: str, role: str, fields: Mapping[str, str], sampling: Sampling, schema: Mapping[str, Any] | None = None
) -> ChatRequest:
    """A request with the prompt file `name`."""
    prompt = load_prompt(PACKAGE, name)
    tags = {tag for section in prompt.sections for tag in TAG.findall(section.template)}
    messages = prompt.render(**{field: quote_tags(value, tags) for field, value in fields.items()})
    return ChatRequest(role, messages, sampling, prompt.name, prompt.sha256, schema)


def call(part: str, asked: ChatRequest, reply: Reply) -> Call:
    """The entry of a candidate's `calls`: this reply wrote `part`."""
    return Call(
        part=part,
        key=reply.key,
        model=reply.model,
        prompt=asked.prompt,
        prompt_sha256=asked.prompt_sha256,
        temperature=asked.sampling.temperature,
        top_p=asked.sampling.top_p,
        seed=asked.sampling.seed,
        finish_reason=reply.finish_reason,
    )


def passage_of(seed: Seed) -> tuple[str, str]:
    """Title and text of the snippet."""
    return seed.fields.get("title") or seed.source, seed.text
