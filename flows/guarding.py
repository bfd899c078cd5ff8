"""The run's own checks: whatever a recipe wants proved, a guard must find the record safe, and a judge good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from records.types import Candidate, Check
from verifiers.quality import QualityRule
from verifiers.safety_settings import SafetySettings, says_yes


def guard_of(safety: SafetySettings | None, quality: QualityRule | None = None) -> Callable[[Candidate], Candidate]:
    """Adds the run's checks behind the recipe's own, so that only what they accept costs a call; the guard's first.

    A candidate without a check of its own stays without one: that it is safe does not prove it. A guard that cannot be
    reached stops the run, like any judge, and the next start asks it again.
    """

    def guarded(candidate: Candidate) -> Candidate:
        if not candidate.checks:
            return candidate
        there = {check.kind for check in candidate.checks}
        added: list[Check] = []
        if safety is not None:
            known = safety.known_safe is not None and says_yes(candidate.seed.fields.get(safety.known_safe))
            added.append(safety.check(known))
        if quality is not None:
            added.append(quality.check())
        return replace(candidate, checks=(*candidate.checks, *(one for one in added if one.kind not in there)))

    return guarded if safety is not None or quality is not None else lambda candidate: candidate
