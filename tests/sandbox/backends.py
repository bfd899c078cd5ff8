"""The backends that tests run on, and whether they can be had here."""

from __future__ import annotations

import asyncio
import functools
import os

from sandbox.build import out_of_date
from sandbox.docker import DockerBackend
from sandbox.types import SandboxUnavailable

REQUIRED = "PROVENDER_TEST_REQUIRE_DOCKER"
"""Set where a missing engine is a defect of the set-up, as in our own continuous integration."""


@functools.cache
def why_no_docker() -> str:
    """What the Docker backend lacks here; "" where it starts."""

    async def start() -> None:
        backend = DockerBackend()
        try:
            slot = await backend.start(0)
            await slot.close()
            if old := out_of_date(backend.engine):
                raise SandboxUnavailable(old)
        finally:
            await backend.aclose()

    try:
        asyncio.run(start())
    except SandboxUnavailable as error:
        if os.environ.get(REQUIRED):
            raise
        return f"no Docker backend here: {error}"
    return ""
