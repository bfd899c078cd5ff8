"""What a translation has to look like in its language, in the words that the model and the training example are told.

Most languages have something for each of Python's values. C and Bash have not, so there the form is settled from what
the original was seen to take and return: the header of the C function, the arguments and lines of the shell function.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generators.code.inputs import Arguments
from generators.recipe import Resources
from verifiers import foreign_bash, foreign_c
from verifiers.foreign_shaped import LANGUAGES as SHAPED
from verifiers.foreign_shaped import write_shaped_tests
from verifiers.foreign_shapes import Shape, is_list, is_option, member, shape_of
from verifiers.observing import observe
from verifiers.same_behaviour import SameBehaviour

USUAL = (
    "The function keeps its name, `{name}`, and its parameters in their order. Python's lists, "
    "dictionaries with text keys, None, numbers and text become what {language} has for them."
)
IN_C = """The function has exactly this header:

```c
{header}
```

{more}"""
IN_BASH = (
    "It is a shell function, called as `{usage}`; {given}. It prints its result on standard output and nothing else "
    "there: {result}. Core utilities are at hand."
)
NO_INPUT, NO_OUTPUT = "no input", "no input, no printing"


@dataclass(frozen=True, slots=True)
class Form:
    """`text` says it; `shape` is what a check needs to know of it, empty where the program itself shows it."""

    text: str
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Original:
    """The program to translate, and calls of its function: first those of its tests, of which there are `known`."""

    program: str
    entry_point: str
    inputs: Sequence[Arguments]
    known: int

    @property
    def parameters(self) -> list[str]:
        """The names of the function's parameters. For accepted programs only, which a worker has parsed before."""
        for node in ast.parse(self.program).body:
            if isinstance(node, ast.FunctionDef) and node.name == self.entry_point:
                return [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
        return []


async def form_in(language: str, original: Original, check: SameBehaviour, resources: Resources) -> Form | None:
    """None where the language cannot take or give such values, so that nothing could be proved. Raises SandboxError."""
    if language not in SHAPED:
        return Form(USUAL.format(name=original.entry_point, language=language))
    assert resources.sandbox is not None, "every run has a sandbox"
    told = (original.program, original.entry_point, original.inputs)
    seen = (await observe(*told, resources.sandbox, check.limits())).outcomes
    known = [(given, one.value) for given, one in zip(original.inputs, seen, strict=False) if one.has_value]
    usual = sum(one.has_value for one in seen[: original.known])
    shape = shape_of(known[:usual])
    if shape is None:
        return None
    if len(write_shaped_tests(language, original.entry_point, str(shape), known).cases) < check.min_inputs:
        return None
    names = original.parameters[: len(shape.parameters)]
    names += [f"value_{number}" for number in range(len(names) + 1, len(shape.parameters) + 1)]
    return Form(SAID[language](original.entry_point, names, shape), str(shape))


def quiet(language: str) -> str:
    """What a translation must not do."""
    return NO_INPUT if language == "bash" else NO_OUTPUT


def _said_in_c(name: str, parameters: Sequence[str], shape: Shape) -> str:
    sentences = []
    if any(map(is_list, shape.parameters)):
        sentences.append("A list is a pointer with the number of its members behind it.")
    if is_list(shape.returns):
        sentences.append("The result is allocated with `malloc`, and its length goes into `*result_count`.")
    if "text" in (shape.returns, member(shape.returns)):
        sentences.append("Every text that is returned is allocated with `malloc`.")
    return IN_C.format(header=foreign_c.header(name, parameters, shape), more=" ".join(sentences)).rstrip()


def _said_in_bash(name: str, parameters: Sequence[str], shape: Shape) -> str:
    given = ["each argument is a word of its own"]
    if any(map(is_list, shape.parameters)):
        given.append("the members of the list come last, each as an argument")
    if "bool" in str(shape):
        given.append("truth values are `true` and `false`")
    usage = foreign_bash.usage(name, parameters, shape)
    return IN_BASH.format(usage=usage, given=", ".join(given), result=_lines(shape.returns))


def _lines(kind: str) -> str:
    if is_list(member(kind)):
        return "one line for each inner list, with its members separated by single spaces"
    if is_list(kind):
        return "one line for each member of the list"
    return "one line, and no line for None" if is_option(kind) else "one line"


SAID: Mapping[str, Callable[[str, Sequence[str], Shape], str]] = {"c": _said_in_c, "bash": _said_in_bash}
