"""Prompts are Markdown files beside their user: read as resources, split into messages, filled in strictly."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, get_args

from records.types import Message

PromptRole = Literal["system", "user", "assistant"]
ROLES: tuple[PromptRole, ...] = get_args(PromptRole)
HEADING = re.compile(r"^# (system|user|assistant)[ \t]*$", re.MULTILINE)
PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}")
NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


class PromptError(ValueError):
    """A prompt file is missing or badly made, or was filled in with the wrong fields. Names file and field."""


@dataclass(frozen=True, slots=True)
class Section:
    """One message of a prompt, before its placeholders are filled in."""

    role: PromptRole
    template: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt file. `name` is "package/file", `sha256` the hash of the file's text."""

    name: str
    sha256: str
    sections: tuple[Section, ...]
    fields: frozenset[str]

    def render(self, /, **fields: str) -> tuple[Message, ...]:
        """Fill every placeholder in one pass: a value that itself holds `{{x}}` or `# user` stays as it is.

        Raises PromptError for a missing, an unexpected or a non-text field.
        """
        if fields.keys() != self.fields:
            raise PromptError(self._mismatch(frozenset(fields)))
        for field, value in fields.items():
            if not isinstance(value, str):
                raise PromptError(f"prompt {self.name}: field {field!r} must be text, not {type(value).__name__}")
        return tuple(Message(section.role, _fill(section.template, fields)) for section in self.sections)

    def _mismatch(self, given: frozenset[str]) -> str:
        missing = ", ".join(sorted(self.fields - given))
        unexpected = ", ".join(sorted(given - self.fields))
        parts = [f"missing field(s): {missing}"] if missing else []
        parts += [f"unexpected field(s): {unexpected}"] if unexpected else []
        return f"prompt {self.name}: {'; '.join(parts)}"


def _fill(template: str, fields: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: fields[match.group(1)], template)


def parse_prompt(name: str, text: str) -> Prompt:
    """Parse the text of a prompt file; for recipes that live outside a package. Raises PromptError."""
    text = text.replace("\r\n", "\n")
    pieces = HEADING.split(text)
    if pieces[0].strip():
        raise PromptError(f"prompt {name}: text before the first of the headings # system, # user, # assistant")
    sections = []
    for role, body in zip(pieces[1::2], pieces[2::2], strict=True):
        template = body.strip("\n \t")
        if not template:
            raise PromptError(f"prompt {name}: section '# {role}' is empty")
        _check_braces(name, template)
        sections.append(Section(next(known for known in ROLES if known == role), template))
    _check_order(name, [section.role for section in sections])
    fields = frozenset(field for section in sections for field in PLACEHOLDER.findall(section.template))
    return Prompt(name, hashlib.sha256(text.encode()).hexdigest(), tuple(sections), fields)


def _check_braces(name: str, template: str) -> None:
    """A mistyped placeholder would go out to the model as it stands, so every other `{{` is refused."""
    rest = PLACEHOLDER.sub("", template)
    if "{{" in rest:
        start = rest.index("{{")
        raise PromptError(f"prompt {name}: not a placeholder: {rest[start : start + 20]!r}")


def _check_order(name: str, roles: list[PromptRole]) -> None:
    """Chat templates of many models accept only: one optional system message, then user and assistant in turns."""
    turns = roles[1:] if roles[:1] == ["system"] else roles
    expected = [("user", "assistant")[index % 2] for index in range(len(turns))]
    if not turns or turns != expected or turns[-1] != "user":
        raise PromptError(f"prompt {name}: sections must be [system], user, [assistant, user]...; found {roles}")


@cache
def load_prompt(package: str, name: str) -> Prompt:
    """Read `<package>/prompts/<name>.md`; the prompt's name is "package/name". Raises PromptError."""
    full_name = f"{package}/{name}"
    if not NAME.match(name):
        raise PromptError(f"prompt {full_name}: a prompt name holds letters, digits, _ and - only")
    try:
        text = resources.files(package).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        raise PromptError(f"prompt {full_name}: cannot read prompts/{name}.md: {type(error).__name__}") from error
    return parse_prompt(full_name, text)
