"""The pool: retries on fresh slots, the circuit breaker, refused requests, and what opening refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sandbox import open_sandbox, opening, probe
from sandbox.backend import Reply, SlotFailed
from sandbox.languages import LANGUAGES, Language, Proof
from sandbox.pool import SlotPool
from sandbox.types import (
    Limits,
    Request,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    Status,
    Stdio,
    StdioCases,
    ToolchainMissing,
)

HELLO = Request("python", "print('hello')")
GOOD = {
    "error": "", "broken": False, "verdict": None, "progress": "r.", "program": 0, "driver": None, "cpu_s": 0.1,
    "wall_s": 0.1, "delay_s": 0.0, "peak_bytes": None, "killed": 0,
}  # fmt: skip


class ScriptedBackend:
    """A backend whose slots answer, or fail, as a script says."""

    name = "scripted"
    site = None

    def __init__(self, script: Sequence[dict[str, object] | Exception], unavailable: bool = False) -> None:
        self.script = list(script)
        self.unavailable = unavailable
        self.started = 0
        self.executed = 0
        self.killed = 0
        self.running = 0
        self.most_running = 0

    async def start(self, index: int) -> ScriptedBackend:
        if self.unavailable:
            raise SandboxUnavailable("not here")
        self.started += 1
        return self

    async def execute(self, frames: Sequence[bytes], deadline_s: float) -> Reply:
        self.running += 1
        self.executed += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        step = self.script.pop(0) if self.script else GOOD
        if isinstance(step, Exception):
            raise step
        return Reply({**GOOD, **step}, b"hello\n", b"", b"")

    async def close(self) -> None:
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        self.running = 0

    def kill(self) -> None:
        self.killed += 1


async def test_a_failed_slot_is_replaced_and_the_program_tried_again() -> None:
    backend = ScriptedBackend([SlotFailed("gone"), SlotFailed("gone")])
    pool = SlotPool(backend, slots=1)
    assert (await pool.run(HELLO)).status is Status.OK
    assert (backend.started, backend.killed) == (3, 2)


async def test_three_failures_are_an_error_and_never_a_verdict() -> None:
    pool = SlotPool(ScriptedBackend([SlotFailed("gone")] * 3), slots=1)
    with pytest.raises(SandboxError, match="3 times: gone"):
        await pool.run(HELLO)
    assert (await pool.run(HELLO)).status is Status.OK


async def test_the_circuit_opens_after_three_errors_without_a_success_between() -> None:
    pool = SlotPool(ScriptedBackend([SlotFailed("x")] * 6 + [{}] + [SlotFailed("x")] * 9), slots=1)
    for expected in ("error", "error", "ok", "error", "error", "error"):
        if expected == "ok":
            assert (await pool.run(HELLO)).status is Status.OK
        else:
            with pytest.raises(SandboxError) as caught:
                await pool.run(HELLO)
            assert not isinstance(caught.value, SandboxUnavailable)
    with pytest.raises(SandboxUnavailable):
        await pool.run(HELLO)


async def test_a_first_start_that_fails_is_not_retried() -> None:
    with pytest.raises(SandboxUnavailable, match="not here"):
        await SlotPool(ScriptedBackend([], unavailable=True), slots=1).run(HELLO)


async def test_a_later_start_that_fails_is_retried() -> None:
    backend = ScriptedBackend([{}, {"broken": True}])
    pool = SlotPool(backend, slots=1)
    await pool.run(HELLO)
    await pool.run(HELLO)
    backend.unavailable = True
    with pytest.raises(SandboxError) as caught:
        await pool.run(HELLO)
    assert not isinstance(caught.value, SandboxUnavailable)


async def test_a_slot_that_calls_itself_broken_is_replaced_but_its_answer_stands() -> None:
    backend = ScriptedBackend([{"broken": True}])
    pool = SlotPool(backend, slots=1)
    for _ in range(2):
        assert (await pool.run(HELLO)).status is Status.OK
    assert backend.started == 2


async def test_a_wall_timeout_that_waited_for_a_core_is_tried_once_more_alone() -> None:
    late = {"verdict": "timeout_wall", "program": 9, "delay_s": 30.0}
    backend = ScriptedBackend([late, *[{}] * 5])
    pool = SlotPool(backend, slots=2)
    executions = await asyncio.gather(*(pool.run(HELLO) for _ in range(4)))
    assert {execution.status for execution in executions} == {Status.OK}
    backend.script = [late, late]
    assert (await pool.run(HELLO)).status is Status.TIMEOUT_WALL
    backend.script = [{**late, "delay_s": 0.1}]
    assert (await pool.run(HELLO)).status is Status.TIMEOUT_WALL
    assert backend.script == []


async def test_a_program_is_compiled_once_for_all_its_inputs() -> None:
    backend = ScriptedBackend([])
    cases = StdioCases(tuple(Stdio(str(number), "hello") for number in range(5)))
    execution = await SlotPool(backend, slots=1).run(Request("c", "", tests=cases))
    assert backend.executed == 1 + 5
    assert execution.tests is not None and len(execution.tests.cases) == 5 and execution.tests.passed
    backend.script = [{}, {}, {"broken": True}]
    await SlotPool(backend, slots=1).run(Request("c", "", tests=cases))
    assert backend.executed == 6 + 3 + 6, "a jail that breaks between two inputs is replaced, and all is run again"


async def test_no_more_run_at_once_than_there_are_slots() -> None:
    backend = ScriptedBackend([])
    pool = SlotPool(backend, slots=3)
    await asyncio.gather(*(pool.run(HELLO) for _ in range(20)))
    assert (backend.most_running, backend.started) == (3, 3)


async def test_a_closed_sandbox_runs_nothing() -> None:
    pool = SlotPool(ScriptedBackend([]), slots=1)
    await pool.run(HELLO)
    await pool.aclose()
    with pytest.raises(SandboxUnavailable):
        await pool.run(HELLO)


@pytest.mark.parametrize(
    "name", ["/etc/x", "../x", "a/../../x", "", ".", "a\0b", "x" * 300, "solution.py", "a/", "./a", "\ud800"]
)
async def test_file_names_that_lead_elsewhere_are_rejected_before_anything_runs(name: str) -> None:
    backend = ScriptedBackend([])
    execution = await SlotPool(backend, slots=1).run(Request("python", "", files={name: b""}))
    assert (execution.status, backend.started) == (Status.REJECTED, 0)


async def test_files_that_do_not_fit_are_rejected() -> None:
    pool = SlotPool(ScriptedBackend([]), slots=1)
    limits = Limits(disk_bytes=100_000)
    assert (await pool.run(Request("python", "", files={"a": bytes(200_000)}, limits=limits))).status is Status.REJECTED
    assert (await pool.run(Request("python", "#" * 200_000, limits=limits))).status is Status.REJECTED


@pytest.mark.parametrize(
    "limits",
    [
        Limits(cpu_s=0), Limits(cpu_s=-1), Limits(cpu_s=float("nan")), Limits(cpu_s=float("inf")), Limits(wall_s=0),
        Limits(pids=0), Limits(open_files=3), Limits(disk_bytes=0), Limits(file_bytes=1), Limits(memory_bytes=1),
    ],
)  # fmt: skip
async def test_limits_under_which_nothing_runs_are_rejected(limits: Limits) -> None:
    backend = ScriptedBackend([])
    execution = await SlotPool(backend, slots=1).run(Request("python", "pass", limits=limits))
    assert (execution.status, backend.started) == (Status.REJECTED, 0)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_least_limits_run_something(sandbox: Sandbox) -> None:
    least = Limits(
        cpu_s=1, memory_bytes=1 << 20, pids=1, disk_bytes=1 << 16, inodes=16, file_bytes=1 << 12, open_files=16
    )
    execution = await sandbox.run(Request("python", "print(1)", limits=least, files={"a/b": b"x", "c": b"y"}))
    assert (execution.status, execution.stdout) == (Status.OK, "1\n"), execution


async def test_a_file_that_is_also_a_directory_is_rejected() -> None:
    request = Request("python", "pass", files={"a": b"", "a/b": b""})
    assert (await SlotPool(ScriptedBackend([]), slots=1).run(request)).status is Status.REJECTED


async def test_an_unknown_language_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(SandboxError, match="python"):
        await SlotPool(ScriptedBackend([]), slots=1).run(Request("cobol", ""))


async def test_opening_refuses_what_does_not_isolate(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SandboxUnavailable, match="no such sandbox backend"):
        open_sandbox("chroot")
    with pytest.raises(SandboxUnavailable, match="unsafe_no_isolation"):
        open_sandbox("none")
    monkeypatch.setattr(opening.platform, "release", lambda: "4.18.0-1.el8")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/engine.sock")
    with pytest.raises(SandboxUnavailable, match=r"Linux 5\.14"):
        open_sandbox("namespaces")
    with pytest.raises(SandboxUnavailable, match=r"nothing here can isolate.*Linux 5\.14.*start a Docker engine"):
        await open_sandbox().run(HELLO)
    unsafe = open_sandbox(unsafe_no_isolation=True)
    assert (await unsafe.run(HELLO)).backend == unsafe.backend == "none"
    await unsafe.aclose()


async def test_the_first_backend_that_starts_is_used_for_good() -> None:
    broken, first, second = ScriptedBackend([], unavailable=True), ScriptedBackend([]), ScriptedBackend([])
    first.name, second.name = "first", "second"
    pool = SlotPool(opening.FirstThatStarts([broken, first, second]), slots=2)
    executions = await asyncio.gather(*(pool.run(HELLO) for _ in range(8)))
    assert {execution.backend for execution in executions} == {pool.backend} == {"first"}
    assert (first.started, second.started) == (2, 0)
    first.unavailable = True
    await pool.aclose()


async def test_probe_really_runs_a_program() -> None:
    findings = {finding.name: finding for finding in await probe()}
    assert all(finding.ok for finding in findings.values()), findings
    assert set(findings) == {"platform", "namespaces", "docker", "memory limit"}
    assert "runs programs" in findings["namespaces"].detail


@pytest.mark.asyncio(loop_scope="session")
async def test_probe_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.namespaces._BOOT", "raise SystemExit('unshare: Operation not permitted')")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/engine.sock")
    findings = {finding.name: finding for finding in await probe()}
    assert not findings["namespaces"].ok and not findings["docker"].ok
    assert "user namespaces" in findings["namespaces"].remedy
    assert "start a Docker engine" in findings["docker"].remedy


async def test_without_isolation_programs_still_meet_their_limits_and_leave_no_process() -> None:
    pool = open_sandbox("none", slots=1, unsafe_no_isolation=True)
    for proof in LANGUAGES["python"].self_test:
        assert (await pool.run(proof.request)).status == proof.status
    source = "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\nprint('left')"
    assert (await pool.run(Request("python", source))).stdout == "left\n"
    looping = await pool.run(Request("python", "while True: pass", limits=Limits(cpu_s=0.3)))
    assert (looping.status, looping.backend) == (Status.TIMEOUT_CPU, "none")
    await pool.aclose()


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
@pytest.mark.asyncio(loop_scope="session")
async def test_every_language_proves_itself(sandbox: Sandbox, language: Language) -> None:
    assert language.self_test
    for proof in language.self_test:
        execution = await sandbox.run(proof.request)
        assert execution.status == proof.status, execution
        if proof.passed is not None:
            assert execution.tests is not None and execution.tests.passed is proof.passed, execution


@pytest.mark.asyncio(loop_scope="session")
async def test_a_language_may_start_a_program_image_of_its_own(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Language("sh", "main.sh", (Proof(Request("sh", ""), Status.OK),), run=("/bin/sh", "main.sh"))
    monkeypatch.setitem(LANGUAGES, "sh", shell)
    monkeypatch.setitem(LANGUAGES, "nothing", Language("nothing", "x", (), run=("no-such-compiler", "x")))
    done = await sandbox.run(Request("sh", "read x; echo $((x + 1))\n", tests=Stdio("41\n", "42\n")))
    assert done.tests is not None and done.tests.passed and done.status is Status.OK
    failed = await sandbox.run(Request("sh", "echo $$; ls /var; exit 3"))
    assert (failed.status, failed.exit_code) == (Status.NONZERO, 3)
    assert (await sandbox.run(Request("sh", "kill -9 $$"))).status is Status.SIGNAL
    assert (await sandbox.run(Request("sh", "while :; do :; done", limits=Limits(cpu_s=0.3)))).status == "timeout_cpu"
    compiled = Language("sh2", "main.sh", (), compile=("/bin/sh", "main.sh"), run=("/bin/sh", "made.sh"))
    monkeypatch.setitem(LANGUAGES, "sh2", compiled)
    made = await sandbox.run(Request("sh2", "echo compiling\necho 'read x; echo $((x + 1))' > made.sh", stdin=b"1\n"))
    assert (made.status, made.stdout) == (Status.OK, "2\n")
    refused = await sandbox.run(Request("sh2", "echo no >&2; exit 1", tests=Stdio("", "")))
    assert (refused.status, refused.stderr, refused.tests) == (Status.COMPILE_ERROR, "no\n", None)
    assert (await sandbox.run(Request("sh2", "exit 0"))).status is Status.NONZERO
    with pytest.raises(ToolchainMissing, match="nothing: No such file"):
        await sandbox.run(Request("nothing", ""))
