"""The hostile programs, with the status that each must end with; used by several test files."""

# Tables of small programs, one per row:
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.types import Limits, Status

SHORT = Limits(cpu_s=0.3, wall_s=0.9, memory_bytes=96 << 20, disk_bytes=16 << 20, pids=16)
"""For programs that end at a time limit: it comes soon, and the other one late enough for a busy machine."""
UNTIMED = replace(SHORT, cpu_s=20, wall_s=60)
"""For programs that another limit ends, or nothing: time decides nothing here, however busy the machine is."""
OK, NONZERO, SIGNAL = Status.OK, Status.NONZERO, Status.SIGNAL
CPU, WALL, MEMORY, OUTPUT = Status.TIMEOUT_CPU, Status.TIMEOUT_WALL, Status.MEMORY, Status.OUTPUT


@dataclass(frozen=True)
class Hostile:
    name: str
    source: str
    expected: tuple[Status, ...]
    says: str | None = None  # what standard output must be, where the program reports on its own attempt
    own_limits: Limits | None = None
    stdin: bytes = b""
    docker_says: str | None = None  # where a container shows what a jail hides

    @property
    def limits(self) -> Limits:
        """Its own, or those that leave no doubt about which of them ends it."""
        if self.own_limits is not None:
            return self.own_limits
        by_cpu, by_wall = Status.TIMEOUT_CPU in self.expected, Status.TIMEOUT_WALL in self.expected
        if by_cpu == by_wall:
            return SHORT if by_cpu else UNTIMED
        return replace(SHORT, wall_s=60) if by_cpu else replace(SHORT, cpu_s=20)


def refused(name: str, body: str) -> Hostile:
    """A program that must see an OSError (or nothing at all) where it tries something; it says "no" itself."""
    indented = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    source = (
        f"import os, sys, ctypes, socket\ntry:\n{indented}\nexcept (OSError, ValueError):\n"
        "    print('no')\nelse:\n    print('YES')\n"
    )
    return Hostile(name, source, (OK,), "no\n")


LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"
CHECK = "if r < 0: raise OSError(ctypes.get_errno(), 'x')\n"

