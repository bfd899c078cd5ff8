"""A judge outside a run: a served model behind a journal of its own, for rows and for calibration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.config import RunConfig, load_config, validate_config
from flows.endpoints import resolve_models
from flows.errors import ConfigError
from flows.workbench import model_configs
from served_model.client import ChatClient
from served_model.journal import Journal
from served_model.journaled import JournaledModel

HINT = "give --judge URL (and --judge-model NAME), or --config with [models.judge] or [models.default]"


@dataclass(frozen=True)
class JudgeChoice:
    """Where the judge is: a run's config, or a base URL with perhaps a name and a variable with the key."""

    config: Path | None = None
    url: str | None = None
    name: str | None = None
    key_env: str | None = None

    @property
    def given(self) -> bool:
        """Whether any judge was named."""
        return self.config is not None or self.url is not None

    def run_config(self) -> RunConfig:
        """The models, as a run would have them. Raises ConfigError."""
        if self.config is not None:
            return load_config(self.config)
        if self.url is None:
            raise ConfigError(f"no judge: {HINT}")
        model: Mapping[str, object] = {"base_url": [self.url], "name": self.name, "api_key_env": self.key_env}
        data = {"name": "judge", "models": {"default": model}, "recipes": [{"use": "none"}]}
        return validate_config(data, "--judge")


@asynccontextmanager
async def judge_model(choice: JudgeChoice, journal: Path) -> AsyncIterator[JournaledModel]:
    """The judge, with what it said before: a rerun asks only for what is missing. Raises UserError, ConfigError."""
    config = await resolve_models(choice.run_config())
    stored = Journal.open(journal)
    client = ChatClient(model_configs(config))
    try:
        yield JournaledModel(client, stored)
        stored.sync()
    finally:
        await client.close()
        stored.close()


def journal_beside(out: Path) -> Path:
    """Where the judge's replies for an output file are kept."""
    return out.with_name(f"{out.name}.journal.jsonl")
