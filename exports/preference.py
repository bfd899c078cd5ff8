"""Preference pairs: a reply that passed a check, and one to the same prompt that failed the very same check."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain
from math import isfinite
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, Row, origin, prompt_and_reply, tools_of
from exports.message_pairs import MessagePair, message_pairs
from exports.probed import graded_pairs
from exports.strength import Level, Strength, measure
from exports.voted import apart, voted_pairs
from records.types import canonical_json, stable_hash

MOST = 16
"""Pairs of one prompt that a seed offers at most; a dataset takes as many of them as its rules say."""

FAILED_AT_WORK: Mapping[str, frozenset[str]] = {
    "code_tests": frozenset({"failed_assertion", "runtime_error", "signal", "timeout_cpu", "memory", "output"}),
    "math_answer": frozenset({"wrong_answer"}),
    "majority_vote": frozenset({"minority_answer"}),
    # a right answer by a wrong step, beside one by sound steps; a program that a judge found wrong or unclear
    "judged": frozenset({"not_sound_steps", "not_correct", "not_style"}),
    "reward_score": frozenset({"low_score"}),
    "safety": frozenset({"unsafe_negative"}),  # where the config wants unsafe replies as the rejected side
}
"""Per check, the reasons that show a reply to be wrong. A reply that could not be read (no code, no answer, not
compiled) or that ran into a wall clock is not a counter-example."""

LOWER_REWARD = "lower_reward"
"""Why an accepted reply is the rejected side: another one is scored higher by the reward model."""

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
    ("strength", pa.string()),  # significantly_better, better, slightly_better
    ("margin", pa.float64()),  # 0 to 1, on the scale of the check; see exports/strength.py
    ("edited", pa.bool_()),  # `chosen` is a correction of `rejected`
    ("chosen_place", pa.int32()),  # in the order in which the replies to this seed were made
    ("rejected_place", pa.int32()),
    ("chosen_model", pa.string()),
    ("rejected_model", pa.string()),
    ("judge", pa.string()),  # models whose word told the two apart, where a judge's did
    *ORIGIN,
]


@dataclass
class _Contest:
    """Replies to one prompt under one check, by their text without white space at the ends."""

    verifier: str
    passed: dict[str, Row] = field(default_factory=dict)
    failed: dict[str, Row] = field(default_factory=dict)


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """At most MOST pairs per prompt, the first of which use each reply about equally often. No similar ones."""
    made: Counter[str] = Counter()
    places = {row["id"]: place for place, row in enumerate(group)}
    of_one_record = (message_pairs(group, kept), graded_pairs(group, kept), voted_pairs(group, kept))
    for pair in chain(_contested(group, kept), *of_one_record):
        prompt = canonical_json(pair.prompt)
        strength = measure(pair.verifier, pair.chosen, pair.rejected)
        if made[prompt] < MOST and strength.level is not Level.SIMILAR:
            made[prompt] += 1
            yield _row(pair, strength, places)


def _contested(group: Group, kept: Set[str]) -> Iterator[MessagePair]:
    """Pairs of whole replies: of the same check's both sides, then of accepted ones by the reward model's scores."""
    for contest in _contests(group, kept).values():
        for chosen, rejected in _pairs(contest):
            yield _whole(contest.verifier, chosen, rejected)
    yield from _ranked(group, kept)


def _contests(group: Group, kept: Set[str]) -> dict[tuple[str, str], _Contest]:
    contests: dict[tuple[str, str], _Contest] = {}
    for row in group:
        checks = [check for check in row["checks"] if check["kind"] in FAILED_AT_WORK]
        if not checks:
            continue
        prompt, reply = prompt_and_reply(row)
        text = "\n".join(message["content"] for message in reply).strip()
        for check in checks if prompt and text else ():
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
    for turn in range(MOST if passed and failed else 0):
        pair = (turn % len(passed), turn % len(failed))
        marked = contest.verifier == "code_tests"  # what only a judge refused passes all tests
        if pair not in seen and (not marked or _apart(passed[pair[0]], failed[pair[1]])):
            yield passed[pair[0]], failed[pair[1]]
        seen.add(pair)


def _apart(chosen: Row, rejected: Row) -> bool:
    """Whether two programs differ enough in what they pass; replies that were not marked by tests always do."""
    good, bad = _pass_rate(chosen), _pass_rate(rejected)
    return good is None or bad is None or apart(good, bad)


def _pass_rate(row: Row) -> float | None:
    """The share of the tests that a program passed; None where no test marked it."""
    return _number(row, "code_tests", "pass_rate")


def _number(row: Row, check: str, name: str) -> float | None:
    """A number in the evidence of a check."""
    for verdict in row["verdicts"]:
        value = json.loads(verdict["evidence"]).get(name) if verdict["check"] == check else None
        if value is not None:
            return float(value) if isfinite(value) else None
    return None


def _ranked(group: Group, kept: Set[str]) -> Iterator[MessagePair]:
    """Verifier first, reward second: of accepted replies to one prompt the best-scored over the worst-scored.

    Equal scores are in the order of ids; a record without a score takes no part.
    """
    scored: dict[str, list[tuple[float, str, Row]]] = {}
    for row in group:
        score = _number(row, "reward_score", "score") if row["id"] in kept else None
        if score is not None:
            scored.setdefault(canonical_json(prompt_and_reply(row)[0]), []).append((-score, row["id"], row))
    for several in scored.values():
        several.sort(key=lambda one: one[:2])
        best, worst = several[0][2], several[-1][2]
        if prompt_and_reply(best)[1] != prompt_and_reply(worst)[1]:
            yield _whole("reward_score", best, {**worst, "reason": LOWER_REWARD})


def _whole(verifier: str, chosen: Row, rejected: Row) -> MessagePair:
    prompt, good = prompt_and_reply(chosen)
    _, bad = prompt_and_reply(rejected)
    return MessagePair(verifier, chosen, rejected, prompt, good, bad)


def _row(pair: MessagePair, strength: Strength, places: Mapping[str, int]) -> dict[str, Any]:
    chosen, rejected = pair.chosen, pair.rejected
    return {
        "id": stable_hash(chosen["id"], rejected["id"]),
        "recipe": chosen["recipe"],
        "prompt": pair.prompt,
        "chosen": pair.good,
        "rejected": pair.bad,
        "tools": tools_of(chosen),
        "chosen_id": chosen["id"],
        "rejected_id": rejected["id"],
        "verifier": pair.verifier,
        "rejected_reason": rejected["reason"],
        "strength": str(strength.level),
        "margin": strength.margin,
        "edited": chosen["chain_id"] == rejected["chain_id"] and chosen["attempt"] > rejected["attempt"],
        "chosen_place": places.get(chosen["id"]),
        "rejected_place": places.get(rejected["id"]),
        "chosen_model": chosen["model"],
        "rejected_model": rejected["model"],
        "judge": ",".join(sorted(_judges(chosen, pair.verifier) | _judges(rejected, pair.verifier))),
        **origin(chosen),
        "model": ",".join(sorted({*chosen["model"].split(","), *rejected["model"].split(",")})),
    }


def _judges(row: Row, verifier: str) -> set[str]:
    """Models whose ballots stand in the evidence of a check."""
    texts = (verdict["evidence"] for verdict in row["verdicts"] if verdict["check"] == verifier)
    return {model for text in texts if '"ballots"' in text for model in _ballot_models(json.loads(text))}


def _ballot_models(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "vote" in value and "role" in value and value.get("model"):
            yield str(value["model"])
        value = [one for name, one in value.items() if name != "probes"]
    for one in value if isinstance(value, list) else ():
        yield from _ballot_models(one)


def _prompt_text(row: Mapping[str, Any]) -> str:
    return canonical_json(row["prompt"])


PREFERENCE = Export(
    "preference",
    "pairs of replies to one prompt, of which one passed and the other failed the same check",
    pa.schema(_FIELDS),
    rows_of,
    capped=_prompt_text,
)
