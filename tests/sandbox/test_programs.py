"""Ordinary programs: what a script, a called function and a program with input and files may rely on."""

# Tables of small programs, one per row:
# ruff: noqa: E501

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from sandbox.types import Calls, Limits, Request, Sandbox, Status, Stdio, TestSource

pytestmark = pytest.mark.asyncio(loop_scope="session")

# source, standard output
SCRIPTS = {
    "main guard": ("if __name__ == '__main__':\n    print(__name__, __file__)", "__main__ solution.py\n"),
    "arguments": ("import sys\nprint(sys.argv, sys.orig_argv[1:])", "['solution.py'] ['solution.py']\n"),
    "threads are waited for": (
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()\nprint('early')",
        "early\nlate\n",
    ),
    "exit functions run": ("import atexit\natexit.register(print, 'bye')\nprint('hi')", "hi\nbye\n"),
    "sys.exit": ("import sys\nprint('x')\nsys.exit(0)", "x\n"),
    "quit": ("print('x')\nquit()", "x\n"),
    "temporary files": (
        "import tempfile, os\nwith tempfile.NamedTemporaryFile() as f: print(os.path.dirname(f.name))",
        "/box/tmp\n",
    ),
    "child processes": (
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout)",
        "42\n\n",
    ),
    "multiprocessing": (
        "import multiprocessing as m\ndef f(x): return x * x\n"
        "if __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p: print(p.map(f, [1, 2, 3]))",
        "[1, 4, 9]\n",
    ),
    "asyncio": ("import asyncio\nasync def f(): await asyncio.sleep(0); return 5\nprint(asyncio.run(f()))", "5\n"),
    "unix sockets within": ("import socket\na, b = socket.socketpair()\na.send(b'x')\nprint(b.recv(1))", "b'x'\n"),
    "sqlite": ("import sqlite3\nprint(sqlite3.connect('x.db').execute('select 6 * 7').fetchone())", "(42,)\n"),
    "its own source": ("print(open(__file__).read()[:5])", "print\n"),
    "reflection": ("import inspect\ndef f(): pass\nprint(inspect.getsource(f), end='')", "def f(): pass\n"),
    "user": ("import os, pwd\nprint(os.getuid() != 12345, os.path.expanduser('~'))", "True /box/work\n"),
    "dataclasses and pickles": (
        "import pickle, dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\nprint(pickle.loads(pickle.dumps(P(3))))",
        "P(x=3)\n",
    ),
    "no numbers in the output change": ("print(hash('a') == hash('a'), {*'abc'} == {*'cab'})", "True True\n"),
}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_script(sandbox: Sandbox, name: str) -> None:
    source, expected = SCRIPTS[name]
    execution = await sandbox.run(Request("python", source))
    assert (execution.status, execution.stdout) == (Status.OK, expected), execution.stderr


async def test_the_same_program_does_the_same_thing_every_time(sandbox: Sandbox) -> None:
    source = (
        "import random, os\nprint(random.random(), hash('x'), [hash(c) for c in 'abc'], list({'a', 'b', 'c'}))\n"
        "print(sorted(os.environ.items()), os.getcwd())"
    )
    outputs = {(await sandbox.run(Request("python", source))).stdout for _ in range(6)}
    assert len(outputs) == 1


async def test_tracebacks_are_those_of_the_program_alone(sandbox: Sandbox) -> None:
    execution = await sandbox.run(Request("python", "def f():\n    return 1 / 0\n\nf()\n"))
    assert execution.status is Status.NONZERO and execution.exit_code == 1
    lines = execution.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == '  File "solution.py", line 4, in <module>'
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "sandbox" not in execution.stderr


@pytest.mark.parametrize(
    "source",
    [
        "def f(:",
        "x = 'unfinished",
        "\0",
        "return 1",
        "\ud800",
        "(" * 5000 + ")" * 5000,
        "# coding: nothing\nx = (",
        "  x = 1",
    ],
)
async def test_what_does_not_compile(sandbox: Sandbox, source: str) -> None:
    execution = await sandbox.run(Request("python", source))
    assert execution.status is Status.COMPILE_ERROR, execution
    assert execution.stdout == ""


