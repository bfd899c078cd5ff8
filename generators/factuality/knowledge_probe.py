"""factuality/knowledge_probe: what the model knows it answers, what it does not know it refuses (F3-F10).

The six steps of the report (arXiv 2407.21783, 4.3.6): snippet and question come from `factuality/question`; here come N
closed-book answers, their judgements, and a refusal where they are consistently informative and wrong.

A chain begins with the first answer and the check that the model knows. Where that fails, the verdict says what to do:
  known, but this sample is wrong    the next attempt shows a right one (the same judgements, nothing is paid again)
  unknown                            the next attempt is a refusal, written without a look at document or answers
  mixed                              a right and a wrong sample as a preference pair, or nothing (`mixed`)
  uninformative                      nothing: no case for a refusal
  disagrees_with_document            nothing: the export `review` shows it to a human
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, model_validator

from generators.attempts import chains_of
from generators.factuality.panel import PanelSettings
from generators.factuality.refusal import refusal_checks, wording_of, write_refusal
from generators.factuality.samples import PROMPT, Plan, ask_samples, closed_book_sample, sample_call
from generators.recipe import Recipe, Resources, SeedRefused
from records.limits import Limits
from records.types import Candidate, Check, Message, Outcome, Record, Seed, stable_hash
from verifiers.closed_book import ClosedBook
from verifiers.judged_pair import JudgedPair
from verifiers.knowledge import Cutoffs
from verifiers.knowledge_probe import KnowledgeProbe
from verifiers.refusal import Refusal
from verifiers.refusal_quality import RefusalQuality
from verifiers.wording import content_words

NAME = "factuality/knowledge_probe"
REFUSAL_CHECKS = (Refusal.kind, RefusalQuality.kind)


class ProbeSettings(PanelSettings):
    """What a user may vary. N = 10 answers at T = 1.0 as in "Say I Don't Know" (arXiv 2401.13275): with two paraphrases
    1 + 7 to the question, and one at temperature 0 to each paraphrase."""

    greedy: bool = Field(True, description="one answer at temperature 0 to each wording, for the knownness tag")
    samples: int = Field(7, ge=0, le=256, description="sampled answers to the question")
    paraphrase_samples: int = Field(0, ge=0, le=64, description="sampled answers to each paraphrase")
    temperature: float = Field(1.0, gt=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int = Field(256, ge=1)
    known_from: float = Field(0.8, gt=0, le=1, description="share of right among attempted from which it is known")
    unknown_to: float = Field(0.2, ge=0, lt=1, description="share of right among attempted up to which it is unknown")
    informative_from: float = Field(0.8, ge=0, le=1, description="share of informative answers a decision needs")
    min_samples: int = Field(5, ge=1, description="judged answers that a decision needs")
    agreement: float = Field(0.6, gt=0, le=1, description="share of agreeing wrong answers that questions the document")
    mixed: Literal["drop", "pair"] = Field("pair", description="what becomes of partly known questions")
    refusal_rounds: int = Field(8, ge=1, le=64, description="refusals written until one is good")
    refusal_share: float = Field(0.3, ge=0, le=1, description="most refusals in the dataset, as a share of its records")
    same_wording: int = Field(5, ge=1, description="most refusals that differ only in what they name")

    @model_validator(mode="after")
    def _decides(self) -> ProbeSettings:
        self.cutoffs()
        if (1 if self.greedy else 0) + self.samples < 1:
            raise ValueError("no answers would be asked for; set samples or greedy")
        return self

    def cutoffs(self) -> Cutoffs:
        """The table's cut-offs. Raises ValueError where they contradict each other."""
        return Cutoffs(self.known_from, self.unknown_to, self.informative_from, self.min_samples)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """The first answer, with all answers in its checks. Raises SeedRefused("question_not_accepted") and ModelError."""
    [chain, *_] = chains_of(seed)
    question = chain[-1].candidate
    if chain[-1].outcome is not Outcome.PASS:
        raise SeedRefused("question_not_accepted", question=question.id)
    settings: ProbeSettings = resources.settings
    wordings = (question.parts["question"], *question.metadata["paraphrases"])
    plan = Plan(settings.greedy, settings.samples, settings.paraphrase_samples, settings.temperature, settings.top_p)
    samples = await ask_samples(question.id, wordings, plan, settings.max_tokens, resources)
    identity = stable_hash(
        NAME, str(resources.run_seed), str(resources.round), question.id, *(one["key"] for one in samples)
    )
    first = Candidate(
        id=identity,
        chain_id=identity,
        seed=question.seed,
        recipe=NAME,
        messages=(),
        parts={"question": wordings[0], "answer": question.parts["answer"]},
        checks=_checks(question, wordings, samples, settings),
        calls=question.calls,
        metadata={
            "kind": "answer",
            "question_id": question.id,
            "question_key": " ".join(sorted(content_words(wordings[0]))),
            "round": resources.round,
        },
    )
    return [_showing(first, 0, "known")]


