"""Code out of a model's free text: fenced blocks in every shape that models write, and which one is the solution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# An info string may follow the fence; a backtick fence's info string holds no backtick (CommonMark 4.5).
OPENING = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<info>.*)$")

ALIASES = {
    "python": frozenset({"python", "py", "python3", "py3", "python-3", "pycon"}),
    "javascript": frozenset({"javascript", "js", "node", "mjs"}),
    "typescript": frozenset({"typescript", "ts"}),
    "java": frozenset({"java"}),
    "go": frozenset({"go", "golang"}),
    "rust": frozenset({"rust", "rs"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx"}),
    "c": frozenset({"c"}),
    "php": frozenset({"php"}),
    "bash": frozenset({"bash", "sh", "shell", "zsh"}),
    "sql": frozenset({"sql", "sqlite"}),
}

# How a line at the left margin of an unfenced Python program may begin; a line that begins otherwise ends it.
UNFENCED_START = re.compile(r"(?:def|class|async def|import|from|@\w)\b|#!|[A-Z_]{2,} *=")
UNFENCED_LINE = re.compile(
    r"(?:def|class|async|import|from|if|elif|else|for|while|try|except|finally|with|return|raise|assert|pass|global"
    r"|del|match|case)\b|[@#)\]}]|[\"']{3}|[A-Za-z_][\w.]*(?:\[[^\]]*\])? *(?:[-+*/|&%]?=(?!=)|\(|:)|\s|$"
)


def language_of(tag: str) -> str:
    """The language that a tag or a user's spelling means: "python" for "Py3"; itself where it is not known."""
    tag = tag.strip().lower()
    return next((language for language, names in ALIASES.items() if tag in names), tag)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One fenced block, or the whole reply where it has no fence (`tag` is then None)."""

    tag: str | None  # the language tag in lower case; "" for a fence without one
    code: str  # line ends are "\n"; ends with one
    closed: bool  # False where the text ended inside the block: the code may lack its end


def find_blocks(text: str) -> list[CodeBlock]:
    """All fenced blocks of the text in order, by CommonMark's rules.

    A fence closes with at least as many of the same character, so longer fences may hold shorter ones. Indented fences
    (in a list) lose their indentation. Carriage returns are dropped.
    """
    blocks: list[CodeBlock] = []
    lines = iter(_lines(text))
    for line in lines:
        opening = OPENING.match(line)
        if opening:
            blocks.append(_read_block(lines, opening))
    return blocks


def _read_block(lines: Iterable[str], opening: re.Match[str]) -> CodeBlock:
    fence, indent = opening["fence"], len(opening["indent"].expandtabs(4))
    words = opening["info"].strip().lower().split()
    tag = re.split(r"[,{:]", words[0])[0] if words else ""
    body: list[str] = []
    for line in lines:
        bare = line.strip()
        if len(bare) >= len(fence) and set(bare) == {fence[0]}:
            return CodeBlock(tag, _join(body), closed=True)
        body.append(_dedent(line, indent))
    return CodeBlock(tag, _join(body), closed=False)


def pick_solution(text: str, language: str, entry_point: str = "") -> CodeBlock | None:
    """The block of a reply that is its program, or None where it holds no code.

    Of the blocks with the language's tag (or, where none has it, those without a tag), closed ones before unclosed
    ones: the last that defines the entry point, since later versions correct earlier ones; where none does or no entry
    point is given, the longest, since shorter ones show usage. A reply without any fence counts as code from its first
    line that begins like a program (Python only).
    """
    blocks = find_blocks(text)
    if not blocks:
        return _unfenced(text) if language == "python" else None
    aliases = ALIASES.get(language, frozenset({language}))
    fitting = [block for block in blocks if block.tag in aliases] or [block for block in blocks if block.tag == ""]
    fitting = [block for block in fitting if block.code.strip()]
    fitting = [block for block in fitting if block.closed] or fitting
    return _best(fitting, entry_point) if fitting else None


def _best(blocks: Sequence[CodeBlock], entry_point: str) -> CodeBlock:
    if entry_point:
        name = re.compile(rf"\b(?:def|class|function|func|fn|const|let|var)\s+{re.escape(entry_point)}\b")
        defining = [block for block in blocks if name.search(block.code)]
        if defining:
            return defining[-1]
    return max(reversed(blocks), key=lambda block: len(block.code))


def _unfenced(text: str) -> CodeBlock | None:
    lines = _lines(text)
    start = next((index for index, line in enumerate(lines) if UNFENCED_START.match(line)), None)
    if start is None:
        return None
    end = next((index for index in range(start, len(lines)) if not UNFENCED_LINE.match(lines[index])), len(lines))
    code = _join(lines[start:end]).rstrip("\n") + "\n"
    return CodeBlock(None, code, closed=True)


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _join(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _dedent(line: str, indent: int) -> str:
    """Take off at most `indent` columns of leading blanks."""
    if not indent:
        return line
    expanded = line.expandtabs(4) if line[:indent].startswith("\t") or "\t" in line[:indent] else line
    blanks = len(expanded) - len(expanded.lstrip(" "))
    return expanded[min(indent, blanks) :]


def outside_fences(text: str) -> list[tuple[int, str]]:
    """Lines that belong to no fenced block, with their index among the text's lines."""
    kept: list[tuple[int, str]] = []
    numbered = iter(enumerate(_lines(text)))
    for index, line in numbered:
        opening = OPENING.match(line)
        if opening:
            _read_block((inner for _, inner in numbered), opening)
        else:
            kept.append((index, line))
    return kept


def fenced(code: str, language: str) -> str:
    """The code as one fenced block, with a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"
