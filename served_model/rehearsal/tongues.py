"""The bank in other languages than Python: headers, programs and literals, for the families whose bodies are known.

What a program returns is computed from the Python original, never by running the other language: a wrong program here
is the right one with its result changed by a rule that both sides know.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

from served_model.rehearsal.bank import Family, Task, draw_values, expected, load_families
from served_model.rehearsal.poor_style import poor_script

LANGUAGES = ("javascript", "go")
PLAIN = frozenset({"int", "str", "list[int]", "list[str]", "list[list[int]]"})  # results whose comparison is exact
GO_TYPES = {"int": "int", "str": "string"}
LARGE = 5  # from here on a number is large; texts and lists are from 2 members on
JS_TYPES = {"int": "number", "str": "string"}
ALTERED = {
    "javascript": {
        "int": "result + 1",
        "str": 'result + "x"',
        "list[int]": "[...result, result.length]",
        "list[str]": '[...result, "x"]',
        "list[list[int]]": "[...result, []]",
    },
    "go": {
        "int": "result + 1",
        "str": 'result + "x"',
        "list[int]": "append(result, len(result))",
        "list[str]": 'append(result, "x")',
        "list[list[int]]": "append(result, []int{})",
    },
}


@lru_cache(maxsize=8)
def load_bodies(language: str) -> Mapping[str, str]:
    """Body of the function by family."""
    text = (resources.files("served_model.rehearsal") / f"translations_{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=4)
def families_in(language: str) -> tuple[Family, ...]:
    """The families that can be posed and tested in the language."""
    bodies = load_bodies(language)
    return tuple(
        family
        for family in load_families()
        if family.name in bodies and family.returns in PLAIN and "dict" not in family.args
    )


def draw_task_in(language: str, snippet: str, rng: Random) -> Task:
    """A problem in the language, inspired by a snippet."""
    return draw_values(rng.choice(families_in(language)), snippet, rng)


@dataclass(frozen=True, slots=True)
class Tongue:
    """One task in one language."""

    language: str
    task: Task

    @property
    def signature(self) -> str:
        """The header, as a problem states it."""
        if self.language == "go":
            return f"func {self.task.function}({self._go_parameters()}) {go_type(self.task.family.returns)}"
        lines = [f" * @param {{{js_type(kind)}}} {name}" for name, kind in self._parameters()]
        returns = f" * @returns {{{js_type(self.task.family.returns)}}}"
        return "\n".join(["/**", *lines, returns, " */", self._head(self.task.function)])

    def _head(self, name: str) -> str:
        if self.language == "go":
            return f"func {name}({self._go_parameters()}) {go_type(self.task.family.returns)}"
        return f"function {name}({', '.join(self.task.parameters)})"

    def _parameters(self) -> list[tuple[str, str]]:
        parts = re.split(r",\s*(?=\w+:)", self.task.family.args)
        return [(name.strip(), kind.strip()) for name, _, kind in (part.partition(":") for part in parts)]

    def _go_parameters(self) -> str:
        return ", ".join(f"{name} {go_type(kind)}" for name, kind in self._parameters())

    def program(self, wrong: str = "") -> str:
        """The right program, or the wrong one of a kind: "always", or only "when_large"."""
        task = self.task
        body = task.fill(load_bodies(self.language)[task.family.name]).strip("\n")
        name = f"plain_{task.function}" if wrong else task.function
        start = "package main\n\n" if self.language == "go" else ""
        inner = f"{start}{self._head(name)} {{\n{body}\n}}\n"
        return inner if not wrong else f"{inner}\n{self._head(task.function)} {{\n{self._altering(wrong)}\n}}\n"

    def poor(self) -> str:
        """The right program with parameters whose names say nothing."""
        return poor_script(self.language, self.program(), self._head(self.task.function), self.task.parameters)

    def _altering(self, wrong: str) -> str:
        altered = ALTERED[self.language][self.task.family.returns]
        call = f"plain_{self.task.function}({', '.join(self.task.parameters)})"
        large = " || ".join(self._is_large(name, kind) for name, kind in self._parameters())
        if self.language == "go":
            guard = f"\tif !({large}) {{\n\t\treturn result\n\t}}\n" if wrong == "when_large" else ""
            return f"\tresult := {call}\n{guard}\treturn {altered}"
        guard = f"  if (!({large})) return result;\n" if wrong == "when_large" else ""
        return f"  const result = {call};\n{guard}  return {altered};"

    def _is_large(self, name: str, kind: str) -> str:
        if kind == "int":
            return f"{name} >= {LARGE}"
        return f"len({name}) >= 2" if self.language == "go" else f"{name}.length >= 2"

    def outputs(self, wrong: str = "") -> list[Any]:
        """What the program returns for each of the task's inputs."""
        right = list(expected(self.task))
        if not wrong:
            return right
        large = [wrong == "always" or any(map(_large, given)) for given in self.task.inputs]
        returns = self.task.family.returns
        return [alter(value, returns) if much else value for value, much in zip(right, large, strict=True)]

    def literal(self, value: Any, kind: str) -> str:
        """A value as the language writes it."""
        if self.language == "javascript" or kind in ("int", "str"):
            return json.dumps(value, separators=(",", ":"))
        inner = kind.removeprefix("list[").removesuffix("]")
        return f"{go_type(kind)}{{{', '.join(self.literal(item, inner) for item in value)}}}"

    def call(self, given: tuple[Any, ...]) -> str:
        """A call of the function with literals."""
        kinds = [kind for _, kind in self._parameters()]
        shown = [self.literal(value, kind) for value, kind in zip(given, kinds, strict=True)]
        return f"{self.task.function}({', '.join(shown)})"


def go_type(kind: str) -> str:
    """`list[int]` as `[]int`."""
    return f"[]{go_type(kind[5:-1])}" if kind.startswith("list[") else GO_TYPES[kind]


def js_type(kind: str) -> str:
    """`list[int]` as `number[]`."""
    return f"{js_type(kind[5:-1])}[]" if kind.startswith("list[") else JS_TYPES[kind]


def alter(value: Any, returns: str) -> Any:
    """What the wrong programs make of a right result."""
    if returns == "int":
        return value + 1
    if returns == "str":
        return f"{value}x"
    return [*value, {"list[str]": "x", "list[list[int]]": []}.get(returns, len(value))]


def _large(value: Any) -> bool:
    return value >= LARGE if isinstance(value, int) else len(value) >= 2
