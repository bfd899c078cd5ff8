"""The flow that curates: everything that the command can do, from a form of the UI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect.exceptions import ParameterTypeError

from curation.mix import Mix
from flows.curate_any import EmbedderChoice
from flows.curate_dataset import curate_dataset
from served_model.rehearsal.hazard_player import STAND_IN
from served_model.rehearsal.launch import RehearsalServer


def write_rows(path: Path, count: int = 24) -> Path:
    words = [f"word{number}" for number in range(19)]
    rows = [
        {
            "text": " ".join(words[(number * step) % 19] for step in range(1, 19)) + f" {number}",
            "recipe": "ab"[number % 2],
        }
        for number in range(count)
    ]
    rows.append(rows[0])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def test_the_form_curates_by_meaning_and_mixes(prefect_server: None, tmp_path: Path) -> None:
    rows, out = write_rows(tmp_path / "rows.jsonl"), tmp_path / "out"
    with RehearsalServer() as url:
        state = await curate_dataset(
            str(rows),
            str(out),
            embedder=EmbedderChoice(where=url, name="rehearsal"),
            meaning={"semantic_threshold": 0.999},
            mix={"by": "recipe", "weights": {"a": 3, "b": 1}, "total": 8},
            return_state=True,
        )
    assert state.is_completed(), state
    assert "of 25 rows kept" in state.message and "8 rows mixed in" in state.message
    assert (out / "embeddings.vectors").exists()
    result = await state.result()
    steps = [count.stage for count in result.accounts]
    assert {"semantic_duplicates", "exact_duplicates"} <= set(steps)
    mixed = [json.loads(line)["recipe"] for line in (out / "mixed.jsonl").read_text().splitlines()]
    assert sorted(mixed) == ["a"] * 6 + ["b"] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"mix": {"by": "recipe", "weights": {"a": 0}}},
        {"mix": {"by": "recipe", "weights": {"a": 1}, "caps": {"b": 2}}},
        {"meaning": {"semantic_threshold": 7}},
        {"embedder": {"where": "local", "nmae": "x"}},
    ],
    ids=str,
)
async def test_what_the_form_refuses(prefect_server: None, tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterTypeError):
        await curate_dataset(str(tmp_path / "rows.jsonl"), str(tmp_path / "out"), **wrong)


def test_the_form_shows_them() -> None:
    shown = curate_dataset.parameters.model_dump()
    assert {"embedder", "meaning", "mix"} <= shown["properties"].keys()
    assert Mix.model_validate({"by": "recipe", "weights": {"a": 1}}).max_epochs == 1


async def test_the_form_labels_by_a_judge_and_a_guard(prefect_server: None, tmp_path: Path) -> None:
    """The rehearsal model finds every planted stand-in for unsafe content, though replies of its guard are broken."""
    texts = {
        "a": "Good advice on bread.",
        "b": STAND_IN.format(code="S9"),
        "c": STAND_IN.format(code="S6"),
        "d": "Yes!",
    }
    rows = tmp_path / "rows.jsonl"
    more = "The dough rests for an hour and then it goes into the oven."
    lines = [{"id": name, "question": f"What of {name}?", "answer": f"{text} {more}"} for name, text in texts.items()]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    labels = {"safety": {"form": "policy", "actions": {"S6": "tag"}}, "quality": {}, "difficulty": {}, "topic": {}}
    with RehearsalServer() as url:
        state = await curate_dataset(
            str(rows),
            str(tmp_path / "out"),
            steps=["safety", "quality"],
            labels=labels,
            judge={"url": url, "name": "rehearsal"},
            return_state=True,
        )
    assert state.is_completed(), state
    kept = {row["id"]: row["labels"] for row in map(json.loads, (tmp_path / "out" / "kept.jsonl").open())}
    assert set(kept) == {"a", "c"}  # b is unsafe, d shouts
    assert kept["c"]["safety"]["response"] == ["S6"] and kept["c"]["safety"]["reason"] == "tagged"
    assert kept["a"]["difficulty"]["rating"] == 1 and kept["a"]["topic"]["coarse"] == "conversation"


@pytest.mark.parametrize(
    ("labels", "judge", "said"),
    [
        ({"topic": {}}, None, "who is asked"),
        ({"safety": {}, "topic": {}}, {"url": "http://127.0.0.1:1/v1", "name": "m"}, "models.guard"),
    ],
    ids=str,
)
async def test_labels_without_somebody_to_ask(
    prefect_server: None, tmp_path: Path, labels: dict[str, object], judge: dict[str, str] | None, said: str
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl")
    state = await curate_dataset(str(rows), str(tmp_path / "out"), labels=labels, judge=judge, return_state=True)
    assert state.is_failed() and said in str(state.message)
