"""The Docker backend's own side: what it refuses, how it fits a container to an execution, and what it leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import open_sandbox
from sandbox.bare import descendants
from sandbox.docker import DockerBackend
from sandbox.engine import IMAGE, MACHINE, OWNER, Engine
from sandbox.owners import is_dead, machine, owner
from sandbox.pool import SlotPool
from sandbox.types import Limits, Request, SandboxUnavailable, Status
from tests.sandbox.backends import why_no_docker
from tests.sandbox.test_lifecycle import PATIENCE_S, REPOSITORY, RUNNER, await_gone, is_alive, settled_descendants

DOCKER_RUNNER = RUNNER.replace("open_sandbox(slots=2)", 'open_sandbox("docker", slots=2)')


@pytest.fixture(scope="module", autouse=True)
def _engine_is_here() -> None:
    if missing := why_no_docker():
        pytest.skip(missing)


@pytest.fixture
def api() -> Iterator[Any]:
    import docker

    client = docker.APIClient(**docker.utils.kwargs_from_env())
    yield client
    client.close()


def containers_of(api: Any, pid: int) -> list[str]:
    found = api.containers(all=True, filters={"label": OWNER})
    return [entry["Id"] for entry in found if entry["Labels"][OWNER].startswith(f"{pid}-")]


def await_none_of(api: Any, pid: int) -> list[str]:
    deadline = time.monotonic() + PATIENCE_S
    while (left := containers_of(api, pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_the_runner_is_killed(api: Any, how: signal.Signals) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", DOCKER_RUNNER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True
    )
    assert runner.stdout is not None and runner.stdout.readline() == "ready\n"
    janitor = settled_descendants(runner, at_least=1)
    assert containers_of(api, runner.pid)
    os.kill(runner.pid, how)
    runner.wait()
    assert await_none_of(api, runner.pid) == []
    assert await_gone(*await_gone(janitor, set())) == ([], set())  # it looks for a while, and a busy machine is slow


def test_a_process_forked_from_the_runner_does_not_keep_the_containers_alive(api: Any) -> None:
    forking = DOCKER_RUNNER.replace(
        'print("ready", flush=True)',
        "child = os.fork()\n    if child == 0:\n        import time\n        time.sleep(300)\n"
        "    print(child, flush=True)",
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", forking], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True
    )
    assert runner.stdout is not None
    forked = int(runner.stdout.readline())
    runner.kill()
    runner.wait()
    left = await_none_of(api, runner.pid)
    assert is_alive(forked)
    os.kill(forked, signal.SIGKILL)
    assert left == []


@pytest.mark.heavy
def test_nothing_is_left_after_ten_kills_at_odd_moments(api: Any) -> None:
    killed, helpers = [], []
    for round_number in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", DOCKER_RUNNER], stdout=subprocess.DEVNULL, cwd=REPOSITORY, start_new_session=True
        )
        time.sleep(0.2 + 0.2 * round_number)  # from before the first container to amid the programs
        helpers += descendants(process.pid)
        process.kill()
        process.wait()
        killed.append(process.pid)
    assert [left for pid in killed for left in await_none_of(api, pid)] == []
    assert await_gone(*await_gone(helpers, set())) == ([], set())


async def test_closing_leaves_no_container_no_process_no_descriptor(api: Any) -> None:
    containers_of(api, os.getpid())  # which keeps a connection
    children, descriptors = set(descendants(os.getpid())), len(os.listdir("/proc/self/fd"))
    pool = open_sandbox("docker", slots=2)
    runs = [pool.run(Request("python", "import os\nos.fork()\nprint(1)")) for _ in range(6)]
    assert {execution.status for execution in await asyncio.gather(*runs)} == {Status.OK}
    assert len(containers_of(api, os.getpid())) >= 2
    before = set(containers_of(api, os.getpid()))
    await pool.aclose()
    assert set(containers_of(api, os.getpid())) < before
    assert set(descendants(os.getpid())) <= children
    assert len(os.listdir("/proc/self/fd")) <= descriptors


async def test_a_run_that_is_cancelled_while_its_container_starts_leaves_none(api: Any) -> None:
    pool = open_sandbox("docker", slots=1)
    before = set(containers_of(api, os.getpid()))
    for patience in (0.05, 0.15, 0.25, 0.5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(patience):
                await pool.run(Request("python", "while True: pass"))
    assert (await pool.run(Request("python", "print(1)"))).stdout == "1\n"
    await pool.aclose()
    deadline = time.monotonic() + PATIENCE_S
    while (left := set(containers_of(api, os.getpid())) - before) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert left == set()


def test_what_a_dead_owner_left_is_swept_and_nothing_else(api: Any) -> None:
    gone = subprocess.Popen(["/bin/true"])
    dead = f"{gone.pid}-12345-abcd"
    gone.wait()
    assert is_dead(dead) and not is_dead(owner()) and not is_dead("no-name-of-ours")
    owners = {
        "dead": {OWNER: dead, MACHINE: machine()},
        "elsewhere": {OWNER: dead, MACHINE: "another machine"},
        "alive": {OWNER: f"{owner()}-x", MACHINE: machine()},
    }
    made = {name: api.create_container(IMAGE, command="true", labels=labels)["Id"] for name, labels in owners.items()}
    try:
        Engine().connect()
        left = {entry["Id"] for entry in api.containers(all=True, filters={"label": OWNER})}
        assert {name for name, identity in made.items() if identity in left} == {"elsewhere", "alive"}
    finally:
        for name in ("elsewhere", "alive"):
            api.remove_container(made[name], force=True)


async def test_a_container_is_fitted_to_each_execution() -> None:
    pool = open_sandbox("docker", slots=1)
    source = "import os\nu = os.statvfs('.')\nprint(u.f_blocks * u.f_frsize >> 20, u.f_files)"
    hungry = "x = bytearray(os.urandom(1)) * (150 << 20)".join(("import os\n", "\nprint(len(x) >> 20)"))
    for disk, memory, inodes in ((16, 256, 100), (16, 256, 100), (8, 64, 200), (300, 200, 100), (16, 256, 100)):
        limits = Limits(disk_bytes=disk << 20, memory_bytes=memory << 20, inodes=inodes)
        execution = await pool.run(Request("python", source, limits=limits))
        assert execution.stdout == f"{min(disk, memory)} {inodes + 4}\n", execution
        execution = await pool.run(Request("python", hungry, limits=limits))
        assert execution.status is (Status.OK if memory > 150 else Status.MEMORY), execution
    await pool.aclose()


async def test_an_engine_an_image_or_a_runtime_that_is_missing_is_said_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hello = Request("python", "print(1)")
    with pytest.raises(SandboxUnavailable, match="provender sandbox build"):
        await open_sandbox("docker", image="no-such-image:at-all").run(hello)
    with pytest.raises(SandboxUnavailable, match=r"no runtime 'no-such-one' \(it has: "):
        await open_sandbox("docker", runtime="no-such-one").run(hello)
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/engine.sock")
    with pytest.raises(SandboxUnavailable, match="start a Docker engine"):
        await open_sandbox("docker").run(hello)


async def test_a_container_that_dies_is_a_broken_sandbox_and_never_a_verdict(api: Any) -> None:
    backend = DockerBackend()
    pool = SlotPool(backend, slots=1)
    assert (await pool.run(Request("python", "print(1)"))).status is Status.OK
    waiting = asyncio.ensure_future(pool.run(Request("python", "import time\ntime.sleep(1)\nprint(2)")))
    await asyncio.sleep(0.3)
    ours = [
        entry["Id"]
        for entry in api.containers(filters={"label": OWNER})
        if entry["Labels"][OWNER] == backend.engine.owner
    ]
    api.kill(ours[0])
    execution = await waiting  # on a fresh slot
    assert (execution.status, execution.stdout) == (Status.OK, "2\n")
    await pool.aclose()


async def test_scientific_python_is_in_the_image_and_stays_warm_in_another_container() -> None:
    pool = open_sandbox("docker", slots=1)
    source = (
        "import sys\nprint('pandas' in sys.modules)\nimport matplotlib.pyplot, numpy, pandas, sympy\n"
        "print(numpy.arange(4).sum(), sympy.sqrt(8), pandas.Series([1, 2]).sum())\n"
    )
    for disk in (64, 32, 64):
        limits = Limits(cpu_s=20, wall_s=120, disk_bytes=disk << 20)
        execution = await pool.run(Request("python", source, limits=limits))
        assert (execution.status, execution.stdout) == (Status.OK, "True\n6 2*sqrt(2) 3\n"), execution
    await pool.aclose()
