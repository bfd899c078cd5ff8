"""One question to the model: values quoted in the prompt, a sampling seed of its own, the call that a record keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from generators.asking import Answer
from generators.recipe import Resources, Settings
from records.types import Seed, stable_seed
from served_model.prompts import load_prompt
from served_model.quoting import quote_tags
from served_model.types import ChatRequest, Sampling

PACKAGE = "generators.tool_use"
TAG = re.compile(r"</?([a-z][a-z_]{0,30})>")


class ToolSettings(Settings):
    """What all recipes for tool use let a user vary."""

    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=1)
    max_steps: int = Field(6, ge=1, le=32, description="assistant turns with calls in one dialogue, at most")
    rounds: int = Field(1, ge=0, le=4, description="fresh attempts at the turn that was found wrong")
    judge: bool = Field(True, description="the meaning gate: a judge reads what the other gates let through")


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one attempt of one recipe at one seed. Every prompt, step, attempt and round has its own seed."""

    recipe: str
    seed: Seed
    resources: Resources
    attempt: int = 0

    async def ask(
        self, name: str, role: str, fields: Mapping[str, str], step: int = 0, schema: Mapping[str, Any] | None = None
    ) -> Answer:
        """Render `prompts/<name>.md` and ask. Raises ModelError."""
        prompt = load_prompt(PACKAGE, name)
        tags = {tag for section in prompt.sections for tag in TAG.findall(section.template)}
        settings: ToolSettings = self.resources.settings
        place = (str(self.resources.run_seed), str(self.resources.round), self.recipe, self.seed.id, name)
        request = ChatRequest(
            role=role,
            messages=prompt.render(**{field: quote_tags(value, tags) for field, value in fields.items()}),
            sampling=Sampling(
                settings.temperature,
                settings.top_p,
                settings.max_tokens,
                stable_seed(*place, str(self.attempt), str(step)),
            ),
            prompt=prompt.name,
            prompt_sha256=prompt.sha256,
            schema=schema,
        )
        return Answer(request, await self.resources.model.ask(request))
