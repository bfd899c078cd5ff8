"""Talks to a Docker engine: containers made, attached to, resized and removed, and those of dead owners swept.

Everything here blocks and is called in threads. What goes wrong is `SandboxUnavailable`, with what to do about it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.owners import is_dead, machine, owner
from sandbox.types import SandboxUnavailable

IMAGE = "provender-sandbox:latest"
OWNER, MACHINE, RECIPE = "provender.owner", "provender.machine", "provender.recipe"
_ANSWER_S = 60.0  # a busy engine may take long
_GONE_S = 10.0  # how long an engine may take to remove a container
_CAPABILITIES = ["SETUID", "SETGID", "SETPCAP", "KILL", "CHOWN", "DAC_OVERRIDE", "FOWNER"]  # the agent's, not programs'
_PIDS = 4096  # of the whole container; each program has its own limit
# Beside what the engine hides by itself; a program has no use for the machine's devices and modules.
_HIDDEN = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/block", "/sys/bus", "/sys/class",
    "/sys/dev", "/sys/devices", "/sys/firmware", "/sys/hypervisor", "/sys/kernel", "/sys/module", "/sys/power",
    "/sys/fs/bpf", "/sys/fs/ext4", "/sys/fs/xfs", "/sys/fs/btrfs", "/sys/fs/fuse", "/sys/fs/pstore",
)  # fmt: skip
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box/work", "TMPDIR": "/box/tmp", "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """What a container is made with and cannot be changed later: its work area, in bytes and inodes."""

    disk_bytes: int
    inodes: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A started container, and the socket attached to its streams."""

    identity: str
    stream: socket.socket
    keep: Any  # what the docker package returned: its end would close the stream

    def close(self) -> None:
        """Close the connection: the agent sees that and ends."""
        with contextlib.suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.keep.close()
        self.stream.close()


