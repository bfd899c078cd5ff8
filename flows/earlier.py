"""Finds the run before a run: the same name in a neighbouring folder, so that its report can show what has drifted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.run_folder import RunFolder

AUDIT = "audit.json"
"""Stands beside the report and holds what the next run's report compares itself with."""


@dataclass(frozen=True)
class Earlier:
    """The slices of an earlier run's audit, and what that run is called."""

    name: str = ""
    slices: Mapping[str, Any] = field(default_factory=dict)


def earlier_run(folder: RunFolder, description: Mapping[str, Any]) -> Earlier:
    """The last complete run of the same name beside this one; an empty one where there is none that can be read."""
    found = [
        (path.stat().st_mtime, path.parent)
        for path in folder.root.resolve().parent.glob("*/run.json")
        if path.parent != folder.root.resolve()
    ]
    for _, root in sorted(found, reverse=True):
        about = _read(root / "run.json")
        same = about.get("name") == description["name"] and about.get("state") == "complete"
        slices = _read(root / "report" / AUDIT).get("slices")
        if same and about.get("fingerprint") != description["fingerprint"] and isinstance(slices, dict):
            return Earlier(root.name, slices)
    return Earlier()


def _read(path: Path) -> Mapping[str, Any]:
    """A neighbour that cannot be read is no neighbour: it must not fail the run that looks at it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
