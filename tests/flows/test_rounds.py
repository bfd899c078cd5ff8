"""Rounds: what one run made seeds the next one with another model, and every row tells where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from corpus.previous import read_previous
from flows.config import RunConfig, validate_config
from flows.errors import ConfigError
from flows.estimate import estimate
from flows.make_dataset import run_rounds
from flows.rehearse import write_knowledge
from flows.rounds import round_configs
from flows.run_folder import RunFolder
from records.tables import read_rows
from records.types import Drop, Seed
from served_model.rehearsal.launch import RehearsalServer
from tests.exports.stored_rows import FAIL, Answer, row, seed, write_shards
from tests.flows.run_files import data_files


@dataclass(frozen=True)
class Models:
    """Two models: the second one makes fewer mistakes."""

    first: str
    second: str
    asked_second: Path  # its answer key


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("rehearsal")
    write_knowledge(folder / "knowledge.jsonl")
    own = {"seed": 1, "wire_fault_rate": 0.0, "knowledge": folder / "knowledge.jsonl"}
    with (
        RehearsalServer(fault_rate=0.5, answer_key=folder / "first.jsonl", **own) as first,
        RehearsalServer(fault_rate=0.0, answer_key=folder / "second.jsonl", **own) as second,
    ):
        yield Models(first, second, folder / "second.jsonl")


def config(url: str, *rounds: dict[str, Any]) -> RunConfig:
    models = {"default": {"base_url": url, "name": "rehearsal"}}
    recipes = [{"use": "math/solve", "seeds": 10, "settings": {"samples": 2}}]
    return validate_config(
        {"name": "rounds", "models": models, "recipes": recipes, "shard_size": 5, "rounds": list(rounds)}, "test"
    )


def second(url: str, corpus: str, **settings: Any) -> dict[str, Any]:
    solver = {"solver": {"base_url": url, "name": "rehearsal"}}
    return {"models": solver, "recipes": [{"use": "math/solve", "corpus": corpus, "settings": settings}]}


def records(folder: Path) -> list[dict[str, Any]]:
    return list(read_rows(RunFolder(folder).shards()))


@pytest.mark.heavy
async def test_what_a_round_did_not_solve_goes_to_another_model_in_the_next(models: Models, tmp_path: Path) -> None:
    rounds = config(models.first, second(models.second, "previous:math/solve:unsolved", samples=4))
    published = await run_rounds(rounds, str(tmp_path))
    first, later = records(tmp_path / "round-00"), records(tmp_path / "round-01")
    solved = {one["seed_id"] for one in first if one["outcome"] == "pass"}
    unsolved = {one["seed_id"] for one in first} - solved
    assert unsolved and solved and {one["seed_id"] for one in later} == unsolved
    by_seed = {one["seed_id"]: one for one in first}
    for one in later:
        [step] = json.loads(one["lineage"])
        earlier = {other["id"] for other in first if other["seed_id"] == one["seed_id"]}
        assert (step["round"], step["recipe"], step["model"]) == (0, "math/solve", "rehearsal")
        assert set(step["records"]) == earlier and step["accepted"] == []
        assert (one["round"], one["seed_text"]) == (1, by_seed[one["seed_id"]]["seed_text"])
    assert {(one["round"], one["lineage"]) for one in first} == {(0, "[]")}
    drops = [one for one in read_rows([tmp_path / "round-01" / "drops.parquet"]) if one["reason"] == "solved_before"]
    assert {one["id"] for one in drops} == solved
    asked = {json.loads(line)["prompt"] for line in models.asked_second.read_text().splitlines()}
    assert asked == {"generators.math/solve"}  # the solver alone was swapped
    assert any(one["outcome"] == "pass" for one in later)
    assert published.root == tmp_path / "round-01"
    rows = pq.read_table(tmp_path / "round-01" / "dataset" / "step_labels").to_pylist()
    assert rows and all(one["round"] == 1 and json.loads(one["lineage"]) for one in rows)


@pytest.mark.heavy
async def test_rounds_resume_and_are_the_same_in_another_folder(models: Models, tmp_path: Path) -> None:
    rounds = config(models.first, second(models.second, "previous:math/solve:solved", samples=2))
    _, folder = await estimate(rounds, tmp_path / "one", 3)
    assert folder == tmp_path / "one" / "round-00"  # what an estimate has asked, the first round need not ask again
    await run_rounds(rounds, str(tmp_path / "one"))
    before = data_files(tmp_path / "one" / "round-01")
    RunFolder(tmp_path / "one" / "round-01").shard("00-math-solve", 0).unlink()
    await run_rounds(rounds, str(tmp_path / "one"))
    await run_rounds(rounds, str(tmp_path / "two"))
    assert data_files(tmp_path / "one" / "round-01") == before == data_files(tmp_path / "two" / "round-01")
    described = [RunFolder(tmp_path / name / "round-01").read_run() for name in ("one", "two")]
    assert described[0]["fingerprint"] == described[1]["fingerprint"]


REFUSED = {
    "no round before": (config("http://127.0.0.1:9/v1"), "previous:math/solve"),
    "an unknown part": (config("http://127.0.0.1:9/v1", {}), "previous:math/solve:hardest"),
    "no recipe": (config("http://127.0.0.1:9/v1", {}), "previous:"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_mistake_is_said_before_anything_is_asked(case: str, tmp_path: Path) -> None:
    made, corpus = REFUSED[case]
    recipe = made.recipes[0].model_copy(update={"corpus": corpus})
    if made.rounds:
        made = made.model_copy(update={"rounds": [made.rounds[0].model_copy(update={"recipes": [recipe]})]})
    else:
        made = made.model_copy(update={"recipes": [recipe]})
    with pytest.raises(ConfigError, match="previous:"):
        await run_rounds(made, str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_round_takes_over_what_it_does_not_name_and_has_a_seed_of_its_own(tmp_path: Path) -> None:
    first, middle, last = round_configs(config("http://127.0.0.1:9/v1", {"seed": 5}, {}), tmp_path)
    assert (first.round, middle.round, last.round) == (0, 1, 2)
    assert middle.seed == 5 and len({first.seed, middle.seed, last.seed}) == 3
    assert first.recipes == middle.recipes == last.recipes and last.previous == str(tmp_path / "round-01")


def previous(tmp_path: Path, which: str, kinds: tuple[str, str]) -> list[Seed | Drop]:
    own = {"recipe": "math/solve", "check": Answer("3"), "parts": {"question": "How many?"}}
    rows = [row("a", **own, seed=seed(1)), row("b", FAIL, "wrong_answer", **own, seed=seed(2))]
    files = write_shards(tmp_path, rows)
    return list(read_previous(files, "math/solve", which, kinds))  # type: ignore[arg-type]


def test_accepted_problems_become_questions_with_their_answer(tmp_path: Path) -> None:
    [made] = previous(tmp_path, "all", ("documents", "questions"))
    assert isinstance(made, Seed)
    assert (made.text, made.fields["question"], made.fields["answer"]) == ("How many?", "How many?", "3")
    assert json.loads(made.fields["lineage"])[0]["records"] == ["a"]


@pytest.mark.parametrize(("which", "seeds"), [("all", 2), ("solved", 1), ("unsolved", 1)])
@pytest.mark.parametrize("kind", ["questions", "attempts"])
def test_what_is_not_wanted_is_a_drop(tmp_path: Path, which: str, seeds: int, kind: str) -> None:
    made = previous(tmp_path, which, ("questions", kind))
    assert len(made) == 2 and sum(isinstance(one, Seed) for one in made) == seeds
    assert all(one.evidence["records"] for one in made if isinstance(one, Drop))
