"""The factuality domain on the rehearsal model: every planted behaviour ends where it must, and judges are measured."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from math import sqrt
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import rehearse
from flows.__main__ import run_command
from flows.config import RehearsalSettings
from flows.errors import UserError
from flows.escapes import read_escapes
from flows.run_folder import RunFolder
from records.tables import read_rows
from served_model.rehearsal.launch import RehearsalServer

RECIPES = ["factuality/*"]
ANSWERS = "generators.factuality/closed_book"


def fates(out: Path) -> dict[str, Counter[str]]:
    """By the behaviour planted for a question: outcome, kind and reason of its finished chain."""
    lines = [json.loads(line) for line in (out / "rehearsal" / "answer_key.jsonl").read_text().splitlines()]
    planted = {
        line["key"]: line["detail"]["behaviour"] for line in lines if line["prompt"] == ANSWERS and line["detail"]
    }
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in read_rows(sorted((out / "shards").glob("01-*.parquet"))):
        if row["is_final"]:
            check = next(json.loads(one["fields"]) for one in row["checks"] if one["kind"] == "knowledge_probe")
            [behaviour] = {planted[sample["key"]] for sample in check["samples"] if sample["key"] in planted}
            kind = json.loads(row["metadata"])["kind"]
            found[behaviour][f"{row['outcome']} {kind} {row['reason']}"] += 1
    return found


@pytest.mark.heavy
def test_500_snippets_end_where_their_questions_must(tmp_path: Path) -> None:
    made = rehearse.start(500, RehearsalSettings(fault_rate=0.3), tmp_path, RECIPES)
    found = fates(tmp_path)
    assert set(found["consistently_wrong"]) == {"pass refusal unknown"} and found["consistently_wrong"].total() > 50
    assert set(found["always_right"]) == {"pass answer known"} and found["always_right"].total() > 80
    assert set(found["vague"]) == set(found["refusing"]) == {"fail answer uninformative"}
    assert set(found["agreeing_wrong"]) == {"fail answer disagrees_with_document"}
    assert not any("refusal" in fate and fate.startswith("pass") for fate in found["refusing"])
    leaks = [row for row in made.escapes.rows if row.kind == "leaks_answer"]
    assert sum(row.planted for row in leaks) > 5 and sum(row.escaped for row in leaks) == 0
    assert made.escapes.escaped_though_decidable == made.escapes.unaccounted == 0
    assert_balanced(tmp_path)


def assert_balanced(out: Path) -> None:
    """Refusals stay below their share, the exports agree with each other, every loss is explained."""
    sft = pq.read_table(out / "dataset" / "sft").to_pylist()
    kinds = Counter(json.loads(row["metadata"])["kind"] for row in sft)
    pairs = pq.read_table(out / "dataset" / "preference").to_pylist()
    assert set(kinds) == {"answer", "refusal"}
    assert (
        kinds["refusal"]
        <= 0.3 * json.loads((out / "run.json").read_text())["accepted"]["01-factuality-knowledge_probe"]
    )
    assert {row["rejected_reason"] for row in pairs} == {"confident_error", "wrong_answer"}
    calibration = pq.read_table(out / "dataset" / "calibration").to_pylist()
    rates = {row["decision"]: row["pass_rate"] for row in calibration}
    assert rates["known"] >= 0.8 and rates["unknown"] <= 0.2
    review = pq.read_table(out / "dataset" / "review").to_pylist()
    assert review and not {row["question"] for row in review} & {row["messages"][0]["content"] for row in sft}
    questions = [row["messages"][0]["content"] for row in sft]
    assert len(questions) == len(set(questions))


@pytest.mark.heavy
def test_a_judge_that_is_too_weak_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the judge rehearsal gave \d+ of \d+ known answers of .*min_accuracy = 0\.7"):
        rehearse.start(60, RehearsalSettings(fault_rate=0.3, judge_accuracy=0.4), tmp_path, RECIPES)
    assert json.loads((tmp_path / "run.json").read_text())["state"] != "complete"


@pytest.mark.heavy
def test_a_shard_that_was_lost_is_made_again_from_the_journal_alone(tmp_path: Path) -> None:
    settings = RehearsalSettings(fault_rate=0.3, judge_accuracy=0.9)
    rehearse.start(40, settings, tmp_path, RECIPES)
    before = {file.name: file.read_bytes() for file in (tmp_path / "shards").iterdir()}
    paid = {file.name: file.read_bytes() for file in (tmp_path / "journal").iterdir()}
    for file in (tmp_path / "shards").iterdir():
        file.unlink()
    rehearse.start(40, settings, tmp_path, RECIPES)
    assert {file.name: file.read_bytes() for file in (tmp_path / "shards").iterdir()} == before
    assert {file.name: file.read_bytes() for file in (tmp_path / "journal").iterdir()} == paid
    # The server is gone: what was judged is proved again from the journal, and nothing else is asked.
    out = tmp_path / "again.jsonl"
    assert run_command(["verify", "records", "--in", str(tmp_path), "--out", str(out), "--quiet"]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) > 20 and all(line["outcome"] == "pass" and line["evidence"]["same_verdicts"] for line in lines)


@pytest.mark.heavy
def test_a_judge_of_planted_accuracy_is_measured_as_such(tmp_path: Path) -> None:
    rehearse.start(200, RehearsalSettings(fault_rate=0.3, judge_accuracy=0.9), tmp_path, RECIPES)
    description = json.loads((tmp_path / "run.json").read_text())
    for prompt in ("verifiers/correctness", "verifiers/informativeness"):
        accuracy = description["judges"][prompt]["judge"]["accuracy"]
        share, total = accuracy["part"] / accuracy["total"], accuracy["total"]
        low, high = accuracy["interval"]
        assert total > 80 and low < share < high
        # Of the stated 95 % intervals one in twenty may miss; other documentation gives other draws.
        assert abs(share - 0.9) < 3.5 * sqrt(0.09 / total)
    report = (tmp_path / "report" / "index.html").read_text()
    assert "<h2>Judges</h2>" in report and "<h3>known answers</h3>" in report
    assert "<h2>What the model knows</h2>" in report
    assert "false_pass" in {row.kind for row in read_escapes(RunFolder(tmp_path)).rows}
    assert not any(fate.startswith("pass refusal") for fate in fates(tmp_path)["always_right"])


@pytest.mark.heavy
def test_the_example_runs_with_a_jury_and_forbids_a_judge_that_generates(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "factuality.toml"
    with RehearsalServer(seed=5, fault_rate=0.3, wire_fault_rate=0.0, judge_accuracy=0.9) as url:
        common = ["make", str(example), "--out", str(tmp_path / "run"), "--set", f"models.default.base_url={url}"]
        common += ["--set", "recipes.0.seeds=24", "--quiet"]
        assert run_command([*common, "--set", "judging.other_than_generator=true"]) == 2
        jury = ['recipes.1.settings.judges=["judge", "jury", "jury-2"]', f"models.jury-2.base_url={url}"]
        assert run_command([*common, *(part for one in jury for part in ("--set", one))]) == 0
    stream = re.search(
        r"verifiers/correctness.{0,400}Fleiss", (tmp_path / "run/report/index.html").read_text(), re.DOTALL
    )
    assert stream is not None
    accepted = json.loads((tmp_path / "run" / "run.json").read_text())["accepted"]
    assert all(count > 0 for count in accepted.values())
