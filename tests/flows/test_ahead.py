"""Publishing beside the requests: in the order of recipes and shards whatever comes first, and nothing half done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.report import ReportFacts, write_report
from curation.selection import COLUMNS, Selection
from exports import DATASET
from exports.dataset_card import CardFacts
from exports.write import ExportError, write_exports
from flows.ahead import Ahead
from flows.report_counts import ReportCounts
from flows.run_folder import RunFolder
from records.accounts import Accounts
from records.limits import Limits
from records.schema import RECORDS
from records.tables import read_rows, write_table
from tests.exports.stored_rows import FAIL, Answer, row, seed

ONE, TWO = "00-one", "01-two"
CARD = CardFacts("nightly", "0123456789ab", "small-model")


def chain(number: int, **metadata: str) -> list[dict[str, Any]]:
    own = {"chain": f"c{number}", "seed": seed(number), "prompt": f"Task {number}?", "check": Answer()}
    metadata = metadata or {"language": "python"}
    failed = row(f"f{number}", FAIL, "wrong_answer", final=False, **own)
    return [failed, row(f"k{number}", attempt=1, metadata=metadata, **own)]


class Run:
    """A run folder to which shards are written as a run would, and what is to come of them."""

    def __init__(self, root: Path, limits: Limits | None = None) -> None:
        self.folder = RunFolder(root)
        self.ahead = Ahead(self.folder, (ONE, TWO), CARD)
        self.selections = {slug: Selection(None, limits or Limits()) for slug in (ONE, TWO)}
        self.shards = {ONE: 0, TWO: 0}

    def finish(self, slug: str, rows: Sequence[dict[str, Any]]) -> None:
        """A shard has come to its end."""
        shard, self.shards[slug] = self.shards[slug], self.shards[slug] + 1
        path = self.folder.shard(slug, shard)
        write_table(path, RECORDS, rows)
        self.selections[slug].add(read_rows([path], COLUMNS))
        self.ahead.take(slug, shard, self.selections[slug])

    @property
    def kept(self) -> set[str]:
        return {one for selection in self.selections.values() for one in selection.kept}

    def publish(self) -> dict[str, int] | None:
        return self.ahead.exporting.finish(self.folder.used_shards(self.shards), self.kept, CARD)

    def bytes(self, dataset: Path) -> dict[str, bytes]:
        return {path.relative_to(dataset).as_posix(): path.read_bytes() for path in dataset.rglob("*.*")}

    def at_once(self) -> dict[str, bytes]:
        again = self.folder.root / "again"
        write_exports(self.folder.used_shards(self.shards), self.kept, again, DATASET, CARD)
        return self.bytes(again)


def page(run: Run, name: str, **counted: Any) -> str:
    out = run.folder.root / name / "index.html"
    write_report(run.folder.root, out, ReportFacts("nightly", "0", "p", "complete", Accounts()), **counted)
    return out.read_text()


async def test_recipes_side_by_side_give_what_one_pass_at_the_end_gives(tmp_path: Path) -> None:
    run = Run(tmp_path)
    async with run.ahead.working() as ahead:
        run.finish(TWO, chain(20))  # must wait for the first recipe
        run.finish(ONE, chain(1))
        await asyncio.sleep(0.05)
        run.finish(TWO, chain(21) + chain(22))
        ahead.end(TWO)
        run.finish(ONE, [])
        run.finish(ONE, chain(2))
        ahead.end(ONE)
        await ahead.done()
        assert run.publish() is not None
    assert run.bytes(run.folder.dataset) == run.at_once()
    assert page(run, "one", counted=ahead.counted) == page(run, "two")
    whole = ReportCounts.of(run.folder.used_shards(run.shards))
    assert (ahead.counts.judging_tables(), ahead.counts.accuracies()) == (whole.judging_tables(), whole.accuracies())


async def test_what_may_leave_the_selection_again_waits_for_the_end_of_its_recipe(tmp_path: Path) -> None:
    run = Run(tmp_path, Limits(shares={"refusal": 0.9}, repeats={"question": 1}))
    async with run.ahead.working() as ahead:
        run.finish(ONE, chain(0, kind="answer", question="other"))
        run.finish(ONE, chain(1, kind="refusal", question="same"))
        kept = run.kept
        run.finish(ONE, chain(2, kind="answer", question="same"))  # the refusal leaves
        ahead.end(ONE)
        ahead.end(TWO)
        await ahead.done()
        assert run.publish() is not None
    assert "k1" in kept
    assert "k1" not in run.kept
    assert run.bytes(run.folder.dataset) == run.at_once()


async def test_an_error_is_raised_at_the_next_shard_and_at_the_end(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.selections[ONE].kept.append("f1")  # a failed attempt
    with pytest.raises(ExportError, match="f1"):
        async with run.ahead.working() as ahead:
            run.finish(ONE, chain(1))
            with pytest.raises(ExportError, match="f1"):
                await ahead.done()
            run.finish(ONE, chain(2))
    assert not [path for path in tmp_path.iterdir() if "dataset" in path.name]


async def test_a_run_that_is_stopped_leaves_nothing_half_done(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(asyncio.CancelledError):
        async with run.ahead.working():
            run.finish(ONE, chain(1))
            run.finish(ONE, chain(2))
            await asyncio.sleep(0.01)
            raise asyncio.CancelledError
    assert not [path for path in tmp_path.iterdir() if "dataset" in path.name]
