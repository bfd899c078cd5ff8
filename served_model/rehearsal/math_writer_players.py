"""Plays those who write around problems: extraction from documents, corrections, harder problems, skills."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.knowledge import Fact, question_key
from served_model.rehearsal.math_facts import find_fact, first_wrong, grow, read_numbered
from served_model.rehearsal.math_player import play_solve, right_solution
from served_model.rehearsal.math_step_players import CUT_JSON
from served_model.rehearsal.role import Asked

Problem = dict[str, Any]
OPTIONS = re.compile(r" A\) (\S+) B\) (\S+) C\) (\S+)")
KEY = re.compile(r"The key says ([A-C])\.")
UNFIT: Mapping[str, re.Pattern[str]] = {
    "proof": re.compile(r"(?:Prove|Show) that [^.]+\."),
    "invalid": re.compile(
        r"In the figure below, [^?]+\?|Use the table above [^.]+\.|What is the result of the [^?]+\?"
    ),
}
SENTENCE = re.compile(r"[^\n]*?answer is [^\n]+|Answer: [^\n]+|[^\n]*?book: [^\n]+")
INVENTED = (
    "A baker sells {0} loaves in the morning and {1} in the afternoon. How many loaves does the baker sell?",
    "A train has {0} wagons with {1} seats each. How many seats does the train have?",
    "From a rope of {0} metres a piece of {1} metres is cut off. How long is what remains, in metres?",
)


def play_extract(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The known problems of a document with their passages, and those that are of no use with their kind."""
    document = asked.tags.get("document", "")
    problems = _known(document, asked.settings.facts)
    unfit = [
        {"question": found.group(), "question_quote": found.group(), "answer": "", "answer_quote": "", "kind": kind}
        for kind, pattern in UNFIT.items()
        for found in pattern.finditer(document)
    ]
    refused = [entry["question"] for entry in problems + unfit if entry["kind"] in ("yes_no", *UNFIT)]
    detail: dict[str, Any] = {"unfit": refused, "abstains": not problems + unfit}
    if fault is None or fault == "malformed_json":
        text = json.dumps({"problems": problems + unfit})
        cut = int(len(text) * rng.uniform(*CUT_JSON)) if fault else len(text)
        return Draft(text[:cut], detail=detail)
    if not problems or fault == "unsupported_extraction":
        invented = _invented(document, rng)
        harm = {**detail, "harm": invented["question"], "abstains": False}
        return Draft(json.dumps({"problems": [*problems, invented]}), detail=harm, fault="unsupported_extraction")
    spoilt = rng.choice(problems)
    spoilt.update(SPOILERS[fault](spoilt, rng))
    harm = {**detail, "harm": OPTIONS.sub("", spoilt["question"])}
    return Draft(json.dumps({"problems": problems + unfit}), detail=harm)


def _known(document: str, facts: Mapping[str, Fact]) -> list[Problem]:
    places = sorted((document.find(question), question) for question in facts if question in document)
    # A question may stand inside a longer one that is known as well.
    kept = [
        (at, question)
        for at, question in places
        if not any(
            start <= at < start + len(other) and other != question and question in other for start, other in places
        )
    ]
    ends = [*(at for at, _ in kept[1:]), len(document)][: len(kept)]
    return [
        _problem(question, facts[question], document[at:end]) for (at, question), end in zip(kept, ends, strict=True)
    ]


def _problem(question: str, fact: Fact, passage: str) -> Problem:
    options, key = OPTIONS.match(passage, len(question)), KEY.search(passage)
    if options and key:
        stated = question + options.group()
        return _entry(stated, stated, key[1], key.group(), "multiple_choice")
    said = next((found for found in SENTENCE.findall(passage) if fact.answer in found), "")
    kind = "yes_no" if fact.answer in ("yes", "no") else "open"
    return _entry(question, question, fact.answer if said else "", said, kind)


def _entry(question: str, quote: str, answer: str, answer_quote: str, kind: str) -> Problem:
    return {
        "question": question,
        "question_quote": quote,
        "answer": answer,
        "answer_quote": answer_quote,
        "kind": kind,
    }


def _invented(document: str, rng: Random) -> Problem:
    """A problem that the document does not state; its quote is made up as well, or stands there for something else."""
    question = rng.choice(INVENTED).format(rng.randint(100, 999), rng.randint(20, 99))
    lines = [line for line in document.splitlines() if len(line) > 20]
    quote = rng.choice([question, *lines[:1]])
    return _entry(question, quote, str(rng.randint(100, 9999)), quote, "open")


def _other_number(problem: Problem, rng: Random) -> Problem:
    """The problem with a number that the passage does not have; where it has none, a passage that is not there."""
    question = re.sub(
        r"\d+", lambda number: str(int(number.group()) + rng.choice([1000, 3000])), problem["question"], count=1
    )
    if question != problem["question"]:
        return {"question": question}
    return {"question_quote": f"It was asked elsewhere: {problem['question']}"}


def _other_answer(problem: Problem, rng: Random) -> Problem:
    """An answer that the quoted passage does not give; a choice gets an option that is not the key's."""
    if problem["kind"] == "multiple_choice":
        return {"question_quote": f"{problem['question']} (from memory)"}
    return {
        "answer": str(rng.randint(10_000, 99_999)),
        "answer_quote": problem["answer_quote"] or problem["question_quote"],
    }


SPOILERS: Mapping[str, Callable[[Problem, Random], Problem]] = {
    "misquoted_problem": _other_number,
    "unsupported_answer": _other_answer,
}


def play_correct(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """What is wrong with a solution, and a right one."""
    question = question_key(asked.tags.get("question", ""))
    fact = find_fact(question, asked.settings.facts)
    steps = read_numbered(asked.tags.get("wrong_solution", ""))
    named = first_wrong(steps, fact) or max(1, len(steps))
    solution = right_solution(question, fact, rng)
    kind = {"wrong_correction": "wrong_final_answer", "wrong_step_in_correction": "wrong_step_right_answer"}.get(
        fault or ""
    )
    if kind:
        solution = play_solve(asked.tags, rng, kind, asked.settings.facts).text
    if fault == "wrong_diagnosis" and len(steps) > 1:
        named = rng.choice([number for number in range(1, len(steps) + 1) if number != named])
    what = "The calculation there does not hold, and the result is carried on to the end."
    text = json.dumps({"first_wrong_step": named, "what_is_wrong": what, "corrected_solution": solution})
    if fault == "malformed_json":
        text = text[: int(len(text) * rng.uniform(*CUT_JSON))]
    return Draft(text)


def play_evolve(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A harder problem whose answer every player can work out."""
    original = question_key(asked.tags.get("original", ""))
    fact = find_fact(original, asked.settings.facts)
    question = grow(original, fact, rng)
    if fault == "copied_problem":
        question = original
    if fault == "asks_for_proof":
        question = f"Prove that the following problem has exactly one answer. {original}"
    skill = rng.choice(["arithmetic", "multi-step reasoning", "Word Problems"])
    text = json.dumps({"skill": skill, "change": "A further calculation.", "question": question})
    if fault == "malformed_json":
        text = text[: int(len(text) * rng.uniform(*CUT_JSON))]
    return Draft(text)


def play_skill(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A skill of the list, or of none."""
    skills = re.findall(r"[a-z_]+", asked.tags.get("skills", "")) or ["other"]
    text = json.dumps({"skill": rng.choice(skills)})
    return Draft(text[:-3] if fault == "malformed_json" else text)
