"""What N closed-book answers say about a model's knowledge: the decision table and the knownness tags (F6, F9).

| right / attempted | informative / all | decision |
|---|---|---|
| >= `high` | >= `informative` | known: a right answer is a training target |
| <= `low` | >= `informative` | unknown: a refusal is the target |
| between | >= `informative` | mixed: dropped, or a pair (right over wrong) |
| any | < `informative` | uninformative: not a case for a refusal |

Attempted are answers that commit to something, right or wrong. Where judgements are missing, the decision is that which
every way of filling them in would give; if they could change it, it is `undecided`, and so are fewer than `min_samples`
judged answers. Llama 3 gives no numbers (arXiv 2407.21783, 4.3.6); the defaults are the table's of the design notes,
and N = 10 is that of "Say I Don't Know" (arXiv 2401.13275).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

Decision = Literal["known", "unknown", "mixed", "uninformative", "undecided"]
Knownness = Literal["highly_known", "maybe_known", "weakly_known", "unknown"]


@dataclass(frozen=True)
class Cutoffs:
    """Shares from 0 to 1, and a number of answers. Raises ValueError where `low` is not below `high`."""

    high: float = 0.8
    low: float = 0.2
    informative: float = 0.8
    min_samples: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1 or not 0 <= self.informative <= 1 or self.min_samples < 1:
            raise ValueError("cut-offs must be shares with low < high, and min_samples at least 1")


@dataclass(frozen=True)
class Tally:
    """Judged answers by what was found: `right` and `wrong` attempted something, `informative` is judged apart."""

    right: int
    wrong: int
    silent: int  # judged, and did not attempt an answer
    informative: int
    unjudged: int = 0

    @property
    def judged(self) -> int:
        """Answers with a judgement."""
        return self.right + self.wrong + self.silent

    @property
    def attempted(self) -> int:
        """Answers that committed to something."""
        return self.right + self.wrong


def decide_knowledge(tally: Tally, cutoffs: Cutoffs) -> Decision:
    """The table's decision, or undecided."""
    if tally.judged < cutoffs.min_samples:
        return "undecided"
    possible = {_table(filled, cutoffs) for filled in _fillings(tally)}
    return possible.pop() if len(possible) == 1 else "undecided"


def _table(tally: Tally, cutoffs: Cutoffs) -> Decision:
    """Shares are compared as whole numbers are, so that 8 of 10 meets 0.8 whatever floats make of it."""
    if not tally.attempted or _below(tally.informative, tally.judged, cutoffs.informative):
        return "uninformative"
    if not _below(tally.right, tally.attempted, cutoffs.high):
        return "known"
    return "unknown" if _at_most(tally.right, tally.attempted, cutoffs.low) else "mixed"


def _below(part: int, whole: int, share: float) -> bool:
    return part < share * whole - 1e-9


def _at_most(part: int, whole: int, share: float) -> bool:
    return part <= share * whole + 1e-9


def _fillings(tally: Tally) -> Iterator[Tally]:
    """Every way in which the missing judgements could have come out."""
    for right, wrong, silent, informative in _splits(tally.unjudged):
        yield Tally(tally.right + right, tally.wrong + wrong, tally.silent + silent, tally.informative + informative)


@cache
def _splits(count: int) -> tuple[tuple[int, int, int, int], ...]:
    return tuple(
        (right, wrong, count - right - wrong, informative)
        for right in range(count + 1)
        for wrong in range(count - right + 1)
        for informative in range(count + 1)
    )


def find_knownness(greedy: Sequence[bool | None], sampled: Sequence[bool | None]) -> Knownness | None:
    """The tag of Gekhman et al. (arXiv 2405.05904), with wordings of the question in place of few-shot prompts.

    `greedy` and `sampled` say which answers at temperature 0 and above it were right; None where that is not known.
    Highly known: all greedy answers are right; maybe: some are; weakly: only sampled ones are; unknown: none is. None
    where a missing judgement could change the tag.
    """
    tags = {_tag(*filled) for filled in _filled(greedy, sampled)}
    return tags.pop() if len(tags) == 1 else None


def _tag(greedy: Sequence[bool], sampled: Sequence[bool]) -> Knownness:
    if greedy and all(greedy):
        return "highly_known"
    if any(greedy):
        return "maybe_known"
    return "weakly_known" if any(sampled) else "unknown"


def _filled(greedy: Sequence[bool | None], sampled: Sequence[bool | None]) -> Iterator[tuple[list[bool], list[bool]]]:
    """All missing ones right, or all wrong, in each of the two groups: the tags in between lie between these."""
    for one in (True, False):
        for other in (True, False):
            yield [one if item is None else item for item in greedy], [other if x is None else x for x in sampled]
