"""From a number of the report to the records behind it: what the browser of records is to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit.tables import percent
from records.accounts import Accounts, StageCount

FATES = {"accepted": "pass", "rejected": "fail", "unjudged": "unjudged", "dropped": "dropped"}
"""What becomes of something at a stage, and the outcome of the records that show it."""


@dataclass(frozen=True)
class Lead:
    """A number and where it leads: conditions on the sampled records, none where they are empty."""

    number: int
    recipe: str = ""
    outcome: str = ""
    reason: str = ""
    trait: str = ""


@dataclass(frozen=True)
class StageLine:
    """A stage of a recipe: its numbers, and its bar as fate, number and width in per cent of the recipe's widest."""

    stage: str
    entered: int
    leads: Mapping[str, Lead]
    bars: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True)
class Funnel:
    """A recipe's way from seeds to the dataset."""

    recipe: str
    lines: tuple[StageLine, ...]

    @property
    def seeds(self) -> int:
        """What came in at its widest first stage."""
        return self.lines[0].entered

    @property
    def kept(self) -> Lead:
        """What left its last stage."""
        return self.lines[-1].leads["accepted"]

    @property
    def records(self) -> Lead:
        """The chains that came to an end with a record."""
        return Lead(sum(line.entered for line in self.lines if line.stage == "record"), self.recipe)

    @property
    def share(self) -> str:
        """Kept of the records."""
        return percent(self.kept.number, self.records.number)

    @property
    def bars(self) -> tuple[tuple[str, int, float], ...]:
        """What became of them, in per cent of them."""
        (line, *_) = [*(one for one in self.lines if one.stage == "record"), self.lines[-1]]
        whole = max(1, line.entered)
        return tuple((fate, number, round(100 * number / whole, 2)) for fate, number, _ in line.bars)


def funnels(accounts: Accounts) -> Iterator[Funnel]:
    """One per recipe, in the order of the run."""
    by_recipe: dict[str, list[StageCount]] = {}
    for count in accounts:
        by_recipe.setdefault(count.recipe, []).append(count)
    for recipe, counts in by_recipe.items():
        widest = max(1, *(count.entered for count in counts))
        yield Funnel(recipe, tuple(_line(count, widest) for count in counts))


def _line(count: StageCount, widest: int) -> StageLine:
    leads = {fate: _lead(count, fate) for fate in FATES}
    bars = [(fate, lead.number, round(100 * lead.number / widest, 2)) for fate, lead in leads.items() if lead.number]
    return StageLine(count.stage, count.entered, leads, tuple(bars))


def _lead(count: StageCount, fate: str) -> Lead:
    number, recipe, outcome = getattr(count, fate), count.recipe, FATES[fate]
    if fate == "dropped":
        return Lead(number, recipe, outcome, trait=f"stage={count.stage}")
    if count.stage == "verify":  # attempts, of which a chain may have several
        return Lead(number, recipe, trait=f"verdict={outcome}")
    if count.stage == "revise" and fate == "accepted":
        return Lead(number, recipe, trait="attempt=2")
    if fate == "accepted" and count.stage not in ("record", "select"):
        return Lead(number, recipe)
    return Lead(number, recipe, outcome)


def reason_lead(recipe: str, reason: str, number: int) -> Lead:
    """To what was refused or lost for a reason; giving up is not written on a record."""
    return Lead(number, recipe, "fail") if reason == "revise: gave_up" else Lead(number, recipe, reason=reason)
