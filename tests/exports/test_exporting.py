"""A dataset that is written while its run still works: the bytes of one written at once, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exports.dataset_card import CardFacts
from exports.write import ExportError, Exporting, write_exports
from records.tables import read_rows
from tests.exports.stored_rows import FAIL, Answer, row, seed, write_shards

FACTS = CardFacts("nightly", "0123456789ab", "small-model")
NAMES = ("sft", "preference", "rlvr", "step_labels")
TOOLS = '[{"type":"function","function":{"name":"f","parameters":{}}}]'
KEPT = ("k0", "k1", "k2", "k4")


def chain(number: int, prompt: str = "") -> list[dict[str, Any]]:
    """A failed attempt and a proved one, of a seed of their own."""
    own = {"chain": f"c{number}", "seed": seed(number), "prompt": prompt or f"Task {number}.", "check": Answer()}
    return [row(f"f{number}", FAIL, "wrong_answer", final=False, **own), row(f"k{number}", attempt=1, **own)]


SHARDS = (chain(0) + chain(1, "The same?"), [], chain(2, "The same?") + chain(3), chain(4))


def with_tools() -> dict[str, Any]:
    return {**row("k9", chain="c9", seed=seed(9)), "tools": TOOLS}


def tree(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def take(exporting: Exporting, files: Sequence[Path], kept: Sequence[str] = KEPT) -> None:
    """Shard by shard, each with what is kept of it."""
    for file in files:
        rows = list(read_rows([file]))
        exporting.add(file, rows, {one["id"] for one in rows} & set(kept))


def at_once(root: Path, files: Sequence[Path], kept: Sequence[str] = KEPT) -> dict[str, str]:
    write_exports(files, kept, root / "dataset", NAMES, replace(FACTS, ended={"r": "target"}, root=root))
    return tree(root)


def test_shard_by_shard_gives_the_bytes_of_all_at_once(tmp_path: Path) -> None:
    files = write_shards(tmp_path, *SHARDS)
    card = replace(FACTS, root=tmp_path / "one")
    with Exporting(tmp_path / "one" / "dataset", NAMES, card) as exporting:
        take(exporting, files)
        assert not (tmp_path / "one" / "dataset").exists()  # nobody sees half a dataset
        counts = exporting.finish(files, set(KEPT), replace(card, ended={"r": "target"}))
    assert counts == {"sft": 4, "preference": 4, "rlvr": 3, "step_labels": 0}
    assert tree(tmp_path / "one") == at_once(tmp_path / "two", files)


@pytest.mark.parametrize("taken", [slice(0), slice(0, 3), slice(None, None, -1)])
def test_other_shards_than_the_run_ended_with_give_nothing(tmp_path: Path, taken: slice) -> None:
    files = write_shards(tmp_path, *SHARDS)
    before = at_once(tmp_path / "run", files[:1], ["k0", "k1"])
    with Exporting(tmp_path / "run" / "dataset", NAMES, FACTS) as exporting:
        take(exporting, files[taken])
        assert exporting.finish(files, set(KEPT), FACTS) is None
    assert tree(tmp_path / "run") == before


def test_tools_that_come_later_give_nothing(tmp_path: Path) -> None:
    files = write_shards(tmp_path, SHARDS[0], [with_tools()])
    with Exporting(tmp_path / "run" / "dataset", NAMES, FACTS) as exporting:
        take(exporting, files, ["k0", "k1", "k9"])
        assert exporting.finish(files, {"k0", "k1", "k9"}, FACTS) is None
    assert not list(tmp_path.glob("run/*"))


def test_tools_from_the_first_shard_on_are_written(tmp_path: Path) -> None:
    files = write_shards(tmp_path, [with_tools()], SHARDS[0])
    kept = ["k0", "k1", "k9"]
    with Exporting(tmp_path / "one" / "dataset", NAMES, replace(FACTS, root=tmp_path / "one")) as exporting:
        take(exporting, files, kept)
        card = replace(FACTS, root=tmp_path / "one", ended={"r": "target"})
        assert exporting.finish(files, set(kept), card) == {"sft": 3, "preference": 2, "rlvr": 3, "step_labels": 0}
    assert tree(tmp_path / "one") == at_once(tmp_path / "two", files, kept)


@pytest.mark.parametrize(("kept", "named"), [((*KEPT, "lost"), "lost"), (KEPT[:-1], "1 records were written")])
def test_another_choice_than_was_written_is_an_error_and_leaves_the_old(
    tmp_path: Path, kept: Sequence[str], named: str
) -> None:
    files = write_shards(tmp_path, *SHARDS)
    before = at_once(tmp_path / "run", files[:1], ["k0", "k1"])
    with (
        pytest.raises(ExportError, match=named),
        Exporting(tmp_path / "run" / "dataset", NAMES, FACTS) as exporting,
    ):
        take(exporting, files)
        exporting.finish(files, set(kept), FACTS)
    assert tree(tmp_path / "run") == before


def test_an_unproven_record_is_refused_as_it_comes(tmp_path: Path) -> None:
    files = write_shards(tmp_path, *SHARDS)
    with Exporting(tmp_path / "run" / "dataset", NAMES, FACTS) as exporting, pytest.raises(ExportError, match="f0"):
        take(exporting, files, ["f0"])
    assert not list(tmp_path.glob("run/*"))


def test_an_interrupted_run_leaves_the_old_dataset(tmp_path: Path) -> None:
    files = write_shards(tmp_path, *SHARDS)
    before = at_once(tmp_path / "run", files[:1], ["k0", "k1"])
    with (
        pytest.raises(KeyboardInterrupt),
        Exporting(tmp_path / "run" / "dataset", NAMES, FACTS) as exporting,
    ):
        take(exporting, files[:3])
        raise KeyboardInterrupt
    assert tree(tmp_path / "run") == before
