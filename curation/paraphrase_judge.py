"""Asks a judge whether a row is a benchmark item in other words: the second stage of the LLM decontaminator.

The nearest items are asked about one after the other until one is confirmed. What the judge did not say readably is
unknown: such a row is neither kept nor called contaminated, unless another item is confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from curation.dataset_rows import DatasetRow
from curation.paraphrases import Paraphrase
from records.types import JSON, Outcome
from served_model.types import Model
from verifiers.judging import Ballot, Criterion, Panel, Rubric, ask_panel, decide

SAME = Criterion("same_problem")
RUBRIC = Rubric("curation/paraphrase", (SAME,))
PANEL = Panel()
LONGEST = 8_000  # characters of a row that a judge is shown
UNJUDGED = "paraphrase_unjudged"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the judge found of a row: PASS is a paraphrase, FAIL none; UNJUDGED where nothing is known."""

    outcome: Outcome
    item: Paraphrase | None = None  # the confirmed one, else the nearest
    evidence: dict[str, JSON] = field(default_factory=dict)


async def rule_on(row: DatasetRow, near: Sequence[Paraphrase], model: Model) -> Ruling:
    """Ask about the items in their order, the nearest first. Raises what ends the work, such as a journal's error."""
    asked: list[dict[str, JSON]] = []
    unknown = False
    for one in near:
        fields = {"item": one.item.text, "text": row.text[:LONGEST]}
        ballots = await ask_panel(RUBRIC, fields, PANEL, model)
        outcome = decide(SAME, ballots, PANEL)
        asked.append({**one.evidence(), "outcome": str(outcome), **_said(ballots)})
        if outcome is Outcome.PASS:
            return Ruling(Outcome.PASS, one, {**one.evidence(), "asked": asked})
        unknown = unknown or outcome is Outcome.UNJUDGED
    nearest = near[0] if near else None
    about = nearest.evidence() if nearest else {}
    return Ruling(Outcome.UNJUDGED if unknown else Outcome.FAIL, nearest, {**about, "asked": asked})


def _said(ballots: Sequence[Ballot]) -> dict[str, JSON]:
    models = sorted({ballot.model for ballot in ballots if ballot.model})
    rationales = [ballot.rationales[SAME.name][:300] for ballot in ballots if SAME.name in ballot.rationales]
    problems = [ballot.problem for ballot in ballots if ballot.problem]
    return {"models": models, "rationales": rationales} | ({"problems": problems} if problems else {})
