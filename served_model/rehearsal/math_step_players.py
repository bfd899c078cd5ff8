"""Plays those who work on single steps: the step judge, the scorer and the proposer of a search, the roller-out."""

from __future__ import annotations

import json
from random import Random

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.knowledge import Fact, question_key
from served_model.rehearsal.math_facts import (
    find_fact,
    first_wrong,
    has_false_equality,
    read_numbered,
    steps_of,
    wrong_number,
    wrong_step,
)
from served_model.rehearsal.role import Asked

WRONG_VERDICT = "wrong_verdict"
SOUND_STEPS = "sound_steps"
CUT_JSON = (0.3, 0.9)  # where a malformed reply breaks off, as a share of its length


def play_step_check(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The number of the first wrong step; wrong by itself as often as the judge's accuracy says."""
    fact = find_fact(asked.tags.get("question", ""), asked.settings.facts)
    steps = read_numbered(asked.tags.get("steps", ""))
    right = first_wrong(steps, fact)
    verdict, planted = right, None
    if rng.random() >= asked.settings.judge_accuracy:
        verdict, planted = (0 if right else rng.randint(1, max(1, len(steps)))), WRONG_VERDICT
    rationale = f"Step {verdict} does not hold." if verdict else f"I recomputed all {len(steps)} steps; they hold."
    reply = {SOUND_STEPS: {"rationale": rationale, "verdict": verdict}}
    return _as_json(reply, rng, fault, planted, {"right": right})


def play_step_score(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A score of the beginning of a solution: low with a wrong step in it, higher the further it is without one."""
    fact = find_fact(asked.tags.get("question", ""), asked.settings.facts)
    steps = read_numbered(asked.tags.get("steps_so_far", ""))
    wrong = first_wrong(steps, fact)
    score = rng.randint(0, 2) if wrong else min(10, 6 + len(steps))
    planted = None
    if rng.random() >= asked.settings.judge_accuracy:
        score, planted = 10 - score, WRONG_VERDICT
    rationale = f"Step {wrong} is wrong." if wrong else "Every step holds so far."
    return _as_json({"rationale": rationale, "score": score}, rng, fault, planted, {"wrong": wrong})


def _as_json(reply: object, rng: Random, fault: str | None, planted: str | None, detail: dict[str, int]) -> Draft:
    text = json.dumps(reply)
    if fault == "malformed_json":
        return Draft(text[: int(len(text) * rng.uniform(*CUT_JSON))], detail=detail)
    return Draft(text, detail=detail, fault=planted)


def play_next_step(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The next step of a plan that is the same for the same question; behind a wrong step, a wrong end."""
    question = question_key(asked.tags.get("question", ""))
    fact = find_fact(question, asked.settings.facts)
    so_far = read_numbered(asked.tags.get("steps_so_far", ""))
    plan = steps_of(question, fact, Random(question))
    if fault == "truncated":
        return Draft(plan[0][: len(plan[0]) // 2], "length")
    if first_wrong(so_far, fact):
        return Draft(_end(wrong_number(fact, Random(f"{question}{so_far}"))))
    if fault == "wrong_step":
        return Draft(wrong_step(rng))
    if len(so_far) < len(plan):
        return Draft(rng.choice(["", "Next: ", "Now, "]) + plan[len(so_far)])
    return Draft(_end(fact.answer))


def _end(answer: str) -> str:
    return f"So the final answer is \\boxed{{{answer}}}."


def play_continue(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The rest of a solution: to the right answer from a right beginning, to a wrong one from a wrong one."""
    question = question_key(asked.tags.get("question", ""))
    fact = find_fact(question, asked.settings.facts)
    if fault == "no_final_answer":
        return Draft("What is left is to combine the quantities in the right order, as the question asks.")
    wrong = fault == "wrong_final_answer" or has_false_equality(asked.tags.get("solution_so_far", ""))
    return Draft(_rest(fact, wrong, rng))


def _rest(fact: Fact, wrong: bool, rng: Random) -> str:
    answer = wrong_number(fact, rng) if wrong else fact.answer
    return f"What remains follows from the steps before.\n\n{_end(answer)}"
