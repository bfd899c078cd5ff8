"""The problem bank: families of Python problems, drawn from a snippet and recognised again from their text alone."""

from __future__ import annotations

import ast
import copy
import re
import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

from served_model.rehearsal.material import PATTERNS, Material, draw_parameter
from served_model.rehearsal.twists import TWISTS, find_twist, twisted, untwisted

THEMES = ("text", "lists", "numbers", "tables")
PLACEHOLDER = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))")
OWN_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, NameError)


@dataclass(frozen=True, slots=True)
class Raised:
    """What a program of the bank gave instead of a value: the name of an exception's class."""

    error: str


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of problem: templates for its text, its solution, and the inputs that tell right from wrong."""

    name: str
    verb: str
    args: str
    returns: str
    idea: str
    problem: str
    body: str
    inputs: str
    params: tuple[tuple[str, str], ...]
    mutants: tuple[tuple[str, str], ...]
    imports: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A family with its parameters (name and literal text of each) and the name of the function asked for.

    `twist` names the rule that makes it a harder problem; empty for a plain one.
    """

    family: Family
    function: str
    values: tuple[tuple[str, str], ...]
    twist: str = ""

    def fill(self, template: str, **extra: str) -> str:
        """Put the parameters into one of the family's templates."""
        upper = {f"{name}_upper": value.upper() for name, value in self.values}
        return string.Template(template).substitute(upper, name=self.function, **dict(self.values), **extra)

    @property
    def signature(self) -> str:
        """The one `def` line, with type hints."""
        return f"def {self.function}({self.family.args}) -> {self.family.returns}:"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the function's parameters, in order."""
        return tuple(part.split(":")[0].strip() for part in re.split(r",\s*(?=\w+:)", self.family.args))

    @property
    def solution(self) -> str:
        """The right program, with imports and without comments."""
        return self.program(self.family.body)

    @property
    def mutants(self) -> tuple[str, ...]:
        """Wrong programs: one small edit of the right one each."""
        return tuple(self.program(self.family.body.replace(old, new)) for old, new in self.family.mutants)

    @property
    def inputs(self) -> tuple[tuple[Any, ...], ...]:
        """Arguments of the calls that prove a solution; the first one is the example in the problem text."""
        return tuple(ast.literal_eval(self.fill(self.family.inputs)))

    @property
    def problem(self) -> str:
        """The problem text, as one paragraph that ends with an example."""
        shown = repr(expected(self)[0])
        plain = " ".join(self.fill(self.family.problem, shown=shown).split())
        return f"{plain} {TWISTS[self.twist].sentence}" if self.twist else plain

    def program(self, body: str) -> str:
        """A whole program from a function body."""
        imports = f"{self.family.imports}\n\n\n" if self.family.imports else ""
        plain = f"{imports}{self.signature}\n{self.fill(body).strip(chr(10))}\n"
        return twisted(plain, self.function, self.parameters, self.twist) if self.twist else plain


@lru_cache(maxsize=1)
def load_families() -> tuple[Family, ...]:
    """All families, in the order of their files."""
    folder = resources.files("served_model.rehearsal")
    families: list[Family] = []
    for theme in THEMES:
        table = tomllib.loads((folder / f"families_{theme}.toml").read_text(encoding="utf-8"))
        families.extend(_family(entry) for entry in table["family"])
    return tuple(families)


def draw_task(snippet: str, rng: Random) -> Task:
    """A problem inspired by a snippet: its words name the function, its words and numbers are the sample data."""
    return draw_values(rng.choice(load_families()), snippet, rng)


def draw_values(family: Family, snippet: str, rng: Random) -> Task:
    """A problem of the family."""
    material = Material.of(snippet)
    values = tuple((name, draw_parameter(kind, material, rng)) for name, kind in family.params)
    return Task(family, f"{family.verb}_{material.word(rng)}", values)


def recognise(problem: str, signature: str) -> Task | None:
    """The task that a problem text and its signature stand for; None where the bank does not know it."""
    function = re.search(r"(?:def|function|func)\s+([a-z]+_[a-z]{3,12})\(", signature)
    if function is None:
        return None
    text = " ".join(problem.split())
    for family in load_families():
        match = _pattern(family).search(text)
        if match is not None and function[1].startswith(f"{family.verb}_"):
            values = tuple((name, match[name]) for name, _ in family.params)
            task = Task(family, function[1], values, find_twist(problem))
            return task if _in_bounds(family, values) else None
    return None


