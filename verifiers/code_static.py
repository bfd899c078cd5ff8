"""Static proof of code: it parses, its names and imports exist, its entry point is there (C5). Never runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources
from verifiers.code_blocks import language_of
from verifiers.insecure import insecure_findings
from verifiers.python_static import analyse, is_missing_import
from verifiers.tree_static import GRAMMARS, analyse_tree
from verifiers.workers import WorkerError

ANALYSIS_CPU_S = 10.0  # of a worker; usual programs need 0.002
LANGUAGES = frozenset({"python", *GRAMMARS})

# The rule that a verdict is named after, most telling first; undefined names come last.
REASONS = {
    "syntax": "syntax_error",
    "too-complex": "too_complex",
    "missing-entry-point": "missing_entry_point",
    "unavailable-import": "unavailable_import",
    "missing-import": "missing_import",
}


@dataclass(frozen=True)
class CodeStatic(Check):
    """The part is a program of the language that compiles, uses no undefined name, and defines `entry_point`.

    `imports` are top-level modules that the sandbox has beyond the standard library. `refuse_insecure` also refuses
    insecure patterns, which are evidence otherwise.
    """

    kind: ClassVar[str] = "code_static"
    language: str
    entry_point: str = ""
    part: str = "solution"
    imports: tuple[str, ...] = ()
    refuse_insecure: bool = False


class Row(BaseModel):
    """One line of `provender verify static`. Imports of other people's packages are judged only where `imports` is
    given: it names the top-level modules that are there besides the standard library."""

    id: str | int
    language: str
    program: str
    imports: list[str] | None = None


async def verify(check: CodeStatic, candidate: Candidate, resources: Resources) -> Verdict:
    """FAIL with structured findings where something decides; style findings are evidence only."""
    source = candidate.parts.get(check.part, "")
    return await _judge(check, source, check.imports, resources)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The verdict on somebody's row."""
    imports = None if row.imports is None else tuple(row.imports)
    return await _judge(CodeStatic(language_of(row.language)), row.program, imports, resources)


async def _judge(check: CodeStatic, source: str, imports: tuple[str, ...] | None, resources: Resources) -> Verdict:
    if check.language not in LANGUAGES:
        evidence = {"language": check.language, "findings": []}
        return Verdict(check.kind, Outcome.UNJUDGED, "language_not_supported", evidence)
    if not source.strip():
        return Verdict(check.kind, Outcome.FAIL, "no_code", {"findings": []})
    arguments = (source, check.language, check.entry_point, imports)
    try:
        found = await resources.workers.run(analyse_code, *arguments, deadline_s=ANALYSIS_CPU_S)
    except WorkerError as error:
        evidence = {"error": f"{type(error).__name__}: {error}", "findings": []}
        return Verdict(check.kind, Outcome.UNJUDGED, "analysis_failed", evidence)
    if found["findings"]:
        return Verdict(check.kind, Outcome.FAIL, _reason(found["findings"]), found)
    if found["insecure"] and check.refuse_insecure:
        return Verdict(check.kind, Outcome.FAIL, "insecure_code", found)
    return Verdict(check.kind, Outcome.PASS, "clean", found)


def analyse_code(
    source: str, language: str, entry_point: str, imports: tuple[str, ...] | None
) -> dict[str, list[dict[str, Any]]]:
    """Findings by kind: those that decide, style, insecure patterns. Called in a worker process."""
    if language != "python":
        return analyse_tree(source, language, entry_point, imports is not None)
    insecure = [finding.as_json() for finding in insecure_findings(source, language)]
    return {**analyse(source, entry_point, imports), "insecure": insecure}


def _reason(findings: list[dict[str, Any]]) -> str:
    rules = {finding["rule"] for finding in findings}
    for rule, reason in REASONS.items():
        if rule in rules:
            return reason
    if any(is_missing_import(finding) for finding in findings):
        return "missing_import"
    return "undefined_name" if rules & {"F821", "F822", "F823", "undefined-name"} else "misplaced_statement"
