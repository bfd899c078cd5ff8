"""A temporary Prefect server that ends with the program that started it: `python -m flows.prefect_server PORT`.

Prefect's own temporary server outlives a starter that is killed, and holds its terminal open. This one reads its
standard input, which nobody writes to, and ends when the other end is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import uvicorn

GRACE_S = 5.0
"""Seconds that the server has to end cleanly before it is ended at once."""


def main() -> None:
    """Serve Prefect's API on loopback until standard input ends."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    application = "prefect.server.api.server:create_app"
    uvicorn.run(application, factory=True, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="on")


def _end_with_starter() -> None:
    while os.read(0, 1024):
        continue  # whatever is written there means nothing
    killer = threading.Timer(GRACE_S, os._exit, [1])
    killer.daemon = True
    killer.start()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
