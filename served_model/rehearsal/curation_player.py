"""Plays who labels a dataset: by what can be seen of a text from outside, so that a label can be worked out again."""

from __future__ import annotations

import json
import re
from random import Random

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.judge_player import Truth, judge
from served_model.rehearsal.role import Asked

SHORT, LONG = 5, 400  # words: shorter replies do not answer, longer ones ramble
EASY, MEDIUM = 15, 60  # words of a request, up to which it is easy and medium
EVASIVE = re.compile(r"(?i)\b(?:i (?:do not|don't) know|i (?:cannot|can't|would rather not)|no idea)\b")
CODE = re.compile(r"^\s*(?:```|~~~)|\bdef \w+\(", re.MULTILINE)
DIGIT = re.compile(r"\d")
LONG_WORD = re.compile(r"[a-z]{6,}")
WORD = re.compile(r"\w+")
SAME_WORDS = 0.6
MOST_TAGS = 4


def play_quality(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Accurate is what says something, obedient what does not evade, well presented what neither shouts nor rambles."""
    reply = asked.tags.get("reply", "")
    words = len(reply.split())
    found = {
        "accuracy": words >= SHORT,
        "instruction_following": EVASIVE.search(reply) is None,
        "presentation": "!" not in reply and words <= LONG,
    }
    return judge(asked, rng, fault, {name: _truth(true) for name, true in found.items()})


def play_code_quality(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Code without a note of work to be done."""
    reply = asked.tags.get("reply", "")
    found = {"no_bugs": "TODO" not in reply, "user_intention": EVASIVE.search(reply) is None}
    return judge(asked, rng, fault, {name: _truth(true) for name, true in found.items()})


def _truth(true: bool) -> Truth:
    return Truth(*(("yes", "no") if true else ("no", "yes")), true)


def play_difficulty(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """By the length of the request."""
    words = len(asked.tags.get("request", "").split())
    rating = 1 if words <= EASY else 2 if words <= MEDIUM else 3
    draft = judge(asked, rng, fault, {"difficulty": Truth(str(rating), str(rating % 3 + 1), True)})
    return Draft(re.sub(r'"verdict": "(\d)"', r'"verdict": \1', draft.text), fault=draft.fault, detail=draft.detail)


def play_paraphrase(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Two texts pose the same problem where most words of the one stand in the other."""
    item, text = (set(WORD.findall(asked.tags.get(name, "").lower())) for name in ("item", "text"))
    same = bool(item) and len(item & text) >= SAME_WORDS * len(item)
    return judge(asked, rng, fault, {"same_problem": _truth(same)})


def play_tags(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The long words of the request."""
    words = list(dict.fromkeys(LONG_WORD.findall(asked.tags.get("request", "").lower())))
    return _json({"tags": words[:MOST_TAGS]}, rng, fault)


def play_topic(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Code, numbers, or whatever stands last on the list; perhaps something that is not on it."""
    request = asked.tags.get("request", "")
    listed = [line[2:].partition(":") for line in asked.tags.get("topics", "").splitlines() if line.startswith("- ")]
    topics = {name: fine.split(",")[0].strip() for name, _, fine in listed}
    wanted = "coding" if CODE.search(request) else "mathematical reasoning" if DIGIT.search(request) else ""
    topic = wanted if wanted in topics else next(reversed(topics), "other")
    if fault == "off_list":
        return Draft(json.dumps({"topic": "astrology", "subtopic": "horoscopes"}), fault=fault)
    return _json({"topic": topic.upper(), "subtopic": topics.get(topic, "other")}, rng, fault)


def _json(value: dict[str, object], rng: Random, fault: str | None) -> Draft:
    text = json.dumps(value)
    return Draft(text[: rng.randint(1, len(text) - 2)] if fault == "malformed_json" else text)
