"""Plays back-translation: documents a program of the bank, writes one from a documentation, compares the two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from served_model.rehearsal.bank import Task, expected, outputs, recognise, recognise_program, same_program
from served_model.rehearsal.code_player import solution_program
from served_model.rehearsal.draft import CannotAnswer, Draft, fence
from served_model.rehearsal.role import Asked

Tags = Mapping[str, str]
UNKNOWN_PROGRAM = (
    "I cannot document this program. I am the rehearsal model and know only programs of my own problems; this one is "
    "not among them."
)
UNKNOWN_DOCUMENTATION = (
    "I cannot tell from this documentation what to write. I am the rehearsal model and know only my own problems."
)
VAGUE = (
    "This function takes its input, looks at each part of it in turn, and returns a result that is made of what it has "
    "found. It follows the usual rules for such tasks, and edge cases are treated in the obvious way."
)


def play_document(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """A description in plain words; the faults leak code, say too little, say something else, or break off."""
    task = recognise_program(tags.get("code", ""), rng)
    if task is None:
        raise CannotAnswer(UNKNOWN_PROGRAM)
    detail = {"family": task.family.name}
    text = f"{task.family.idea.split(':')[0].rstrip('.')}. In the words of a task: {task.problem}"
    if fault == "leaks_code":
        body = task.solution.split(":\n", 1)[-1]
        shown = fence(task.solution) if rng.random() < 0.3 else " ".join(body.split())
        return Draft(f"{text}\n\nIn short: {shown}", detail=detail)
    if fault == "wrong_documentation":
        other = _other_task(task)
        if other is not None:
            return Draft(f"What it does, in the words of a task: {other.problem}", detail=detail)
    if fault in ("vague", "wrong_documentation"):
        return Draft(VAGUE, detail=detail)
    if fault == "truncated":
        return Draft(text[: rng.randint(20, len(text) - 20)], "length", detail=detail)
    return Draft(text, detail=detail)


def _other_task(task: Task) -> Task | None:
    """The task with one number changed, where that changes a result; None where nothing does."""
    for place, ((name, value), (_, kind)) in enumerate(zip(task.values, task.family.params, strict=True)):
        bounds = kind.split()
        for step in (1, -1) if bounds[0] == "int" else ():
            if int(bounds[1]) <= int(value) + step <= int(bounds[2]):
                values = (*task.values[:place], (name, str(int(value) + step)), *task.values[place + 1 :])
                other = replace(task, values=values)
                if outputs(other.solution, task) != expected(task):
                    return other
    return None


def play_rebuild(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """One code block with the function that the documentation describes."""
    task = recognise(tags.get("documentation", ""), tags.get("signature", ""))
    if task is None:
        raise CannotAnswer(UNKNOWN_DOCUMENTATION)
    program, detail = solution_program(task, rng, fault)
    if fault == "no_code_block":
        return Draft("The documentation is clear, and the function follows from it.", detail=detail)
    text = fence(program)
    if fault == "truncated":
        return Draft(text[: rng.randint(12, len(text) // 2)], "length", detail=detail)
    return Draft(text, detail={"family": task.family.name, **detail})


def play_fidelity(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Both criteria: yes where the programs are the same but for comments. Wrong as often as the settings say."""
    same = same_program(asked.tags.get("original", ""), asked.tags.get("rebuilt", ""))
    wrong = rng.random() >= asked.settings.judge_accuracy
    verdict = "yes" if same != wrong else "no"
    if fault == "unparsable_judgement":
        return Draft(f"Overall I would say {verdict}, with some reservations.")
    reason = "the two programs take the same steps" if verdict == "yes" else "the two programs take different steps"
    answer = {name: {"rationale": f"Here {reason}.", "verdict": verdict} for name in ("faithful", "documented")}
    return Draft(json.dumps(answer), detail={"right": not wrong})
