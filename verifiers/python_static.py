"""The static stage for Python: compile, imports, entry point, then ruff. Runs in a worker process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from verifiers.python_source import HOMES, Finding, Unparsable, module_names, parse, unavailable_imports

RUFF_WALL_S = 20.0  # it needs about 0.01; the model's text is already known to parse
MAX_FINDINGS = 50

# pyflakes' rules, pylint's errors, and a few that point at likely bugs. Only ERRORS decide; the rest is style.
SELECTED = "E9,F,PLE,E711,E722,B006,B015,B018,W605"
ERRORS = frozenset({
    "F701", "F702", "F704", "F706", "F707",  # break, continue, yield, return, except in the wrong place
    "F821", "F822", "F823",  # undefined name, undefined export, local used before assignment
    "PLE0115", "PLE0116", "PLE0117", "PLE0118",  # nonlocal and global misused
})  # fmt: skip
UNDEFINED = re.compile(r"Undefined name `(\w+)`")


def analyse(source: str, entry_point: str, available: tuple[str, ...] | None) -> dict[str, list[dict[str, Any]]]:
    """`findings` that decide and `style` that does not, each in the order of the text.

    `entry_point` must be bound at module level where it is not empty. `available` are importable top-level modules
    beyond the standard library; None leaves imports alone. Raises RuntimeError or OSError where ruff does not work.
    """
    try:
        tree = parse(source)
    except Unparsable as error:
        return {"findings": [error.finding.as_json()], "style": []}
    findings = [] if available is None else list(unavailable_imports(tree, frozenset(available)))
    if entry_point and entry_point not in module_names(tree):
        findings.append(Finding(1, 1, "missing-entry-point", f"no `{entry_point}` is defined at module level"))
    linted = run_ruff(source)
    findings += [_explained(finding) for finding in linted if finding.rule in ERRORS or finding.rule == "syntax"]
    style = [finding for finding in linted if finding.rule not in ERRORS and finding.rule != "syntax"]
    return {"findings": _listed(findings), "style": _listed(style)}


def _listed(findings: list[Finding]) -> list[dict[str, Any]]:
    ordered = sorted(findings, key=lambda finding: (finding.line, finding.column, finding.rule))
    return [finding.as_json() for finding in ordered[:MAX_FINDINGS]]


def _explained(finding: Finding) -> Finding:
    """Say which import is missing where an undefined name has a well-known home."""
    match = UNDEFINED.match(finding.message) if finding.rule == "F821" else None
    name = match[1] if match else ""
    if name in sys.stdlib_module_names:
        return Finding(finding.line, finding.column, "F821", f"Undefined name `{name}`: missing `import {name}`")
    if name in HOMES:
        message = f"Undefined name `{name}`: missing `from {HOMES[name]} import {name}`"
        return Finding(finding.line, finding.column, "F821", message)
    return finding


def is_missing_import(finding: dict[str, Any]) -> bool:
    """Whether a finding of `analyse` is an undefined name that an import would define."""
    return finding["rule"] == "F821" and "missing `" in finding["message"]


def ruff_binary() -> str:
    """The linter that came with this environment."""
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.is_file() else os.fspath(find_ruff_bin())


def run_ruff(source: str) -> list[Finding]:
    """Lint text given on standard input: no file, no configuration, no cache, and no `noqa` by the text itself."""
    command = [ruff_binary(), "check", "--isolated", "--no-cache", "--quiet", "--ignore-noqa", "--output-format=json"]
    command += [f"--target-version=py{sys.version_info.major}{sys.version_info.minor}", f"--select={SELECTED}"]
    try:
        done = subprocess.run(
            [*command, "--stdin-filename=program.py", "-"],
            input=source.encode("utf-8", "replace"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"RAYON_NUM_THREADS": "1"},
            cwd="/",
            timeout=RUFF_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"ruff gave no answer within {RUFF_WALL_S} s") from error
    if done.returncode not in (0, 1):
        raise RuntimeError(f"ruff ended with status {done.returncode}")
    return [
        Finding(item["location"]["row"], item["location"]["column"], _rule(item), item["message"])
        for item in json.loads(done.stdout)
    ]


def _rule(item: dict[str, Any]) -> str:
    """Syntax errors carry no code in some versions of ruff, and the code "invalid-syntax" in others."""
    code = item["code"]
    return "syntax" if code is None or code == "invalid-syntax" else str(code)
