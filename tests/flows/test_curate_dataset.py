"""The flow that curates: everything that the command can do, from a form of the UI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect.exceptions import ParameterTypeError

from curation.mix import Mix
from flows.curate_any import EmbedderChoice
from flows.curate_dataset import curate_dataset
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
