"""The whole comparison with the symbolic library at hand; heavy to import, so for worker processes."""

from __future__ import annotations

from verifiers.equivalence import equivalent
from verifiers.equivalence_plain import Conventions
from verifiers.equivalence_symbolic import symbolically_equal


def compare(expected: str, answer: str, conventions: Conventions) -> bool:
    """Compare two answers as they were written. Raises TooLarge."""
    return equivalent(expected, answer, conventions, symbolically_equal)
