"""Proof of what a model knows (F4-F6, F9): N closed-book answers, judged against the document and apart from it.

Every answer gets a correctness grade, with the document as reference, and a verdict on whether it is informative,
without the document. The table of `verifiers/knowledge.py` turns the counts into a decision. An answer that the refusal
detector knows for a refusal attempts nothing and is not informative: that costs no judge. An answer that was cut off,
or is empty, is no answer: it counts for nothing, not even as unjudged.

Where the model would be taken for ignorant, but its wrong answers agree with each other, the document may be wrong and
not the model: `disagrees_with_document`, with what other passages on the matter say for or against. That is for a
human's eyes, never for training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from records.types import JSON, Candidate, Check, Outcome, Verdict
from served_model.types import Model
from verifiers.base import Resources
from verifiers.judge_probes import Probing, probe_judges, set_aside
from verifiers.judged import OUTVOTED, read_panel
from verifiers.judging import Ballot, Criterion, Panel, Rubric, ask_panel, decide_value, gather
from verifiers.knowledge import Cutoffs, Tally, decide_knowledge, find_knownness
from verifiers.refusal import find_kind
from verifiers.wording import content_words

CORRECTNESS = Rubric(
    "verifiers/correctness", (Criterion("grade", ("correct", "incorrect", "not_attempted"), ("correct",)),)
)
INFORMATIVENESS = Rubric("verifiers/informativeness", (Criterion("informative"),))
SUPPORT = Rubric(
    "verifiers/support",
    (Criterion("support", ("supported", "contradicted", "irrelevant"), ("supported",), ()),),
)
SAME_ANSWER = Rubric("verifiers/same_answer", (Criterion("same"),))
LEAST_AGREEING = 3  # answers; two may agree by chance
PROBED = "knowledge_probe"  # where a wrong answer that served as a sample is caught


@dataclass(frozen=True)
class KnowledgeProbe(Check):
    """The samples must show that the question is `expected` to the model, and sample `index` must be right.

    `index` is the answer that the candidate shows, -1 where it shows none of them (a refusal). A sample names its
    `text`, `key`, `wording` (an index), `temperature` and `finish_reason`. `related` are passages to weigh against
    `reference` where the answers agree with each other; of the wrong answers a share of `agreement` must.
    """

    kind: ClassVar[str] = PROBED
    reference: str
    wordings: tuple[str, ...]
    samples: tuple[Mapping[str, Any], ...]
    index: int = 0
    expected: Literal["known", "unknown", "mixed"] = "known"
    cutoffs: Cutoffs = Cutoffs()  # noqa: RUF009 - frozen
    agreement: float = 0.6
    related: tuple[str, ...] = ()
    panel: Panel = Panel()  # noqa: RUF009 - frozen
    probe_share: float = 0.05

    def __post_init__(self) -> None:
        """A stored check comes back with its parts as objects."""
        object.__setattr__(self, "panel", read_panel(self.panel))
        if isinstance(self.cutoffs, Mapping):
            object.__setattr__(self, "cutoffs", Cutoffs(**self.cutoffs))


@dataclass(frozen=True)
class Finding:
    """One sample judged. `grade` and `informative` are None where nothing is known; an unusable sample is no answer."""

    grade: str | None
    informative: bool | None
    correctness: tuple[Ballot, ...] = ()
    informativeness: tuple[Ballot, ...] = ()
    usable: bool = True

    @property
    def right(self) -> bool | None:
        """Whether the answer is right; None where that is not known."""
        return None if self.grade is None or self.informative is None else self.grade == "correct"


async def verify(check: KnowledgeProbe, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS known, unknown, mixed, as expected. FAIL the decision that it is instead, wrong_sample (the sample that the
    candidate shows is not right), disagrees_with_document. UNJUDGED undecided, no_judge."""
    model = resources.model
    if model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_judge")
    findings = await gather([_judge(check, sample, model) for sample in check.samples])
    tally = tally_of(findings)
    decision: str = decide_knowledge(tally, check.cutoffs)
    evidence = _evidence(check, findings, tally, decision)
    if decision == "unknown":
        agreeing = await _agreeing(check, findings, evidence, model)
        evidence["agreement"] = {"answers": agreeing, "wrong": tally.wrong}
        if len(agreeing) >= max(LEAST_AGREEING, check.agreement * tally.wrong):
            decision = "disagrees_with_document"
            await _weigh(check, agreeing[0], evidence, model)
    await _probe(check, candidate, evidence, model)
    return Verdict(check.kind, *_result(check, findings, decision), evidence)


