"""Insecure patterns in model-written code (C18): regular expressions per language, after CodeShield's approach.

They show patterns, not proofs: findings are evidence, and a recipe decides whether they refuse (`refuse_insecure`).
Comments and the contents of strings are blanked before a pattern looks, except for patterns that look for literals.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from verifiers.python_source import Finding

MAX_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Pattern:
    """One insecure habit: rule, CWE and words for the finding; `literal` patterns see the text as it is."""

    rule: str
    expression: re.Pattern[str]
    message: str
    languages: frozenset[str]
    literal: bool = False


@lru_cache(maxsize=1)
def load_patterns() -> tuple[Pattern, ...]:
    """All patterns, in the order of the file `insecure_patterns.toml`."""
    text = (resources.files("verifiers") / "insecure_patterns.toml").read_text(encoding="utf-8")
    return tuple(
        Pattern(
            entry["rule"],
            re.compile(entry["expression"], re.MULTILINE),
            entry["message"],
            frozenset(entry["languages"].split()),
            entry.get("literal", False),
        )
        for entry in tomllib.loads(text)["pattern"]
    )


LANGUAGES = ("python", "javascript", "typescript", "java", "go", "rust", "php", "bash", "c", "cpp")

# Comments and strings, per family of languages; the longest forms first.
HASH = r"#[^\n]*"
SLASH = r"//[^\n]*|/\*[\s\S]*?\*/"
STRINGS = r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`'
QUIET = {
    language: re.compile(f"{STRINGS}|{HASH if language in ('python', 'bash') else SLASH}") for language in LANGUAGES
}


def insecure_findings(source: str, language: str) -> list[Finding]:
    """Findings in the order of the text; none for languages without patterns."""
    if language not in QUIET:
        return []
    quiet = QUIET[language].sub(_blanked, source)
    found = [
        Finding(source.count("\n", 0, match.start()) + 1, _column(source, match.start()), pattern.rule, pattern.message)
        for pattern in load_patterns()
        if language in pattern.languages
        for match in pattern.expression.finditer(source if pattern.literal else quiet)
    ]
    return sorted(found, key=lambda finding: (finding.line, finding.column, finding.rule))[:MAX_FINDINGS]


def _blanked(match: re.Match[str]) -> str:
    """Blanks of the same length, lines kept; a string keeps its quotes."""
    text = match[0]
    kept = text[0] if text[0] in "\"'`" else " "
    inner = re.sub(r"[^\n]", " ", text[1:-1])
    return f"{kept}{inner}{kept if kept != ' ' else ' '}" if len(text) > 1 else text


def _column(source: str, place: int) -> int:
    return place - (source.rfind("\n", 0, place) + 1) + 1
