"""What the host tells a slot's supervisor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

SITE = "/site"


@dataclass(frozen=True, slots=True)
class JailConfig:
    """Travels as JSON on the supervisor's standard input, where no other process can read it."""

    host: int  # process id of the host
    control: int  # descriptor of the socket to the host
    first_uid: int | None  # first of three unused host ids; None: map the caller's own id
    read_only: tuple[str, ...]  # directories beside /usr that the interpreter needs
    cgroups: tuple[str, ...]  # control groups to make, as far as that is allowed
    site: str | None = None  # a folder of packages, which programs see as SITE
    bare_work: str | None = None  # the work directory of an agent that is not to be isolated at all

    @staticmethod
    def parse(text: str) -> JailConfig:
        """From JSON."""
        raw: dict[str, Any] = json.loads(text)
        return JailConfig(**{**raw, "read_only": tuple(raw["read_only"]), "cgroups": tuple(raw["cgroups"])})
