"""Plays the reviser: finds out from the texts alone which of solution and tests is wrong, and replies in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from served_model.rehearsal.bank import Task, killed_mutants, same_program
from served_model.rehearsal.code_player import explained, known_task, wrong_program
from served_model.rehearsal.draft import CannotAnswer, Draft
from served_model.rehearsal.tests_writer import write_copied_tests, write_gutted_tests, write_tests

Tags = Mapping[str, str]


def play_revise(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """A JSON object with `diagnosis`, `explanation`, `change` and `code`."""
    try:
        task = known_task(tags)
    except CannotAnswer as error:
        raise CannotAnswer(revision_reply(error.text, "solution", tags.get("solution", ""))) from None
    detail: dict[str, Any] = {"family": task.family.name}
    if fault == "gutted_tests":
        return Draft(
            revision_reply("The tests are stricter than the problem.", "tests", write_gutted_tests(task, rng)),
            detail=detail,
        )
    if fault == "no_op" and not _both_right(task, tags):
        return Draft(_no_op(task, tags), detail=detail)
    if fault == "tests_copy_bug":
        wrong = _wrong_of(task, tags, rng)
        detail["mutant"] = task.mutants.index(wrong)
        about = "The solution is right, and the tests expected something else."
        return Draft(revision_reply(about, "tests", write_copied_tests(task, rng, wrong)), detail=detail)
    if fault in ("still_wrong", "no_op"):
        given = tags.get("solution", "")
        source, number = wrong_program(task, rng, lambda source: same_program(source, given))
        return Draft(
            revision_reply("One condition was wrong.", "solution", source), detail={**detail, "mutant": number}
        )
    text = _honest(task, tags, rng)
    if fault == "malformed_json":
        return Draft(text[: rng.randint(2, len(text) - 2)], detail=detail)
    return Draft(text, detail=detail)


def _wrong_of(task: Task, tags: Tags, rng: Random) -> str:
    """The program of the bank that the given solution is, where it is a wrong one; else any wrong one."""
    killed = [source for source in killed_mutants(task) if same_program(source, tags.get("solution", ""))]
    return killed[0] if killed else wrong_program(task, rng)[0]


def _both_right(task: Task, tags: Tags) -> bool:
    """Whether nothing is wrong with the parts: a vote that went against the right solution and its tests."""
    disputed = "Independent solutions" in tags.get("feedback", "")
    return disputed and same_program(tags.get("solution", ""), task.solution)


def _no_op(task: Task, tags: Tags) -> str:
    """The part that is wrong, word for word as it was."""
    if same_program(tags.get("solution", ""), task.solution):
        return revision_reply("The tests look right to me as they are.", "tests", tags.get("tests", ""))
    return revision_reply("The solution looks right to me as it is.", "solution", tags.get("solution", ""))


def _honest(task: Task, tags: Tags, rng: Random) -> str:
    if same_program(tags.get("solution", ""), task.solution):
        diagnosis = "The solution follows the problem text; an expectation of the tests does not."
        return revision_reply(diagnosis, "tests", write_tests(task, rng))
    first_line = next((line.strip() for line in tags.get("feedback", "").splitlines() if line.strip()), "")
    diagnosis = f"The solution does not do what the problem asks. The feedback says: {first_line[:120]}"
    return revision_reply(diagnosis, "solution", explained(task, rng))


def revision_reply(diagnosis: str, change: str, code: str) -> str:
    """The reply in the form that the prompt asks for."""
    explanation = "Here a model would explain the program; the rehearsal only follows the problem text."
    about = {"diagnosis": diagnosis, "explanation": explanation if change == "solution" else ""}
    return json.dumps({**about, "change": change, "code": code})
