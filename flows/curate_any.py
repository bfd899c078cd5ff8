"""Curates any dataset: builds the embedder that is named, and mixes what is kept; for the command line and the flow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from curation.curate import CurateResult, curate
from curation.label_settings import LabelSettings, read_label_settings
from curation.mix import Mix, read_mix
from curation.mix_dataset import Mixed, mix_dataset
from curation.options import NO_LABELS, CurateOptions
from curation.paraphrases import ParaphraseRule
from curation.rules import Rule
from curation.semantic_duplicates import SemanticRule
from curation.served import Served
from flows.config import ModelSettings, api_key
from flows.errors import ConfigError
from flows.judge_model import HINT, JudgeChoice, judge_model
from served_model.config import ModelConfig
from served_model.embedder import CachedEmbedder, Embedder, LocalEmbedder, ServedEmbedder
from served_model.vector_store import VectorStore

LOCAL = "local"
VECTORS = "embeddings.vectors"
JOURNAL = "labels.journal.jsonl"
NO_JUDGE = JudgeChoice()


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbedderChoice(_Form):
    """What makes the embeddings by which rows are compared in the steps that look for meaning."""

    where: str = Field(
        LOCAL,
        min_length=1,
        title="Base URL",
        description=f"Of an embeddings endpoint; {LOCAL}: the extra local-embedder.",
    )
    name: str | None = Field(None, title="Model", description="At that endpoint; for a local one perhaps a folder.")
    api_key_env: str | None = Field(
        None, title="API key: environment variable", description="Name of the variable that holds the key."
    )
    api_key_block: str | None = Field(
        None, title="API key: Secret block", description="Name of the Prefect Secret block that holds the key."
    )


class Meaning(_Form):
    """When rows mean the same, and which of them is kept."""

    semantic_threshold: float = Field(0.9, ge=-1, le=1, description="Cosine from which rows are semantic duplicates.")
    semantic_rule: Rule = Field(
        Rule.KEPT, description="Compare with the rows kept so far (Deita), or with all seen so far (Llama 3)."
    )
    paraphrase_threshold: float = Field(
        0.65, ge=-1, le=1, description="Cosine from which a row paraphrases a benchmark item."
    )
    paraphrase_judge: bool = Field(
        False, description="A judge decides what is a paraphrase; the cosine only chooses what it is asked about."
    )
    paraphrase_candidates: float = Field(
        0.5, ge=-1, le=1, description="Cosine from which that judge is asked about an item."
    )
    paraphrase_top_k: int = Field(3, ge=1, le=20, description="Nearest items that it is asked about at most.")
    quality: str | None = Field(None, description="Column of a score: of semantic duplicates the best is kept.")
    difficulty: str | None = Field(None, description="Column of a difficulty, multiplied with quality.")

    def options(self, field: str | None, steps: Sequence[str]) -> CurateOptions:
        """The same with what to look at and for."""
        return CurateOptions(
            field=field,
            steps=tuple(steps),
            semantic=SemanticRule(self.semantic_threshold, self.semantic_rule),
            paraphrase=ParaphraseRule(
                self.paraphrase_threshold, self.paraphrase_judge, self.paraphrase_candidates, self.paraphrase_top_k
            ),
            quality=self.quality,
            difficulty=self.difficulty,
        )


@dataclass(frozen=True)
class Curated:
    """What was kept, and the mix of it where one was asked for."""

    result: CurateResult
    mixed: Mixed | None

    def text(self) -> str:
        """For a terminal."""
        return self.result.text() + (f"\n\n{self.mixed.text()}\n{self.mixed.file}" if self.mixed else "")


@dataclass(frozen=True)
class Extras:
    """What curation may use beyond the rows themselves, and what is made of what it keeps."""

    embedder: EmbedderChoice | None = None
    mix: Mix | None = None
    labels: LabelSettings = NO_LABELS
    judge: JudgeChoice = NO_JUDGE  # the models that are asked for labels


def read_extras(embedder: EmbedderChoice | None, mix: Path | None, labels: Path | None, judge: JudgeChoice) -> Extras:
    """With the files that a command line names. Raises CurationError."""
    asked = read_label_settings(labels) if labels else NO_LABELS
    return Extras(embedder, read_mix(mix) if mix else None, asked, judge)


def curate_any(dataset: Path, out: Path, benchmarks: Sequence[Path], options: CurateOptions, extras: Extras) -> Curated:
    """Curate `dataset` into `out`. Raises CurationError, ConfigError.

    Vectors and what models said are kept in `out`, so that a second call asks only for what is new.
    """
    options = replace(options, labels=extras.labels)
    with ExitStack() as stack:
        if extras.embedder is not None:
            opened = _open(extras.embedder)
            store = stack.enter_context(VectorStore(out / VECTORS))
            options = replace(options, embedder=CachedEmbedder(opened, store))
        if extras.labels.asks or options.paraphrase.judge:
            _require_judge(extras)
            options = replace(options, served=stack.enter_context(_served(extras.judge, out / JOURNAL)))
        result = curate(dataset, out, benchmarks, options)
    return Curated(result, mix_dataset(result.kept, out, extras.mix) if extras.mix else None)


def _require_judge(extras: Extras) -> None:
    """Raises ConfigError where there is nobody to ask, or where another model would be asked as a guard."""
    if not extras.judge.given:
        raise ConfigError(f"--labels, --judge-paraphrases: who is asked? {HINT}")
    safety, others = extras.labels.safety, extras.labels.model_copy(update={"safety": None}).asks
    if safety is None or safety.form != "template" or "guard" in extras.judge.run_config().models:
        return
    if others or extras.judge.config is not None:
        raise ConfigError(
            "--labels: safety: a guard is asked in another way than a judge; name [models.guard] in --config, or set "
            'form = "policy" for any other model'
        )


@contextmanager
def _served(choice: JudgeChoice, journal: Path) -> Iterator[Served]:
    """The models of the choice, on a loop of their own."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        model = runner.run(stack.enter_async_context(judge_model(choice, journal)))
        try:
            yield Served(model, runner)
        finally:
            runner.run(stack.aclose())


def _open(choice: EmbedderChoice) -> Embedder:
    if choice.where == LOCAL:
        return LocalEmbedder(choice.name)
    if choice.name is None:
        raise ConfigError("--embedder-name: say which model of the endpoint makes the embeddings")
    keys = {"api_key_env": choice.api_key_env, "api_key_block": choice.api_key_block}
    settings = ModelSettings.model_validate({"base_url": [choice.where], "name": choice.name, **keys})
    try:
        config = ModelConfig(choice.name, (choice.where,), api_key(settings) or "", timeout_s=settings.timeout_s)
    except ValueError as error:
        raise ConfigError(f"--embedder {choice.where}: {error}") from error
    return ServedEmbedder(config)
