"""Curates any dataset from the command line: builds the embedder that it names, and mixes what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from curation.curate import CurateOptions, CurateResult, curate
from curation.mix import read_mix
from curation.mix_dataset import Mixed, mix_dataset
from flows.config import ModelSettings, api_key
from flows.errors import ConfigError
from served_model.config import ModelConfig
from served_model.embedder import CachedEmbedder, Embedder, LocalEmbedder, ServedEmbedder
from served_model.vector_store import VectorStore

LOCAL = "local"
VECTORS = "embeddings.vectors"


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """An embedder: "local" (`name` may be a folder), or the base URL of an endpoint and the model's name there."""

    where: str
    name: str | None = None
    api_key_env: str | None = None


@dataclass(frozen=True)
class Curated:
    """What was kept, and the mix of it where one was asked for."""

    result: CurateResult
    mixed: Mixed | None

    def text(self) -> str:
        """For a terminal."""
        return self.result.text() + (f"\n\n{self.mixed.text()}\n{self.mixed.file}" if self.mixed else "")


def curate_any(
    dataset: Path,
    out: Path,
    benchmarks: Sequence[Path],
    options: CurateOptions,
    extras: tuple[EmbedderChoice | None, Path | None],
) -> Curated:
    """Curate `dataset` into `out`; `extras` are the embedder and the mix file. Raises CurationError, ConfigError.

    Vectors are kept in `out`, so that a second call embeds only what is new.
    """
    embedder, mix_file = extras
    mix = read_mix(mix_file) if mix_file else None
    with ExitStack() as stack:
        if embedder is not None:
            opened = _open(embedder)
            store = stack.enter_context(VectorStore(out / VECTORS))
            options = replace(options, embedder=CachedEmbedder(opened, store))
        result = curate(dataset, out, benchmarks, options)
    return Curated(result, mix_dataset(result.kept, out, mix) if mix else None)


def _open(choice: EmbedderChoice) -> Embedder:
    if choice.where == LOCAL:
        return LocalEmbedder(choice.name)
    if choice.name is None:
        raise ConfigError("--embedder-name: say which model of the endpoint makes the embeddings")
    settings = ModelSettings(base_url=[choice.where], name=choice.name, api_key_env=choice.api_key_env)
    try:
        config = ModelConfig(choice.name, (choice.where,), api_key(settings) or "", timeout_s=settings.timeout_s)
    except ValueError as error:
        raise ConfigError(f"--embedder {choice.where}: {error}") from error
    return ServedEmbedder(config)
