"""What a set of tools is: the definitions that a model sees, and what is needed to execute a call of each."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from records.types import JSON


@dataclass(frozen=True)
class Toolbox:
    """Tools that belong together. Stored as JSON text with every seed and check that runs them.

    `bindings` say for each tool what is called (see `calling`); `files` lie beside the program that calls, as Base64;
    `schema` is the SQL that makes the database of an environment. Without bindings, calls cannot be executed.
    """

    tools: tuple[Mapping[str, Any], ...]  # OpenAI tool definitions
    bindings: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    schema: str = ""
    site: bool = False  # needs libraries beyond the standard one
    server: str = ""  # command of the MCP server that executes the calls
    busy: tuple[str, ...] = ()  # tools whose first call fails, as a service's may: the same call succeeds when repeated

    @property
    def tools_json(self) -> str:
        """The definitions as one text."""
        return _text(list(self.tools))

    @property
    def names(self) -> tuple[str, ...]:
        """The tools' names, in the order of the definitions."""
        return tuple(tool["function"]["name"] for tool in self.tools)

    @property
    def is_executable(self) -> bool:
        """Whether every tool can be called."""
        return all(name in self.bindings for name in self.names)

    def to_json(self) -> str:
        """As text; `read` is the way back."""
        return _text(
            {
                "tools": list(self.tools),
                "bindings": dict(self.bindings),
                "files": dict(self.files),
                "schema": self.schema,
                "site": self.site,
                "server": self.server,
                "busy": list(self.busy),
            }
        )

    @classmethod
    def read(cls, text: str) -> Toolbox:
        """From text that `to_json` wrote."""
        data = json.loads(text)
        return cls(**{**data, "tools": tuple(data["tools"]), "busy": tuple(data["busy"])})

    def only(self, names: Sequence[str]) -> Toolbox:
        """The same box with some of its tools, in the given order."""
        by_name = {tool["function"]["name"]: tool for tool in self.tools}
        bindings = {name: self.bindings[name] for name in names if name in self.bindings}
        return replace(self, tools=tuple(by_name[name] for name in names), bindings=bindings)


def definition(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAI tool definition."""
    function = {"name": name, "description": description, "parameters": dict(parameters)}
    return {"type": "function", "function": function}


def encoded(data: bytes) -> str:
    """Bytes for `Toolbox.files`."""
    return base64.b64encode(data).decode("ascii")


def _text(value: JSON) -> str:
    """Like canonical JSON, but in the order of the definitions: parameters have one, for arguments by position."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
