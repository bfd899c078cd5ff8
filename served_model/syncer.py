"""Brings a growing file to disk in the background, at most once a second."""

from __future__ import annotations

import os
import threading

SYNC_EVERY_S = 1.0


class Syncer:
    """Syncs a file in a thread of its own, so that a slow disk does not hold up the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Condition()  # guards the two flags: neither can be missed
        self._news = False
        self._stopped = False
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def touch(self) -> None:
        """Something was written; it will be on disk within about SYNC_EVERY_S."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
            self._thread.start()
        if not self._news:  # the write came before this look, so a sync that has yet to begin covers it
            with self._changed:
                self._news = True
                self._changed.notify_all()

    def check(self) -> None:
        """Raise the error of an earlier sync: after one, the kernel may have dropped what was written."""
        if self._error is not None:
            raise self._error

    def fail(self, error: OSError) -> None:
        """Let every later `check` raise this error."""
        self._error = error

    def sync(self) -> None:
        """Return when everything is on disk. Raises OSError."""
        self.check()
        with self._changed:
            self._news = False
        os.fsync(self._descriptor)

    def stop(self) -> None:
        """End the thread and sync once more. Raises OSError."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self.sync()

    def _run(self) -> None:
        while self._wait_for_news():
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                self.fail(error)
                return

    def _wait_for_news(self) -> bool:
        """Return when there is something to sync; False when it is time to end instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._stopped)
            if self._changed.wait_for(lambda: self._stopped, SYNC_EVERY_S):
                return False
            self._news = False
            return True
