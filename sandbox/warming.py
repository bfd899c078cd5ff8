"""In the agent: imports a profile's libraries, so that programs are forked from a process that has them."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any

from sandbox.surroundings import Surroundings

_SETTINGS = {
    # one thread each: a pool made before the fork would be dead after it, and a program has one core
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}  # fmt: skip


def warm(order: dict[str, Any], around: Surroundings) -> list[str]:
    """Import what can be imported; the names of the modules that could not. Raises OSError."""
    around.fresh_work(order)  # plotting libraries want a place for their cache
    os.mkdir(f"{around.work}/tmp", 0o777)  # noqa: PTH102 - as everywhere in the agent
    os.environ.update(_SETTINGS, MPLCONFIGDIR=f"{around.work}/tmp")
    if order["site"] not in sys.path:
        sys.path.append(order["site"])
    missing = []
    for name in order["modules"]:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return missing
