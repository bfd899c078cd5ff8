"""The values that flow through provender: seeds, candidates, checks, verdicts, records, drops."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

JSON = Any
"""A value that `json.dumps` can write."""


class Outcome(StrEnum):
    """What a verifier found. UNJUDGED means that nothing is known; it is never a FAIL."""

    PASS = "pass"
    FAIL = "fail"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Seed:
    """One piece of real material: a code window, a question, a passage, a tool definition.

    `fields` holds what a corpus reader knows beyond the text, e.g. `question`, `answer`, `language`, `lines`.
    """

    id: str
    text: str
    source: str
    licence: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hash of the text alone, for duplicates and provenance."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MessageCall:
    """A tool call in an assistant's turn. `arguments` is the text of a JSON object, as in OpenAI's `tool_calls`."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message of a training example.

    An assistant's turn may hold tool calls; a tool's turn names the call that it answers and its tool.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[MessageCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Check:
    """What would prove a candidate. Each verifier file defines its own subclass as a frozen dataclass.

    Fields must be JSON values, so that the check is stored with the record and can be run again years later.
    """

    kind: ClassVar[str] = ""


QUOTED = "quoted:"
"""Begins the part of a call whose text a candidate shows as somebody's, to be corrected or labelled: not as right."""


@dataclass(frozen=True, slots=True)
class Call:
    """One model reply that went into a candidate: enough to find it in the journal and to know who wrote it."""

    part: str  # which part of the candidate it wrote: "problem", "solution", "tests", "response"
    key: str  # journal key: hash of the request
    model: str
    prompt: str  # name of the prompt file, e.g. "generators.code/solve"
    prompt_sha256: str
    temperature: float
    top_p: float
    seed: int
    finish_reason: str


@dataclass(frozen=True)
class Candidate:
    """An example that a recipe proposes, with the checks that would prove it.

    `parts` are the named texts that checks look at (`problem`, `solution`, `tests`, `response`).
    `calls` names, for every part, the model replies it came from. `tools` is the JSON text of the list of OpenAI tool
    definitions that the dialogue offers, "" where it offers none.
    A revision has `revises` set to the id of the attempt it revises, the same `chain_id`, and the next `attempt`.
    """

    id: str
    chain_id: str
    seed: Seed
    recipe: str
    messages: tuple[Message, ...]
    parts: Mapping[str, str]
    checks: tuple[Check, ...]
    calls: tuple[Call, ...]
    attempt: int = 0
    revises: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    tools: str = ""


@dataclass(frozen=True)
class Verdict:
    """A verifier's answer to one check. `reason` is a short snake_case code; `evidence` holds JSON values.

    Evidence that is stored must not depend on the clock or on scheduling (no seconds, no process ids).
    """

    check: str
    outcome: Outcome
    reason: str
    evidence: Mapping[str, JSON] = field(default_factory=dict)


RUN_CHECKS = frozenset({"safety", "quality"})
"""Kinds that a run adds behind the checks of a recipe. They say why a record is refused, not why it is right."""


@dataclass(frozen=True)
class Record:
    """A candidate and its verdicts: one row of a shard. Every attempt is a record, accepted or not."""

    candidate: Candidate
    verdicts: tuple[Verdict, ...]

    @property
    def outcome(self) -> Outcome:
        """PASS only where at least one check ran and all passed; any FAIL decides; otherwise nothing is known."""
        outcomes = {verdict.outcome for verdict in self.verdicts}
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        complete = len(self.verdicts) == len(self.candidate.checks) > 0
        return Outcome.PASS if complete and outcomes == {Outcome.PASS} else Outcome.UNJUDGED

    @property
    def deciding(self) -> Verdict:
        """The verdict that decided: the first FAIL, else the first UNJUDGED, else the last PASS of the recipe's own."""
        for outcome in (Outcome.FAIL, Outcome.UNJUDGED):
            for verdict in self.verdicts:
                if verdict.outcome is outcome:
                    return verdict
        if not self.verdicts:
            return Verdict("none", Outcome.UNJUDGED, "no_check")
        own = [verdict for verdict in self.verdicts if verdict.check not in RUN_CHECKS]
        return (own or self.verdicts)[-1]


@dataclass(frozen=True)
class Drop:
    """Something that left the stream before it became a record, and why. `id` is a seed, candidate or record id."""

    id: str
    recipe: str
    stage: str
    reason: str
    evidence: Mapping[str, JSON] = field(default_factory=dict)


def canonical_json(value: JSON) -> str:
    """One text per value: sorted keys, no spaces, non-ASCII kept. Hashes and stored JSON use this form."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def stable_hash(*parts: str) -> str:
    """A 16-character id that depends only on the parts (SHA-256 over their lengths and bytes)."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def stable_seed(*parts: str) -> int:
    """A 31-bit integer for `random.Random` or a model's `seed`, that depends only on the parts."""
    return int(stable_hash(*parts)[:8], 16) & 0x7FFFFFFF
