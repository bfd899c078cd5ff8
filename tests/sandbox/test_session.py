"""Stateful sessions: state and files live on, limits hold, what was hostile ends alone, and nothing is left."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.namespaces import NamespaceBackend
from sandbox.pool import SlotPool
from sandbox.types import (
    FileRefused,
    Limits,
    Request,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    Session,
    SessionEnded,
    Status,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENT = Limits(cpu_s=5.0, wall_s=60.0)
BRIEF = Limits(cpu_s=0.3, wall_s=60.0)


async def test_cells_share_one_namespace_and_echo_their_last_value(sandbox: Sandbox) -> None:
    cells = [
        ("x = 20", ""),
        ("def f(n):\n    return n * 2\nf(x) + 2", "42\n"),
        ("print('a', end='')\n'b'", "a'b'\n"),
        ("x;", ""),
        ("_", "'b'\n"),
        ("None", ""),
        ("import subprocess\nsubprocess.run(['echo', 'child']).returncode", "child\n0\n"),
    ]
    async with sandbox.session(limits=PATIENT) as session:
        for cell, said in cells:
            execution = await session.run(cell)
            assert (execution.status, execution.stdout) == (Status.OK, said), execution


async def test_what_raises_or_does_not_compile_leaves_the_state(sandbox: Sandbox) -> None:
    cells = [
        ("x = 1\nraise ValueError('no')", Status.NONZERO, "ValueError: no\n"),
        ("def f(:", Status.COMPILE_ERROR, "SyntaxError: invalid syntax\n"),
        ("import sys\nsys.exit(3)", Status.NONZERO, ""),
        ("class Odd:\n    def __repr__(self):\n        raise KeyError('r')\nOdd()", Status.NONZERO, "KeyError: 'r'\n"),
    ]
    async with sandbox.session(limits=PATIENT) as session:
        for cell, status, ending in cells:
            execution = await session.run(cell)
            assert (execution.status, execution.stderr.endswith(ending)) == (status, True), execution
        assert (await session.run("x")).stdout == "1\n"


async def test_a_traceback_shows_the_lines_of_the_cells(sandbox: Sandbox) -> None:
    async with sandbox.session(limits=PATIENT) as session:
        await session.run("def halve(n):\n    return n // 0")
        execution = await session.run("halve(4)")
    assert 'File "<cell 1>", line 2, in halve\n    return n // 0' in execution.stderr
    assert "sandbox" not in execution.stderr


async def test_files_go_in_and_come_out(sandbox: Sandbox) -> None:
    async with sandbox.session(limits=PATIENT, files={"data/a.txt": b"given"}) as session:
        assert (await session.run("open('data/a.txt').read()")).stdout == "'given'\n"
        await session.put("deep/er/b.bin", bytes(range(256)) * 5000)
        assert (await session.run("len(open('deep/er/b.bin', 'rb').read())")).stdout == "1280000\n"
        await session.put("deep/er/b.bin", b"new")
        assert await session.get("deep/er/b.bin") == b"new"
        await session.run("open('out', 'w').write('from inside')")
        assert await session.get("out") == b"from inside"


@pytest.mark.parametrize(
    "name", ["link", "pipe", "folder", "missing", "through/passwd", "../solution", "/etc/passwd", ""]
)
async def test_only_regular_files_of_the_working_directory_come_out(sandbox: Sandbox, name: str) -> None:
    make = (
        "import os\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')\nos.mkdir('folder')\n"
        "os.symlink('/etc', 'through')"
    )
    async with sandbox.session(limits=PATIENT) as session:
        assert (await session.run(make)).status is Status.OK
        with pytest.raises(FileRefused):
            await session.get(name)


async def test_nothing_is_written_through_a_link(sandbox: Sandbox) -> None:
    make = "import os\nos.mkdir('/tmp/real')\nos.symlink('/tmp/real', 'folder')\nos.symlink('/tmp/target', 'file')"
    async with sandbox.session(limits=PATIENT) as session:
        await session.run(make)
        with pytest.raises(FileRefused):
            await session.put("folder/x", b"data")
        await session.put("file", b"data")
        assert (await session.run("os.listdir('/tmp'), os.listdir('/tmp/real'), os.path.islink('file')")).stdout == (
            "(['real'], [], False)\n"
        )


async def test_files_are_capped(sandbox: Sandbox) -> None:
    limits = Limits(cpu_s=5.0, wall_s=60.0, disk_bytes=1 << 20)
    async with sandbox.session(limits=limits) as session:
        with pytest.raises(FileRefused, match="no room"):
            await session.put("big", bytes(2 << 20))
        with pytest.raises(FileRefused, match="16 MiB"):
            await session.put("big", bytes((16 << 20) + 1))
        assert (await session.run("1")).stdout == "1\n"
    async with sandbox.session(limits=PATIENT) as session:
        await session.run("open('big', 'wb').truncate((16 << 20) + 1)")
        with pytest.raises(FileRefused, match="too large"):
            await session.get("big")


DEADLY = [
    ("while True: pass", BRIEF, Status.TIMEOUT_CPU),
    ("import time\ntime.sleep(60)", Limits(cpu_s=5.0, wall_s=0.3), Status.TIMEOUT_WALL),
    ("x = bytearray(1 << 28)\nfor i in range(0, 1 << 28, 4096): x[i] = 1", Limits(5.0, 60.0, 64 << 20), Status.MEMORY),
    ("while True: print('x' * 1000)", Limits(cpu_s=20.0, wall_s=60.0, output_bytes=10_000), Status.OUTPUT),
    ("import os\nos._exit(0)", PATIENT, Status.NONZERO),
    ("import os\nos.kill(os.getpid(), 11)", PATIENT, Status.SIGNAL),
    ("import os\nos.kill(os.getpid(), 9)", PATIENT, Status.SIGNAL),
    ("import os\nos.closerange(3, 100)", PATIENT, Status.NONZERO),
    ("import os\nos.write(3, bytes(7))", PATIENT, Status.NONZERO),
]


@pytest.mark.parametrize(("cell", "limits", "status"), DEADLY, ids=[cell.split("\n")[-1][:24] for cell, _, _ in DEADLY])
async def test_a_cell_that_ends_the_session_is_answered_and_the_next_is_an_error(
    sandbox: Sandbox, cell: str, limits: Limits, status: Status
) -> None:
    async with sandbox.session(limits=limits) as session:
        await session.run("x = 1")
        execution = await session.run(cell)
        assert execution.status is status, execution
        with pytest.raises(SessionEnded, match="the session has ended: "):
            await session.run("x")
        with pytest.raises(SessionEnded):
            await session.get("out")
        await session.reset()
        assert (await session.run("'x' in globals()")).stdout == "False\n"


async def test_limits_of_time_hold_for_each_cell_and_not_for_the_session(sandbox: Sandbox) -> None:
    spend = "import time\nbegan = time.process_time()\nwhile time.process_time() < began + 0.35: pass"
    async with sandbox.session(limits=Limits(cpu_s=0.8, wall_s=60.0)) as session:
        for _ in range(4):
            assert (await session.run(spend)).status is Status.OK


async def test_reset_begins_anew_with_the_files_of_the_beginning(sandbox: Sandbox) -> None:
    async with sandbox.session(limits=PATIENT, files={"a": b"1"}) as session:
        await session.run("import os, math\nx = 1\nos.remove('a')\nopen('b', 'w').close()\nmath.pi = 3")
        await session.reset()
        execution = await session.run("import os, math\nos.listdir(), 'x' in globals(), math.pi > 3")
        assert execution.stdout == "(['a'], False, True)\n"


async def test_a_session_is_paused_between_cells(sandbox: Sandbox) -> None:
    """Neither a thread nor a process goes on while nobody waits, nor does its output get into another cell's."""
    start = (
        "import os, threading\ncount = 0\ndef spin():\n    global count\n    while True: count += 1\n"
        "threading.Thread(target=spin, daemon=True).start()\n"
    )
    async with sandbox.session(limits=PATIENT) as session:
        await session.run(start)
        before = int((await session.run("import time\ntime.sleep(0.05)\nprint(count)")).stdout)
        await asyncio.sleep(0.5)
        after = await session.run("print(count)")
        assert int(after.stdout) < before * 5 + 1_000_000, "it ran on while it should have been paused"


