"""The table of languages: one file each, one line here."""

from __future__ import annotations

from sandbox.languages.bash import BASH
from sandbox.languages.c import C
from sandbox.languages.cpp import CPP
from sandbox.languages.go import GO
from sandbox.languages.java import JAVA
from sandbox.languages.javascript import JAVASCRIPT
from sandbox.languages.language import Language, Proof
from sandbox.languages.php import PHP
from sandbox.languages.python import PYTHON
from sandbox.languages.rust import RUST
from sandbox.languages.sql import SQL
from sandbox.languages.typescript import TYPESCRIPT

LANGUAGES: dict[str, Language] = {
    language.name: language for language in (PYTHON, JAVASCRIPT, TYPESCRIPT, C, CPP, JAVA, GO, RUST, PHP, BASH, SQL)
}

__all__ = ["LANGUAGES", "Language", "Proof"]
