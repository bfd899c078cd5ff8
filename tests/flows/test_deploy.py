"""Deployments on a real Prefect server with a real worker: schedules, parameters, cancel and resume, the UI itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, FlowRun, StateType
from prefect.context import TagsContext
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings
from prefect.states import Cancelling, Scheduled

from flows.config import ModelSettings, api_key, validate_config
from flows.deploy import CRASHES, NO_SIGN, parse_interval
from flows.deployments import DeployOptions, deployments
from flows.engine import HEARTBEAT_S, TAG, prefect_api
from flows.errors import ConfigError, UserError
from flows.rehearse import write_knowledge
from flows.run_folder import RunFolder
from records.accounts import Accounts
from served_model.rehearsal.launch import RehearsalServer
from tests.browser import open_page
from tests.flows.conftest import ROOT, PrefectPlace

CONFIG = """
name = "{name}"
seed = 3
shard_size = 8
lookahead = 1
[models.default]
base_url = ["{url}"]
name = "rehearsal"
[[recipes]]
use = "{use}"
seeds = {seeds}
"""
NOBODY = "http://127.0.0.1:9/v1"
KEY = "sk-never-written-down"
PATIENCE_S = 400.0
SECONDS = 60.0
"""Within which a cancelled run must have ended on the slowest machine; 2 to 11 s were seen."""


def write_config(
    folder: Path, name: str, url: str = "http://127.0.0.1:9/v1", use: str = "math/solve", seeds: int = 20
) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(CONFIG.format(name=name, url=url, use=use, seeds=seeds))
    return path


def test_a_deployment_per_config_and_one_per_flow(tmp_path: Path) -> None:
    path = write_config(tmp_path, "nightly")
    options = DeployOptions(cron="0 2 * * *", timezone="Europe/Berlin", tags=("team",))
    made = {one.full_name: one for one in deployments([path], options)}
    assert set(made) == {
        "make_dataset/nightly",
        "make_dataset/any-config",
        "rehearse/rehearse",
        "verify_dataset/verify",
        "curate_dataset/curate",
        "audit/audit",
    }
    nightly = made["make_dataset/nightly"]
    assert nightly.parameters["config"]["recipes"][0]["use"] == "math/solve"
    assert nightly.parameters["fresh"] is True
    assert nightly.schedules and nightly.schedules[0].schedule.timezone == "Europe/Berlin"
    assert {"provender", "team", "make_dataset"} <= set(nightly.tags)
    for one in made.values():
        assert one.concurrency_options is not None
        assert one.concurrency_options.collision_strategy is ConcurrencyLimitStrategy.CANCEL_NEW
        assert one.description
        for name, shown in one._parameter_openapi_schema.properties.items():
            assert shown.get("description") and shown["title"][0].isupper(), (one.full_name, name)
    assert not made["make_dataset/any-config"].schedules


def test_without_a_schedule_a_run_resumes_the_one_before(tmp_path: Path) -> None:
    made = deployments([write_config(tmp_path, "again")], DeployOptions())[0]
    assert made.parameters["fresh"] is False


def test_what_cannot_be_deployed_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.deploy import deploy

    path = write_config(tmp_path, "one")
    with pytest.raises(ConfigError, match="two of the configs"):
        deployments([path, path], DeployOptions())
    with pytest.raises(ConfigError, match="not a schedule"):
        deployments([path], DeployOptions(cron="every night"))
    with pytest.raises(ConfigError, match="give one of them"):
        deployments([path], DeployOptions(cron="0 2 * * *", interval=timedelta(hours=1)))
    with pytest.raises(ConfigError, match="no recipe"):
        deployments([write_config(tmp_path, "two", use="math/none")], DeployOptions())
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(UserError, match="no Prefect"):
        deploy([path], DeployOptions())
    for wrong in ("", "6", "h", "0h", "-1h", "1w", "1.5h"):
        with pytest.raises(ConfigError, match="--interval"):
            parse_interval(wrong)
    assert parse_interval("90s") == timedelta(seconds=90)
    assert parse_interval("1d") == timedelta(days=1)


def test_a_run_from_the_command_line_gives_signs_of_life_too() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), prefect_api():
        assert get_current_settings().flows.heartbeat_frequency == HEARTBEAT_S
        assert TagsContext.get().current_tags == {TAG}


def test_a_deployed_schedule_creates_runs(prefect_place: PrefectPlace) -> None:
    """Prefect's scheduler dies silently with a newer SQLAlchemy; then no run of any schedule is ever made."""
    path = write_config(prefect_place.work, "nightly")
    for _ in range(2):  # a second time changes nothing
        assert prefect_place.provender("deploy", path, "--cron", "0 2 * * *").returncode == 0
    api = {PREFECT_API_URL: prefect_place.environment["PREFECT_API_URL"]}
    with temporary_settings(api), get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("make_dataset/nightly")
        due = until(lambda: [run for run in client.read_flow_runs() if run.deployment_id == nightly.id])
        assert all(run.state is not None and run.state.is_scheduled() for run in due)
        assert {run.expected_start_time.hour for run in due if run.expected_start_time} == {2}
        (automation,) = client.read_automations_by_name(CRASHES)
        assert f"prefect.tag.{TAG}" in automation.trigger.model_dump_json(), "other flows' runs are left alone"
        client.delete_deployment(nightly.id)


