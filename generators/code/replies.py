"""Strict reading of the replies that make a code example (C2, C4). All of it is hostile text."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from generators.code.dialects import named_in
from served_model.types import Reply, UnreadableReply
from verifiers.code_blocks import find_blocks, outside_fences, pick_solution

SECTIONS = ("Problem", "Signature")
HEADING = re.compile(r"^##[ \t]+(.+?)[ \t#]*$")
MAX_SIGNATURE_CHARS = 1_000  # short enough that the parser cannot be exhausted by it
MIN_PROBLEM_CHARS, MAX_PROBLEM_CHARS = 40, 8_000
# The reader of the problem has no snippet: text that sends them to one is no task.
SNIPPET = re.compile(
    r"\b(?:above|below|following|given|provided) (?:code|source|(?:code |source )?snippet)\b"
    r"|\b(?:snippet|code) (?:above|below)\b",
    re.IGNORECASE,
)


class Unusable(Exception):
    """A reply that gives no task; the message is a snake_case reason."""


@dataclass(frozen=True, slots=True)
class Task:
    """A problem with the signature of the function that solves it."""

    problem: str
    signature: str
    entry_point: str


class Revision(BaseModel):
    """What a model answers to feedback: `code` is the whole new text of the part named by `change`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    diagnosis: str  # for us: what was wrong
    explanation: str  # for the training example: reads as if this were the first version
    change: Literal["solution", "tests"]
    code: str


def read_task(reply: Reply, language: str = "python") -> Task:
    """The two sections of a problem reply. Raises Unusable: truncated, missing_section, sections_out_of_order,
    unexpected_section, problem_too_short, problem_too_long, not_self_contained, bad_signature, solution_in_problem."""
    if reply.finish_reason != "stop":
        raise Unusable("truncated")
    problem, section = _sections(reply.text)
    if len(problem) < MIN_PROBLEM_CHARS:
        raise Unusable("problem_too_short")
    if len(problem) > MAX_PROBLEM_CHARS:
        raise Unusable("problem_too_long")
    if SNIPPET.search(problem):
        raise Unusable("not_self_contained")
    blocks = find_blocks(section)
    if len(blocks) != 1 or not blocks[0].closed:
        raise Unusable("bad_signature")
    signature = blocks[0].code.strip()
    entry_point = _entry_point(signature) if language == "python" else _named_in(language, signature)
    if _defines(problem, entry_point, language):
        raise Unusable("solution_in_problem")
    return Task(problem, signature, entry_point)


def _sections(text: str) -> tuple[str, str]:
    """The bodies of the sections. Words before the first heading are tolerated; headings in code are none."""
    lines = text.replace("\r\n", "\n").split("\n")
    found = [(index, match[1]) for index, line in outside_fences(text) if (match := HEADING.match(line))]
    names = [name for _, name in found]
    if any(name not in names for name in SECTIONS):
        raise Unusable("missing_section")
    if sorted(names) != sorted(SECTIONS):
        raise Unusable("unexpected_section")
    if tuple(names) != SECTIONS:
        raise Unusable("sections_out_of_order")
    (first, _), (second, _) = found
    problem, signature = "\n".join(lines[first + 1 : second]).strip(), "\n".join(lines[second + 1 :]).strip()
    if not problem or not signature:
        raise Unusable("missing_section")
    return problem, signature


def _entry_point(signature: str) -> str:
    """The name of the function whose bare, fully hinted definition this is; imports for the hints may precede it."""
    if len(signature) > MAX_SIGNATURE_CHARS or "\0" in signature:
        raise Unusable("bad_signature")
    try:
        body = ast.parse(signature).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unusable("bad_signature") from None
    *imports, function = body or [ast.Pass()]
    only_imports = all(isinstance(node, ast.Import | ast.ImportFrom) for node in imports)
    if not only_imports or not isinstance(function, ast.FunctionDef) or function.decorator_list:
        raise Unusable("bad_signature")
    if not _is_hinted(function) or not all(map(_is_empty, function.body)) or not _is_free(function.name):
        raise Unusable("bad_signature")
    return function.name


def _named_in(language: str, signature: str) -> str:
    name = named_in(language, signature)
    if name is None:
        raise Unusable("bad_signature")
    return name


def _is_hinted(function: ast.FunctionDef) -> bool:
    parameters = function.args
    rest = [parameter for parameter in (parameters.vararg, parameters.kwarg) if parameter is not None]
    every = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs, *rest]
    return bool(every) and function.returns is not None and all(parameter.annotation for parameter in every)


def _is_empty(statement: ast.stmt) -> bool:
    """A docstring, `...` or `pass`."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str | type(...))
    return isinstance(statement, ast.Pass)


def _is_free(name: str) -> bool:
    """A name that hides no builtin and is not taken for a test."""
    return not (hasattr(builtins, name) or keyword.issoftkeyword(name) or name.startswith(("test", "__")))


def _defines(problem: str, entry_point: str, language: str) -> bool:
    """Whether a code block of the problem defines the function with a body, which would give the solution away."""
    if language != "python":
        begins = rf"\bview\s+{re.escape(entry_point)}\b[^;]*\bfrom\b" if language == "sql" else _with_body(entry_point)
        return any(re.search(begins, block.code, re.IGNORECASE) for block in find_blocks(problem))
    definition = re.compile(rf"^def {re.escape(entry_point)}\b.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
    bodies = [match for block in find_blocks(problem) for match in definition.findall(block.code)]
    return any(re.search(r"^\s+(?:return|yield|for|while|if|raise)\b", body, re.MULTILINE) for body in bodies)


def _with_body(entry_point: str) -> str:
    """The function's name, its parameters, and a body in braces that holds a statement."""
    return rf"\b{re.escape(entry_point)}\s*\([^;{{}}]*\)[^;{{}}]*\{{\s*[^\s}}./]"


def read_code(reply: Reply, language: str, entry_point: str = "") -> str:
    """The program of a reply; empty where it has none or was cut off, so that its check can refuse it."""
    block = pick_solution(reply.text, language, entry_point) if reply.finish_reason == "stop" else None
    return block.code if block is not None and block.closed else ""


def read_revision(reply: Reply) -> Revision:
    """The parsed revision. Raises UnreadableReply, also where a model in between did not hold to the schema."""
    try:
        return Revision.model_validate(reply.data)
    except ValidationError as error:
        raise UnreadableReply(f"not a revision: {error.error_count()} field(s) do not fit") from error


def revised_code(revision: Revision, language: str, entry_point: str) -> str:
    """The new text of the part, also where the model fenced it in spite of what was asked."""
    block = pick_solution(revision.code, language, entry_point) if find_blocks(revision.code) else None
    return block.code if block is not None else revision.code.rstrip() + "\n"


def gives_away(problem: str, solution: str) -> bool:
    """Whether the problem holds the solution, ignoring whitespace (Magicoder drops such pairs)."""
    squeezed = "".join(solution.split())
    return bool(squeezed) and squeezed in "".join(problem.split())
