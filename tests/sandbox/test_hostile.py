"""Hostile programs: each must end with its expected status, and nothing of it may be left."""

from __future__ import annotations

import socket
import threading

import pytest

from sandbox.types import Limits, Request, Sandbox
from tests.sandbox.hostile_programs import HOSTILE, OK, UNTIMED, Hostile

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("case", HOSTILE, ids=[case.name for case in HOSTILE])
async def test_hostile_program_ends_as_expected(sandbox: Sandbox, case: Hostile) -> None:
    execution = await sandbox.run(Request("python", case.source, stdin=case.stdin, limits=case.limits))
    assert execution.status in case.expected, (execution.status, execution.detail, execution.stderr)
    assert execution.backend == sandbox.backend
    says = case.docker_says if case.docker_says and sandbox.backend == "docker" else case.says
    if says is not None:
        assert execution.stdout == says, execution.stderr


LEFT_BEHIND = """
import os
print(sorted(os.listdir('/box')), os.listdir('/box/work'), os.listdir('/box/tmp'), os.listdir('/dev/shm'))
print([n for n in os.listdir('/proc') if n.isdigit() and int(n) not in (1, os.getpid())])
print([len(open(f'/proc/sysvipc/{n}').read().splitlines()) for n in ('shm', 'sem', 'msg')])
print(open('/proc/net/unix').read().count('\\n') <= 3, open('/proc/sys/kernel/hostname').read().strip() != 'evil')
"""


async def test_the_next_program_finds_nothing_of_the_last(sandbox: Sandbox) -> None:
    nasty = (
        "import os, socket, time\nopen('x', 'w'); open('/tmp/y', 'w'); open('/dev/shm/z', 'w')\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('\\0abstract'); s.listen()\n"
        "if os.fork() == 0:\n    os.setsid(); time.sleep(60)\n"
    )
    for _ in range(4):
        assert (await sandbox.run(Request("python", nasty, limits=UNTIMED))).status is OK
        after = await sandbox.run(Request("python", LEFT_BEHIND, limits=UNTIMED))
        lines = after.stdout.splitlines()
        assert lines[0] == "['shm', 'tmp', 'work'] ['solution.py'] [] []", after
        assert lines[1:] == ["[]", "[1, 1, 1]", "True True"], after


async def test_no_listener_of_the_host_is_reached(sandbox: Sandbox) -> None:
    """A TCP listener and an abstract socket of the test's own: a program gets to neither."""
    name = f"\0provender-test-{threading.get_native_id()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        tcp.settimeout(0.2)
        abstract.settimeout(0.2)
        source = (
            "import socket\n"
            f"addresses = ('127.0.0.1', {tcp.getsockname()[1]}), {name!r}\n"
            "for family, address in zip((socket.AF_INET, socket.AF_UNIX), addresses):\n"
            "    try:\n        socket.socket(family).connect(address)\n        print('REACHED')\n"
            "    except OSError as error:\n        print('no')\n"
        )
        execution = await sandbox.run(Request("python", source, limits=UNTIMED))
        assert execution.stdout == "no\nno\n"
        for listener in (tcp, abstract):
            with pytest.raises(TimeoutError):
                listener.accept()


async def test_no_file_of_the_host_is_in_sight(sandbox: Sandbox, tmp_path: object) -> None:
    secret = f"{tmp_path}/secret"
    with open(secret, "w") as file:
        file.write("host secret")
    source = f"import os\nprint(os.path.exists({secret!r}), os.path.exists({__file__!r}), os.listdir('/tmp'))"
    execution = await sandbox.run(Request("python", source))
    assert execution.stdout == "False False []\n"


async def test_memory_of_one_program_holds_nothing_of_another(sandbox: Sandbox) -> None:
    """The next program is forked from the same agent: neither source nor output of the last may lie in its memory."""
    part = "wanted-" + "needle"
    for _ in range(4):
        await sandbox.run(
            Request("python", f"x = {part!r}\nprint(x * 100)\nimport sys\nprint(x * 100, file=sys.stderr)")
        )
    search = (
        "found = 0\nwith open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:\n"
        "    for line in maps.read().splitlines():\n        if ' rw' not in line or 'vvar' in line: continue\n"
        "        a, b = (int(n, 16) for n in line.split()[0].split('-'))\n        memory.seek(a)\n"
        "        try: found += memory.read(b - a)[::-1].count(b'eldeen-detnaw')\n"
        "        except OSError: pass\nprint(found)\n"
    )
    for _ in range(3):
        execution = await sandbox.run(Request("python", search, limits=Limits(cpu_s=5)))
        assert execution.stdout == "0\n", execution
