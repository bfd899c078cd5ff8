"""Proof of a math response without a reference: its final answer is the one most samples of its group agree on (M7).

Equivalence of answers is not transitive (decimals may stand for the numbers they round), so classes are the connected
components of the pairs that are equivalent, each pair compared once in the order of their texts: the classes do not
depend on the order of the samples. An answer that cannot be compared (it hangs the comparison, or is too large) stands
apart; where its votes could change the result, nothing is known and the verdict is UNJUDGED.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from records.types import JSON, Candidate, Check, Outcome, Verdict
from verifiers.answer_extraction import extract_answer
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.equivalence import TooLarge, is_equivalent
from verifiers.workers import ProcessPool, WorkerError

FAILURES_OF_ONE = 2  # comparisons of one answer that may fail before no more are tried with it
EVIDENCE_CHARACTERS = 200  # kept of an answer in the evidence


@dataclass(frozen=True)
class MajorityVote(Check):
    """The response's final answer must be in the class that wins the vote of its group.

    `answers` are the final answers of all samples of the group, "" for a sample without one; `index` says which of
    them this candidate is. The winner's votes over all samples must be more than `min_agreement` (0.5: an absolute
    majority; 0: any plurality, as OpenMathInstruct-2 has it).
    """

    kind: ClassVar[str] = "majority_vote"
    answers: tuple[str, ...]
    index: int
    min_agreement: float = 0.5


class Row(BaseModel):
    """One row of `provender verify majority`; other fields are ignored."""

    model_config = ConfigDict(coerce_numbers_to_str=True)
    id: str | int
    responses: list[str | None]
    expected: str | None = None
    min_agreement: float = 0.0


@dataclass(frozen=True)
class Tally:
    """The classes with their votes, most votes first, and the answers that could not be compared."""

    classes: tuple[tuple[frozenset[str], int], ...]
    apart: Mapping[str, int]
    total: int  # samples, with and without an answer
    names: tuple[str, ...]  # of the classes: the form most samples wrote, then the shortest, then the first by text

    def refusal(self, min_agreement: float) -> str | None:
        """Why there is no winner: no_answer, tie, low_agreement; None where there is one."""
        if not self.classes:
            return "no_answer"
        top = self.classes[0][1]
        if len(self.classes) > 1 and self.classes[1][1] == top:
            return "tie"
        return None if top > min_agreement * self.total else "low_agreement"

    def is_certain(self, min_agreement: float) -> bool:
        """Whether the answers standing apart could not change who wins, were they comparable."""
        unknown = sum(self.apart.values())
        if not unknown:
            return True
        top, second = ([votes for _, votes in self.classes] + [0, 0])[:2]
        return top > second + unknown and (top > min_agreement * self.total)

    def evidence(self) -> dict[str, JSON]:
        """What a verdict tells: the leading answer, its votes and share, the number of classes, and the whole tally."""
        votes = self.classes[0][1] if self.classes else 0
        return {
            "answer": shown(self.names[0], EVIDENCE_CHARACTERS) if self.names else None,
            "votes": votes,
            "total": self.total,
            "classes": len(self.classes) + len(self.apart),
            "vote_share": round(votes / self.total, 6) if self.total else 0.0,
            "tally": [
                [shown(name, EVIDENCE_CHARACTERS), count]
                for name, (_, count) in zip(self.names, self.classes, strict=True)
            ],
        }


async def verify(check: MajorityVote, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS majority_answer; FAIL no_answer, tie, low_agreement, minority_answer; UNJUDGED comparison_deadline."""
    found = extract_answer(candidate.parts["response"])
    own = found.text if found else ""
    answers = (*check.answers[: check.index], own, *check.answers[check.index + 1 :])
    tally = await count_votes(answers, resources.workers)
    outcome, reason = _decide(own, tally, check.min_agreement)
    return Verdict(check.kind, outcome, reason, {**tally.evidence(), "own_answer": shown(own, EVIDENCE_CHARACTERS)})


