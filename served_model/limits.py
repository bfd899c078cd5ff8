"""How many requests an endpoint gets at a time: a limit that follows the server, and that nobody has to tune.

Three signals, the most telling one that there is:

- The server's own metrics (`server_load`): what it runs and what waits there. The limit is what it runs and a small
  queue, so that a slot that falls free is filled at once.
- Refusals (429, 503) and time-outs: additive increase, proportional decrease, over windows of as many answers as the
  limit has slots. Answers to requests that were sent before the last cut do not count again: one burst is one cut.
  The scheme is TCP's AIMD (Chiu and Jain, 1989); cutting by share keeps a stray 2 % of 429s from emptying the server.
- Else throughput (`throughput`): a server that queues without end only becomes slower, so the limit is the smallest
  that gives nearly the highest throughput.
"""

from __future__ import annotations

from dataclasses import dataclass

from served_model.throughput import ThroughputSearch

START = 128  # requests: half of vLLM's usual max_num_seqs, found out within a second in either direction
CEILING = 4096  # where no config says less
TOLERATED = 0.05  # share of overloaded answers below which they are taken for noise, not for a full server
GROWTH = 0.05  # of the limit, per window without overload
DEEPEST_CUT = 0.5  # a window's overloaded answers come back sooner than its replies and so count for too much
QUEUE = 0.05  # of what runs: waits at the server, so that a free slot is filled without a round trip to us
CLIMB = 1.08  # per reading without a queue; so much too many at most wait for one reading
BUSY = 0.9  # of our requests must be at work there: else it is we who are slow, and more in flight would not help
CACHE_FULL = 0.95  # use of the server's cache beyond which more requests would only push others out


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """One reading of a server's metrics."""

    running: int
    waiting: int
    cache_use: float = 0.0  # 0 to 1


class InFlightLimit:
    """The limit of one endpoint. `now` is loop time."""

    def __init__(self, maximum: int, start: int = START) -> None:
        self._maximum = float(maximum)
        self._value = float(min(maximum, start))
        self._search = ThroughputSearch()
        self._epoch = 0
        self._answers = self._overloaded = 0
        self._window_since: float | None = None
        self._was_full = False
        self._has_refused = False
        self.followed = False  # by the server's metrics
        self.climbing = True  # no queue was seen yet

    @property
    def slots(self) -> int:
        """Requests that may be in flight now, at least 1."""
        return max(1, int(self._value))

    def start(self, in_flight: int) -> int:
        """Note a request that goes out as number `in_flight`; returns the epoch to hand to `finish`."""
        if in_flight >= self.slots:
            self._was_full = True
        return self._epoch

    def finish(self, epoch: int, now: float, *, overloaded: bool) -> None:
        """Note the answer to a request of that epoch."""
        if epoch != self._epoch:
            return
        if self._window_since is None:
            self._window_since = now
        self._answers += 1
        self._overloaded += overloaded
        if self._answers >= self.slots:
            self._end_window(now)

    def observe(self, load: ServerLoad, in_flight: int) -> None:
        """Note a reading of the server's metrics while we have `in_flight` requests there."""
        self.followed = True
        queue = max(1.0, QUEUE * load.running)
        if load.waiting > 0:
            self.climbing = False
            # What we have there less what waits is our part of what runs. It holds also where others wait there, too.
            self._set(max(1.0, in_flight - load.waiting) + queue)
        elif self._was_full and load.running >= BUSY * in_flight and load.cache_use < CACHE_FULL:
            self._set(max(self._value + 1.0, self._value * CLIMB))
        self._was_full = in_flight >= self.slots

    def forget_metrics(self) -> None:
        """They are not to be had any more, or are not those of the whole server."""
        self.followed = False

    def _end_window(self, now: float) -> None:
        share = self._overloaded / self._answers
        elapsed = now - (self._window_since if self._window_since is not None else now)
        if share > TOLERATED:
            self._set(self._value * max(DEEPEST_CUT, 1.0 - share))
            self._epoch += 1
            self._has_refused = True
            self.climbing = False
        elif self._was_full and not self.followed:
            if self._has_refused:
                self._set(self._value + max(1.0, GROWTH * self._value))
            elif elapsed > 0:
                self._set(self._search.next(self._value, self._answers / elapsed))
        self._answers = self._overloaded = 0
        self._window_since = now
        self._was_full = self._was_full and self.followed

    def _set(self, value: float) -> None:
        self._value = min(self._maximum, max(1.0, value))
