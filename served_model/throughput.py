"""The smallest number of requests in flight that gives nearly the highest throughput, found by trying.

A server that queues without end and has no metrics gives one sign only: from some number on, more requests in flight
do not come back faster, they wait there (Little's law). Latency alone does not tell, because a server that batches
becomes slower per request long before it is full. So: climb while more requests give more replies per second; then
hold, and from time to time try a little more and a little less.
"""

from __future__ import annotations

from enum import Enum

CLIMB = 1.5  # at first, as long as it pays
FURTHER = 1.25  # after a small step up has paid: the server has become larger
PAYS = 0.25  # of the added requests must show as added throughput
UP, UP_PAYS = 1.1, 1.05  # the small step up, and the throughput that it must give
DOWN, DOWN_COSTS = 0.95, 0.985  # the small step down, and the throughput that must remain
HOLD_WINDOWS = 3  # between two tries
MEMORY = 0.7  # weight of earlier windows in the throughput that tries are compared with


class _Phase(Enum):
    CLIMB = "climb"
    HOLD = "hold"
    UP = "up"
    DOWN = "down"


class ThroughputSearch:
    """Told the throughput of each window in which the limit was used up, it says what the limit is to be next."""

    def __init__(self) -> None:
        self._phase = _Phase.CLIMB
        self._value = self._rate = 0.0  # the best so far
        self._settling = False  # replies of the window after a change were sent before it
        self._held = 0
        self._step = CLIMB

    def next(self, value: float, rate: float) -> float:
        """The limit after a window with this limit and this many replies per second."""
        if self._settling:
            self._settling = False
            return value
        wanted = getattr(self, f"_{self._phase.value}")(value, rate)
        self._settling = wanted != value
        return float(wanted)

    def _climb(self, value: float, rate: float) -> float:
        if rate < self._rate * (1 + PAYS * (value / self._value - 1 if self._value else 0)):
            return self._begin_hold()
        self._value, self._rate = value, rate
        return value * self._step

    def _hold(self, value: float, rate: float) -> float:
        self._value = value  # others may have cut it
        self._rate = MEMORY * self._rate + (1 - MEMORY) * rate
        self._held += 1
        if self._held < HOLD_WINDOWS:
            return value
        self._phase = _Phase.UP
        return max(value + 1, value * UP)

    def _up(self, value: float, rate: float) -> float:
        if rate >= self._rate * UP_PAYS:
            self._phase, self._step = _Phase.CLIMB, FURTHER
            return self._climb(value, rate)
        self._phase = _Phase.DOWN
        return max(1.0, self._value * DOWN)

    def _down(self, value: float, rate: float) -> float:
        if rate >= self._rate * DOWN_COSTS:
            self._value = value
        return self._begin_hold()

    def _begin_hold(self) -> float:
        self._phase, self._held = _Phase.HOLD, 0
        return self._value