def recognise_program(source: str, rng: Random) -> Task | None:
    """The task that a right program of the bank solves, comments aside; parameters that it does not show are drawn."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("#", '"""'))]
    code, twist = untwisted("\n".join(lines))
    function = re.search(r"def\s+([a-z]+_[a-z]{3,12})\(", code)
    for family in load_families() if function is not None else ():
        match = _body_pattern(family).search(code)
        if match is not None and function is not None and function[1].startswith(f"{family.verb}_"):
            shown, material = match.groupdict(), Material.of(source)
            values = tuple(
                (name, shown.get(name) or draw_parameter(kind, material, rng)) for name, kind in family.params
            )
            task = Task(family, function[1], values, twist)
            return task if _in_bounds(family, values) else None
    return None


@lru_cache(maxsize=4096)
def expected(task: Task) -> tuple[Any, ...]:
    """What the right solution returns for each of the task's inputs."""
    return outputs(task.solution, task)


@lru_cache(maxsize=1024)
def killed_mutants(task: Task) -> tuple[str, ...]:
    """The wrong programs that differ from the right one on at least one of the task's inputs."""
    right = expected(task)
    return tuple(source for source in task.mutants if not _same(outputs(source, task), right))


def outputs(source: str, task: Task) -> tuple[Any, ...]:
    """Run a program of the bank (never anybody else's) on the task's inputs; an exception becomes `Raised`."""
    function = _define(source, task.function)
    return tuple(_call(function, arguments) for arguments in task.inputs)


def same_program(left: str, right: str) -> bool:
    """Whether two programs are equal but for comments, docstrings and layout. Unreadable text equals nothing."""
    first, second = _shape(left), _shape(right)
    return first is not None and first == second


def _shape(source: str) -> str | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _define(source: str, name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    # Only templates of this package get here, filled with values whose form `recognise` has checked.
    exec(compile(source, "bank", "exec"), space)  # noqa: S102
    function: Callable[..., Any] = space[name]
    return function


def _call(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    try:
        return function(*copy.deepcopy(arguments))
    except OWN_ERRORS as error:
        return Raised(type(error).__name__)


def _same(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return [repr(value) for value in left] == [repr(value) for value in right]


def _family(entry: Mapping[str, Any]) -> Family:
    texts = {key: value for key, value in entry.items() if key not in ("params", "mutants")}
    mutants = tuple((old, new) for old, new in entry["mutants"])
    return Family(**texts, params=tuple(entry["params"].items()), mutants=mutants)


@lru_cache(maxsize=256)
def _pattern(family: Family) -> re.Pattern[str]:
    return _template_pattern(family, family.problem)


@lru_cache(maxsize=256)
def _body_pattern(family: Family) -> re.Pattern[str]:
    return _template_pattern(family, family.body)


def _template_pattern(family: Family, template: str) -> re.Pattern[str]:
    kinds = dict(family.params)
    pieces: list[str] = []
    position = 0
    for match in PLACEHOLDER.finditer(template):
        pieces.append(_literal(template[position : match.start()]))
        name = match["braced"] or match["plain"]
        pieces.append(_group(name, kinds))
        kinds = {key: "again" if key == name else kind for key, kind in kinds.items()}
        position = match.end()
    pieces.append(_literal(template[position:]))
    return re.compile("".join(pieces).strip().removeprefix(r"\s+").removesuffix(r"\s+"))


def _in_bounds(family: Family, values: Sequence[tuple[str, str]]) -> bool:
    """Whether the numbers are such as the family draws; others may make its programs run for ever."""
    kinds = [kind.split() for _, kind in family.params]
    return all(
        kind[0] != "int" or int(kind[1]) <= int(value) <= int(kind[2])
        for kind, (_, value) in zip(kinds, values, strict=True)
    )


def _group(name: str, kinds: Mapping[str, str]) -> str:
    if name not in kinds:
        return "[^`]*" if name == "shown" else r"\w+"
    if kinds[name] == "again":
        return f"(?P={name})"
    return f"(?P<{name}>{PATTERNS[kinds[name].split()[0]]})"


def _literal(text: str) -> str:
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", text))
