"""The command that curates any dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.rules import Rule
from flows.commands.judge import JudgeConfig, JudgeKey, JudgeName, JudgeUrl
from flows.commands.options import Quiet

if TYPE_CHECKING:
    from flows.curate_any import EmbedderChoice

Dataset = Annotated[Path, typer.Argument(metavar="DATASET", help="Parquet file or folder, or JSON lines.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for what is kept, the drops and the counts.")]
Benchmarks = Annotated[list[Path] | None, typer.Option("--benchmarks", help="Benchmark file; repeatable.")]
Steps = Annotated[str | None, typer.Option("--steps", help="Comma-separated steps; default: all of them.")]
Text = Annotated[str | None, typer.Option("--field", help="Column that holds the text.")]
Shares = Annotated[Path | None, typer.Option("--mix", help="TOML file with weights, caps and epochs.")]
Embedder = Annotated[str | None, typer.Option(help="Base URL of an embeddings endpoint, or local; for semantic steps.")]
EmbedderName = Annotated[str | None, typer.Option(help="Model at that endpoint, or a local folder.")]
EmbedderKey = Annotated[str | None, typer.Option(help="Environment variable with the API key.")]
Semantic = Annotated[float, typer.Option(min=-1, max=1, help="Cosine of semantic duplicates.")]
SemanticRule = Annotated[Rule, typer.Option(help="Compare with those kept (Deita) or seen (Llama 3).")]
Paraphrase = Annotated[float, typer.Option(min=-1, max=1, help="Cosine of paraphrased items.")]
ParaphraseJudge = Annotated[
    bool, typer.Option("--judge-paraphrases", help="A judge decides on the nearest items; needs --judge or --config.")
]
Quality = Annotated[str | None, typer.Option(help="Column of a score: semantic duplicates keep the best.")]
Difficulty = Annotated[str | None, typer.Option(help="Column of a difficulty, multiplied with quality.")]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="TOML file: safety, quality, difficulty, topic, phrases.")
]


def curate(
    dataset: Dataset,
    out: Out,
    benchmarks: Benchmarks = None,
    steps: Steps = None,
    field: Text = None,
    mix: Shares = None,
    embedder: Embedder = None,
    embedder_name: EmbedderName = None,
    embedder_key_env: EmbedderKey = None,
    semantic_threshold: Semantic = 0.9,
    semantic_rule: SemanticRule = Rule.KEPT,
    paraphrase_threshold: Paraphrase = 0.65,
    judge_paraphrases: ParaphraseJudge = False,
    quality: Quality = None,
    difficulty: Difficulty = None,
    labels: Labels = None,
    judge: JudgeUrl = None,
    judge_model: JudgeName = None,
    judge_key_env: JudgeKey = None,
    config: JudgeConfig = None,
    quiet: Quiet = False,
) -> None:
    """Drop from any dataset what repeats itself, is contaminated, unsafe, double or poor, each row with its reason."""
    from flows.curate_any import Meaning, curate_any, read_extras
    from flows.judge_model import JudgeChoice

    options = Meaning(
        semantic_threshold=semantic_threshold,
        semantic_rule=semantic_rule,
        paraphrase_threshold=paraphrase_threshold,
        paraphrase_judge=judge_paraphrases,
        quality=quality,
        difficulty=difficulty,
    ).options(field, _steps(steps))
    where = _embedder(embedder, embedder_name, embedder_key_env)
    extras = read_extras(where, mix, labels, JudgeChoice(config, judge, judge_model, judge_key_env))
    curated = curate_any(dataset, out, benchmarks or (), options, extras)
    if not quiet:
        print(curated.text().rstrip())


def _steps(names: str | None) -> Sequence[str]:
    from curation.options import STEPS

    return [name.strip() for name in names.split(",")] if names else STEPS


def _embedder(where: str | None, name: str | None, key_env: str | None) -> EmbedderChoice | None:
    from flows.curate_any import EmbedderChoice

    return EmbedderChoice(where=where, name=name, api_key_env=key_env) if where else None