def _checks(
    question: Candidate, wordings: tuple[str, ...], samples: tuple[dict[str, Any], ...], settings: ProbeSettings
) -> tuple[Check, ...]:
    passage = question.seed.text
    book = ClosedBook(PROMPT, wordings, tuple(map(closed_book_sample, samples)), passage, question.parts["answer"])
    probe = KnowledgeProbe(
        reference=passage,
        wordings=wordings,
        samples=samples,
        cutoffs=settings.cutoffs(),
        agreement=settings.agreement,
        related=tuple(json.loads(question.seed.fields.get("related", "[]"))),
        panel=settings.panel(),
        probe_share=settings.probe_share,
    )
    return book, probe


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """What the last verdict calls for, see above; None where nothing is to be trained on. Raises ModelError."""
    last = attempts[-1]
    settings: ProbeSettings = resources.settings
    verdict = last.deciding
    if verdict.check in REFUSAL_CHECKS:
        faults = tuple(one.deciding.reason for one in attempts if one.deciding.check in REFUSAL_CHECKS)
        return await _refusal(last.candidate, faults, resources) if len(faults) < settings.refusal_rounds else None
    if verdict.check != KnowledgeProbe.kind or last.candidate.attempt:
        return None
    if verdict.reason == "unknown":
        return await _refusal(last.candidate, (), resources)
    grades, informative = verdict.evidence["grades"], verdict.evidence["informative_samples"]
    right = [index for index, grade in enumerate(grades) if grade == "correct" and informative[index]]
    if verdict.reason == "wrong_sample" and right:
        return _showing(_next(last.candidate), right[0], "known")
    wrong = [index for index, grade in enumerate(grades) if grade == "incorrect" and informative[index]]
    if verdict.reason == "mixed" and settings.mixed == "pair":
        pairs = [(one, other) for one in right for other in wrong if _wording(last, one) == _wording(last, other)]
        return _pair(_next(last.candidate), *pairs[0], settings) if pairs else None
    return None


def _wording(record: Record, index: int) -> int:
    return int(_probe_of(record.candidate).samples[index]["wording"])


def _next(candidate: Candidate) -> Candidate:
    """The attempt that revises this one, as yet the same but for its name."""
    attempt = candidate.attempt + 1
    return replace(candidate, id=stable_hash(candidate.chain_id, str(attempt)), attempt=attempt, revises=candidate.id)


def _probe_of(candidate: Candidate) -> KnowledgeProbe:
    return next(check for check in candidate.checks if isinstance(check, KnowledgeProbe))


def _showing(candidate: Candidate, index: int, expected: Literal["known", "mixed"]) -> Candidate:
    """The candidate with one of the samples as its answer."""
    probe = replace(_probe_of(candidate), index=index, expected=expected)
    sample = probe.samples[index]
    return replace(
        candidate,
        messages=(Message("user", probe.wordings[sample["wording"]]), Message("assistant", sample["text"])),
        parts={**candidate.parts, "response": sample["text"]},
        checks=(*(check for check in candidate.checks if isinstance(check, ClosedBook)), probe),
        calls=(*(one for one in candidate.calls if one.part == "question"), sample_call(sample)),
    )


def _pair(candidate: Candidate, right: int, wrong: int, settings: ProbeSettings) -> Candidate:
    """A right sample that a judge must also prefer to a wrong one, in both orders."""
    shown = _showing(candidate, right, "mixed")
    probe = _probe_of(shown)
    better = JudgedPair(
        "verifiers/better",
        better=probe.samples[right]["text"],
        worse=probe.samples[wrong]["text"],
        fields={"reference": probe.reference, "question": probe.wordings[probe.samples[right]["wording"]]},
        panel=settings.panel(),
        probe_share=settings.probe_share,
    )
    metadata = {**shown.metadata, "kind": "pair", "exports": ["preference"]}
    return replace(shown, checks=(*shown.checks, better), metadata=metadata)


async def _refusal(candidate: Candidate, faults: tuple[str, ...], resources: Resources) -> Candidate:
    question, answer = candidate.parts["question"], candidate.parts["answer"]
    text, written = await write_refusal(question, candidate.chain_id, faults, resources)
    probe = replace(_probe_of(candidate), index=-1, expected="unknown")
    book = next(check for check in candidate.checks if isinstance(check, ClosedBook))
    return replace(
        _next(candidate),
        messages=(Message("user", question), Message("assistant", text)),
        parts={**candidate.parts, "response": text},
        checks=(*refusal_checks(question, answer, probe.reference), book, probe),
        calls=(*(one for one in candidate.calls if one.part == "question"), written),
        metadata={**candidate.metadata, "kind": "refusal", "wording": wording_of(text, question)},
    )


def limits(settings: ProbeSettings) -> Limits:
    """Refusals do not dominate (F8), no question stands twice, and no template of a refusal is learned by heart."""
    return Limits({"refusal": settings.refusal_share}, {"question_key": 1, "wording": settings.same_wording})


RECIPE = Recipe(
    name=NAME,
    seeds="attempts",
    settings=ProbeSettings,
    propose=propose,
    revise=revise,
    corpus="run:factuality/question",
    limits=limits,
)
