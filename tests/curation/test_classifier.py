"""The distilled classifier: learns what can be learnt, states honestly what it is worth, and trusts no file."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.classifier import Classifier, Example, HeldOut, TooFewLabels, measure, read_classifier, train
from curation.curate import curate
from curation.errors import CurationError
from curation.label_settings import LabelSettings
from curation.options import CurateOptions
from served_model.types import ChatRequest
from tests.curation.test_labels import criteria, row, run, save

GOOD, POOR = [f"clear{at}" for at in range(200)], [f"vague{at}" for at in range(200)]
BOTH = [f"word{at}" for at in range(400)]


def example(number: int, mixed: float = 0.0) -> Example:
    """A text whose words show what it is, but for a share of them that says nothing."""
    rng = random.Random(number)
    good = rng.random() < 0.4
    words = [rng.choice(BOTH if rng.random() < 0.7 else (GOOD if good else POOR)) for _ in range(30)]
    if rng.random() < mixed:
        good = not good
    return Example(" ".join(words), good, hashlib.sha256(str(number).encode()).digest())


def examples(count: int = 600, mixed: float = 0.0) -> list[Example]:
    return [example(number, mixed) for number in range(count)]


def test_what_can_be_learnt_is_learnt() -> None:
    found = train(examples(), 0.95, {"judges": ["m"]}).held_out
    assert found.f1 is not None and found.f1 > 0.9
    assert found.recall is not None and found.recall > 0.85


def test_the_stated_rates_are_those_of_rows_it_has_not_seen() -> None:
    classifier = train(examples(), 0.95, {})
    fresh = measure(classifier, [example(number) for number in range(10_000, 11_000)])
    for name in ("precision", "recall"):
        stated, true = getattr(classifier.held_out, name), getattr(fresh, name)
        assert abs(stated - true) < 0.12  # four standard errors of a share of some fifty rows


def test_labels_without_meaning_are_not_said_to_be_learnt() -> None:
    rng = random.Random(1)
    noise = [Example(one.text, rng.random() < 0.4, one.order) for one in examples()]
    found = train(noise, 0.5, {}).held_out
    assert found.precision is None or found.precision < 0.65  # 0.4 by chance, plus four standard errors


def test_neither_order_nor_a_second_run_changes_a_byte() -> None:
    own = examples(300)
    shuffled = random.Random(2).sample(own, len(own))
    assert train(own, 0.9, {}).model_dump_json() == train(shuffled, 0.9, {}).model_dump_json()


def test_equal_texts_are_never_on_both_sides() -> None:
    """All copies of a text are in one part: the held-out part holds three times as many rows, not other ones."""
    own = examples(300)
    copies = [Example(one.text, one.good, bytes([copy]) + one.order[1:]) for one in own for copy in range(3)]
    found, single = train(copies, 0.9, {}).held_out, train(own, 0.9, {}).held_out
    assert sum(found.model_dump().values()) == 3 * sum(single.model_dump().values())


@pytest.mark.parametrize("own", [[], examples(40), [Example(f"t {at}", True, b"x") for at in range(500)]])
def test_too_little_to_learn_from(own: Sequence[Example]) -> None:
    with pytest.raises(TooFewLabels):
        train(own, 0.9, {})


def test_a_higher_recall_never_keeps_less() -> None:
    own = examples(400, mixed=0.1)
    thresholds = [train(own, recall, {}).threshold for recall in (0.5, 1.0)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_stored_and_read_back_alike(tmp_path: Path) -> None:
    classifier = train(examples(300), 0.9, {"judges": ["m"]})
    path = tmp_path / "classifier.json"
    path.write_text(classifier.model_dump_json())
    texts = [one.text for one in examples(50)] + ["", "\ud800 half a character", "x" * 100_000]
    assert read_classifier(path).scores(texts) == classifier.scores(texts)
    assert classifier.scores([]) == []


SOUND: dict[str, Any] = {
    "indices": [1, 2],
    "weights": [0.5, -1.0],
    "intercept": 0.0,
    "threshold": 0.5,
    "held_out": {"good_kept": 1, "good_dropped": 0, "poor_kept": 0, "poor_dropped": 1},
    "provenance": {},
}


@pytest.mark.parametrize(
    "change",
    [
        {"indices": [1]},
        {"indices": [1, 1]},
        {"indices": [1, 1 << 16]},
        {"indices": [-1, 2]},
        {"weights": [0.5, "x"]},
        {"features": 1 << 20},
        {"format": "provender-classifier-2"},
        {"held_out": {}},
        {"code": "import os"},
    ],
    ids=str,
)
def test_a_file_that_is_no_classifier_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "classifier.json"
    path.write_text(json.dumps(SOUND))
    assert read_classifier(path).threshold == 0.5
    path.write_text(json.dumps(SOUND | change))
    with pytest.raises(CurationError):
        read_classifier(path)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"NaN", pickle.dumps({"weights": [1]}), b"\xff\xfe"])
def test_other_files_are_refused_and_never_executed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "classifier.json"
    path.write_bytes(data)
    with pytest.raises(CurationError, match=r"classifier\.json"):
        read_classifier(path)
    with pytest.raises(CurationError, match="cannot be read"):
        read_classifier(tmp_path / "absent.json")
    path.write_text(json.dumps(SOUND).replace("0.5,", "NaN,", 1))
    with pytest.raises(CurationError):
        read_classifier(path)


def test_rates_of_nothing_are_none() -> None:
    nothing = HeldOut(good_kept=0, good_dropped=0, poor_kept=0, poor_dropped=0)
    assert nothing.precision is nothing.recall is nothing.f1 is None


def judge(request: ChatRequest) -> str:
    """Good is what is clear."""
    text = request.messages[-1].content
    return criteria("POOR" if "vague" in text else "fine", ("accuracy", "instruction_following", "presentation"))


def labelled(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [row(f"r{at}", example(at).text) for at in range(start, start + count)]


def test_trained_by_one_curation_and_used_by_the_next(tmp_path: Path) -> None:
    settings = {"quality": {"drop": False}, "classifier": {"recall": 0.9}}
    first, _ = run(save(tmp_path / "first.jsonl", labelled(300)), tmp_path / "out", judge, settings)
    file = tmp_path / "out" / "classifier.json"
    stored = json.loads(file.read_text())
    assert stored["provenance"]["judges"] == ["scripted"] and stored["provenance"]["rows"] == 300
    assert list(stored["provenance"]["rubrics"]) == ["verifiers/quality"]
    said = first.labels["classifier"]["held_out"]
    assert said["precision"] > 0.8 and said["recall"] > 0.7
    assert "classifier on rows it has not seen" in first.text()

    data = save(tmp_path / "second.jsonl", labelled(200, 1000))
    options = CurateOptions(labels=LabelSettings.model_validate({"classifier": {"file": str(file)}}))
    second = curate(data, tmp_path / "next", options=options)
    (step,) = [count for count in second.accounts if count.stage == "classifier"]
    assert step.entered == 200 and 30 < step.dropped < 170 and step.reasons == {"below_threshold": step.dropped}
    kept = [json.loads(line) for line in second.kept.open()]
    clear = sum("vague" not in one["messages"][1]["content"] for one in kept)
    assert clear / len(kept) > 0.8


def test_who_falls_below_the_threshold_costs_no_call(tmp_path: Path) -> None:
    path = tmp_path / "classifier.json"
    path.write_text(Classifier(**(SOUND | {"threshold": 2.0})).model_dump_json())
    settings = {"quality": {}, "classifier": {"file": str(path)}}
    _, model = run(save(tmp_path / "d.jsonl", labelled(5)), tmp_path / "out", judge, settings)
    assert not model.requests


def test_too_few_labels_leave_a_reason_and_no_file(tmp_path: Path) -> None:
    settings = {"quality": {}, "classifier": {}}
    result, _ = run(save(tmp_path / "d.jsonl", labelled(9)), tmp_path / "out", judge, settings)
    assert "rows to learn from" in result.labels["classifier"]["problem"] and "no classifier" in result.text()
    assert not (tmp_path / "out" / "classifier.json").exists()


@pytest.mark.parametrize("settings", [{"classifier": {}}, {"classifier": {}, "quality": {"by": "reward"}}], ids=str)
def test_a_classifier_needs_a_teacher(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="judge"):
        LabelSettings.model_validate(settings)
