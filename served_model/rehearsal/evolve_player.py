"""Plays the writer of harder variants: a problem of the bank with one more rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from served_model.rehearsal.code_player import CLOSINGS, known_task
from served_model.rehearsal.draft import CannotAnswer, Draft, fence
from served_model.rehearsal.twists import fitting_twists

Tags = Mapping[str, str]


def play_evolve(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """The sections Problem and Signature. Raises CannotAnswer for a problem that has been made harder already."""
    task = known_task(tags)
    if task.twist:
        raise CannotAnswer("I cannot make this task harder than it is.")
    harder = replace(task, twist=rng.choice(fitting_twists(task.family.returns)).name)
    shown = task if fault == "same_problem" else harder
    problem = f"## Problem\n\nThis is the harder version of a known task. {shown.problem} {rng.choice(CLOSINGS)}"
    if fault == "holds_solution":
        problem += f"\n\n{fence(harder.solution)}"
    signature = f"## Signature\n\n{fence(f'{shown.signature} ...')}"
    detail = {"family": task.family.name, "twist": shown.twist}
    if fault == "missing_section":
        return Draft(rng.choice([problem, signature]), detail=detail)
    if fault == "truncated":
        return Draft(problem[: rng.randint(20, len(problem) - 20)], "length", detail=detail)
    return Draft(f"{problem}\n\n{signature}", detail=detail)
