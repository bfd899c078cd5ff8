"""Where shards are worked: in the flow's own process, or by worker processes of a cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from flows.config_section import Section


class EngineSettings(Section):
    """Who works the shards. None of it affects rows, and a run may go on with another."""

    runner: Literal["threads", "dask", "ray"] = Field(
        "threads", description="threads: the flow's own process; dask, ray: worker processes (extras dask, ray)."
    )
    address: str | None = Field(
        None,
        min_length=1,
        description="Scheduler of a cluster, e.g. tcp://10.0.0.1:8786 or ray://10.0.0.1:10001; none: a cluster of the "
        "run's own on this machine.",
    )
    workers: int = Field(
        2,
        ge=1,
        le=10_000,
        description="Worker processes: as many are started where no address is given; max_in_flight is divided by it.",
    )
    shards_per_worker: int = Field(
        2, ge=1, le=64, description="Shards that a process of the run's own Dask cluster has in work at a time."
    )
    storage: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9]*://[^?#]+$",
        description="Where workers and later machines find the run: s3://bucket/prefix (extra s3), gs://bucket/prefix "
        "(gcsfs); none: the run folder alone, which workers on other machines must share.",
    )

    @field_validator("storage")
    @classmethod
    def _no_secrets(cls, url: str | None) -> str | None:
        if url is not None and "@" in url:
            raise ValueError("no credentials in the URL: give them by the environment (AWS_ACCESS_KEY_ID and the like)")
        if url is not None and url.startswith("file:"):
            raise ValueError("a shared disk needs no storage: name a folder on it with --out")
        return url
