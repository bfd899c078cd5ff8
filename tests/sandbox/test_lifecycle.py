"""Slots come and go without leaving anything: after closing, after Ctrl-C, after SIGKILL of the runner, as a user."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import cgroups, open_sandbox
from sandbox.bare import descendants
from sandbox.types import Limits, Request, SandboxUnavailable, Status
from tests.sandbox.hostile_programs import HOSTILE, WALL

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 10.0  # how long something may take to vanish before it counts as left behind

RUNNER = """
import asyncio, os, sys
from sandbox import open_sandbox
from sandbox.types import Limits, Request

BUSY = (
    "import os, time\\n"
    "for _ in range(4):\\n    if os.fork() == 0:\\n        os.setsid()\\n        time.sleep(300)\\n"
    "open('/tmp/x', 'w').write('x')\\nwhile True: pass\\n"
)

async def main():
    sandbox = open_sandbox(slots=2)
    await sandbox.run(Request("python", "pass"))
    print("ready", flush=True)
    while True:
        await asyncio.gather(*(sandbox.run(Request("python", BUSY, limits=Limits(cpu_s=60))) for _ in range(4)))

asyncio.run(main())
"""


def groups_of_ours() -> set[str]:
    return {str(path) for parent in cgroups.parents() for path in parent.glob("provender-*")}


def mounts() -> str:
    """All but those of a container engine, which comes and goes with other tests' containers."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return "\n".join(line for line in lines if "/overlay2/" not in line and "docker/" not in line)


def await_gone(pids: list[int], groups: set[str]) -> tuple[list[int], set[str]]:
    """What is still there of processes and control groups after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pids = [pid for pid in pids if is_alive(pid)]
        groups = groups & groups_of_ours()
        if not pids and not groups:
            break
        time.sleep(0.02)
    return pids, groups


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[str]]:
    """A process of its own that runs endless programs on two slots."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()


def settled_descendants(process: subprocess.Popen[str], at_least: int) -> list[int]:
    deadline = time.monotonic() + PATIENCE_S
    found: list[int] = []
    while len(found) < at_least and time.monotonic() < deadline:
        found = descendants(process.pid)
        time.sleep(0.02)
    assert len(found) >= at_least, found
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_the_runner_is_killed(runner: subprocess.Popen[str], how: signal.Signals) -> None:
    before = mounts()
    pids = settled_descendants(runner, at_least=12)  # per slot: supervisor, agent, the program and its children
    groups = {name for name in groups_of_ours() if f"-{runner.pid}-" in name}
    os.kill(runner.pid, how)
    runner.wait()
    assert await_gone(pids, groups) == ([], set())
    assert mounts() == before


def test_a_process_forked_from_the_runner_does_not_keep_the_jails_alive() -> None:
    forking = RUNNER.replace(
        'print("ready", flush=True)',
        "child = os.fork()\n    if child == 0:\n        import time\n        time.sleep(300)\n"
        "    print(child, flush=True)",
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", forking], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True
    )
    assert runner.stdout is not None
    forked = int(runner.stdout.readline())
    pids = settled_descendants(runner, at_least=8)
    runner.kill()
    runner.wait()
    left, _ = await_gone([pid for pid in pids if pid != forked], set())
    assert is_alive(forked)
    os.kill(forked, signal.SIGKILL)
    assert left == []


@pytest.mark.heavy
def test_nothing_is_left_after_ten_kills_at_odd_moments() -> None:
    pids: list[int] = []
    groups: set[str] = set()
    for round_number in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER], stdout=subprocess.DEVNULL, cwd=REPOSITORY, start_new_session=True
        )
        deadline = time.monotonic() + 0.05 + 0.07 * round_number  # from before the first slot to amid the programs
        while time.monotonic() < deadline:
            pids += descendants(process.pid)
            time.sleep(0.005)
        groups |= {name for name in groups_of_ours() if f"-{process.pid}-" in name}
        process.kill()
        process.wait()
    left, _ = await_gone(sorted(set(pids)), groups)
    cgroups.sweep()  # a supervisor that was never told of its groups leaves empty ones to the next start
    assert (left, groups & groups_of_ours()) == ([], set())


