"""The system-call filter: its numbers are the kernel's, and its jumps lead where they should."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from sandbox import seccomp

X86_HEADERS = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h"))
GENERIC_HEADER = Path("/usr/include/asm-generic/unistd.h")
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS, EACCES = 1, 38, 13
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def numbers(header: Path, pattern: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(pattern, header.read_text())}


@pytest.mark.parametrize("column", [0, 1])
def test_numbers_are_those_of_the_kernel_headers(column: int) -> None:
    header = next((path for path in X86_HEADERS if path.exists()), None) if column == 0 else GENERIC_HEADER
    if header is None or not header.exists():
        pytest.skip("no kernel headers here")
    known = numbers(header, r"#define __NR_(\w+)\s+(\d+)")
    if column:
        known |= numbers(header, r"#define __NR3264_(\w+)\s+(\d+)")
    table = {**seccomp._DENIED, **seccomp._DENIED_TO_PROGRAMS, **seccomp._DENIED_UNCOUNTED}
    wrong = {name: pair[column] for name, pair in table.items() if name in known and known[name] != pair[column]}
    assert wrong == {}
    assert len([name for name in table if name in known]) > 70


def run(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """A classic BPF machine of five instructions: what the kernel would answer."""
    data = struct.pack("<iIQ", number, arch, 0) + struct.pack("<6Q", *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("HBBI", program))
    at = accumulator = 0
    while True:
        code, true, false, value = steps[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == 0x06:
            return int(value)
        else:
            met = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += true if met else false


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_decisions(machine: str) -> None:
    column = 0 if machine == "x86_64" else 1
    program, arch = seccomp.agent_filter(machine), ARCH[machine]
    assert len(program) // 8 < 4096
    denied = {pair[column] for pair in seccomp._DENIED.values()} - {None}
    special = {
        seccomp._CLONE[machine],
        435,
        seccomp._SOCKET[machine],
        seccomp._SOCKETPAIR[machine],
        seccomp._IOCTL[machine],
    }
    for number in range(600):
        if number in denied:
            assert run(program, arch, number) == ERRNO | EPERM, number
        elif number > 462 or number == 435:
            assert run(program, arch, number) == ERRNO | ENOSYS, number
        elif number not in special:
            assert run(program, arch, number) == ALLOW, number
    assert run(program, 0x40000003, 1) == KILL
    assert run(program, arch, 0x40000000 | 39) == ERRNO | ENOSYS


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_decisions_by_argument(machine: str) -> None:
    program, arch = seccomp.agent_filter(machine), ARCH[machine]
    clone, ioctl = seccomp._CLONE[machine], seccomp._IOCTL[machine]
    assert run(program, arch, clone, 0x01200011) == ALLOW  # fork
    assert run(program, arch, clone, 0x003D0F00) == ALLOW  # a thread
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert run(program, arch, clone, flag | 17) == ERRNO | EPERM
    for number in (seccomp._SOCKET[machine], seccomp._SOCKETPAIR[machine]):
        assert run(program, arch, number, 1) == ALLOW
        for family in (0, 2, 10, 16, 17, 38, 40, 1 << 20):
            assert run(program, arch, number, family) == ERRNO | EACCES
    assert run(program, arch, ioctl, 0, 0x5401) == ALLOW
    for command in (0x5412, 0x541C):
        assert run(program, arch, ioctl, 0, command) == ERRNO | EPERM


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_programs_may_not_mount_and_not_hide_memory_where_nobody_counts_it(machine: str) -> None:
    column, arch = (0 if machine == "x86_64" else 1), ARCH[machine]
    for grouped in (True, False):
        program = seccomp.program_filter(machine, grouped)
        for name in ("mount", "umount2"):
            assert run(program, arch, seccomp._DENIED_TO_PROGRAMS[name][column] or 0) == ERRNO | EPERM
        memfd = seccomp._DENIED_UNCOUNTED["memfd_create"][column] or 0
        assert run(program, arch, memfd) == (ALLOW if grouped else ERRNO | EPERM)
        assert run(program, arch, 1) == ALLOW
