"""The run's own check: whatever a recipe wants proved, a guard has to find the record safe as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from records.types import Candidate
from verifiers.safety_settings import SafetySettings, says_yes


def guard_of(settings: SafetySettings | None) -> Callable[[Candidate], Candidate]:
    """Adds the safety check behind the recipe's own, so that only what they accept costs a call.

    A candidate without a check of its own stays without one: that it is safe does not prove it. A guard that cannot be
    reached stops the run, like any judge, and the next start asks it again.
    """
    if settings is None:
        return lambda candidate: candidate
    usual, known = settings.check(), settings.check(known_safe=True)

    def guarded(candidate: Candidate) -> Candidate:
        if not candidate.checks or any(check.kind == usual.kind for check in candidate.checks):
            return candidate
        fields = candidate.seed.fields
        safe = settings.known_safe is not None and says_yes(fields.get(settings.known_safe))
        return replace(candidate, checks=(*candidate.checks, known if safe else usual))

    return guarded