def _decide(own: str, tally: Tally, min_agreement: float) -> tuple[Outcome, str]:
    if not own:
        return Outcome.FAIL, "no_answer"
    if own in tally.apart or not tally.is_certain(min_agreement):
        return Outcome.UNJUDGED, "comparison_deadline"
    refusal = tally.refusal(min_agreement)
    if refusal:
        return Outcome.FAIL, refusal
    wins = own in tally.classes[0][0]
    return (Outcome.PASS, "majority_answer") if wins else (Outcome.FAIL, "minority_answer")


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """PASS where the responses have a majority answer and it is `expected`, where that is given.

    FAIL no_answer, tie, low_agreement, wrong_answer; evidence.answer is null where nothing wins.
    """
    found = [extract_answer(response or "") for response in row.responses]
    tally = await count_votes([answer.text if answer else "" for answer in found], resources.workers)
    evidence = tally.evidence() | {"expected": row.expected and shown(row.expected, EVIDENCE_CHARACTERS)}
    if not tally.is_certain(row.min_agreement):
        return Verdict(MajorityVote.kind, Outcome.UNJUDGED, "comparison_deadline", evidence | {"answer": None})
    refusal = tally.refusal(row.min_agreement)
    if refusal:
        return Verdict(MajorityVote.kind, Outcome.FAIL, refusal, evidence | {"answer": None})
    if row.expected is None:
        return Verdict(MajorityVote.kind, Outcome.PASS, "majority_answer", evidence)
    equal = await _compare(row.expected, tally.names[0], resources.workers)
    if equal is None:
        return Verdict(MajorityVote.kind, Outcome.UNJUDGED, "comparison_deadline", evidence)
    outcome, reason = (Outcome.PASS, "majority_answer") if equal else (Outcome.FAIL, "wrong_answer")
    return Verdict(MajorityVote.kind, outcome, reason, evidence)


async def count_votes(answers: Sequence[str], workers: ProcessPool) -> Tally:
    """The vote of a group. Independent of the order of the answers."""
    votes = Counter(answer for answer in answers if answer)
    texts = sorted(votes)
    equal: set[tuple[str, str]] = set()
    failed: set[tuple[str, str]] = set()
    failures: Counter[str] = Counter()
    for pair in combinations(texts, 2):
        hopeless = max(failures[text] for text in pair) >= FAILURES_OF_ONE
        verdict = None if hopeless else await _compare(*pair, workers)
        if verdict is None:
            failed.add(pair)
            failures.update(pair)
        elif verdict:
            equal.add(pair)
    apart = _apart(failed)
    components = _components([text for text in texts if text not in apart], equal)
    ranked = sorted(
        ((_name(members, votes), members, sum(votes[text] for text in members)) for members in components),
        key=lambda entry: (-entry[2], entry[0]),
    )
    return Tally(
        classes=tuple((members, count) for _, members, count in ranked),
        apart={text: votes[text] for text in apart},
        total=len(answers),
        names=tuple(name for name, _, _ in ranked),
    )


async def _compare(first: str, second: str, workers: ProcessPool) -> bool | None:
    """None where the two cannot be compared."""
    try:
        return await is_equivalent(first, second, workers)
    except (TooLarge, WorkerError):
        return None


def _apart(failed: set[tuple[str, str]]) -> list[str]:
    """The fewest answers (greedily) whose removal leaves no pair that failed to compare."""
    apart = []
    while failed:
        counts = Counter(text for pair in failed for text in pair)
        worst = max(sorted(counts), key=lambda text: (counts[text], len(text)))
        apart.append(worst)
        failed = {pair for pair in failed if worst not in pair}
    return apart


def _components(texts: Sequence[str], equal: set[tuple[str, str]]) -> list[frozenset[str]]:
    """Connected components of the graph of equal pairs."""
    component = {text: frozenset({text}) for text in texts}
    for first, second in sorted(equal):
        if first in component and second in component:
            merged = component[first] | component[second]
            component.update(dict.fromkeys(merged, merged))
    return sorted(set(component.values()), key=min)


def _name(members: frozenset[str], votes: Mapping[str, int]) -> str:
    return min(members, key=lambda text: (-votes[text], len(text), text))