class Abandoned:
    """Says to a thread that opens a container that nobody waits for it any more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = False
        self.opened: Opened | None = None


class Engine:
    """One Docker engine, as the environment names it (DOCKER_HOST and its like)."""

    def __init__(self, image: str = IMAGE, runtime: str | None = None) -> None:
        self._image_name = image
        self._runtime = runtime
        self._client: Any = None
        self._image = ""
        self.recipe = ""  # what the image says of how it was made; see `sandbox.build`
        self.owner = f"{owner()}-{secrets.token_hex(4)}"

    def connect(self) -> None:
        """Find the engine, and remove what dead owners left in it. Raises SandboxUnavailable."""
        try:
            import docker
        except ImportError as error:
            raise SandboxUnavailable(
                f"the docker package is missing ({error}); pip install 'provender[docker]'"
            ) from error
        with explained():
            self._client = docker.APIClient(**docker.utils.kwargs_from_env(), timeout=_ANSWER_S)
            self.sweep()

    def choose(self) -> None:
        """Find image and runtime; the image stays the same from here on. Raises SandboxUnavailable."""
        import docker

        with explained():
            runtimes = self._client.info().get("Runtimes") or {}
            if self._runtime and self._runtime not in runtimes:
                known = ", ".join(sorted(runtimes))
                raise SandboxUnavailable(f"the engine has no runtime {self._runtime!r} (it has: {known})")
            try:
                facts = self._client.inspect_image(self._image_name)
                self._image, self.recipe = facts["Id"], (facts["Config"].get("Labels") or {}).get(RECIPE, "")
            except docker.errors.ImageNotFound as error:
                missing = f"the engine has no image {self._image_name}; run `provender sandbox build`"
                raise SandboxUnavailable(missing) from error

    def close(self) -> None:
        """Let go of the connections that are kept open."""
        if self._client is not None:
            self._client.close()

    def open(self, shape: Shape, memory_bytes: int, boot: bytes, abandoned: Abandoned) -> Opened:
        """Make a container, attach to it, start it, send it its modules. Raises SandboxUnavailable."""
        with explained():
            identity = self._create(shape, memory_bytes)["Id"]
            try:
                opened = self._attach(identity)
                self._client.start(identity)
                opened.stream.sendall(len(boot).to_bytes(4, "big") + boot)
                opened.stream.setblocking(False)
                with abandoned.lock:
                    abandoned.opened = opened
                    if not abandoned.now:
                        return opened
            except BaseException:
                self.remove(identity)
                raise
            opened.close()
            self.remove(identity)
            raise SandboxUnavailable("nobody waits for this container any more")

    def _create(self, shape: Shape, memory_bytes: int) -> Any:
        size = f"size={shape.disk_bytes},nr_inodes={shape.inodes}"
        host = self._client.create_host_config(
            network_mode="none", ipc_mode="none", read_only=True, auto_remove=True, init=False, runtime=self._runtime,
            cap_drop=["ALL"], cap_add=_CAPABILITIES, security_opt=["no-new-privileges:true"], pids_limit=_PIDS,
            mem_limit=memory_bytes, memswap_limit=memory_bytes, log_config={"Type": "none", "Config": {}},
            tmpfs={"/box": f"rw,exec,nosuid,nodev,mode=1777,{size}"},
        )  # fmt: skip
        host["MaskedPaths"], host["ReadonlyPaths"] = list(_HIDDEN), list(_READ_ONLY)
        pairs = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
        code = (Path(__file__).parent / "container_boot.py").read_text(encoding="utf-8")
        # `env -i`, because the engine adds variables of its own
        entrypoint = ["/usr/bin/env", "-i", *pairs, "/usr/bin/env", "python3", "-S", "-s", "-P", "-c", code]
        return self._client.create_container(
            self._image, command=[], entrypoint=entrypoint, stdin_open=True, user="0:0", working_dir="/",
            hostname="sandbox", host_config=host, labels={OWNER: self.owner, MACHINE: machine()},
        )  # fmt: skip

    def _attach(self, identity: str) -> Opened:
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        keep = self._client.attach_socket(identity, params=params)
        stream = getattr(keep, "_sock", keep)
        if type(stream) is not socket.socket:
            raise SandboxUnavailable("an engine over TLS or SSH cannot be attached to; use a local or forwarded socket")
        stream.settimeout(_ANSWER_S)
        return Opened(identity, stream, keep)

    def set_memory(self, identity: str, memory_bytes: int) -> None:
        """Change the limit of a container that runs. Raises SandboxUnavailable."""
        with explained():
            self._client.update_container(identity, mem_limit=memory_bytes, memswap_limit=memory_bytes)

    def remove(self, identity: str) -> None:
        """End a container and wait until the engine has forgotten it. Raises SandboxUnavailable."""
        import docker

        deadline = time.monotonic() + _GONE_S
        with explained():
            while time.monotonic() < deadline:
                try:
                    self._client.remove_container(identity, force=True, v=True)
                except docker.errors.NotFound:
                    return
                except docker.errors.APIError as error:
                    if not error.is_client_error():  # the other: it is being removed already
                        raise
                time.sleep(0.02)
        raise SandboxUnavailable(f"the engine does not remove container {identity[:12]}")

    def remove_ours(self) -> int:
        """Remove every container of this owner; how many there were. Raises SandboxUnavailable."""
        return self._remove_where(lambda labels: labels.get(OWNER) == self.owner)

    def sweep(self) -> int:
        """Remove the containers of owners that are dead; how many there were. Raises SandboxUnavailable."""
        here = machine()
        return self._remove_where(lambda labels: labels.get(MACHINE) == here and is_dead(labels.get(OWNER, "")))

    def _remove_where(self, wanted: Any) -> int:
        with explained():
            found = self._client.containers(all=True, filters={"label": [OWNER]})
            unwanted = [container["Id"] for container in found if wanted(container["Labels"])]
            for identity in unwanted:
                self.remove(identity)
        return len(unwanted)


def boot_bytes(config: dict[str, Any]) -> bytes:
    """What a container's first code reads: the sources of this package, and what the agent is told."""
    root = Path(__file__).parent
    sources = {"sandbox": ""}  # not ours: it would import the host's side
    packages = ["sandbox"]
    for path in sorted((*root.glob("*.py"), *root.glob("harness/*.py"))):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] == "__init__":
            packages.append(name)
        sources.setdefault(name, path.read_text(encoding="utf-8"))
    return json.dumps({"sources": sources, "packages": packages, "config": config}).encode()


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the docker package's errors into ours, with what usually helps."""
    import docker
    import requests

    try:
        yield
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        said = " ".join(str(getattr(error, "explanation", None) or error).split())[:300]
        hint = "start a Docker engine, or point DOCKER_HOST at one"
        if isinstance(error, docker.errors.APIError):
            hint = "see the engine's log"
        elif "Permission denied" in said:
            hint = "join the group `docker`, or use an engine without root"
        raise SandboxUnavailable(f"no container can be had: {said}; {hint}") from error
