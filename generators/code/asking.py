"""One question to the model: values quoted in the prompt, a sampling seed of its own, the call that a record keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generators.asking import Answer, SamplingSettings
from generators.code.quoting import quoted
from generators.recipe import Resources
from records.types import Seed, stable_seed
from served_model.prompts import load_prompt
from served_model.types import ChatRequest, Sampling

PACKAGE = "generators.code"


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one attempt at one seed. Every prompt, attempt and round has its own sampling seed."""

    seed: Seed
    resources: Resources
    attempt: int = 0

    async def ask(
        self, name: str, role: str, fields: Mapping[str, str], schema: Mapping[str, Any] | None = None, label: str = ""
    ) -> Answer:
        """Render `prompts/<name>.md` and ask. `label` tells samples of one prompt apart. Raises ModelError."""
        prompt = load_prompt(PACKAGE, name)
        settings: SamplingSettings = self.resources.settings
        origin: tuple[str, ...] = (
            str(self.resources.run_seed),
            str(self.resources.round),
            self.seed.id,
            name,
            str(self.attempt),
        )
        origin += (label,) if label else ()
        request = ChatRequest(
            role=role,
            messages=prompt.render(**{field: quoted(value) for field, value in fields.items()}),
            sampling=Sampling(settings.temperature, settings.top_p, settings.max_tokens, stable_seed(*origin)),
            prompt=prompt.name,
            prompt_sha256=prompt.sha256,
            schema=schema,
        )
        return Answer(request, await self.resources.model.ask(request))
