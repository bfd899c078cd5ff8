"""Plays the translator: programs of the bank in JavaScript, with translations that are wrong only on larger inputs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from random import Random

from served_model.rehearsal.bank import Task, recognise_program
from served_model.rehearsal.draft import CannotAnswer, Draft

Tags = Mapping[str, str]
UNKNOWN = "I cannot translate this. I am the rehearsal model and know only some of my own programs, in JavaScript."

# Right for small inputs: whoever tries a few easy ones finds nothing.
WRONG_WHEN_LARGE = """
const isLarge = (given) =>
  typeof given === "number" ? given >= 5 : Object.keys(Object(given)).length >= 2;

function {name}({parameters}) {{
  const result = plain_{name}({parameters});
  if (![{parameters}].some(isLarge)) return result;
  if (typeof result === "number") return result + 1;
  if (typeof result === "string") return result + "x";
  return Array.isArray(result) ? [...result, result.length] : {{ ...result, more: 1 }};
}}
"""
TWISTED = {
    "reversed_list": "[...result].reverse()",
    "repeated_end": "[...result, ...result.slice(0, 1)]",
    "framed_text": '"!" + result + "?"',
    "doubled_number": "2 * result + 1",
    "marked_table": "{ ...result, total: Object.keys(result).length }",
}


@lru_cache(maxsize=1)
def load_translations() -> Mapping[str, str]:
    """Body of the function by family."""
    folder = resources.files("served_model.rehearsal")
    table: dict[str, str] = tomllib.loads((folder / "translations_javascript.toml").read_text(encoding="utf-8"))
    return table


def translated(task: Task) -> str:
    """The right translation. Raises CannotAnswer."""
    body = load_translations().get(task.family.name)
    if body is None:
        raise CannotAnswer(UNKNOWN)
    name, parameters = task.function, ", ".join(task.parameters)
    inner = f"plain_{name}" if task.twist else name
    program = f"function {inner}({parameters}) {{\n{task.fill(body).strip(chr(10))}\n}}\n"
    if not task.twist:
        return program
    step = f"  const result = {inner}({parameters});\n  return {TWISTED[task.twist]};\n"
    return f"{program}\nfunction {name}({parameters}) {{\n{step}}}\n"


def play_translate(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """One fenced block. Raises CannotAnswer for programs that it does not know."""
    task = recognise_program(tags.get("code", ""), rng)
    if task is None:
        raise CannotAnswer(UNKNOWN)
    detail = {"family": task.family.name}
    if fault == "no_code_block":
        return Draft("The translation follows the original line by line.", detail=detail)
    program = translated(task)
    if fault is not None and fault in FAULTS:
        program = FAULTS[fault](task, program)
    return Draft(f"```javascript\n{program}```", detail=detail)


def _wrong_when_large(task: Task, program: str) -> str:
    name, parameters = task.function, ", ".join(task.parameters)
    inner = program.replace(f"plain_{name}", f"first_{name}").replace(f"function {name}(", f"function plain_{name}(")
    return inner + WRONG_WHEN_LARGE.format(name=name, parameters=parameters)


def _wrong_always(task: Task, _: str) -> str:
    return f"function {task.function}({', '.join(task.parameters)}) {{\n  return {task.parameters[0]};\n}}\n"


def _undefined_name(task: Task, program: str) -> str:
    first = task.parameters[0]
    return program.replace("{\n", f"{{\n  {first} = prepare({first});\n", 1)


FAULTS: Mapping[str, Callable[[Task, str], str]] = {
    "wrong_when_large": _wrong_when_large,
    "wrong_always": _wrong_always,
    "syntax_error": lambda _, program: program.rstrip().removesuffix("}") + "\n",
    "undefined_name": _undefined_name,
    "python_again": lambda task, _: task.solution,
}