async def _judge(check: KnowledgeProbe, sample: Mapping[str, Any], model: Model) -> Finding:
    text = str(sample["text"])
    kind = find_kind(text)
    if kind is None or sample["finish_reason"] != "stop":
        return Finding(None, None, usable=False)
    if kind.kind == "refusal":
        return Finding("not_attempted", False)
    fields = {"question": check.wordings[sample["wording"]], "answer": text}
    graded, told = await gather(
        [
            ask_panel(CORRECTNESS, {**fields, "reference": check.reference}, check.panel, model),
            ask_panel(INFORMATIVENESS, fields, check.panel, model),
        ]
    )
    grade = decide_value(CORRECTNESS.criteria[0], graded, check.panel)
    informative = decide_value(INFORMATIVENESS.criteria[0], told, check.panel)
    return Finding(
        None if grade is None else str(grade), None if informative is None else informative == "yes", graded, told
    )


def tally_of(findings: Sequence[Finding]) -> Tally:
    """The counts that the table reads. An answer of which either judgement is missing is unjudged."""
    usable = [one for one in findings if one.usable]
    judged = [one for one in usable if one.right is not None]
    grades = [one.grade for one in judged]
    return Tally(
        right=grades.count("correct"),
        wrong=grades.count("incorrect"),
        silent=grades.count("not_attempted"),
        informative=sum(one.informative is True for one in judged),
        unjudged=len(usable) - len(judged),
    )


async def _agreeing(
    check: KnowledgeProbe, findings: Sequence[Finding], evidence: dict[str, JSON], model: Model
) -> list[str]:
    """The wrong answers that say the same as the one which has most words in common with the others.

    Where most agree, that one is of their number. Equal texts agree without being judged; an unreadable judgement
    does not agree.
    """
    wrong = [
        str(sample["text"]) for sample, one in zip(check.samples, findings, strict=True) if one.grade == "incorrect"
    ]
    words = [content_words(text) for text in wrong]
    overlap = [sum(len(own & other) / (len(own | other) or 1) for other in words) for own in words]
    middle = wrong[max(range(len(wrong)), key=lambda index: overlap[index])]
    others = [text for text in dict.fromkeys(wrong) if _plain(text) != _plain(middle)]
    asked = [{"question": check.wordings[0], "first": middle, "second": text} for text in others]
    panels = await gather([ask_panel(SAME_ANSWER, fields, check.panel, model) for fields in asked])
    same = [decide_value(SAME_ANSWER.criteria[0], ballots, check.panel) == "yes" for ballots in panels]
    _note(evidence, SAME_ANSWER, panels)
    agreeing = {text for text, agrees in zip(others, same, strict=True) if agrees}
    return [text for text in wrong if text in agreeing or _plain(text) == _plain(middle)]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _note(evidence: dict[str, JSON], rubric: Rubric, panels: Sequence[Sequence[Ballot]]) -> None:
    """Add further judgements, and the replies that they rest on."""
    evidence["judgements"] += [
        {"prompt": rubric.prompt, "ballots": [ballot.evidence() for ballot in ballots]} for ballots in panels
    ]
    keys = {ballot.key for ballots in panels for ballot in ballots if ballot.key}
    evidence["rests_on"] = sorted({*evidence["rests_on"], *keys})


def _result(check: KnowledgeProbe, findings: Sequence[Finding], decision: str) -> tuple[Outcome, str]:
    if decision == "undecided":
        return Outcome.UNJUDGED, decision
    if decision != check.expected:
        return Outcome.FAIL, decision
    if check.index >= 0 and findings[check.index].right is not True:
        return Outcome.FAIL, "wrong_sample"
    return Outcome.PASS, decision


