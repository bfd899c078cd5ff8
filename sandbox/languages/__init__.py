"""The table of languages: one file each, one line here."""

from __future__ import annotations

from sandbox.languages.language import Language, Proof
from sandbox.languages.python import PYTHON

LANGUAGES: dict[str, Language] = {language.name: language for language in (PYTHON,)}

__all__ = ["LANGUAGES", "Language", "Proof"]
