"""The main job as a Prefect flow: states and tasks in a real server, targets met exactly, recipes from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from curation.errors import CurationError
from flows.config import RunConfig, validate_config
from flows.errors import ConfigError, UserError
from flows.make_dataset import make_dataset, run
from flows.rehearse import write_knowledge
from flows.run_folder import RunFolder
from served_model.rehearsal.launch import RehearsalServer

OUTSIDE = """
from generators.math.solve import SolveSettings, propose
from generators.recipe import Recipe

MINE = Recipe("mine/solve", seeds="questions", settings=SolveSettings, propose=propose)
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rehearsal")
    write_knowledge(folder / "knowledge.jsonl")
    with RehearsalServer(seed=1, fault_rate=0.3, wire_fault_rate=0.0, knowledge=folder / "knowledge.jsonl") as base_url:
        yield base_url


def config(url: str, recipes: list[dict[str, Any]], **more: Any) -> RunConfig:
    models = {"default": {"base_url": url, "name": "rehearsal"}}
    return validate_config({"name": "flow-test", "models": models, "recipes": recipes} | more, "test")


@pytest.mark.usefixtures("prefect_server")
async def test_the_flow_says_what_happened_and_has_one_task_per_shard(url: str, tmp_path: Path) -> None:
    settings = config(url, [{"use": "math/solve", "seeds": 20}], shard_size=8)
    state = await make_dataset(settings, str(tmp_path), return_state=True)
    assert state.is_completed()
    assert "accepted" in (state.message or "")
    assert "00-math-solve" in (state.message or "")
    assert state.state_details.flow_run_id is not None
    async with get_client() as client:
        flow_run = await client.read_flow_run(state.state_details.flow_run_id)
        tasks = await client.read_task_runs()
        artifacts = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["yield-table"]))
        )
    assert flow_run.name.startswith("flow-test 20")
    names = sorted(task.name for task in tasks if task.flow_run_id == flow_run.id)
    assert names == [f"00-math-solve-{shard:05d}" for shard in range(3)]
    assert any("math/solve" in str(artifact.data) for artifact in artifacts)


async def test_exactly_the_target_in_seed_order_and_more_when_it_is_raised(url: str, tmp_path: Path) -> None:
    made = await run(config(url, [{"use": "math/solve", "target": 10}]), str(tmp_path))
    assert made.accepted == {"00-math-solve": 10}
    assert made.ended == {"00-math-solve": "target"}
    ten = pq.read_table(tmp_path / "dataset" / "sft").column("id").to_pylist()
    files = {path.name: path.read_bytes() for path in RunFolder(tmp_path).shards()}
    more = await run(config(url, [{"use": "math/solve", "target": 60}]), str(tmp_path))
    assert more.accepted == {"00-math-solve": 60}
    sixty = pq.read_table(tmp_path / "dataset" / "sft").column("id").to_pylist()
    assert sixty[:10] == ten
    for name, data in files.items():
        assert (tmp_path / "shards" / name).read_bytes() == data
    less = await run(config(url, [{"use": "math/solve", "target": 7}]), str(tmp_path))
    assert less.accepted == {"00-math-solve": 7}
    assert pq.read_table(tmp_path / "dataset" / "sft").column("id").to_pylist() == ten[:7]


async def test_a_recipe_from_outside_the_tree(url: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OUTSIDE)
    recipe = {"use": f"{tmp_path}/mine.py:MINE", "seeds": 5}
    made = await run(config(url, [recipe]), str(tmp_path / "run"))
    assert list(made.accepted) == ["00-mine-solve"]
    assert made.total > 5
    for wrong, part in ((":OTHER", "is not a Recipe"), (":__name__", "is not a Recipe")):
        broken = config(url, [recipe | {"use": f"{tmp_path}/mine.py{wrong}"}])
        with pytest.raises(ConfigError, match=part):
            await run(broken, str(tmp_path / "broken"))
    (tmp_path / "mine.py").write_text("import no_such_module")
    with pytest.raises(ConfigError, match="cannot be imported"):
        await run(config(url, [recipe]), str(tmp_path / "broken"))


AGAIN = """
from dataclasses import replace

from generators.attempts import chains_of
from generators.math import solve
from generators.recipe import Recipe, SeedRefused

async def propose(seed, resources):
    chains = chains_of(seed)
    if all(chain[-1].outcome == "pass" for chain in chains):
        raise SeedRefused("solved")
    return await solve.propose(chains[0][0].candidate.seed, replace(resources, round=1))

AGAIN = Recipe("mine/again", seeds="attempts", settings=solve.SolveSettings, propose=propose, corpus="run:math/solve")
"""


async def test_the_attempts_of_one_recipe_are_the_seeds_of_another(url: str, tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text(AGAIN)
    first = {"use": "math/solve", "seeds": 12, "settings": {"samples": 2}}  # of which some seeds get two right ones
    again = {"use": f"{tmp_path}/again.py:AGAIN"}
    made = await run(config(url, [first, again], shard_size=5), str(tmp_path / "one"))
    assert made.ended == {"00-math-solve": "seeds", "01-mine-again": "corpus"}
    read, proposed = made.accounts.stage("mine/again", "corpus"), made.accounts.stage("mine/again", "propose")
    assert read.accepted == proposed.entered == 12
    assert 0 < proposed.accepted < 12 and proposed.reasons == {"propose: solved": 12 - proposed.accepted}
    folder = f"{tmp_path}/one/shards/00-*.parquet:math/solve"
    other = await run(config(url, [again | {"corpus": folder}], shard_size=5), str(tmp_path / "two"))
    assert other.accounts.stage("mine/again", "propose").reasons == proposed.reasons
    shards = [sorted((tmp_path / name / "shards").glob("*mine-again*")) for name in ("one", "two")]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]]


