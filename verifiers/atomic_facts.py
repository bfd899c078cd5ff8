"""Proof of a long answer fact by fact against a local index (F11; FActScore, arXiv 2305.14251; SAFE, 2403.18802).

A model splits the answer into atomic facts; for each the index gives the passages that have most to do with it, and the
judge says whether they support it. The score is the share of supported facts; F1@K (SAFE) also asks for K facts, so
that silence does not win. A refusal states nothing: it is told apart, not scored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from records.types import JSON, Candidate, Check, Outcome, Verdict, stable_seed
from served_model.prompts import load_prompt
from served_model.quoting import quote_tags
from served_model.types import ChatRequest, Model, RequestRefused, Sampling, UnreadableReply
from verifiers.base import Resources
from verifiers.judged import read_panel
from verifiers.judging import Ballot, Panel, ask_panel, decide_value, gather
from verifiers.knowledge_probe import SUPPORT
from verifiers.passage_index import index_of
from verifiers.refusal import find_kind

MOST_FACTS = 200
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"facts": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MOST_FACTS}},
    "required": ["facts"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class AtomicFacts(Check):
    """Of the facts that part "response" states, a share of `min_supported` must be supported by `passages`.

    `most_passages` are looked at for each fact; `wanted` is the K of F1@K.
    """

    kind: ClassVar[str] = "atomic_facts"
    passages: tuple[str, ...]
    min_supported: float = 1.0
    most_passages: int = 3
    wanted: int = 8
    panel: Panel = Panel()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        """A stored check comes back with its panel as an object."""
        object.__setattr__(self, "panel", read_panel(self.panel))


class Row(BaseModel):
    """One row of `provender verify atomic_facts`: passages as `references`, or a JSON-lines file of them as `index`."""

    id: str | int
    response: str
    references: list[str] = Field(default_factory=list)
    index: str | None = None
    min_supported: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _has_passages(self) -> Row:
        if not self.references and self.index is None:
            raise ValueError("give references, or an index")
        return self


async def verify(check: AtomicFacts, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS supported; FAIL unsupported_facts, no_facts. UNJUDGED abstained, facts_unreadable, judge_unreadable,
    no_judge."""
    if resources.model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_judge")
    return await _score(check, candidate.parts["response"], resources.model)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same proof for a row that anybody made. UNJUDGED unreadable_index where its file cannot be read."""
    if resources.model is None:
        return Verdict(AtomicFacts.kind, Outcome.UNJUDGED, "no_judge")
    try:
        passages = (*row.references, *(_read_index(Path(row.index)) if row.index else ()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Verdict(AtomicFacts.kind, Outcome.UNJUDGED, "unreadable_index", {"error": str(error)[:200]})
    return await _score(AtomicFacts(passages, row.min_supported), row.response, resources.model)


def _read_index(path: Path) -> tuple[str, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(str(json.loads(line)["text"]) for line in lines if line.strip())


async def _score(check: AtomicFacts, response: str, model: Model) -> Verdict:
    kind = find_kind(response)
    if kind is not None and kind.kind == "refusal":
        return Verdict(check.kind, Outcome.UNJUDGED, "abstained", {"facts": []})
    try:
        facts = await _split(response, model) if kind is not None else []
    except (UnreadableReply, RequestRefused) as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "facts_unreadable", {"error": str(error)[:200]})
    if not facts:
        return Verdict(check.kind, Outcome.FAIL, "no_facts", {"facts": []})
    index = index_of(check.passages)
    found = [index.find(fact, check.most_passages) for fact in facts]
    panels = await gather([_support(fact, texts, check.panel, model) for fact, texts in zip(facts, found, strict=True)])
    said = [_verdict(texts, ballots, check.panel) for texts, ballots in zip(found, panels, strict=True)]
    return _decide(check, facts, said, panels)


async def _split(response: str, model: Model) -> list[str]:
    """Facts in the answer's order. Raises UnreadableReply, RequestRefused."""
    prompt = load_prompt("verifiers", "atomic_facts")
    messages = prompt.render(answer=quote_tags(response, ("answer",)))
    sampling = Sampling(0.0, 1.0, 4096, stable_seed("atomic_facts", response))
    reply = await model.ask(ChatRequest("judge", messages, sampling, prompt.name, prompt.sha256, _SCHEMA))
    return [fact.strip() for fact in reply.data["facts"] if fact.strip()]


async def _support(fact: str, passages: Sequence[str], panel: Panel, model: Model) -> tuple[Ballot, ...]:
    """A fact with which no passage has anything to do needs no judge."""
    if not passages:
        return ()
    return await ask_panel(SUPPORT, {"reference": "\n\n".join(passages), "claim": fact}, panel, model)


def _verdict(passages: Sequence[str], ballots: Sequence[Ballot], panel: Panel) -> str | None:
    if not passages:
        return "irrelevant"
    value = decide_value(SUPPORT.criteria[0], ballots, panel)
    return None if value is None else str(value)


def _decide(
    check: AtomicFacts, facts: Sequence[str], said: Sequence[str | None], panels: Sequence[Sequence[Ballot]]
) -> Verdict:
    supported, unknown = said.count("supported"), said.count(None)
    precision = supported / len(facts)
    recall = min(1.0, supported / check.wanted)
    f1 = 2 * precision * recall / (precision + recall) if supported else 0.0
    evidence: dict[str, JSON] = {
        "facts": [{"fact": fact, "support": one} for fact, one in zip(facts, said, strict=True)],
        "score": round(precision, 6),
        f"f1_at_{check.wanted}": round(f1, 6),
        "judgements": [
            {"prompt": SUPPORT.prompt, "ballots": [ballot.evidence() for ballot in ballots]}
            for ballots in panels
            if ballots
        ],
        "rests_on": sorted({ballot.key for ballots in panels for ballot in ballots if ballot.key}),
    }
    needed = check.min_supported * len(facts) - 1e-9
    if supported >= needed:
        return Verdict(check.kind, Outcome.PASS, "supported", evidence)
    if supported + unknown >= needed:
        return Verdict(check.kind, Outcome.UNJUDGED, "judge_unreadable", evidence)
    return Verdict(check.kind, Outcome.FAIL, "unsupported_facts", evidence)
