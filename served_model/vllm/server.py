"""One vLLM process of our own: started, watched until it answers, ended with all that it started."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from served_model.vllm.errors import ServeError
from served_model.vllm.settings import ServeSettings
from served_model.vllm.trouble import explain, stage

GUARD = Path(__file__).with_name("guard.py")
POLL_S = 0.5
ALIVE_S = 15.0  # between two lines of progress while the stage stays the same
STOP_S = 30.0  # more than the guard's own patience
TAIL_BYTES = 200_000  # of the log: errors stand far above its end, below the traces of all processes
Tell = Callable[[str], None]


def require_free_port(host: str, port: int) -> None:
    """Raises ServeError in a moment for what vLLM would say after a minute."""
    try:
        families = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ServeError(f"--host {host}: no such address of this machine") from None
    family, kind, protocol, _, address = families[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ServeError(
                f"port {port} of {host} is taken or not ours ({error.strerror}); give another one by --port"
            ) from None


@dataclass
class VllmServer:
    """A context manager around the process; its output goes to `log`."""

    settings: ServeSettings
    command: Sequence[str]
    variables: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> VllmServer:
        require_free_port(self.settings.host, self.settings.port)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            # A session of its own keeps Ctrl-C from reaching vLLM before we end it in order.
            self.process = subprocess.Popen(
                [sys.executable, str(GUARD), *self.command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.variables),
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until_up(self, tell: Tell) -> None:
        """Return when it answers; `tell` hears how far it is. Raises ServeError where it ends instead."""
        begun = told = time.monotonic()
        before = ""
        while not self._is_healthy():
            self.require_running()
            now, at = time.monotonic(), stage(self._tail())
            if at != before or now - told >= ALIVE_S:
                tell(f"{at} ({now - begun:.0f} s)")
                before, told = at, now
            time.sleep(POLL_S)

    def wait_until_end(self) -> None:
        """Return never: raises ServeError when vLLM ends by itself."""
        while True:
            self.require_running()
            time.sleep(POLL_S)

    def require_running(self) -> None:
        """Raises ServeError with the reason where it has ended."""
        assert self.process is not None
        status = self.process.poll()
        if status is not None:
            cause = explain(self._tail()) if status != 128 + 9 else "it was killed (SIGKILL), perhaps for memory"
            raise ServeError(f"vLLM ended with status {status}: {cause} (log: {self.log})")

    def served_name(self) -> str:
        """The name that requests must use; as configured where the list is behind a key."""
        try:
            listed: Any = json.loads(_get(f"{self.settings.root}/v1/models"))
            return str(listed["data"][0]["id"])
        except (OSError, ValueError, LookupError, TypeError):
            return self.settings.name

    def stop(self) -> None:
        """End vLLM with everything that it started; harmless where it has ended."""
        process, self.process = self.process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # what the guard waits for
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _is_healthy(self) -> bool:
        try:
            _get(f"{self.settings.root}/health")
        except (OSError, ValueError):
            return False
        # Whoever answers there, it is ours only while ours runs.
        return self.process is not None and self.process.poll() is None

    def _tail(self) -> str:
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")


def _get(url: str) -> bytes:
    """Straight from the machine, past any proxy. Raises OSError (urllib.error.URLError)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return bytes(answer.read())
