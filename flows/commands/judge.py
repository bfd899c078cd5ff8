"""`provender judge calibrate`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json
from flows.errors import ConfigError

if TYPE_CHECKING:
    from flows.calibrate import Calibration, LabelledRow
    from flows.judge_model import JudgeChoice

app = typer.Typer(name="judge", help="Judges as instruments: measure one against human labels.", no_args_is_help=True)

JudgeUrl = Annotated[str | None, typer.Option("--judge", metavar="URL", help="Base URL of the judge, ending in /v1.")]
JudgeName = Annotated[str | None, typer.Option("--judge-model", metavar="NAME", help="Its name; none: the only one.")]
JudgeKey = Annotated[str | None, typer.Option("--judge-key-env", metavar="VAR", help="Variable with its API key.")]
JudgeConfig = Annotated[Path | None, typer.Option("--config", help="A run's config, for its models, in their place.")]


@app.command()
def calibrate(
    labels: Annotated[Path, typer.Option("--labels", help="JSON lines: label, and fields of the rubric or a score.")],
    rubric: Annotated[str, typer.Option(help="Prompt of the rubric.")] = "verifiers/correctness",
    votes: Annotated[int, typer.Option(min=1, help="Votes for each row; their passing share is its score.")] = 5,
    by: Annotated[str, typer.Option(help="What the threshold maximises: youden, f1 or accuracy.")] = "youden",
    judge: JudgeUrl = None,
    judge_model: JudgeName = None,
    judge_key_env: JudgeKey = None,
    config: JudgeConfig = None,
    as_json: Json = False,
) -> None:
    """Compare a judge with human labels and choose the threshold that agrees with them best."""
    from flows import calibrate as calibration
    from flows.judge_model import JudgeChoice

    if by not in calibration.CHOICES:
        raise ConfigError(f"--by {by}: one of {', '.join(calibration.CHOICES)}")
    rows = calibration.read_rows(labels)
    choice = JudgeChoice(config, judge, judge_model, judge_key_env)
    scores = asyncio.run(_scores(rows, rubric, votes, (choice, labels)))
    result = calibration.calibrate([row.label for row in rows], scores, by)
    print(json.dumps(calibration.as_json(result, by), indent=2) if as_json else _text(result, by))


async def _scores(
    rows: Sequence[LabelledRow], rubric: str, votes: int, judge: tuple[JudgeChoice, Path]
) -> list[float | None]:
    from flows import calibrate as calibration
    from flows.judge_model import journal_beside, judge_model
    from verifiers.judging import Panel

    choice, labels = judge
    if all(row.fields is None for row in rows):
        return [row.score for row in rows]
    async with judge_model(choice, journal_beside(labels)) as model:
        return await calibration.score_rows(rows, calibration.find_rubric(rubric), Panel(votes=votes), model)


def _text(result: Calibration, by: str) -> str:
    from audit.tables import text_table
    from flows import terminal

    headers = ("threshold", "accuracy [95 %]", "precision", "recall", "f1", "kappa")
    rows = [
        [
            f"{cut.value:g}{' *' if cut is result.chosen else ''}",
            str(cut.accuracy),
            _share(cut.precision.value),
            _share(cut.recall.value),
            f"{cut.f1:.3f}",
            "-" if cut.kappa is None else f"{cut.kappa:.3f}",
        ]
        for cut in result.thresholds
    ]
    head = f"{result.rows} labelled rows, {result.unreadable} of them unreadable; AUC {result.auc:.3f}"
    return f"{text_table(headers, rows, terminal.width())}\n{head}; * is best by {by}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
