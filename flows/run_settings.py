"""Sections of a config about how a run is judged, watched, and rehearsed."""

from __future__ import annotations

from pydantic import Field

from flows.config_section import Section


class JudgingSettings(Section):
    """What judges must be. It changes no row: known answers are mixed in by the recipes' own settings."""

    min_accuracy: float = Field(
        0.7, ge=0, le=1, description="Share of known answers that each judge must get right, or the run stops."
    )
    other_than_generator: bool = Field(False, description="Whether judges must be other models than writer and solver.")


class ObserveSettings(Section):
    """How a run can be watched from outside. None of it affects rows."""

    metrics_port: int | None = Field(
        None, ge=0, le=65535, title="Metrics port", description="Serve Prometheus metrics here; 0: any; none: not."
    )
    metrics_host: str = Field("127.0.0.1", title="Metrics host", description="Address that the metrics are served on.")
    otlp_endpoint: str | None = Field(
        None,
        title="OpenTelemetry endpoint",
        description="Send traces there, e.g. http://127.0.0.1:4318/v1/traces; needs the extra telemetry.",
    )


class RehearsalSettings(Section):
    """The double that plays the model: how much goes wrong, and from which seed. `provender rehearse` sets it."""

    fault_rate: float = Field(0.3, ge=0, le=1, description="Share of replies with a planted fault.")
    wire_fault_rate: float = Field(0.05, ge=0, le=0.9, description="Share of requests that first fail on the wire.")
    seed: int = Field(0, ge=0, description="Seed of what is planted.")
    judge_accuracy: float = Field(1.0, ge=0, le=1, description="Share of the judging roles' verdicts that are right.")
    guard_accuracy: float = Field(1.0, ge=0, le=1, description="Share of the guard's findings that are right.")
    unsafe_rate: float = Field(0.03, ge=0, le=1, description="Share of solutions with a stand-in for unsafe content.")