async def test_attempts_that_nobody_makes_are_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text(AGAIN)
    first, again = {"use": "math/solve", "target": 8}, {"use": f"{tmp_path}/again.py:AGAIN"}
    with pytest.raises(ConfigError, match="no recipe math/solve stands before it"):
        await run(config(url, [again, first]), str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="no finished shard there"):
        await run(config(url, [again | {"corpus": f"{tmp_path}/nowhere"}]), str(tmp_path / "run"))
    await run(config(url, [first, again]), str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="upstream_target was 8, is 9"):  # other attempts would be other seeds
        await run(config(url, [first | {"target": 9}, again]), str(tmp_path / "run"))


async def test_a_recipe_waits_for_attempts_that_a_budget_cut_off(url: str, tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text(AGAIN)
    recipes = [{"use": "math/solve", "seeds": 12}, {"use": f"{tmp_path}/again.py:AGAIN"}]
    cut = await run(config(url, recipes, shard_size=5, budget={"tokens": 1}), str(tmp_path / "run"))
    assert cut.ended == {"00-math-solve": "budget: tokens", "01-mine-again": "upstream"}
    whole = await run(config(url, recipes, shard_size=5), str(tmp_path / "run"))
    assert whole.ended["01-mine-again"] == "corpus" and whole.accepted["01-mine-again"] > 0


async def test_a_judge_that_is_broken_stops_the_run_before_the_shard_is_written(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from records.types import Outcome, Verdict
    from verifiers import base, math_answer

    async def unjudged(*_: object) -> Verdict:
        return Verdict("math_answer", Outcome.UNJUDGED, "worker_died")

    entry = base.Verifier(math_answer.MathAnswer, unjudged)
    monkeypatch.setitem(__import__("verifiers").VERIFIERS, "math_answer", entry)
    settings = config(url, [{"use": "math/solve", "seeds": 20}])
    with pytest.raises(UserError, match="could not be judged"):
        await run(settings, str(tmp_path))
    assert not RunFolder(tmp_path).shards()
    monkeypatch.undo()
    made = await run(settings, str(tmp_path))  # the replies are kept, so the rerun only judges
    assert made.total > 20


async def test_another_number_of_seeds_is_another_run(url: str, tmp_path: Path) -> None:
    """The last shard of the first run was cut short; a longer run must not take it for whole."""
    await run(config(url, [{"use": "math/solve", "seeds": 5}]), str(tmp_path))
    with pytest.raises(ConfigError, match="seeds was 5, is 6"):
        await run(config(url, [{"use": "math/solve", "seeds": 6}]), str(tmp_path))


async def test_curation_counts_before_the_target_and_is_told_in_the_report(url: str, tmp_path: Path) -> None:
    recipes = [{"use": "math/solve", "seeds": 12}]
    plain = await run(config(url, recipes), str(tmp_path))
    rows = pq.read_table(tmp_path / "dataset" / "sft").to_pylist()
    question = rows[0]["messages"][0]["content"]
    (tmp_path / "exam.jsonl").write_text(json.dumps({"id": "item 7", "question": question}) + "\n")
    shards = {path.name: path.read_bytes() for path in RunFolder(tmp_path).shards()}
    curation = {"benchmarks": [str(tmp_path / "exam.jsonl")], "near_duplicates": True}
    curated = await run(config(url, recipes, curation=curation), str(tmp_path))
    assert {path.name: path.read_bytes() for path in RunFolder(tmp_path).shards()} == shards, "nothing is made anew"
    assert 0 < curated.total < plain.total
    kept = pq.read_table(tmp_path / "dataset" / "sft").to_pylist()
    assert not [row for row in kept if row["messages"][0]["content"] == question]
    drops = [row for row in pq.read_table(tmp_path / "drops.parquet").to_pylist() if row["stage"] == "select"]
    assert {"exact_prompt", "near_duplicate"} <= {row["reason"] for row in drops}
    (benchmark,) = RunFolder(tmp_path).read_run()["benchmarks"]
    assert (benchmark["benchmark"], benchmark["matched"], benchmark["contaminated"]) == ("exam", 1, True)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Duplicates and contamination" in page
    assert "exam: item item 7, 100% of its words" in page


async def test_a_benchmark_that_is_missing_is_refused_before_anything_is_asked(url: str, tmp_path: Path) -> None:
    curation = {"benchmarks": [str(tmp_path / "gone.jsonl")]}
    with pytest.raises(CurationError, match=r"gone.jsonl: no such file"):
        await run(config(url, [{"use": "math/solve", "seeds": 1}], curation=curation), str(tmp_path / "run"))
    assert not list((tmp_path / "run").glob("journal/*"))
