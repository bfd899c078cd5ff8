"""Questions to the model: a request with its own sampling seed, several at once, the call that a record keeps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from generators.asking import Answer, SamplingSettings
from generators.recipe import Resources
from records.types import Seed, stable_seed
from served_model.prompts import load_prompt
from served_model.quoting import quote_tags
from served_model.types import ChatRequest, Sampling

PACKAGE = "generators.math"
TAG = re.compile(r"</?([a-z][a-z_]{0,30})>")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks on behalf of one recipe about one seed. Every name, index and round has its own sampling seed."""

    recipe: str
    seed: Seed
    resources: Resources

    async def ask(
        self,
        name: str,
        role: str,
        fields: Mapping[str, str],
        *index: object,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Render `prompts/<name>.md` with values that cannot close its tags, and ask. Raises ModelError."""
        prompt = load_prompt(PACKAGE, name)
        tags = {tag for section in prompt.sections for tag in TAG.findall(section.template)}
        settings: SamplingSettings = self.resources.settings
        origin = (str(self.resources.run_seed), self.recipe, str(self.resources.round), self.seed.id, name)
        request = ChatRequest(
            role=role,
            messages=prompt.render(**{field: quote_tags(value, tags) for field, value in fields.items()}),
            sampling=Sampling(
                settings.temperature, settings.top_p, settings.max_tokens, stable_seed(*origin, *map(str, index))
            ),
            prompt=prompt.name,
            prompt_sha256=prompt.sha256,
            schema=schema,
        )
        return Answer(request, await self.resources.model.ask(request))


async def all_of(coroutines: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results, in order. The first error ends the others and passes through as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in coroutines]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
