"""How many requests an endpoint gets at a time: a limit that follows what the server refuses."""

from __future__ import annotations

TOLERATED = 0.05  # share of overloaded answers below which they are taken for noise, not for a full server
GROWTH = 0.05  # of the limit, per window without overload
DEEPEST_CUT = 0.5  # a window's overloaded answers come back sooner than its replies and so count for too much


class AdaptiveLimit:
    """Additive increase, proportional decrease over windows of as many answers as the limit has slots.

    It starts at the maximum: a server that refuses nothing is full from the first second. A window with more than
    TOLERATED overloaded answers (429, 503, time-outs) cuts the limit by their share, by half at most. Answers to
    requests that were sent before the last cut do not count again, so one burst is one cut. The source of the scheme
    is TCP's AIMD (Chiu and Jain, 1989); cutting by share keeps a stray 2 % of 429s from emptying the server.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = float(maximum)
        self._value = float(maximum)
        self._epoch = 0
        self._answers = 0
        self._overloaded = 0
        self._was_full = False

    @property
    def slots(self) -> int:
        """Requests that may be in flight now, at least 1."""
        return max(1, int(self._value))

    def start(self, in_flight: int) -> int:
        """Note a request that goes out as number `in_flight`; returns the epoch to hand to `finish`."""
        if in_flight >= self.slots:
            self._was_full = True
        return self._epoch

    def finish(self, epoch: int, *, overloaded: bool) -> None:
        """Note the answer to a request of that epoch."""
        if epoch != self._epoch:
            return
        self._answers += 1
        self._overloaded += overloaded
        if self._answers >= self.slots:
            self._end_window()

    def _end_window(self) -> None:
        share = self._overloaded / self._answers
        if share > TOLERATED:
            self._value = max(1.0, self._value * max(DEEPEST_CUT, 1.0 - share))
            self._epoch += 1
        elif self._was_full:
            self._value = min(self._maximum, self._value + max(1.0, GROWTH * self._value))
        self._answers = self._overloaded = 0
        self._was_full = False
