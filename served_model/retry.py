"""What can go wrong with one attempt, which of it is worth another, and after what pause."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

LONGEST_PAUSE_S = 30.0
OVERLOADED_STATUSES = frozenset({429, 503, 529})
RETRYABLE_STATUSES = frozenset({408, 409, 425}) | OVERLOADED_STATUSES
REFUSING_STATUSES = frozenset({400, 413, 422})


class Fault(Enum):
    """How one attempt ended, and what that says about the server."""

    NONE = "none"  # a reply
    OVERLOADED = "overloaded"  # it is up and asks for patience
    UNREACHABLE = "unreachable"  # no connection
    STALLED = "stalled"  # no answer in time
    BROKEN = "broken"  # 5xx, reset, half or malformed reply
    REFUSED = "refused"  # this request is bad for good
    PERMANENT = "permanent"  # every request would fail: unknown model, bad key
    CANCELLED = "cancelled"  # we left: nothing is known


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt. `problem` is one line; `retry_after_s` is what the server asked for, 0 where it did not."""

    fault: Fault
    problem: str
    status: int | None = None
    retry_after_s: float = 0.0


def fault_of_status(status: int) -> Fault:
    """The fault that an HTTP status other than 200 stands for."""
    if status in OVERLOADED_STATUSES:
        return Fault.OVERLOADED
    if status in RETRYABLE_STATUSES or status >= 500:
        return Fault.BROKEN
    if status in REFUSING_STATUSES:
        return Fault.REFUSED
    # 401, 402, 403, 404, and what only a wrong base URL gives: redirects, 405, 2xx without a chat completion.
    return Fault.PERMANENT


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float:
    """Seconds that a `Retry-After` header asks for, as a number or an HTTP date (RFC 9110, 10.2.3); 0 if unreadable."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header, now or datetime.now(UTC))
    return seconds if 0.0 < seconds < float("inf") else 0.0


def _seconds_until(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    except (ValueError, OverflowError):
        return 0.0


def pause_seconds(first_s: float, retry: int, failure: Failure) -> float:
    """Exponential backoff before retry number `retry` (from 1), jittered to half at least; never below Retry-After.

    The jitter keeps requests that failed together from coming back together.
    """
    backoff = min(LONGEST_PAUSE_S, first_s * 2.0 ** min(retry - 1, 30)) * random.uniform(0.5, 1.0)
    return max(backoff, failure.retry_after_s)
