"""Rows that need a judge, against the rehearsal model over HTTP: real HaluEval answers, and calibration by labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.__main__ import run_command
from flows.calibrate import calibrate
from flows.errors import ConfigError
from flows.judge_model import JudgeChoice
from flows.verify_dataset import verify_rows
from served_model.rehearsal.launch import RehearsalServer


@pytest.fixture(scope="module")
def judge() -> Iterator[str]:
    with RehearsalServer(seed=3, fault_rate=0.0) as url:
        yield url


def contained(answer: str, knowledge: str) -> bool:
    """Containment, written down once more: the answer's words stand in the text in a row."""
    words = re.sub(r"\W+", " ", answer.lower()).strip()
    return f" {words} " in f" {re.sub(r'[^0-9a-zA-Z_À-ɏ]+', ' ', knowledge.lower()).strip()} "


async def proved(rows: list[dict[str, Any]], url: str, folder: Path) -> list[dict[str, Any]]:
    source, out = folder / "rows.jsonl", folder / "verdicts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    await verify_rows("factuality", source, out, judge=JudgeChoice(url=url))
    return [json.loads(line) for line in out.read_text().splitlines()]


async def test_halueval_by_containment_exactly(judge: str, shared_data: Path, tmp_path: Path) -> None:
    lines = (shared_data / "factuality" / "halueval_qa.jsonl").read_text().splitlines()
    rows = []
    for number, line in enumerate(lines):
        item = json.loads(line)
        given = {"knowledge": item["knowledge"], "question": item["question"]}
        rows += [{"id": f"{number}-right", **given, "response": item["right_answer"]}]
        rows += [{"id": f"{number}-wrong", **given, "response": item["hallucinated_answer"]}]
    verdicts = await proved(rows, judge, tmp_path)
    assert len(rows) == 500 and [one["id"] for one in verdicts] == [row["id"] for row in rows]
    for row, verdict in zip(rows, verdicts, strict=True):
        expected = "pass" if contained(row["response"], row["knowledge"]) else "fail"
        assert verdict["outcome"] == expected, (row, verdict["reason"])
    right = [one for one in verdicts if one["id"].endswith("right")]
    wrong = [one for one in verdicts if one["id"].endswith("wrong")]
    # What containment allows on this set: some right answers are yes or no, or worded otherwise than the text.
    assert sum(one["outcome"] == "pass" for one in right) >= 0.75 * len(right)
    assert sum(one["outcome"] == "fail" for one in wrong) >= 0.9 * len(wrong)
    calls = (tmp_path / "verdicts.jsonl.journal.jsonl").read_text().count("\n")
    assert await proved(rows, judge, tmp_path) == verdicts
    assert (tmp_path / "verdicts.jsonl.journal.jsonl").read_text().count("\n") == calls  # nothing was paid twice


async def test_rows_without_a_judge_or_a_field(judge: str, tmp_path: Path) -> None:
    rows = [
        {"id": 1, "knowledge": "x", "question": "y?"},
        {"id": 2, "knowledge": "x", "question": "y?", "response": ""},
    ]
    first, second = await proved(rows, judge, tmp_path)
    assert (first["outcome"], second["outcome"], second["reason"]) == ("unjudged", "fail", "empty")
    with pytest.raises(ConfigError, match="needs a judge"):
        await verify_rows("factuality", tmp_path / "rows.jsonl", tmp_path / "out.jsonl")


async def test_a_judge_with_broken_replies_loses_no_row(tmp_path: Path) -> None:
    rows = [
        {
            "id": n,
            "knowledge": f"The bell {n} is of iron.",
            "question": "Of what?",
            "response": f"The bell {n} is of iron.",
        }
        for n in range(400)
    ]
    with RehearsalServer(seed=4, fault_rate=1.0, wire_fault_rate=0.2) as url:
        verdicts = await proved(rows, url, tmp_path)
    assert [one["id"] for one in verdicts] == list(range(400))
    # A reply, its repair, and both once more: each is unreadable one time in three.
    assert {one["outcome"] for one in verdicts} == {"pass", "unjudged"}
    assert {one["reason"] for one in verdicts if one["outcome"] == "unjudged"} == {"judge_unreadable"}


def test_the_command_line_measures_a_judge_by_labels(
    judge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "The bell is of iron and hangs in a tower."
    rows = [
        {"label": good, "fields": {"reference": text, "question": f"Of what is bell {n}?", "answer": answer}}
        for n in range(10)
        for good, answer in ((True, "of iron"), (False, f"of bronze {n}"))
    ]
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["judge", "calibrate", "--labels", str(labels), "--judge", judge, "--votes", "3"]
    assert run_command([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["unreadable"], found["auc"]) == (20, 0, 1.0)
    assert run_command(arguments) == 0
    assert "AUC 1.000; * is best by youden" in capsys.readouterr().out
    assert run_command([*arguments, "--by", "luck"]) == 2
    assert run_command(["judge", "calibrate", "--labels", str(labels)]) == 2
    assert run_command([*arguments, "--rubric", "verifiers/none"]) == 2


def test_the_threshold_is_chosen_from_the_scores_and_unreadable_rows_are_no_zeros() -> None:
    labels = [True, True, True, False, False, False, True]
    scores = [0.9, 0.8, 0.4, 0.5, 0.2, 0.1, None]
    found = calibrate(labels, scores, "youden")
    assert (found.rows, found.unreadable, found.auc) == (7, 1, pytest.approx(8 / 9))
    assert found.chosen.value == 0.8  # of two equally good cuts (0.4 too) the one that passes less
    assert (found.chosen.true_pass, found.chosen.false_pass, found.chosen.false_fail) == (2, 0, 1)
    assert calibrate(labels, scores, "f1").chosen.value == 0.4
    for bad in ([True] * 7, [False] * 7):
        with pytest.raises(ConfigError, match="both labels"):
            calibrate(bad, scores, "youden")


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"label": 1}', '{"label": true, "score": 1, "fields": {}}', '{"score": 1}']
)
def test_a_label_line_that_means_nothing_is_one_clear_line(line: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "labels.jsonl").write_text(line)
    assert run_command(["judge", "calibrate", "--labels", str(tmp_path / "labels.jsonl")]) == 2
    assert "labels.jsonl:1:" in capsys.readouterr().err
