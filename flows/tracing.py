"""Sends the spans of a run to an OpenTelemetry collector, where the config names one.

Spans are made with OpenTelemetry's API wherever something happens; without a provider they cost next to nothing. A
program that has set up a provider of its own gets them there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

from flows.errors import ConfigError
from flows.version import VERSION


@contextmanager
def exporting(endpoint: str | None) -> Iterator[None]:
    """Export to `endpoint` (OTLP over HTTP) while inside. Raises ConfigError where the extra is not installed."""
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError("observe.otlp_endpoint: needs the extra: pip install 'provender[telemetry]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "provender", "service.version": VERSION}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