async def test_closing_leaves_no_process_no_mount_no_group_no_descriptor() -> None:
    before, descriptors = mounts(), len(os.listdir("/proc/self/fd"))
    children = set(descendants(os.getpid()))
    pool = open_sandbox(slots=2)
    sleepers = [pool.run(Request("python", "import os\nos.fork()\nprint(1)")) for _ in range(6)]
    assert {execution.status for execution in await asyncio.gather(*sleepers)} == {Status.OK}
    pids = [pid for pid in descendants(os.getpid()) if pid not in children]
    groups = {name for name in groups_of_ours() if f"-{os.getpid()}-" in name}
    assert len(pids) >= 4
    await pool.aclose()
    assert mounts() == before
    left_pids, _ = await_gone(pids, set())
    assert left_pids == []
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert len(groups_of_ours() & groups) < max(1, len(groups))


async def test_a_cancelled_run_does_not_hurt_the_next_one() -> None:
    pool = open_sandbox(slots=1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await pool.run(Request("python", "while True: pass"))
        assert (await pool.run(Request("python", "print(1)"))).stdout == "1\n"
    await pool.aclose()


async def test_closing_ends_what_still_runs() -> None:
    pool = open_sandbox(slots=1)
    runs = [asyncio.ensure_future(pool.run(Request("python", "while True: pass"))) for _ in range(3)]
    await asyncio.sleep(0.4)
    await pool.aclose()
    answers = await asyncio.gather(*runs, return_exceptions=True)
    assert {type(answer) for answer in answers} == {SandboxUnavailable}


async def test_many_callers_share_few_slots_and_waiting_is_not_on_the_clock() -> None:
    pool = open_sandbox(slots=1)
    request = Request("python", "import time\ntime.sleep(0.1)\nprint(1)", limits=Limits(cpu_s=1, wall_s=0.8))
    executions = await asyncio.gather(*(pool.run(request) for _ in range(12)))
    assert {execution.status for execution in executions} == {Status.OK}
    await pool.aclose()


AS_USER = """
import asyncio, json, sys
from sandbox import open_sandbox, probe
from sandbox.languages import LANGUAGES
from sandbox.types import Limits, Request, TestSource

async def main():
    rows = json.load(sys.stdin)
    findings = await probe()
    sandbox = open_sandbox(slots=2)
    async def one(row):
        request = Request("python", row["source"], stdin=row["stdin"].encode(), limits=Limits(**row["limits"]))
        execution = await sandbox.run(request)
        return [execution.status, execution.stdout]
    results = await asyncio.gather(*map(one, rows))
    proofs = []
    for proof in LANGUAGES["python"].self_test:
        execution = await sandbox.run(proof.request)
        passed = None if execution.tests is None else execution.tests.passed
        proofs.append(execution.status == proof.status and (proof.passed is None or passed == proof.passed))
    await sandbox.aclose()
    json.dump({"findings": [f.ok for f in findings], "results": results, "proofs": proofs}, sys.stdout)

asyncio.run(main())
"""


@pytest.fixture
def user_python() -> Iterator[tuple[str, str]]:
    """An interpreter that an ordinary user can start, and a copy of the package that they can read."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else; without root every other test is this one")
    for candidate in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        check = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        if shutil.which(candidate) and run_as_nobody(check, "", "/").returncode == 0:
            break
    else:
        pytest.skip("no Python 3.11 here that an ordinary user may start")
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    shutil.copytree(REPOSITORY / "sandbox", f"{folder}/sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    yield candidate, folder
    shutil.rmtree(folder)


def run_as_nobody(command: list[str], text: str, folder: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, cwd=folder, user=65534, group=65534, extra_groups=[]
        )
    except PermissionError as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


def test_an_ordinary_user_gets_the_same_verdicts(user_python: tuple[str, str]) -> None:
    executable, folder = user_python
    chosen = [case for case in HOSTILE if WALL not in case.expected]
    rows = [
        {
            "source": case.source,
            "stdin": case.stdin.decode(),
            "limits": {name: getattr(case.limits, name) for name in Limits.__slots__},
        }
        for case in chosen
    ]
    done = run_as_nobody([executable, "-c", AS_USER], json.dumps(rows), folder)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert all(answer["findings"]) and all(answer["proofs"]), answer
    wrong = [
        (case.name, status, said)
        for case, (status, said) in zip(chosen, answer["results"], strict=True)
        if status not in case.expected or (case.says is not None and said != case.says)
    ]
    assert wrong == []
