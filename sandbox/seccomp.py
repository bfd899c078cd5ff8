"""The system-call filter: a deny list in classic BPF, built without a library, for x86_64 and aarch64."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from sandbox import syscalls

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NR_SECCOMP = {"x86_64": 317, "aarch64": 277}
_LAST_KNOWN = 462  # mseal, Linux 6.10: newer calls answer ENOSYS until somebody has looked at them
_RET_KILL, _RET_ERRNO, _RET_ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR_OFFSET, _ARCH_OFFSET, _ARG0_OFFSET, _ARG1_OFFSET = 0, 4, 16, 24
_CLONE_NEW_ANY = 0x7E020000  # every CLONE_NEW* flag that clone(2) takes
_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# Numbers: x86_64 and aarch64 where they differ (asm/unistd.h); None where the call does not exist.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "statmount": (457, 457),
    "listmount": (458, 458), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "create_module": (174, None),
    "query_module": (178, None), "get_kernel_syms": (177, None), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "sethostname": (170, 161), "setdomainname": (171, 162),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "acct": (163, 89), "syslog": (103, 116), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None), "uselib": (134, None),
    "ustat": (136, None), "sysfs": (139, None), "_sysctl": (156, None), "nfsservctl": (180, 42),
    "lookup_dcookie": (212, 18), "vhangup": (153, 58), "personality": (135, 92),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184), "mq_getsetattr": (245, 185), "memfd_secret": (447, 447),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "mbind": (237, 235),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "set_mempolicy_home_node": (450, 450),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "ioprio_set": (251, 30), "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}  # fmt: skip
# Only the agent itself needs these; the program gets a second filter without them.
_DENIED_TO_PROGRAMS = {"mount": (165, 40), "umount2": (166, 39)}
# Memory in no process and no file system: only a control group sees it.
_DENIED_UNCOUNTED = {"memfd_create": (319, 279)}
_CLONE, _CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
_SOCKET, _SOCKETPAIR = {"x86_64": 41, "aarch64": 198}, {"x86_64": 53, "aarch64": 199}
_IOCTL = {"x86_64": 16, "aarch64": 29}


def supported() -> bool:
    """Whether there is a table for this machine's architecture."""
    return os.uname().machine in _AUDIT_ARCH


def _step(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("HBBI", code, true, false, value)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _RET_ERRNO | number)


def _numbers(table: dict[str, tuple[int | None, int | None]], machine: str) -> list[int]:
    column = 0 if machine == "x86_64" else 1
    return sorted(number for pair in table.values() if (number := pair[column]) is not None)


def _deny(numbers: list[int]) -> list[bytes]:
    steps = []
    for number in numbers:
        steps += [_step(_JUMP_EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    return steps


def _only_unix_sockets(number: int) -> list[bytes]:
    # the number stays loaded for whoever comes next, except on the path that returns here
    body = [_step(_LOAD, _ARG0_OFFSET), _step(_JUMP_EQUAL, _AF_UNIX, 0, 1), _step(_RETURN, _RET_ALLOW)]
    return [_step(_JUMP_EQUAL, number, 0, len(body) + 1), *body, _refuse(errno.EACCES)]


def _no_new_namespaces(number: int) -> list[bytes]:
    body = [_step(_LOAD, _ARG0_OFFSET), _step(_JUMP_SET, _CLONE_NEW_ANY, 0, 1), _refuse(errno.EPERM)]
    return [_step(_JUMP_EQUAL, number, 0, len(body) + 1), *body, _step(_RETURN, _RET_ALLOW)]


def _no_terminal_injection(number: int) -> list[bytes]:
    body = [
        _step(_LOAD, _ARG1_OFFSET),
        _step(_JUMP_EQUAL, _TIOCSTI, 1, 0),
        _step(_JUMP_EQUAL, _TIOCLINUX, 0, 1),
        _refuse(errno.EPERM),
    ]
    return [_step(_JUMP_EQUAL, number, 0, len(body) + 1), *body, _step(_RETURN, _RET_ALLOW)]


def agent_filter(machine: str) -> bytes:
    """The filter that the agent takes on and every program inherits."""
    steps = [
        _step(_LOAD, _ARCH_OFFSET),
        _step(_JUMP_EQUAL, _AUDIT_ARCH[machine], 1, 0),
        _step(_RETURN, _RET_KILL),  # another architecture's call numbers would get past the list
        _step(_LOAD, _NR_OFFSET),
        _step(_JUMP_GREATER_EQUAL, _LAST_KNOWN + 1, 0, 1),  # x32 calls (bit 30) are above, too
        _refuse(errno.ENOSYS),
        _step(_JUMP_EQUAL, _CLONE3, 0, 1),
        _refuse(errno.ENOSYS),  # its flags lie in memory, where a filter cannot see; libc falls back to clone
        *_no_new_namespaces(_CLONE[machine]),
        *_only_unix_sockets(_SOCKET[machine]),
        *_only_unix_sockets(_SOCKETPAIR[machine]),
        *_no_terminal_injection(_IOCTL[machine]),
        *_deny(_numbers(_DENIED, machine)),
        _step(_RETURN, _RET_ALLOW),
    ]
    return b"".join(steps)


def program_filter(machine: str, grouped: bool) -> bytes:
    """The small filter that each program takes on top; `grouped`: a control group counts its memory."""
    table: dict[str, tuple[int | None, int | None]] = {**_DENIED_TO_PROGRAMS, **({} if grouped else _DENIED_UNCOUNTED)}
    steps = [_step(_LOAD, _NR_OFFSET), *_deny(_numbers(table, machine))]
    return b"".join([*steps, _step(_RETURN, _RET_ALLOW)])


class Filter:
    """A filter in the form that the kernel takes; made once, taken on by each child."""

    def __init__(self, program: bytes) -> None:
        self._program = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: unsigned short len, padding, pointer
        header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(self._program))
        self._header = ctypes.create_string_buffer(header, len(header))
        self._arguments = (ctypes.c_uint(1), ctypes.c_uint(0), ctypes.c_void_p(ctypes.addressof(self._header)))
        self._number = _NR_SECCOMP[os.uname().machine]

    def install(self) -> None:
        """Take it on for the rest of this process's life. Needs no_new_privs. Raises OSError."""
        syscalls.call(self._number, *self._arguments)  # SECCOMP_SET_MODE_FILTER, no flags
