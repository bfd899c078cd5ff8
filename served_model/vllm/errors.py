"""What can go wrong between us and a vLLM of our own."""

from __future__ import annotations

from served_model.types import ModelUnavailable


class ServeError(ModelUnavailable):
    """vLLM cannot be installed or started, or has ended; the text says why and what to do."""
