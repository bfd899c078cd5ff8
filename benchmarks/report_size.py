"""The report of a large run: how long it takes to write, how big it is, and when a browser shows it.

`python -m benchmarks.report_size [--records N] [--out DIR]`. The records are synthetic; the browser is Chromium, and
without one only the first two figures are given.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from audit.report import ReportFacts, write_report
from records.accounts import Accounts
from records.schema import RECORDS, record_row
from records.types import Call, Candidate, Message, Outcome, Record, Seed, Verdict

RECIPES = ("code/solve_with_tests", "math/solve", "tool_use/dialogue", "factuality/grounded_answer")
REASONS = ("wrong_answer", "failed_assertion", "timeout_wall", "no_answer", "not_supported", "unknown_tool")
WORDS = [
    f"{first}{last}"
    for first in ("ba", "ko", "ri", "me", "tu", "sa", "ne", "lo")
    for last in ("ran", "dil", "mos", "ket")
]
DISTINCT = 10_000
"""Records that are written out word by word; further shards hold them again under other ids."""


def text(random: Random, words: int) -> str:
    """Sentences."""
    return " ".join(random.choice(WORDS) + ("." if number % 12 == 11 else "") for number in range(words))


def record(number: int, random: Random) -> Record:
    """One synthetic record of about 2 KB."""
    recipe = RECIPES[number % len(RECIPES)]
    draw = random.random()
    outcome = Outcome.PASS if draw < 0.7 else Outcome.FAIL if draw < 0.97 else Outcome.UNJUDGED
    reason = "all_passed" if outcome is Outcome.PASS else random.choice(REASONS)
    question, reply = text(random, 40), text(random, random.choice((30, 80, 200)))
    call = Call("response", f"{number:016x}", "model", f"generators.{recipe}", "ab" * 32, 0.7, 0.95, number, "stop")
    candidate = Candidate(
        id=f"{number:016x}",
        chain_id=f"{number:016x}",
        seed=Seed(f"s{number}", question, "synthetic", "CC0"),
        recipe=recipe,
        messages=(Message("user", question), Message("assistant", reply)),
        parts={"response": reply},
        checks=(),
        calls=(call,),
        metadata={"difficulty": random.choice(("easy", "medium", "hard")), "topic": random.choice(WORDS)},
    )
    return Record(candidate, (Verdict("check", outcome, reason, {"detail": text(random, 20)}),))


def write_shards(root: Path, records: int) -> None:
    """Shards of DISTINCT records each, ids their own."""
    random = Random(0)
    rows = [record_row(record(number, random), True, "synthetic") for number in range(min(records, DISTINCT))]
    table = pa.Table.from_pylist(rows, schema=RECORDS)
    (root / "shards").mkdir(parents=True)
    for shard, first in enumerate(range(0, records, DISTINCT)):
        part = table.slice(0, min(DISTINCT, records - first))
        ids = pa.array([f"{first + index:016x}" for index in range(part.num_rows)])
        for name in ("id", "chain_id"):
            part = part.set_column(part.schema.get_field_index(name), RECORDS.field(name), ids)
        pq.write_table(part, root / "shards" / f"00-synthetic-{shard:05d}.parquet", compression="zstd")


def accounts(records: int) -> Accounts:
    """Counts that fit the records."""
    made = Accounts()
    for recipe in RECIPES:
        count = made.stage(recipe, "record")
        count.entered = count.accepted = records // len(RECIPES)
        for reason in REASONS:
            count.reasons[f"check: {reason}"] = records // 100
    return made


def first_view(page: Path) -> dict[str, float]:
    """Milliseconds until the browser has painted, and until the page is complete; median of three visits."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        return {}
    visits = []
    with sync_playwright() as playwright:
        for _ in range(3):
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.resolve().as_uri(), wait_until="load")
            visits.append(
                tab.evaluate(
                    "() => ({paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,"
                    " load: performance.getEntriesByType('navigation')[0].loadEventEnd})"
                )
            )
            browser.close()
    return {name: round(sorted(visit[name] for visit in visits)[1], 1) for name in ("paint", "load")}


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    root = arguments.out or Path(tempfile.mkdtemp(prefix="provender-report-"))
    write_shards(root, arguments.records)
    page = root / "report" / "index.html"
    started = time.perf_counter()
    write_report(root, page, ReportFacts("synthetic", "0" * 12, "benchmark", "complete", accounts(arguments.records)))
    seconds = time.perf_counter() - started
    figures = {
        "records": arguments.records,
        "write_s": round(seconds, 1),
        "page_mb": round(page.stat().st_size / 1e6, 2),
    }
    print(json.dumps(figures | {f"{name}_ms": value for name, value in first_view(page).items()}))
    if arguments.out is None:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
