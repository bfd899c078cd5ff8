"""What a task, its solution and its tests look like in each language: the sentences that prompts are filled with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from verifiers.headers import read_header

CodeLanguage = Literal[
    "python", "javascript", "typescript", "c", "cpp", "java", "go", "rust", "php", "bash", "sql"
]  # fmt: skip
FUNCTION = "one function that takes its input as arguments and returns its result"
HEADER = "One fenced {language} block with {what}, and no body."
RULES = "Define the function with exactly the given name and parameters. Helper functions are fine."


@dataclass(frozen=True, slots=True)
class Dialect:
    """`form` says what solves a task, `signature` what the block of a signature holds, `rules` how a solution is
    written. `memory_mb` and `cpu_s` are the least that its toolchain and runtime need."""

    form: str = FUNCTION
    signature: str = ""
    rules: str = RULES
    memory_mb: int = 512
    cpu_s: float = 5.0
    quiet: str = "No input, no printing"


def _header(language: str, what: str) -> str:
    return HEADER.format(language=language, what=what)


DIALECTS: Mapping[str, Dialect] = {
    "python": Dialect(
        signature="One fenced python block with the line that defines the function, type hints on every parameter and "
        "on the result, and\n`...` as its body.",
        memory_mb=32,
        cpu_s=0.0,
    ),
    "javascript": Dialect(
        signature=_header(
            "javascript", "a JSDoc comment that gives the types, then the line `function name(parameters)`"
        )
    ),
    "typescript": Dialect(
        signature=_header("typescript", "the line `function name(parameters): Type`, with a type for every parameter"),
        memory_mb=1024,
        cpu_s=10.0,
    ),
    "php": Dialect(
        signature=_header("php", "the line `function name(parameters): type`, with a type for every parameter")
    ),
    "go": Dialect(
        signature=_header("go", "the line `func Name(parameters) Type`"),
        rules="Write one file of `package main` with its imports; define the function with exactly the given name and "
        "parameters. Helper\n  functions are fine; there is no `main`.",
        memory_mb=1024,
    ),
    "rust": Dialect(
        signature=_header("rust", "the line `fn name(parameters) -> Type`, with owned or borrowed standard types"),
        memory_mb=1024,
    ),
    "java": Dialect(
        form="one static method that takes its input as arguments and returns its result",
        signature=_header("java", "the line `static Type name(parameters)`, after the imports that its types need"),
        rules="Write one class named `Solution` that holds the method with exactly the given name and parameters, "
        "`static` and not private,\n  with its imports above it. Helper methods are fine. No input, no printing, no "
        "`main` method.",
        memory_mb=1024,
        cpu_s=10.0,
    ),
    "cpp": Dialect(
        signature=_header("cpp", "the line `Type name(parameters)`, after the includes that its types need"),
        memory_mb=1024,
        cpu_s=10.0,
    ),
    "c": Dialect(
        signature=_header(
            "c",
            "the line `type name(parameters)`, after the includes that its types need; arrays come with their length, "
            "and results\nthat are arrays go into a buffer of the caller's, whose use the task describes",
        ),
    ),
    "bash": Dialect(
        form="one shell function that takes its input as positional arguments and prints its result on standard output",
        signature=_header(
            "bash", "a comment that names the positional arguments in their order, then the line `name()`"
        ),
        rules="Define the function with exactly the given name; it reads `$1`, `$2` and so on, prints its result on "
        "standard output and\n  nothing else there, and changes no variable outside of itself. Helper functions are "
        "fine. It uses the shell itself; no\n  files, no commands but those of the core utilities.",
        quiet="No input",
    ),
    "sql": Dialect(
        form="one view over the tables that the task describes",
        signature="One fenced sql block for SQLite: `CREATE TABLE` for every table, then `CREATE VIEW name (columns) "
        "AS ...;` with the columns that\nthe view gives, and `...` for its query.",
        rules="Write the tables exactly as they are given, then `CREATE VIEW` with exactly the given name and columns, "
        "for SQLite. Helper\n  views are fine. No other statements.",
        quiet="No rows",
    ),
}


def named_in(language: str, signature: str) -> str | None:
    """The name of what the signature asks for; None where it is not what `Dialect.signature` says. Not for Python."""
    header = read_header(language, signature)
    if header is None or header.name.lower().startswith(("test", "__")):
        return None
    if language == "javascript" and not all(tag in signature for tag in ("@param", "@return")):
        return None
    return header.name


def prompt_for_tests(language: str) -> str:
    """The prompt that asks for tests in the language."""
    return "tests" if language == "python" else f"tests_{language}"