def _evidence(check: KnowledgeProbe, findings: Sequence[Finding], tally: Tally, decision: str) -> dict[str, JSON]:
    """The counts, every sample's judgement, knownness, the rate of each wording, and which replies it rests on."""
    greedy = [sample["temperature"] == 0 for sample in check.samples]
    rates = [_rate(check, findings, wording) for wording in range(len(check.wordings))]
    known = [rate for rate in rates if rate is not None]
    return {
        "decision": decision,
        "right": tally.right,
        "wrong": tally.wrong,
        "silent": tally.silent,
        "informative": tally.informative,
        "unjudged": tally.unjudged,
        "unusable": sum(not one.usable for one in findings),
        "pass_rate": round(tally.right / tally.judged, 6) if tally.judged else None,
        "knownness": find_knownness(
            [one.right for one, cold in zip(findings, greedy, strict=True) if cold and one.usable],
            [one.right for one, cold in zip(findings, greedy, strict=True) if not cold and one.usable],
        ),
        "rate_by_wording": rates,
        "inconsistent_wordings": bool(known) and max(known) - min(known) > check.cutoffs.high - check.cutoffs.low,
        "grades": [one.grade for one in findings],
        "informative_samples": [one.informative for one in findings],
        "judgements": _judgements(findings),
        **_sources(check, findings),
    }


def _rate(check: KnowledgeProbe, findings: Sequence[Finding], wording: int) -> float | None:
    """Share of right answers among the judged ones to one wording."""
    own = [one.right for sample, one in zip(check.samples, findings, strict=True) if sample["wording"] == wording]
    judged = [right for right in own if right is not None]
    return round(sum(judged) / len(judged), 6) if judged else None


def _judgements(findings: Sequence[Finding]) -> list[JSON]:
    """Each item's ballots under their rubric: what agreement between judges is computed from."""
    return [
        {"prompt": rubric.prompt, "sample": index, "ballots": [ballot.evidence() for ballot in ballots]}
        for index, one in enumerate(findings)
        for rubric, ballots in ((CORRECTNESS, one.correctness), (INFORMATIVENESS, one.informativeness))
        if ballots
    ]


def _sources(check: KnowledgeProbe, findings: Sequence[Finding]) -> dict[str, JSON]:
    """Right answers and agreeing ballots carry the result; wrong answers and outvoted ballots are set aside."""
    rests: set[str] = set()
    aside: dict[str, str] = {}
    for sample, one in zip(check.samples, findings, strict=True):
        if one.right:
            rests.add(sample["key"])
        else:
            aside[sample["key"]] = PROBED
        informative = None if one.informative is None else ("yes" if one.informative else "no")
        for ballots, name, result in (
            (one.correctness, "grade", one.grade),
            (one.informativeness, "informative", informative),
        ):
            for ballot in ballots:
                if ballot.key and result is not None and ballot.verdicts[name] != result:
                    aside[ballot.key] = OUTVOTED
                elif ballot.key:
                    rests.add(ballot.key)
    return {"rests_on": sorted(rests), "set_aside": dict(sorted(aside.items()))}


async def _weigh(check: KnowledgeProbe, answer: str, evidence: dict[str, JSON], model: Model) -> None:
    """What the related passages say about the answer that the model's answers agree on."""
    panels = await gather(
        [
            ask_panel(SUPPORT, {"reference": text, "claim": f"{check.wordings[0]} {answer}"}, check.panel, model)
            for text in check.related
        ]
    )
    evidence["agreement"]["related"] = [
        {"passage": text, "support": decide_value(SUPPORT.criteria[0], ballots, check.panel)}
        for text, ballots in zip(check.related, panels, strict=True)
    ]
    _note(evidence, SUPPORT, panels)


async def _probe(check: KnowledgeProbe, candidate: Candidate, evidence: dict[str, JSON], model: Model) -> None:
    """Mix known answers into the judges' work, once for each judgement at most."""
    asked = [
        probe_judges(rubric, check.panel, Probing(check.probe_share, f"{candidate.chain_id} {number}"), model)
        for rubric in (CORRECTNESS, INFORMATIVENESS)
        for number in range(len(check.samples))
    ]
    probes = [probe for found in await gather(asked) for probe in found]
    if probes:
        evidence["probes"] = probes
        evidence["set_aside"] = {**evidence["set_aside"], **set_aside(probes)}
