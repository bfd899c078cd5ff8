"""Lets a run be watched from outside while it works: metrics and traces, where the config asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows import progress
from flows.config import ObserveSettings
from flows.run_metrics import metrics_server
from flows.tracing import exporting
from flows.workbench import Workbench


@contextmanager
def observed(settings: ObserveSettings, bench: Workbench) -> Iterator[None]:
    """Serve and export while inside. Raises UserError for a port that is taken, ConfigError for a missing extra."""
    with (
        exporting(settings.otlp_endpoint),
        metrics_server(settings.metrics_host, settings.metrics_port, bench) as address,
    ):
        if address is not None:
            progress.current().note(f"metrics at {address}")
        yield