async def test_a_program_that_raises_a_syntax_error_has_compiled(sandbox: Sandbox) -> None:
    assert (await sandbox.run(Request("python", "raise SyntaxError('x')"))).status is Status.NONZERO


async def test_files_and_input(sandbox: Sandbox) -> None:
    source = "import sys\nfrom helper import twice\nprint(twice(int(input())), open('data/x.bin', 'rb').read(), sys.stdin.read())"
    files = {"helper.py": b"def twice(x): return 2 * x\n", "data/x.bin": b"\xff"}
    execution = await sandbox.run(Request("python", source, stdin=b"21\nrest", files=files))
    assert (execution.status, execution.stdout) == (Status.OK, "42 b'\\xff' rest\n"), execution.stderr


async def test_large_input_and_source_cross(sandbox: Sandbox) -> None:
    source = "import sys\nprint(len(sys.stdin.buffer.read()))\n" + "# padding\n" * 100_000
    execution = await sandbox.run(Request("python", source, stdin=bytes(5 << 20)))
    assert (execution.status, execution.stdout) == (Status.OK, f"{5 << 20}\n")


async def test_output_is_kept_up_to_the_limit(sandbox: Sandbox) -> None:
    limits = Limits(output_bytes=1000)
    exact = await sandbox.run(Request("python", "print('x' * 999)", limits=limits))
    assert (exact.status, len(exact.stdout)) == (Status.OK, 1000)
    more = await sandbox.run(Request("python", "print('x' * 1000)", limits=limits))
    assert (more.status, len(more.stdout)) == (Status.OUTPUT, 1000)


async def test_memory_limits_hold_from_one_program_to_the_next(sandbox: Sandbox) -> None:
    request = "x = b'x' * ({} << 20)\nprint(len(x))"
    for megabytes, limit, status in ((150, 64, "memory"), (150, 300, "ok"), (150, 64, "memory"), (30, 64, "ok")):
        execution = await sandbox.run(
            Request("python", request.format(megabytes), limits=Limits(memory_bytes=limit << 20))
        )
        assert execution.status == status, (megabytes, limit, execution)