async def test_a_key_in_a_secret_block(prefect_place: PrefectPlace) -> None:
    api = {PREFECT_API_URL: prefect_place.environment["PREFECT_API_URL"]}
    settings = ModelSettings(base_url=[NOBODY], api_key_block="big-model-key")
    with temporary_settings(api):
        with pytest.raises(ConfigError, match="has no Secret block big-model-key"):
            api_key(settings)
        await Secret(value=KEY).save("big-model-key")
        assert api_key(settings) == KEY, "read where an event loop runs, as a shard does"
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(ConfigError, match="set PREFECT_API_URL"):
        api_key(settings)
    with pytest.raises(ConfigError, match="give one of them"):
        both = {"base_url": NOBODY, "api_key_env": "A", "api_key_block": "b"}
        validate_config({"name": "x", "models": {"default": both}, "recipes": [{"use": "math/solve"}]}, "test")


WORKER_HEARD = ("prefect.flow_runs.worker - Check whether", "Lost connection to flow run")
"""One of these a worker says once it, too, has done with a process that died: seconds after that process' runner."""

WORKER_SILENT_S = 60.0
"""A worker that has said nothing for so long will not report that death any more: Prefect promises no word of it."""


def until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError("waited too long")


@dataclass(frozen=True)
class Deployed:
    """A place with the deployments of this file's heavy tests."""

    place: PrefectPlace
    client: SyncPrefectClient
    answer_key: Path  # a line for each request of `long`

    def run(self, name: str) -> UUID:
        deployment = self.client.read_deployment_by_name(name)
        return self.client.create_flow_run_from_deployment(deployment.id).id

    def retried(self, run: UUID) -> FlowRun:
        """The run's end after what Retry in the UI does, again where a worker reports the end before only then."""
        before = self.client.read_flow_run(run).run_count

        def look() -> FlowRun | None:
            found = self.client.read_flow_run(run)
            ended = found.state is not None and found.state.is_final()
            if ended and found.run_count == before:
                self.client.set_flow_run_state(run, Scheduled(name="AwaitingRetry"), force=True)
            return found if ended and found.run_count > before else None

        found: FlowRun = until(look)
        return found

    def ended(self, run: UUID) -> FlowRun:
        def look() -> FlowRun | None:
            found = self.client.read_flow_run(run)
            return found if found.state is not None and found.state.is_final() else None

        found: FlowRun = until(look)
        return found

    def shards(self, name: str) -> dict[str, bytes]:
        """The finished shards of a deployment's run folder."""
        return {path.name: path.read_bytes() for path in (self.place.work / "runs").glob(f"{name}-*/shards/*.parquet")}

    def first_shards(self, name: str) -> dict[str, bytes]:
        """The same as soon as there is one."""
        found: dict[str, bytes] = until(lambda: self.shards(name))
        return found

    def artifact(self, run: UUID, key: str) -> str:
        found = [one for one in self.client.read_artifacts(limit=200) if one.key == key and one.flow_run_id == run]
        assert found, key
        return str(max(found, key=lambda one: one.created).data)

    def deaths_heard_of(self) -> int:
        """How often a worker has said that it has done with a process that died."""
        log = (self.place.work / "worker.log").read_text(errors="replace")
        return sum(map(log.count, WORKER_HEARD))

    def folder(self, name: str) -> RunFolder:
        """The one run folder of a deployment's name."""
        (found,) = (self.place.work / "runs").glob(f"{name}-*")
        return RunFolder(found)