async def test_a_session_is_as_isolated_as_a_run(sandbox: Sandbox) -> None:
    probe = (
        "import os, socket\nfor family in (socket.AF_INET, socket.AF_INET6):\n"
        "    try: socket.socket(family); print('REACHED')\n    except OSError: print('no')\n"
        "print(sorted(os.environ.items()), len(set(os.getresuid())), os.listdir('/'), os.listdir('/etc'))\n"
        "try: os.mkdir('/usr/x'); print('WRITTEN')\nexcept OSError: print('no')\n"
        "print(open('/proc/self/status').read().partition('CapInh')[2].partition('Cpus')[0])\n"
    )
    plain = await sandbox.run(Request("python", probe))
    assert plain.stdout.startswith("no\nno\n")
    assert "CapEff" not in plain.stdout.replace("CapEff:\t0000000000000000", "")
    async with sandbox.session(limits=PATIENT) as session:
        assert (await session.run(probe)).stdout == plain.stdout


async def test_sessions_do_not_see_each_other_nor_take_the_slots(sandbox: Sandbox) -> None:
    async def one(number: int, session: Session) -> str:
        await session.run(f"import os\nx = {number}\nopen('mine', 'w').write('{number}')")
        return (await session.run("x, os.listdir(), open('mine').read()")).stdout

    async with (
        sandbox.session(limits=PATIENT) as first,
        sandbox.session(limits=PATIENT) as second,
        sandbox.session(limits=PATIENT) as third,
    ):
        said = await asyncio.gather(one(1, first), one(2, second), one(3, third))
        assert said == [f"({n}, ['mine'], '{n}')\n" for n in (1, 2, 3)]
        assert (await sandbox.run(Request("python", "print(1)"))).stdout == "1\n"


async def test_a_session_that_nobody_uses_expires() -> None:
    pool = SlotPool(NamespaceBackend(), slots=1, idle_s=0.2)
    try:
        async with pool.session(limits=PATIENT) as session:
            assert (await session.run("1")).stdout == "1\n"
            await asyncio.sleep(0.6)
            with pytest.raises(SessionEnded, match="not used for"):
                await session.run("1")
    finally:
        await pool.aclose()


async def test_a_cancelled_cell_ends_its_session(sandbox: Sandbox) -> None:
    async with sandbox.session(limits=PATIENT) as session:
        task = asyncio.ensure_future(session.run("import time\ntime.sleep(50)"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(SessionEnded):
            await session.run("1")
    assert (await sandbox.run(Request("python", "print(1)"))).stdout == "1\n"


async def test_closing_the_sandbox_ends_its_sessions() -> None:
    pool = SlotPool(NamespaceBackend(), slots=1)
    async with pool.session(limits=PATIENT) as session:
        await session.run("1")
        await pool.aclose()
        with pytest.raises(SessionEnded, match="the sandbox was closed"):
            await session.run("1")
        with pytest.raises(SandboxUnavailable):
            await session.reset()


async def test_what_cannot_be_opened_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no sessions in 'cobol'"):
        async with sandbox.session("cobol"):
            pass
    with pytest.raises(SandboxError, match="not the name of a file"):
        async with sandbox.session(files={"../x": b""}):
            pass
