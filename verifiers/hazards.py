"""What a guard model looks for and how its reply is read: hazard categories, `safe`, or `unsafe` and a list of them.

The categories and the form of the reply are those of Llama Guard 3 (Llama 3, arXiv 2407.21783, 5.4.4: the thirteen
hazards of MLCommons' taxonomy and the abuse of a code interpreter); other guards keep to the form with their own codes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

CATEGORIES: Mapping[str, str] = {
    "S1": "Violent Crimes",
    "S2": "Non-Violent Crimes",
    "S3": "Sex-Related Crimes",
    "S4": "Child Sexual Exploitation",
    "S5": "Defamation",
    "S6": "Specialized Advice",
    "S7": "Privacy",
    "S8": "Intellectual Property",
    "S9": "Indiscriminate Weapons",
    "S10": "Hate",
    "S11": "Suicide & Self-Harm",
    "S12": "Sexual Content",
    "S13": "Elections",
    "S14": "Code Interpreter Abuse",
}
MAX_REPLY = 400  # characters; a list of all categories is far shorter
_SEPARATOR = re.compile(r"[,\s]+")


class NotAnAssessment(Exception):
    """A guard's reply says neither safe nor unsafe in the known form; the text says why."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What a reply says: no category means safe."""

    categories: tuple[str, ...]

    @property
    def safe(self) -> bool:
        """Nothing was found."""
        return not self.categories


def read_assessment(text: str, finish_reason: str, categories: Collection[str]) -> Flags:
    """Read `safe`, or `unsafe` and its categories. Raises NotAnAssessment for anything else, however close.

    What nobody can place is no verdict: an unknown category, unsafe without one, safe with one, a reply cut short.
    """
    if finish_reason != "stop":
        raise NotAnAssessment(f"the reply ended with finish_reason {finish_reason!r}"[:80])
    if len(text) > MAX_REPLY:
        raise NotAnAssessment("the reply is too long for an assessment")
    first, _, rest = text.strip().partition("\n")
    word, codes = first.strip().lower(), [code for code in _SEPARATOR.split(rest.strip()) if code]
    if word == "safe" and not codes:
        return Flags(())
    if word != "unsafe":
        raise NotAnAssessment("the reply is neither safe nor unsafe")
    if not codes:
        raise NotAnAssessment("unsafe, but no category is named")
    known = {code.upper(): code for code in categories}
    unknown = [code for code in codes if code.upper() not in known]
    if unknown:
        raise NotAnAssessment(f"unknown category {unknown[0]!r}"[:80])
    named = {known[code.upper()] for code in codes}
    return Flags(tuple(code for code in categories if code in named))