HOSTILE = [
    # processes and threads
    Hostile("fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n", (CPU, WALL)),
    Hostile(
        "fork bomb that leaves",
        "import os\nfor _ in range(6):\n    try: os.fork()\n    except OSError: pass\nprint('x')",
        (OK, NONZERO),
    ),
    Hostile(
        "thread bomb",
        "import threading, time\ndef f(): time.sleep(60)\n"
        "try:\n    for _ in range(500): threading.Thread(target=f, daemon=True).start()\n"
        "except RuntimeError: print('stopped')\n",
        (OK,),
        "stopped\n",
    ),
    Hostile("endless loop", "while True: pass", (CPU,)),
    Hostile("sleeps", "import time\ntime.sleep(60)", (WALL,)),
    Hostile(
        "children use the CPU",
        "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\nfor _ in range(3): os.wait()\n",
        (CPU,),
    ),
    Hostile(
        "sleeping children outlive it",
        "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        time.sleep(60)\nprint('gone')",
        (OK,),
        "gone\n",
    ),
    Hostile(
        "daemon by double fork",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(60)\n    os._exit(0)\nos.wait()\nprint('left one')",
        (OK,),
        "left one\n",
    ),
    Hostile(
        "ignores every signal",
        "import signal, time\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except OSError: pass\ntime.sleep(60)",
        (WALL,),
    ),
    Hostile("stops itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", (WALL,)),
    Hostile(
        "ignores SIGXCPU", "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", (CPU,)
    ),
    Hostile("kills everybody", "import os\nos.kill(-1, 9)", (SIGNAL, OK, NONZERO)),
    Hostile("kills process 1", "import os\ntry: os.kill(1, 9)\nexcept OSError: pass\nprint('alive')", (OK,), "alive\n"),
    Hostile("stops process 1", "import os\ntry: os.kill(1, 19)\nexcept OSError: pass\nprint('alive')", (OK,), "alive\n"),
    Hostile("kills its group", "import os\nos.killpg(0, 9)", (SIGNAL,)),
    Hostile("segmentation fault", "import ctypes\nctypes.string_at(0)", (SIGNAL,)),
    Hostile("aborts with a core", "import os\nos.abort()", (SIGNAL,)),
    Hostile("own signal", "import os\nos.kill(os.getpid(), 15)", (SIGNAL,)),
    Hostile("exit code like a timeout", "import os\nos._exit(124)", (NONZERO,)),
    Hostile("exit code like a memory kill", "import os\nos._exit(137)", (NONZERO,)),
    Hostile("kills itself like a memory kill", "import os\nos.kill(os.getpid(), 9)", (SIGNAL,)),
    # memory
    Hostile("memory bomb", "x = []\nwhile True: x.append(bytearray(1 << 20))", (MEMORY,)),
    Hostile("one huge allocation", "x = bytearray(1 << 40)", (MEMORY,)),
    Hostile(
        "memory in children",
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(os.urandom(1 << 20)) * 40\n"
        "        time.sleep(5)\n        os._exit(0)\ntime.sleep(5)",
        (MEMORY,),
    ),
    Hostile(
        "memory by shared mapping",
        "import mmap\nkept = []\nwhile True:\n    m = mmap.mmap(-1, 8 << 20)\n    m.write(b'x' * (8 << 20))\n"
        "    kept.append(m)\n",
        (MEMORY,),
    ),
    Hostile(
        "memory by memfd",
        "import os\nfd = os.memfd_create('x')\nwhile True: os.write(fd, b'x' * (1 << 20))",
        (MEMORY, SIGNAL, NONZERO),
    ),
    Hostile("deep recursion", "def f(n): return f(n + 1)\nf(0)", (NONZERO,)),
    Hostile(
        "recursion through C",
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(self, n): return getattr(self, n)\n"
        "def f(): return [f() for _ in [0]]\nf()",
        (SIGNAL, MEMORY, NONZERO, CPU),
    ),
    # disk
    Hostile(
        "fills the disk",
        "n = 0\ntry:\n    while True:\n        n += 1\n        open(f'f{n}', 'wb').write(b'x' * (1 << 20))\n"
        "except OSError as e: print(e.errno)",
        (OK,),
        "28\n",
    ),
    Hostile(
        "uses up the inodes",
        "n = 0\ntry:\n    while True:\n        n += 1\n        open(f'/tmp/{n}', 'w').close()\n"
        "except OSError as e: print(e.errno)",
        (OK,),
        own_limits=replace(UNTIMED, inodes=500),
    ),
    Hostile(
        "one file too large",
        "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n    f = open('x', 'wb')\n    for _ in range(64): f.write(b'x' * (1 << 20))\n"
        "except OSError as e: print(e.errno)",
        (OK,),
        "27\n",
        replace(UNTIMED, file_bytes=4 << 20),
    ),
    Hostile(
        "fills shared memory",
        "try:\n    f = open('/dev/shm/x', 'wb')\n    while True: f.write(b'x' * (1 << 20))\n"
        "except OSError as e: print(e.errno)",
        (OK, MEMORY),
    ),
    Hostile(
        "deep directories",
        "import os\ntry:\n    for _ in range(10**5):\n        os.mkdir('d'); os.chdir('d')\nexcept OSError: print('full')",
        (OK, CPU),
    ),
    Hostile(
        "open files",
        "kept = []\ntry:\n    while True: kept.append(open('/dev/null'))\nexcept OSError as e: print(e.errno)",
        (OK,),
        "24\n",
    ),
    Hostile(
        "odd file names",
        "for n in ('a\\nb', '-rf', '\\x01', 'x' * 255, ' ', '\\udcff'):\n    open(n, 'w').close()\nprint('ok')",
        (OK,),
        "ok\n",
    ),
    Hostile(
        "links and pipes left in the work directory",
        "import os\nos.symlink('/proc/1/root', 'l'); os.mkfifo('p'); os.link('solution.py', 'h'); print('ok')",
        (OK,),
        "ok\n",
    ),
    # output
    Hostile("endless output", "while True: print('x' * 1000)", (OUTPUT,)),
    Hostile("endless output without newlines", "import os\nwhile True: os.write(1, b'x' * 65536)", (OUTPUT,)),
    Hostile("endless standard error", "import os\nwhile True: os.write(2, b'x' * 65536)", (OUTPUT,)),
    Hostile("invalid UTF-8 and NUL", "import os\nos.write(1, b'\\xff\\x00\\xfe')", (OK,), "�\x00�"),
    Hostile("closes its streams", "import os\nfor n in range(64):\n    try: os.close(n)\n    except OSError: pass\n", (OK, NONZERO)),
    Hostile("closes its streams and loops", "import os\nos.closerange(0, 256)\nwhile True: pass", (CPU,)),
    Hostile("closes output, sleeps", "import os, time\nos.close(1); os.close(2); time.sleep(60)", (WALL,)),
    Hostile("reads forever", "import sys\nprint(len(sys.stdin.read()))", (OK,), "0\n"),
    Hostile("its input is its own", "print(input())", (OK,), "hello\n", stdin=b"hello\n"),
    # the host in sight
    Hostile(
        "no environment",
        "import os\nprint(sorted(k for k in os.environ if not k.startswith(('PYTHON', 'MPL')) and not k.endswith('_NUM_THREADS')))\n"
        "print(b'PWD' in open('/proc/self/environ','rb').read())",
        (OK,),
        "['HOME', 'LANG', 'PATH', 'TMPDIR']\nFalse\n",
    ),
    Hostile(
        "no host files",
        "import os\nprint(set(os.listdir('/')) <= {'bin','sbin','lib','lib32','lib64','libx32','usr','dev','proc','etc','box',"
        "'tmp','root','home','opt','var','run','sys','mnt','media','srv','boot','.dockerenv'})\n"
        "print(any(os.path.exists(p) for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd', '/etc/ssh',"
        "'/var/lib/docker', '/etc/machine-id')), [n for n in ('/mnt', '/srv', '/boot') if os.access(n, os.R_OK) and os.listdir(n)])\n"
        "print([p for p in ('/var', '/run', '/sys', '/etc/shadow', '/etc/hostname') if os.path.exists(p)])",
        (OK,),
        "True\nFalse []\n[]\n",
        docker_says="True\nFalse []\n['/var', '/run', '/sys', '/etc/hostname']\n",  # the image's and the engine's
    ),
    Hostile(
        "no host processes",
        "import os\nprint(max(int(n) for n in os.listdir('/proc') if n.isdigit()) < 100000)\n"
        "print([n for n in os.listdir('/proc') if n.isdigit() and int(n) != os.getpid()])",
        (OK,),
        "True\n[]\n",
        docker_says="True\n['1']\n",  # the agent, of which nothing but its name can be read
    ),
    Hostile(
        "no hardware",
        "import os\nprint([n for n in ('block', 'bus', 'class', 'dev', 'devices', 'firmware', 'kernel', 'module', 'power')"
        " if os.path.exists(f'/sys/{n}') and os.listdir(f'/sys/{n}')])",
        (OK,),
        "[]\n",
    ),
    Hostile(
        "only its own descriptors",
        "import os\nprint(sorted(n for n in os.listdir('/proc/self/fd'))[:3], "
        "[os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) > 3 and "
        "os.path.exists(f'/proc/self/fd/{n}')])",
        (OK,),
        "['0', '1', '2'] []\n",
    ),
    Hostile(
        "no capability, no new privileges, a filter",
        "t = open('/proc/self/status').read()\n"
        "f = dict(l.split(':\\t', 1) for l in t.splitlines() if ':\\t' in l)\n"
        "print([f[k] for k in ('CapInh','CapPrm','CapEff','CapBnd','CapAmb')] == ['0' * 16] * 5, f['NoNewPrivs'], f['Seccomp'])",
        (OK,),
        "True 1 2\n",
    ),
    refused("writes to the system", "open('/usr/x', 'w')"),
    refused("writes to the root", "os.mkdir('/x')"),
    refused("writes to /dev", "open('/dev/x', 'w')"),
    refused("writes to /etc", "open('/etc/passwd', 'a')"),
    refused("writes to /proc/sys", "open('/proc/sys/kernel/hostname', 'w').write('x')"),
    refused("sysrq", "open('/proc/sysrq-trigger', 'w').write('b')"),
    refused("process 1's memory", "open('/proc/1/mem', 'rb')"),
    refused("process 1's environment", "open('/proc/1/environ', 'rb').read()"),
    refused("process 1's root", "os.listdir('/proc/1/root/')"),
    refused("process 1's descriptors", "os.listdir('/proc/1/fd')"),
    refused("kernel log", "open('/dev/kmsg')"),
    refused("kernel memory", "if not open('/proc/kcore', 'rb').read(1): raise OSError"),
    refused("block device", "os.mknod('/tmp/d', 0o60600, os.makedev(8, 0))"),
    refused("character device", "os.mknod('/tmp/d', 0o20600, os.makedev(1, 1))"),
    refused("becomes root", "os.setuid(12345)"),
    refused("changes groups", "os.setgroups([0])"),
    refused("chroot", "os.chroot('/tmp')"),
    refused("nice below zero", "os.nice(-5)"),
    refused("more files", "import resource; resource.prlimit(0, resource.RLIMIT_CPU, (99, 99))"),
    refused("mount", LIBC + "r = libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None)\n" + CHECK),
    refused("bind mount", LIBC + "r = libc.mount(b'/', b'/box/tmp', None, 4096, None)\n" + CHECK),
    refused("umount", LIBC + "r = libc.umount2(b'/proc', 2)\n" + CHECK),
    refused("user namespace", LIBC + "r = libc.unshare(0x10000000)\n" + CHECK),
    refused("clone with a namespace", LIBC + "r = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\n" + CHECK),
    refused("clone3", LIBC + "r = libc.syscall(435, 0, 0)\n" + CHECK),
    refused("setns", LIBC + "fd = os.open('/proc/self/ns/net', 0)\nr = libc.setns(fd, 0)\n" + CHECK),
    refused("pivot_root", LIBC + "r = libc.syscall(155, b'.', b'.')\n" + CHECK),
    refused("ptrace", LIBC + "r = libc.ptrace(0, 0, 0, 0)\n" + CHECK),
    refused("process_vm_readv", LIBC + "r = libc.syscall(310, 1, 0, 0, 0, 0, 0)\n" + CHECK),
    refused("bpf", LIBC + "r = libc.syscall(321, 0, 0, 0)\n" + CHECK),
    refused("io_uring", LIBC + "r = libc.syscall(425, 8, ctypes.create_string_buffer(120))\n" + CHECK),
    refused("userfaultfd", LIBC + "r = libc.syscall(323, 0)\n" + CHECK),
    refused("keyring", LIBC + "r = libc.syscall(250, 0, -3, 1)\n" + CHECK),
    refused("shared memory segment", LIBC + "r = libc.shmget(0, 4096, 0o1600)\n" + CHECK),
    refused("message queue by its file", "open('/dev/mqueue/x', 'w')"),
    refused("message queue", LIBC + "r = libc.msgget(0, 0o1600)\n" + CHECK),
    refused("kernel module", LIBC + "r = libc.syscall(313, 0, b'', 0)\n" + CHECK),
    refused("sets the clock", "import time; time.clock_settime(time.CLOCK_REALTIME, 0)"),
    refused("reboot", LIBC + "r = libc.syscall(169, 0xfee1dead, 672274793, 0, 0)\n" + CHECK),
    refused("call of another architecture's table", LIBC + "r = libc.syscall(0x40000000 | 39)\n" + CHECK),
    # network: listeners are ours, on loopback; a datagram connect sends nothing
    refused("internet socket", "socket.socket(socket.AF_INET)"),
    refused("internet datagram route", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"),
    refused("version 6 socket", "socket.socket(socket.AF_INET6)"),
    refused("netlink socket", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
    refused("packet socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
    refused("vsock", "socket.socket(40, socket.SOCK_STREAM)"),
    refused("crypto socket", "socket.socket(38, socket.SOCK_SEQPACKET)"),
    refused("raw system call for a socket", LIBC + "r = libc.syscall(41, 2, 1, 0)\n" + CHECK),
    refused("engine's socket", "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')"),
    Hostile(
        "interfaces",
        "print([l.split(':')[0].strip() for l in open('/proc/net/dev').read().splitlines()[2:]])\n"
        "print([l for l in open('/proc/net/route').read().splitlines()[1:]], open('/proc/net/tcp').read().count('\\n'))",
        (OK,),
        "['lo']\n[] 1\n",
    ),
]  # fmt: skip