# value in Python, expected JSON value, same
RETURNED = [
    ("3", 3, True), ("3", 4, False), ("3.0", 3, True), ("True", 1, False), ("1", True, False), ("True", True, True),
    ("None", None, True), ("None", False, False), ("0", None, False), ("''", None, False), ("'a'", "a", True),
    ("(1, 2)", [1, 2], True), ("[1, 2]", [2, 1], False), ("[1, (2, 3)]", [1, [2, 3]], True), ("[1]", 1, False),
    ("{1: 'a'}", {"1": "a"}, True), ("{'a': [1]}", {"a": [1]}, True), ("{'a': 1}", {"a": 1, "b": 2}, False),
    ("{'a': 1, 'b': 2}", {"a": 1}, False), ("{1, 2}", [1, 2], False), ("0.1 + 0.2", 0.3, True), ("0.3001", 0.3, False),
    ("float('nan')", float("nan"), True), ("float('inf')", float("inf"), True), ("10 ** 400", 10**400, True),
    ("10 ** 400", 1.0, False), ("10 ** 400 + 1", 10**400, False), ("b'a'", "a", False), ("object()", "x", False),
    ("'\\ud800'", "\ud800", True), ("[]", [], True), ("[[]]", [], False), ("{}", [], False), ("[]", {}, False),
    ("-0.0", 0, True), ("1e308 * 10", 1e308, False), ("lambda: 3", 3, False), ("range(3)", [0, 1, 2], False),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected", "same"), RETURNED)
async def test_called_from_outside(sandbox: Sandbox, value: str, expected: object, same: bool) -> None:
    calls = Calls("f", (((), expected),))
    execution = await sandbox.run(Request("python", f"def f():\n    return {value}\n", tests=calls))
    assert execution.tests is not None
    assert (execution.tests.passed, execution.tests.complete) == (same, True), execution
    assert execution.tests.trust == "outside"


async def test_calls_say_what_was_seen(sandbox: Sandbox) -> None:
    source = "import os\ndef f(x):\n    if x == 2: raise ValueError('two')\n    if x == 3: os._exit(0)\n    return x\n"
    execution = await sandbox.run(Request("python", source, tests=Calls("f", tuple(((n,), 1) for n in range(5)))))
    assert execution.tests is not None and not execution.tests.complete
    assert [(case.name, case.passed, case.detail) for case in execution.tests.cases] == [
        ("f(0)", False, "expected 1, got 0"),
        ("f(1)", True, ""),
        ("f(2)", False, "raised ValueError: two"),
    ]
    assert "before its tests were done" in execution.detail


async def test_arguments_of_one_call_do_not_change_those_of_the_next(sandbox: Sandbox) -> None:
    source = "def f(items):\n    items.append(1)\n    return len(items)\n"
    calls = Calls("f", ((([],), 1), (([],), 1)))
    execution = await sandbox.run(Request("python", source, tests=calls))
    assert execution.tests is not None and execution.tests.passed


async def test_methods_can_be_called_from_outside(sandbox: Sandbox) -> None:
    source = "class Solution:\n    def add(self, a, b): return a + b\n"
    execution = await sandbox.run(Request("python", source, tests=Calls("Solution.add", (((1, 2), 3),))))
    assert execution.tests is not None and execution.tests.passed


OUTPUTS = [
    ("print(1)", "1\n", True), ("print(1)", "1", True), ("print('1 ')", "1\n", True), ("print(1, end='')", "1\n", True),
    ("print('1\\n\\n')", "1\n", True), ("print(1)\nprint(2)", "1\n", False), ("print(1)", "1\n2\n", False),
    ("print(' 1')", "1\n", False), ("print('a b')", "a  b\n", False), ("pass", "", True), ("pass", "x", False),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected", "same"), OUTPUTS)
async def test_whole_output_is_compared(sandbox: Sandbox, source: str, expected: str, same: bool) -> None:
    execution = await sandbox.run(Request("python", source, tests=Stdio("", expected)))
    assert execution.tests is not None and execution.tests.passed is same


@pytest.mark.parametrize("kind", ["canonical", "buggy"])
@pytest.mark.parametrize("form", ["script", "test source"])
async def test_humanevalpack_python(sandbox: Sandbox, shared_data: Path, kind: str, form: str) -> None:
    """All 82 right programs pass, all 82 wrong ones fail; those that run forever are named so."""
    lines = (shared_data / "code" / "humanevalpack_python.jsonl").read_text().splitlines()
    requests, limits = {}, Limits(cpu_s=1.0)
    for row in map(json.loads, lines):
        program = row["prompt"] + row[f"{kind}_solution"]
        if form == "script":
            requests[row["task_id"]] = Request("python", f"{program}\n{row['test']}", limits=limits)
        else:
            requests[row["task_id"]] = Request("python", program, tests=TestSource(row["test"]), limits=limits)
    executions = await asyncio.gather(*map(sandbox.run, requests.values()))
    for name, execution in zip(requests, executions, strict=True):
        passed = execution.status is Status.OK if execution.tests is None else execution.tests.passed
        assert passed is (kind == "canonical"), (name, execution)
        assert execution.tests is None or execution.tests.trust == "outside"
    statuses = [execution.status for execution in executions]
    assert len(statuses) == 82
    if kind == "buggy":
        assert (statuses.count(Status.TIMEOUT_CPU), statuses.count(Status.NONZERO)) == (3, 79)


async def test_programs_run_in_the_interpreter_that_asks(sandbox: Sandbox) -> None:
    if sandbox.backend == "docker":
        pytest.skip("an image brings an interpreter of its own")
    execution = await sandbox.run(Request("python", "import sys\nprint(sys.version)"))
    assert execution.stdout == f"{sys.version}\n"