@pytest.fixture(scope="module")
def deployed(prefect_worker: PrefectPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("model")
    write_knowledge(folder / "knowledge.jsonl")
    answer_key = folder / "answer_key.jsonl"
    faulty: dict[str, Any] = {"fault_rate": 0.3, "wire_fault_rate": 0.0, "knowledge": folder / "knowledge.jsonl"}
    server, slow = RehearsalServer(1, **faulty), RehearsalServer(1, **faulty, latency_ms=3000)
    own = RehearsalServer(1, **faulty, answer_key=answer_key)  # of the run that is cancelled
    with server as url, slow as slow_url, own as own_url:
        small = write_config(prefect_worker.work, "small", url)
        small.write_text(small.read_text().replace("[[recipes]]", 'api_key_block = "small-key"\n[[recipes]]'))
        long = write_config(prefect_worker.work, "long", own_url, "code/solve_with_tests", 24)
        gated = write_config(prefect_worker.work, "gated", url)
        gated.write_text(gated.read_text().replace("seed = 3", "seed = 3\nreview = true"))
        killed, lost = (write_config(prefect_worker.work, name, slow_url, seeds=24) for name in ("killed", "lost"))
        for given in ((lost, "--work-pool", "far"), (small, long, gated, killed)):  # the flows end in the worker's pool
            result = prefect_worker.provender("deploy", *given)
            assert result.returncode == 0, result.stderr
        with (
            temporary_settings({PREFECT_API_URL: prefect_worker.environment["PREFECT_API_URL"]}),
            get_client(sync_client=True) as client,
        ):
            Secret(value=KEY).save("small-key")
            yield Deployed(prefect_worker, client, answer_key)


@pytest.fixture(scope="module")
def lost(deployed: Deployed) -> UUID:
    """A run whose machine is gone: nobody is left who could tell the server of it."""
    with deployed.place.started("worker", "start", "--pool", "far", "--type", "process") as worker:
        run = deployed.run("make_dataset/lost")
        deployed.first_shards("lost")
        worker.kill()
        worker.wait()
        family = kill(run)
    until(lambda: not alive(family))
    return run


@pytest.mark.heavy
def test_a_run_whose_machine_is_gone_seems_to_run(deployed: Deployed, lost: UUID) -> None:
    assert deployed.client.read_flow_run(lost).state_type is StateType.RUNNING


@pytest.mark.heavy
def test_a_schedule_seconds_ahead_runs_and_completes(deployed: Deployed) -> None:
    config = write_config(deployed.place.work, "often")
    config.write_text((deployed.place.work / "small.toml").read_text().replace('"small"', '"often"'))
    assert deployed.place.provender("deploy", config, "--interval", "15s").returncode == 0
    deployment = deployed.client.read_deployment_by_name("make_dataset/often")

    def look() -> list[FlowRun]:
        runs = deployed.client.read_flow_runs(limit=200)
        mine = [run for run in runs if run.deployment_id == deployment.id and run.auto_scheduled]
        return [run for run in mine if run.state is not None and run.state.type is StateType.COMPLETED]

    done = until(look)
    deployed.client.pause_deployment(deployment.id)
    assert "accepted of" in done[0].state.message
    assert done[0].name.startswith("often 20")
    folders = sorted((deployed.place.work / "runs").glob("often-*"))
    assert folders
    seeds = {RunFolder(folder).read_run()["config"]["seed"] for folder in folders}
    assert len(seeds) == len(folders), "each scheduled run has a seed of its own"


@pytest.mark.heavy
def test_a_run_with_parameters_from_prefects_own_command_line(deployed: Deployed) -> None:
    result = deployed.place.prefect(
        "deployment", "run", "rehearse/rehearse", "--param", "seeds=4", "--param", 'recipes=["math/solve"]', "--watch"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (folder,) = (deployed.place.work / "runs").glob("rehearsal-*")
    assert RunFolder(folder).read_run()["recipes"]["00-math-solve"]["use"] == "math/solve"
    assert RunFolder(folder).read_run()["config"]["recipes"][0]["seeds"] == 4


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_cancel_in_mid_run_leaves_nothing_working_and_retry_resumes(deployed: Deployed) -> None:
    run = deployed.run("make_dataset/long")
    deployed.first_shards("long")
    second = deployed.run("make_dataset/long")
    assert deployed.ended(second).state_type is StateType.CANCELLED, "one at a time"
    working = family_of(run)
    assert any("sandbox" in command for command in working.values()), working
    asked_for = time.monotonic()
    deployed.client.set_flow_run_state(run, Cancelling())  # what Cancel in the UI does
    assert deployed.ended(run).state_type is StateType.CANCELLED
    until(lambda: not family_of(run) and not alive(working))
    assert time.monotonic() - asked_for < SECONDS
    folder = deployed.folder("long")
    before = deployed.shards("long")
    asked = deployed.answer_key.stat().st_size
    time.sleep(2)
    assert deployed.answer_key.stat().st_size == asked, "nothing is asked any more"
    assert folder.read_run()["state"] == "running" and not folder.dataset.exists()

    ended = deployed.retried(run)
    assert ended.state_type is StateType.COMPLETED, ended.state
    description = folder.read_run()
    assert description["state"] == "complete"
    Accounts.from_list(description["accounts"]).check()
    assert before.items() <= deployed.shards("long").items()
    assert deployed.answer_key.stat().st_size > asked
    assert "code/solve" in deployed.artifact(run, "yield-table")
    assert "| 24 |" in deployed.artifact(run, "live")


@dataclass(frozen=True)
class Process:
    """One line of the process table; with its start it is nobody else's id later."""

    pid: int
    started: str
    parent: int
    command: str
    told: bytes  # its environment


def processes() -> Iterator[Process]:
    """The process table, less what has ended and waits to be collected."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid = int(entry.name)
            state, parent, *rest = (entry / "stat").read_text().rpartition(") ")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if state != "Z":
                yield Process(pid, rest[17], int(parent), command, (entry / "environ").read_bytes())


def family_of(run: UUID) -> dict[tuple[int, str], str]:
    """What works for a flow run: the processes that were given its id, and whatever they started."""
    table = [one for one in processes() if one.pid != os.getpid()]
    found = {one.pid for one in table if str(run).encode() in one.told}
    while more := {one.pid for one in table if one.parent in found} - found:
        found |= more
    return {(one.pid, one.started): one.command for one in table if one.pid in found}


def alive(these: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of a family that are still there, also as orphans."""
    return set(these) & {(one.pid, one.started) for one in processes()}


def kill(run: UUID) -> set[tuple[int, str]]:
    """SIGKILL for the flow's own process: the first of its family. Gives the whole family."""
    family = family_of(run)
    parents = {one.pid: one.parent for one in processes()}
    pids = {pid for pid, _ in family}
    for pid in pids:
        if parents.get(pid) not in pids:
            os.kill(pid, signal.SIGKILL)
    return set(family)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_killed_run_is_crashed_at_once_and_retry_resumes(deployed: Deployed) -> None:
    run = deployed.run("make_dataset/killed")
    before = deployed.first_shards("killed")
    heard = deployed.deaths_heard_of()
    family = kill(run)
    crashed = deployed.ended(run)
    assert crashed.state_type is StateType.CRASHED, crashed.state
    until(lambda: not alive(family))
    assert deployed.folder("killed").read_run()["state"] == "running"
    silent_from = time.monotonic() + WORKER_SILENT_S  # its report would fall upon the retry
    until(lambda: deployed.deaths_heard_of() > heard or time.monotonic() > silent_from)
    assert deployed.retried(run).state_type is StateType.COMPLETED
    assert before.items() <= deployed.shards("killed").items()
    assert deployed.folder("killed").read_run()["state"] == "complete"


@pytest.mark.heavy
def test_a_person_rejects_and_then_approves(deployed: Deployed) -> None:
    run = deployed.run("make_dataset/gated")
    until(lambda: deployed.client.read_flow_run(run).state_type is StateType.PAUSED)
    folder = deployed.folder("gated")
    assert folder.shards() and not folder.dataset.exists()
    assert "## Rejected" in deployed.artifact(run, "review")
    resume(deployed.client, run, {"approve": False, "note": "too short"})
    ended = deployed.ended(run)
    assert (ended.state_type, ended.state_name) == (StateType.CANCELLED, "Rejected")
    assert folder.shards() and not folder.dataset.exists()
    assert folder.read_run()["state"] == "rejected"
    assert "too short" in folder.read_run()["review"]

    deployed.client.set_flow_run_state(run, Scheduled(name="AwaitingRetry"), force=True)
    until(lambda: deployed.client.read_flow_run(run).state_type is StateType.PAUSED)
    resume(deployed.client, run, {"approve": True, "note": "better"})
    assert deployed.ended(run).state_type is StateType.COMPLETED
    assert folder.read_run()["state"] == "complete"
    assert folder.read_run()["review"] == "approved: better"
    assert (folder.dataset / "sft").is_dir()


def resume(client: SyncPrefectClient, run: UUID, answer: dict[str, Any]) -> None:
    client.resume_flow_run(run, run_input=answer)


@pytest.mark.heavy
def test_a_run_is_started_from_the_form_and_its_artifacts_are_seen(deployed: Deployed, screenshots: Path) -> None:
    deployment = deployed.client.read_deployment_by_name("make_dataset/small")
    curating = deployed.client.read_deployment_by_name("curate_dataset/curate")
    with open_page() as page:
        page.goto(f"{deployed.place.url}/deployments/deployment/{curating.id}/run")
        for text in ("Embedder", "Semantic Threshold", "Mix"):
            expect(page.get_by_text(text).first).to_be_visible(timeout=60_000)
        page.goto(f"{deployed.place.url}/deployments/deployment/{deployment.id}/run")
        for text in ("Configuration", "Base URLs", "Requests in flight", "A dataset of its own for each run"):
            expect(page.get_by_text(text).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Seed of everything random in the run.")).to_be_visible()
        page.screenshot(path=screenshots / "prefect-form.png")
        page.get_by_role("button", name="Submit").click()
        run = until(lambda: started(deployed.client, deployment.id))
        assert deployed.ended(run).state_type is StateType.COMPLETED
        page.goto(f"{deployed.place.url}/runs/flow-run/{run}")
        expect(page.get_by_text("Completed").first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Beginning flow run").first).to_be_visible(timeout=60_000)
        page.wait_for_timeout(1000)  # until the page has faded in
        page.screenshot(path=screenshots / "prefect-run.png")
        look_at_artifacts(deployed, page, run, screenshots)
    files = [path for path in deployed.folder("small").root.rglob("*") if path.is_file()]
    assert files and not [path for path in files if KEY.encode() in path.read_bytes()]


def started(client: SyncPrefectClient, deployment: UUID) -> UUID | None:
    return next((run.id for run in client.read_flow_runs(limit=200) if run.deployment_id == deployment), None)


def look_at_artifacts(deployed: Deployed, page: Page, run: UUID, screenshots: Path) -> None:
    wanted = {
        "yield-table": "math_answer: wrong_answer",
        "samples": "Accepted",
        "live": "00-math-solve",
        "dataset-card": "How it was proved",
        "report": "Report:",
    }
    found = {one.key: one.id for one in deployed.client.read_artifacts(limit=200) if one.flow_run_id == run}
    assert wanted.keys() <= found.keys()
    for key, text in wanted.items():
        page.goto(f"{deployed.place.url}/artifacts/artifact/{found[key]}")
        expect(page.get_by_text(text).first).to_be_visible(timeout=60_000)
        page.screenshot(path=screenshots / f"prefect-{key}.png")


@pytest.mark.heavy
def test_the_prefect_way_registers_the_same_flows(deployed: Deployed) -> None:
    result = deployed.place.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(ROOT / "prefect.yaml"))
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("make_dataset/any-config", "rehearse/rehearse", "verify_dataset/verify", "curate_dataset/curate"):
        assert f"'{name}'" in result.stdout


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_signs_of_life_that_stop_make_a_run_crashed_and_retry_resumes(deployed: Deployed, lost: UUID) -> None:
    before = deployed.shards("lost")
    crashed = deployed.ended(lost)
    assert (crashed.state_type, crashed.state.message) == (StateType.CRASHED, NO_SIGN), crashed.state
    with deployed.place.started("worker", "start", "--pool", "far", "--type", "process"):  # the machine is back
        assert deployed.retried(lost).state_type is StateType.COMPLETED
    assert before.items() <= deployed.shards("lost").items()
    assert deployed.folder("lost").read_run()["state"] == "complete"
