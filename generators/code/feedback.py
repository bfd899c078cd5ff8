"""What a check found, put so that a model can act on it: findings, exit status, output, failed assertions (C8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from records.types import Verdict
from verifiers.execution_evidence import FAILED_ASSERTION, is_assertion

MAX_ITEMS = 12

CHECKED = {
    "code_static": "The static check refused the solution",
    "tests_quality": "The check of the tests refused the tests",
    "code_tests": "The solution did not pass the tests",
    "tests_strength": "The tests accept the solution, but they prove too little",
    "same_behaviour": "The program does not do what the original does",
    "no_leak": "The text holds code of the program",
    "judged": "A reviewer found it not good enough",
    "agreement": "Independent solutions of the task do not pass these tests, though the solution does",
}

EXPLAINED = {
    "no_code": "the reply held no complete code block",
    "no_tests": "the reply held no complete code block with tests",
    "no_real_assertion": "no assertion depends on the result of the function",
    "too_few_tests": "too few test functions hold a real assertion",
    "too_few_assertions": "too few different real assertions",
    "too_few_inputs": "too few different inputs",
    "vacuous_tests": "a program that is plainly wrong passes all of them",
    "tests_gutted": "the new tests assert less than the ones they replace; restore what was removed or weakened",
    "rebinds_entry_point": "the tests must use the function that is given, not define their own",
    "swallowed_assertion": "an `except` hides failed assertions",
    "timeout_cpu": "it used up its CPU time",
    "timeout_wall": "it was still waiting when its time was up",
    "memory": "it used up its memory",
    "output": "it printed too much",
    "tests_incomplete": "not every assertion was reached",
    "flaky_tests": "some tests do not end alike on every run: take chance, clock and order out of them",
    "low_branch_coverage": "add tests that take the branches listed; keep the others",
    "surviving_mutants": "the tests still pass when the solution is changed as listed; add tests that notice",
    "tests_weakened": "the new tests notice or reach less of the solution than those they replace",
    "not_correct": "it does not do what the task asks for every input",
    "not_faithful": "the program written from the text does not do what the original does",
    "not_documented": "the text does not state every rule and edge case",
    "not_style": "it is right, and not clear enough to learn from",
    "outvoted": "more solutions fail these tests than pass: solution and tests may share one mistake about the task",
}


# How the items of a list in the evidence are put.
LISTED = {
    "findings": "- line {line}, column {column}: [{rule}] {message}",
    "removed_assertions": "- removed assertions: {}",
    "lost_calls": "- lost calls: {}",
    "weakened_calls": "- weakened calls: {}",
    "missed": "- never taken: line {line}: {what}",
    "survivors": "- not noticed: line {line}: `{before}` changed to `{after}`",
    "flaky": "- not always the same: {}",
    "differences": "- for {input} the original gives {original}, the program {got}",
    "disputed": "- an independent solution fails: {assertion}: {detail}",
}


def feedback_text(verdict: Verdict) -> str:
    """The verdict that refused an attempt, in words and facts, without anything that varies between runs."""
    subject = CHECKED.get(verdict.check, f"The check {verdict.check} refused it")
    meaning = EXPLAINED.get(verdict.reason)
    head = f"{subject}: {verdict.reason}" + (f" ({meaning})." if meaning else ".")
    return "\n".join([head, *_facts(verdict.evidence)])


def _facts(evidence: Mapping[str, Any]) -> Iterator[str]:
    for finding in _items(evidence, "findings"):
        yield LISTED["findings"].format(**finding)
    for name in ("cases", "assertions", "required"):
        if isinstance(evidence.get(name), int):
            yield f"- {name}: {evidence[name]}"
    for name, line in LISTED.items():
        if name != "findings":
            yield from (
                line.format(**item) if isinstance(item, Mapping) else line.format(item)
                for item in _items(evidence, name)
            )
    if "part" in evidence and "code" in evidence:
        yield f"- {evidence['part']} holds: {evidence['code']}"
    if evidence.get("program"):
        yield from ("This program passes the tests:", str(evidence["program"]).rstrip())
    yield from _reviews(evidence)
    yield from _execution(evidence)


def _reviews(evidence: Mapping[str, Any]) -> Iterator[str]:
    """What the judges said about each criterion that they did not find met."""
    criteria = evidence.get("criteria")
    failed = [name for name, found in criteria.items() if found["outcome"] == "fail"] if criteria else []
    for ballot in _items(evidence, "ballots"):
        if ballot.get("key") in evidence.get("rests_on", ()):
            yield from (f"- {name}: {ballot['rationales'][name]}" for name in failed if name in ballot["rationales"])


def _execution(evidence: Mapping[str, Any]) -> Iterator[str]:
    if "status" not in evidence:
        return
    yield f"Status: {evidence['status']}, exit code: {evidence.get('exit_code')}"
    if "total" in evidence:
        yield f"Passed: {evidence['passed']} of {evidence['total']}"
    for case in _telling(evidence.get("cases"))[:MAX_ITEMS]:
        yield f"- failed: {case['name']}: {case['detail']}".rstrip(": ")
    for stream in ("stdout", "stderr"):
        if evidence.get(stream):
            yield from (f"{stream}:", str(evidence[stream]).rstrip())


def _telling(cases: object) -> list[Any]:
    """The failed cases, exceptions first: one of them fails many assertions that have nothing to say themselves."""
    failed = [case for case in cases if not case["passed"]] if isinstance(cases, list) else []
    return sorted(failed, key=lambda case: is_assertion(case["name"]) or bool(FAILED_ASSERTION.match(case["detail"])))


def _items(evidence: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = evidence.get(name)
    return value[:MAX_ITEMS] if isinstance(value, list | tuple) else ()
