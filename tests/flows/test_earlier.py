"""The run before is found by its name, and nothing that lies beside a run can fail it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from flows.earlier import Earlier, earlier_run
from flows.run_folder import RunFolder

SLICES = {"math/solve": {"documents": 3}}


def run(root: Path, age: int, audit: object = None, **about: Any) -> RunFolder:
    (root / "report").mkdir(parents=True)
    (root / "run.json").write_text(
        json.dumps({"name": "nightly", "state": "complete", "fingerprint": root.name} | about)
    )
    if audit is not None:
        (root / "report" / "audit.json").write_text(json.dumps(audit))
    os.utime(root / "run.json", (1_000_000 - age, 1_000_000 - age))
    return RunFolder(root)


def test_the_last_complete_run_of_the_same_name(tmp_path: Path) -> None:
    own = run(tmp_path / "own", 0, {"slices": {"own": {}}})
    about = {"name": "nightly", "fingerprint": "own"}
    assert earlier_run(own, about) == Earlier()
    run(tmp_path / "other-name", 1, {"slices": SLICES}, name="weekly")
    run(tmp_path / "not-complete", 2, {"slices": SLICES}, state="running")
    run(tmp_path / "same-run", 3, {"slices": SLICES}, fingerprint="own")
    run(tmp_path / "no-audit", 4)
    run(tmp_path / "odd-audit", 5, ["slices"])
    (run(tmp_path / "broken", 6).root / "report" / "audit.json").write_text("{")
    assert earlier_run(own, about) == Earlier()
    run(tmp_path / "old", 9, {"slices": {"old": {}}})
    run(tmp_path / "last", 8, {"slices": SLICES})
    assert earlier_run(own, about) == Earlier("last", SLICES)
