"""Turns an agent's reply into an Execution: which limit, signal, tests; by evidence, in a fixed order."""

from __future__ import annotations

import os
import re
import signal as signals
from dataclasses import dataclass, replace

from sandbox.backend import Reply, SlotFailed
from sandbox.jobs import COMPILE_LIMITS, Job
from sandbox.reports import calls_report, stdio_report
from sandbox.source_reports import source_report
from sandbox.types import (
    Calls,
    Case,
    Execution,
    Limits,
    Request,
    Status,
    Stdio,
    StdioCases,
    TestReport,
    TestSource,
    ToolchainMissing,
)

_MEMORY_TEXTS = (
    "MemoryError", "OSError: [Errno 12]", "std::bad_alloc", "  what():  std::bad_alloc",
    "numpy._core._exceptions._ArrayMemoryError", "numpy.core._exceptions._ArrayMemoryError",
)  # fmt: skip
_RUNTIMES_OUT_OF_MEMORY = re.compile(  # of the JVM, Go, Node, PHP, Rust
    r"^(?:Exception in thread .*|Caused by: )?java\.lang\.OutOfMemoryError|^fatal error: runtime: .*out of memory"
    r"|^FATAL ERROR: .*heap out of memory|^PHP Fatal error:  Allowed memory size"
    r"|^memory allocation of \d+ bytes failed",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class _End:
    """How the program's process ended."""

    code: int | None
    signal: int | None
    running: bool  # it was ended by us, after its tests were done


def judge_all(job: Job, replies: list[Reply], backend: str) -> Execution:
    """The execution as the caller sees it; of many inputs, the first run that did not end well, and every case."""
    cases = job.request.tests
    if not isinstance(cases, StdioCases) or replies[0].compiling:
        return judge(job, replies[0], backend)
    ones = [replace(job, request=replace(job.request, tests=case)) for case in cases.cases]
    runs = [judge(one, reply, backend) for one, reply in zip(ones, replies, strict=True)]
    shown = next((run for run in runs if run.status is not Status.OK), None)
    shown = shown or next((run for run in runs if not (run.tests and run.tests.passed)), runs[0])
    results = [run.tests.cases[0] if run.tests else Case("stdout", False, run.detail) for run in runs]
    numbered = tuple(replace(case, name=f"case {number}") for number, case in enumerate(results, 1))
    return replace(
        shown,
        tests=TestReport(numbered, "outside", complete=True),
        cpu_s=sum(run.cpu_s for run in runs),
        wall_s=sum(run.wall_s for run in runs),
        peak_bytes=max((run.peak_bytes for run in runs if run.peak_bytes is not None), default=None),
    )


def judge(job: Job, reply: Reply, backend: str) -> Execution:
    """The execution as the caller sees it.

    Raises SlotFailed where the reply makes no sense, ToolchainMissing where what runs the program could not be started.
    """
    header, request = reply.header, job.request
    _, failed, reason = header["progress"].partition("x")
    if failed:
        raise ToolchainMissing(f"{request.language}: {reason}")
    tests = _tests(job, reply)
    _require_libraries(job, reply, tests)
    end = _end(job, reply)
    status, detail = _status(request, reply, end)
    code = end.code
    if isinstance(request.tests, TestSource) and status is Status.OK and not (tests and tests.passed):
        status, code = Status.NONZERO, 1 if end.running else code  # as a plain run of failing tests would end
    return Execution(
        status=status,
        exit_code=code,
        signal=end.signal,
        stdout=reply.stdout.decode("utf-8", "replace"),
        stderr=reply.stderr.decode("utf-8", "replace"),
        cpu_s=float(header["cpu_s"]),
        wall_s=float(header["wall_s"]),
        peak_bytes=header["peak_bytes"],
        backend=backend,
        tests=tests,
        detail=_tests_detail(job, tests, end) or detail if status in (Status.OK, Status.NONZERO) else detail,
    )


def _require_libraries(job: Job, reply: Reply, tests: TestReport | None) -> None:
    """Raises ToolchainMissing where a step or a test failed for want of a library.

    A program can print as much itself; what it gains is that nothing is known about it.
    """
    failed = [case.detail for case in tests.cases if not case.passed] if tests else []
    if (reply.header["program"] != 0 or failed) and reply.header["verdict"] is None:
        said = "\n".join([(reply.stderr + reply.stdout).decode("utf-8", "replace"), *failed])
        for pattern in job.language.missing:
            if found := re.search(pattern, said, re.MULTILINE):
                raise ToolchainMissing(f"{job.language.name}: {found.group().strip()}")


def _loaded(reply: Reply) -> bool:
    return "." in reply.header["progress"]


def _tests(job: Job, reply: Reply) -> TestReport | None:
    """What is known of the tests; None where there are none, or the program could not be loaded."""
    request = job.request
    well = reply.header["verdict"] is None
    if request.tests is None or reply.compiling or not _loaded(reply):
        return None
    if job.report is not None:
        return job.report(reply.report, reply.stdout, well and reply.header["program"] == 0)
    if isinstance(request.tests, Stdio):
        return stdio_report(request.tests, reply.stdout, well and reply.header["program"] == 0)
    if isinstance(request.tests, Calls):
        return calls_report(request.tests, reply.report)
    return source_report(reply.report, ended=well and reply.header["driver"] == 0)


def _end(job: Job, reply: Reply) -> _End:
    status = reply.header["program"]
    if status is None:
        raise SlotFailed("the agent lost the program")
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    driven = isinstance(job.request.tests, TestSource) and job.language.embedded and reply.header["verdict"] is None
    if driven and not _lost(reply) and (reply.header["driver"] == 0 or signal == signals.SIGKILL):
        return _End(0, None, running=True)
    return _End(code, signal, running=False)


def _lost(reply: Reply) -> bool:
    return reply.report.rstrip().rpartition(b"\n")[2].startswith(b'["lost"')


def _status(request: Request, reply: Reply, end: _End) -> tuple[Status, str]:
    verdict = reply.header["verdict"]
    if verdict is not None:
        limits = COMPILE_LIMITS if reply.compiling else request.limits
        return Status(verdict), f"{'the compiler ' if reply.compiling else ''}{limit_text(verdict, limits)}"
    if reply.compiling:
        return Status.COMPILE_ERROR, "the compiler refused the program"
    return _own_end(request, reply, end)


def _own_end(request: Request, reply: Reply, end: _End) -> tuple[Status, str]:
    """The status of a program that met none of our limits."""
    if not _loaded(reply) and "c" in reply.header["progress"]:
        return Status.COMPILE_ERROR, "the program does not compile"
    if end.signal == signals.SIGXCPU:
        return Status.TIMEOUT_CPU, limit_text("timeout_cpu", request.limits)
    if not _loaded(reply):
        return Status.COMPILE_ERROR, "the compiler itself was ended by the program"
    if end.signal == signals.SIGABRT and _ran_out_of_memory(reply.stderr):
        return Status.MEMORY, "no more memory was to be had"
    if end.signal is not None:
        return Status.SIGNAL, f"ended by signal {end.signal}"
    if end.code == 0:
        return Status.OK, ""
    if _ran_out_of_memory(reply.stderr):
        return Status.MEMORY, "no more memory was to be had"
    return Status.NONZERO, f"exit code {end.code}"


def _ran_out_of_memory(stderr: bytes) -> bool:
    lines = stderr.rstrip().splitlines()
    if _RUNTIMES_OUT_OF_MEMORY.search(stderr.decode("utf-8", "replace")):
        return True
    return bool(lines) and lines[-1].decode("utf-8", "replace").startswith(_MEMORY_TEXTS)


def limit_text(verdict: str, limits: Limits) -> str:
    """What a program did that met one of our limits."""
    return {
        "timeout_cpu": f"used more than {limits.cpu_s:g} s of CPU time",
        "timeout_wall": f"ran for more than {limits.wall_limit_s:g} s",
        "memory": f"used more than {limits.memory_bytes >> 20} MiB of memory",
        "output": f"wrote more than {limits.output_bytes} bytes to one stream",
    }[verdict]


def _tests_detail(job: Job, tests: TestReport | None, end: _End) -> str:
    """The first reason why the tests did not pass."""
    request = job.request
    if request.tests is None or (tests and tests.passed):
        return ""
    failed = [f"{case.name}: {case.detail}" for case in tests.cases if not case.passed] if tests else []
    if (
        not isinstance(request.tests, Stdio)
        and (job.language.embedded or not failed)
        and not end.running
        and end.code is not None
        and not (tests and tests.complete)
    ):
        failed.insert(0, f"the program ended (exit code {end.code}) before its tests were done")
    return failed[0] if failed else "not every assertion was reached"
