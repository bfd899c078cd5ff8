"""OpenTelemetry spans that cost nothing where nobody listens.

Without a provider the API still makes a span and a context and attaches it: a thirteenth of the CPU time of the neutral
job (benchmarks/neutral_job.py, sampled).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from opentelemetry import trace
from opentelemetry.util.types import AttributeValue

_TRACER = trace.get_tracer("provender")
_NOBODY_LISTENS = nullcontext(trace.INVALID_SPAN)


def span(
    name: str,
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
) -> AbstractContextManager[trace.Span]:
    """The current span while inside; one that notes nothing where no provider is set."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return _NOBODY_LISTENS
    return _TRACER.start_as_current_span(name, kind=kind, attributes=attributes)
