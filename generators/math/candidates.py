"""What the math recipes have in common: checks of a worked solution, and the answer that proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from generators.recipe import SeedRefused, Settings
from records.types import QUOTED, Call, Check, Record
from served_model.types import Reply
from verifiers.answer_extraction import extract_answer
from verifiers.equivalence import MAX_CHARACTERS
from verifiers.judged import Judged
from verifiers.judging import Criterion, Panel
from verifiers.majority_vote import MajorityVote
from verifiers.math_answer import MathAnswer
from verifiers.response_hygiene import ResponseHygiene
from verifiers.solution_steps import split_steps

PART = "response"
MIN_VOTES = 2  # samples of a question without a reference
STEP_CHECK = "generators.math/step_check"
SOUND_STEPS = "sound_steps"  # the criterion of the step check: 0, or the number of the first wrong step
RETRIES = 3  # of a judgement that cannot be read; more than the judges' default, since every solution needs one
SET_ASIDE = "set_aside"  # metadata: journal keys of replies that weighed in a decision and wrote nothing of the record


class SolutionSettings(Settings):
    """What every recipe that makes worked solutions lets a user vary. T=0.7 and top-p 0.95 are OpenMathReasoning's
    values; Llama 3 gives none."""

    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=1)
    min_agreement: float = Field(0.5, ge=0, lt=1, description="share of votes to be exceeded without a reference")
    min_characters: int = Field(20, ge=0)
    max_characters: int = Field(20_000, ge=1)
    max_repeated_share: float = Field(0.3, ge=0, le=1)
    judge_steps: bool = Field(True, description="a judge must find no wrong step; it names the first one")
    judge_votes: int = Field(1, ge=1, le=15, description="votes of the step judge; a majority decides")


@dataclass(frozen=True)
class Truth:
    """What a final answer is held against: a reference, or the answers of a vote and which of them is the own one."""

    reference: str = ""
    answers: tuple[str, ...] = ()
    index: int = 0
    source: str = ""  # "reference", "majority", "document": metadata `answer_source`

    def check(self, min_agreement: float) -> Check:
        """The check of the final answer."""
        if self.reference:
            return MathAnswer(self.reference)
        return MajorityVote(self.answers, self.index, min_agreement)


def require_votes(reference: str, samples: int) -> None:
    """Without a reference a lone sample would be its own majority. Raises SeedRefused("too_few_votes")."""
    if not reference and samples < MIN_VOTES:
        raise SeedRefused("too_few_votes", samples=samples)


def solution_checks(
    question: str, solution: str, truth: Truth, finish_reason: str, settings: SolutionSettings
) -> tuple[Check, ...]:
    """Hygiene, the final answer, the steps: cheap proofs first, so that the judge reads right answers only."""
    hygiene = ResponseHygiene(
        finish_reason, settings.min_characters, settings.max_characters, settings.max_repeated_share
    )
    steps = (step_check(question, solution, settings.judge_votes),) if settings.judge_steps else ()
    return (hygiene, truth.check(settings.min_agreement), *steps)


def step_check(question: str, solution: str, votes: int = 1) -> Judged:
    """A judge must name the first wrong step, 0 where there is none (M8)."""
    steps = split_steps(solution)
    values = tuple(range(len(steps) + 1))
    return Judged(
        prompt=STEP_CHECK,
        criteria=(Criterion(SOUND_STEPS, values=values, passing=(0,)),),
        fields={"question": question, "steps": numbered(steps)},
        panel=Panel(votes=votes, retries=RETRIES),
    )


def numbered(steps: Sequence[str]) -> str:
    """The steps as prompts show them."""
    return "\n".join(f"[{number}] {step.strip()}" for number, step in enumerate(steps, 1))


def final_answer(text: str) -> str:
    """The final answer of a solution, "" where it has none. One that is too long to be compared stays too long."""
    found = extract_answer(text)
    return found.text[: MAX_CHARACTERS + 1] if found else ""


def answer_of(reply: Reply) -> str:
    """The final answer of a reply."""
    return final_answer(reply.text)


def quoted_calls(record: Record) -> tuple[Call, ...]:
    """The calls of an earlier record whose text this one shows as another's, right or wrong, to be judged."""
    return tuple(replace(call, part=f"{QUOTED}{call.part}") for call in record.candidate.calls)


def proven_answer(chains: Sequence[Sequence[Record]]) -> tuple[str, str]:
    """The answer of an earlier question and where it comes from: its reference, else the answer that won its vote.

    ("", "") where neither is known.
    """
    seed = chains[0][0].candidate.seed
    if seed.fields.get("answer"):
        return seed.fields["answer"], "reference"
    for chain in chains:
        for verdict in chain[-1].verdicts:
            answer = verdict.evidence.get("answer")
            won = verdict.reason in ("majority_answer", "minority_answer")
            if verdict.check == MajorityVote.kind and won and isinstance(answer, str):
                return answer, "majority"
    return "", ""
