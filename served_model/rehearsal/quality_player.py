"""Plays the judge of programs and whoever improves them: right ones score for correctness, readable ones for style."""

from __future__ import annotations

from random import Random

from served_model.rehearsal.bank import Task, recognise, same_program
from served_model.rehearsal.draft import Draft
from served_model.rehearsal.judge_player import Truth, judge
from served_model.rehearsal.poor_style import poor_python
from served_model.rehearsal.role import Asked
from served_model.rehearsal.tongue_player import known_tongue, language_of


def play_quality(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A score for each criterion. To this judge only the bank's own programs are correct."""
    program = asked.tags.get("solution", "")
    right, poor = _forms(asked)
    correct = any(_same(asked, program, form) for form in (right, poor) if form)
    style = not (poor and _same(asked, program, poor))
    truths = {name: Truth(int(good), int(not good), good) for name, good in (("correct", correct), ("style", style))}
    return judge(asked, rng, fault, truths)


def _forms(asked: Asked) -> tuple[str, str]:
    """The right program for the task, and the right one in poor style; empty where the task is not the bank's."""
    if language_of(asked):
        tongue = known_tongue(asked)
        return (tongue.program(), tongue.poor()) if tongue is not None else ("", "")
    task: Task | None = recognise(asked.tags.get("problem", ""), asked.tags.get("signature", ""))
    return (task.solution, poor_python(task.solution)) if task is not None else ("", "")


def _same(asked: Asked, program: str, form: str) -> bool:
    return program.split() == form.split() if language_of(asked) else same_program(program, form)
