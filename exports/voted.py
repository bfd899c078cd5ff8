"""Pairs of programs from the votes on a problem's tests: a solution that passes them over one that fails some of them.

The solutions were written independently of each other, and the record was accepted, so the tests are trusted. Replies
that were stored with their votes only; a solution that abstained (it met nothing, or never ended) makes no pair.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from exports.base import Group, Row, prompt_and_reply
from exports.message_pairs import MessagePair

VOTE = "agreement"
RATE = "test_pass_rate"
REPLY = "reply_of_"  # before the name of a part with a solution that votes: the reply that it stands in
MIN_CHOSEN_RATE, MIN_GAP, MIN_REJECTED_RATE = 0.8, 0.4, 0.0
"""AceCoder's bounds for pairs of programs (arXiv 2502.01718), all exclusive: the chosen one passes more than 0.8 of the
tests, over 0.4 more than the rejected one, and that one passes something: 0 is packaging noise more often than a
mistake."""


@dataclass(frozen=True, slots=True)
class _Side:
    """A reply with the share of the tests that its program passes, as a row that a pair can name."""

    row: Row
    text: str
    rate: float


def apart(good: float, bad: float) -> bool:
    """Whether two pass rates are AceCoder's."""
    return good > MIN_CHOSEN_RATE and round(good - bad, 9) > MIN_GAP and bad > MIN_REJECTED_RATE


def voted_pairs(group: Group, kept: Set[str]) -> Iterator[MessagePair]:
    """Every solution of a kept record that failed its tests, below the record's own and below others that passed."""
    for row in group:
        verdict = _vote(row) if row["id"] in kept else None
        if verdict is None:
            continue
        prompt, reply = prompt_and_reply(row)
        sides = list(_sides(row, verdict))
        rate = _own_rate(row)
        own = _Side(_marked(row, "", rate), "\n".join(message["content"] for message in reply), rate)
        passing = [own, *(side for side, vote in sides if vote == "pass")]
        failing = [side for side, vote in sides if vote == "fail"]
        for chosen, rejected in _different(passing, failing):
            good = reply if chosen is own else [{"role": "assistant", "content": chosen.text}]
            yield MessagePair(
                VOTE, chosen.row, rejected.row, prompt, good, [{"role": "assistant", "content": rejected.text}]
            )


def _different(passing: list[_Side], failing: list[_Side]) -> Iterator[tuple[_Side, _Side]]:
    """Pairs that are far enough apart, each pair of texts once; a text that is on both sides proves nothing."""
    good, bad = ({" ".join(side.text.split()): side for side in reversed(sides)} for sides in (passing, failing))
    for rejected in (text for text in reversed(bad) if text not in good):
        for chosen in reversed(good):
            if apart(good[chosen].rate, bad[rejected].rate):
                yield good[chosen], bad[rejected]


def _vote(row: Row) -> Mapping[str, Any] | None:
    """The evidence of the vote; None where there was none."""
    found = [one for one in row["verdicts"] if one["check"] == VOTE and one["outcome"] == "pass"]
    return json.loads(found[-1]["evidence"]) if found else None


def _own_rate(row: Row) -> float:
    """The share of the tests that the accepted solution passes: 1, unless the pass policy lets less do."""
    rates = [
        json.loads(one["evidence"]).get("pass_rate", 1.0) for one in row["verdicts"] if one["check"] == "code_tests"
    ]
    return float(rates[-1]) if rates else 1.0


def _sides(row: Row, evidence: Mapping[str, Any]) -> Iterator[tuple[_Side, str]]:
    """The solutions that voted and whose replies are stored, in their order, each with its vote."""
    parts = json.loads(row["parts"])
    calls = {call["part"]: call for call in row["calls"]}
    for number, (vote, passed) in enumerate(zip(evidence["votes"], evidence["matrix"], strict=False), 1):
        name = f"independent_{number}"
        text = parts.get(f"{REPLY}{name}", "")
        if text.strip() and name in calls:
            rate = passed.count("1") / max(1, len(passed))
            marked = _marked(row, name, rate) | {"model": calls[name]["model"], "reason": "failed_assertion"}
            yield _Side(marked, text, rate), vote


def _marked(row: Row, name: str, rate: float) -> dict[str, Any]:
    """The row as the vote saw one of its solutions."""
    evidence = json.dumps({RATE: round(rate, 6)})
    outcome = "pass" if rate == 1 else "fail"
    identity = f"{row['id']}/{name}" if name else row["id"]
    return {**row, "id": identity, "verdicts": [{"check": VOTE, "outcome": outcome, "evidence": evidence}]}
