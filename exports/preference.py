"""Preference pairs: a reply that passed a check, and one to the same prompt that failed the very same check."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, Row, origin, prompt_and_reply, tools_of
from exports.message_pairs import message_pairs
from exports.probed import graded_pairs
from records.types import canonical_json, stable_hash

PER_PROMPT = 4
"""Pairs per prompt at most, so that one seed with many samples does not outweigh the others."""

FAILED_AT_WORK: Mapping[str, frozenset[str]] = {
    "code_tests": frozenset({"failed_assertion", "runtime_error", "signal", "timeout_cpu", "memory", "output"}),
    "math_answer": frozenset({"wrong_answer"}),
    "majority_vote": frozenset({"minority_answer"}),
    "judged": frozenset({"not_sound_steps"}),  # a right answer by a wrong step, beside one by sound steps
}
"""Per check, the reasons that show a reply to be wrong. A reply that could not be read (no code, no answer, not
compiled) or that ran into a wall clock is not a counter-example."""

MIN_CHOSEN_RATE, MIN_GAP, MIN_REJECTED_RATE = 0.8, 0.4, 0.0
"""AceCoder's bounds for pairs of programs (arXiv 2502.01718), all exclusive: the chosen one passes more than 0.8 of the
tests, over 0.4 more than the rejected one, and that one passes something: 0 is packaging noise more often than a
mistake."""

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("prompt", MESSAGES),
    ("chosen", MESSAGES),
    ("rejected", MESSAGES),
    ("chosen_id", pa.string()),
    ("rejected_id", pa.string()),
    ("verifier", pa.string()),  # kind of the check that `chosen` passed and `rejected` failed
    ("rejected_reason", pa.string()),
    *ORIGIN,
]


@dataclass
class _Contest:
    """Replies to one prompt under one check, by their text without white space at the ends."""

    verifier: str
    passed: dict[str, Row] = field(default_factory=dict)
    failed: dict[str, Row] = field(default_factory=dict)


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """At most PER_PROMPT pairs per prompt: each reply is used about equally often."""
    made: Counter[str] = Counter()
    for (prompt, _), contest in _contests(group, kept).items():
        for chosen, rejected in _pairs(contest):
            if made[prompt] < PER_PROMPT:
                made[prompt] += 1
                yield _pair(contest.verifier, chosen, rejected)
    for pair in chain(message_pairs(group, kept), graded_pairs(group, kept)):
        prompt = canonical_json(pair.prompt)
        if made[prompt] < PER_PROMPT:
            made[prompt] += 1
            texts = {"prompt": pair.prompt, "chosen": [pair.good], "rejected": [pair.bad]}
            yield _row(pair.verifier, pair.chosen, pair.rejected, texts)


def _contests(group: Group, kept: Set[str]) -> dict[tuple[str, str], _Contest]:
    contests: dict[tuple[str, str], _Contest] = {}
    for row in group:
        prompt, reply = prompt_and_reply(row)
        text = "\n".join(message["content"] for message in reply).strip()
        checks = row["checks"] if prompt and text else ()
        for check in checks:
            if check["kind"] in FAILED_AT_WORK:
                key = (canonical_json(prompt), _check_key(check))
                _enter(contests.setdefault(key, _Contest(check["kind"])), row, text, kept)
    return contests


def _check_key(check: Mapping[str, str]) -> str:
    """One text per check, whichever sample it is asked about. Another set of tests is another check: a reply that
    failed the old tests may well pass the new ones. A judge's rubric is the same one, whatever it is filled with."""
    if check["kind"] == "judged":
        return canonical_json([check["kind"], json.loads(check["fields"])["prompt"]])
    fields = {name: value for name, value in json.loads(check["fields"]).items() if name != "index"}
    return canonical_json([check["kind"], fields])


def _enter(contest: _Contest, row: Row, text: str, kept: Set[str]) -> None:
    if row["id"] in kept:
        contest.passed.setdefault(text, row)
    elif _failed_at_work(row, contest.verifier):
        contest.failed.setdefault(text, row)


def _failed_at_work(row: Row, verifier: str) -> bool:
    decided = row["outcome"] == "fail" and row["decided_by"] == verifier
    return decided and row["reason"] in FAILED_AT_WORK[verifier]


def _pairs(contest: _Contest) -> Iterator[tuple[Row, Row]]:
    contradicting = contest.passed.keys() & contest.failed.keys()  # the same text passed and failed: proves nothing
    passed = [row for text, row in contest.passed.items() if text not in contradicting]
    failed = [row for text, row in contest.failed.items() if text not in contradicting]
    seen: set[tuple[int, int]] = set()
    for turn in range(PER_PROMPT if passed and failed else 0):
        pair = (turn % len(passed), turn % len(failed))
        if pair not in seen and _apart(passed[pair[0]], failed[pair[1]]):
            yield passed[pair[0]], failed[pair[1]]
        seen.add(pair)


def _apart(chosen: Row, rejected: Row) -> bool:
    """Whether two programs differ enough in what they pass; replies that were not marked by tests always do."""
    good, bad = _pass_rate(chosen), _pass_rate(rejected)
    if good is None or bad is None:
        return True
    return good > MIN_CHOSEN_RATE and round(good - bad, 9) > MIN_GAP and bad > MIN_REJECTED_RATE


def _pass_rate(row: Row) -> float | None:
    """The share of the tests that a program passed; None where no test marked it."""
    for verdict in row["verdicts"]:
        rate = json.loads(verdict["evidence"]).get("pass_rate") if verdict["check"] == "code_tests" else None
        if rate is not None:
            return float(rate)
    return None


def _pair(verifier: str, chosen: Row, rejected: Row) -> dict[str, Any]:
    prompt, good = prompt_and_reply(chosen)
    _, bad = prompt_and_reply(rejected)
    return _row(verifier, chosen, rejected, {"prompt": prompt, "chosen": good, "rejected": bad})


def _row(verifier: str, chosen: Row, rejected: Row, texts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": stable_hash(chosen["id"], rejected["id"]),
        "recipe": chosen["recipe"],
        **texts,
        "tools": tools_of(chosen),
        "chosen_id": chosen["id"],
        "rejected_id": rejected["id"],
        "verifier": verifier,
        "rejected_reason": rejected["reason"],
        **origin(chosen),
        "model": ",".join(sorted({*chosen["model"].split(","), *rejected["model"].split(",")})),
    }


PREFERENCE = Export(
    "preference",
    "pairs of replies to one prompt, of which one passed and the other failed the same check",
    pa.schema(_FIELDS),
    rows_of,
)
