"""Plays the translator: programs of the bank in other languages, some of them wrong only on larger inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from served_model.rehearsal.bank import Task, recognise_program
from served_model.rehearsal.draft import CannotAnswer, Draft
from served_model.rehearsal.role import Asked, Fault
from served_model.rehearsal.shaped_programs import bash_program, c_program
from served_model.rehearsal.tongues import Tongue, families_in, load_bodies

UNKNOWN = "I cannot translate this. I am the rehearsal model and know only some of my own programs."
INTO = re.compile(r"^(?:Translate this Python function|This Python function was translated) to (\w+)[.,]", re.MULTILINE)
LANGUAGES = ("javascript", "go", "c", "bash")
TRANSLATION_FAULTS = {
    "wrong_when_large": Fault(4, "execution"),
    "wrong_always": Fault(2, "execution"),
    "syntax_error": Fault(1, "execution"),
    "undefined_name": Fault(2, "execution"),
    "python_again": Fault(1, "execution"),
    "no_code_block": Fault(1, "format"),
}

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """A program to translate, the language, and all that was asked."""

    task: Task
    language: str
    asked: str

    def program(self, wrong: str = "") -> str:
        """The right translation, or the wrong one of a kind: "always", or only "when_large". Raises CannotAnswer."""
        if self.language == "javascript":
            return _script(self.task, wrong)
        if self.language in ("c", "bash"):
            return {"c": c_program, "bash": bash_program}[self.language](self.task, self.asked, wrong)
        if self.language != "go" or self.task.twist or self.task.family not in families_in("go"):
            raise CannotAnswer(UNKNOWN)
        return Tongue("go", self.task).program(wrong)


def _script(task: Task, wrong: str) -> str:
    program = translated(task)
    return {"always": _wrong_always, "when_large": _wrong_when_large}[wrong](task, program) if wrong else program


def translated(task: Task) -> str:
    """The right translation to JavaScript. Raises CannotAnswer."""
    body = load_bodies("javascript").get(task.family.name)
    if body is None:
        raise CannotAnswer(UNKNOWN)
    name, parameters = task.function, ", ".join(task.parameters)
    inner = f"plain_{name}" if task.twist else name
    program = f"function {inner}({parameters}) {{\n{task.fill(body).strip(chr(10))}\n}}\n"
    if not task.twist:
        return program
    step = f"  const result = {inner}({parameters});\n  return {TWISTED[task.twist]};\n"
    return f"{program}\nfunction {name}({parameters}) {{\n{step}}}\n"


def play_translate(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """One fenced block. Raises CannotAnswer for programs that it does not know."""
    text = "\n".join(str(message.get("content", "")) for message in asked.messages)
    task, language = recognise_program(asked.tags.get("code", ""), rng), INTO.search(text)
    if task is None or language is None:
        raise CannotAnswer(UNKNOWN)
    wanted = Wanted(task, language[1], text)
    detail = {"family": task.family.name, "language": wanted.language}
    program = wanted.program()
    if fault == "no_code_block":
        return Draft("The translation follows the original line by line.", detail=detail)
    program = FAULTS[fault](wanted, program) if fault is not None and fault in FAULTS else program
    return Draft(f"```{wanted.language}\n{program}```", detail=detail)


def _wrong_when_large(task: Task, program: str) -> str:
    name, parameters = task.function, ", ".join(task.parameters)
    inner = program.replace(f"plain_{name}", f"first_{name}").replace(f"function {name}(", f"function plain_{name}(")
    return inner + WRONG_WHEN_LARGE.format(name=name, parameters=parameters)


def _wrong_always(task: Task, _: str) -> str:
    return f"function {task.function}({', '.join(task.parameters)}) {{\n  return {task.parameters[0]};\n}}\n"


def _undefined_name(wanted: Wanted, program: str) -> str:
    first, language = wanted.task.parameters[0], wanted.language
    if language == "bash":
        return program.replace("() {\n", '() {\n  set -- $(prepare "$@")\n', 1)
    end = ";" if language in ("javascript", "c") else ""
    head = next(line for line in program.splitlines() if line.endswith("{") and f"{wanted.task.function}(" in line)
    return program.replace(f"{head}\n", f"{head}\n  {first} = prepare({first}){end}\n", 1)


FAULTS: Mapping[str, Callable[[Wanted, str], str]] = {
    "wrong_when_large": lambda wanted, _: wanted.program("when_large"),
    "wrong_always": lambda wanted, _: wanted.program("always"),
    "syntax_error": lambda _, program: program.rstrip().removesuffix("}") + "\n",
    "undefined_name": _undefined_name,
    "python_again": lambda wanted, _: wanted.task.solution,
}
