"""Held-out tools (feature row T17): rows are split by tool and not by row, so that the test split tests on new tools.

A row goes to the test split where any tool that its dialogue offers is held out, called or not. So no held-out tool
stands anywhere in the training split; the test split may offer other tools beside the held-out ones. Whether a tool is
held out depends on its name alone, so that it is the same in every run.
"""

from __future__ import annotations

import json

from records.types import stable_hash


def tool_names(tools: str | None) -> list[str]:
    """Names of the tools of a stored list."""
    return [item["function"]["name"] for item in json.loads(tools)] if tools else []


def is_held_out(name: str, share: float) -> bool:
    """Whether a tool belongs to the held-out ones, of which there are `share` of all possible names."""
    return int(stable_hash("held_out_tool", name), 16) < share * 16**16


def in_test_split(tools: str | None, share: float) -> bool:
    """Whether a row that offers these tools belongs to the test split."""
    return any(is_held_out(name, share) for name in tool_names(tools))
