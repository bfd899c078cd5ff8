"""The endpoints of one model: who gets the next request, who is left out for a while, who waits in line."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count

from served_model.limits import InFlightLimit
from served_model.retry import Fault
from served_model.reward import CHAT_APIS, scoring_url
from served_model.types import ModelUnavailable

logger = logging.getLogger(__name__)

LONGEST_COOLDOWN_S = 5.0  # so that an endpoint that comes back is used again within 5 s
PREFIXES = 4096  # whose endpoint is remembered: several times what is in flight
IMBALANCE = 0.1  # share of requests more than elsewhere that a warm prefix is worth
FAULTS_TO_EJECT = 20  # in a row: a stray 20 % of bad answers never gets there, a broken server soon does
FAULTY = frozenset({Fault.UNREACHABLE, Fault.STALLED, Fault.BROKEN})


class Endpoint:
    """One base URL with what is known of it. `label` is safe to print."""

    def __init__(self, base_url: str, max_in_flight: int, cooldown_s: float, api: str = "chat") -> None:
        self.label = base_url.rstrip("/")
        self.url = f"{self.label}/chat/completions" if api in CHAT_APIS else scoring_url(self.label, api)
        self.limit = InFlightLimit(max_in_flight)
        self.in_flight = 0
        self.sent = 0
        self.closed_until = 0.0  # loop time
        self.ejected = False
        self.last_answer = float("-inf")  # loop time, of any kind
        self.attempts: set[asyncio.Timeout] = set()  # under way
        self._first_cooldown_s = cooldown_s
        self._cooldown_s = cooldown_s
        self._faults = 0
        self._probing = False

    def admits(self, now: float) -> bool:
        """Whether one more request may go out. An ejected endpoint gets one at a time until it answers."""
        if now < self.closed_until:
            return False
        return not self._probing if self.ejected else self.in_flight < self.limit.slots

    def lease(self) -> Lease:
        """Take one slot."""
        self.in_flight += 1
        self.sent += 1
        self._probing = self.ejected
        return Lease(self, self.limit.start(self.in_flight), self.ejected)

    def finish(self, lease: Lease, fault: Fault, now: float) -> float:
        """Give the slot back; returns the seconds for which the endpoint is now left out, mostly 0."""
        self.in_flight -= 1
        if lease.probe:
            self._probing = False
        if fault is Fault.CANCELLED:
            return 0.0
        self.limit.finish(lease.epoch, now, overloaded=fault in (Fault.OVERLOADED, Fault.STALLED))
        if fault not in FAULTY:
            self._faults = 0
            self.last_answer = now
            self._take_back()
            return 0.0
        self._faults += 1
        if fault is Fault.UNREACHABLE or self._faults >= FAULTS_TO_EJECT:
            return self.eject(now)
        return 0.0

    def cut(self) -> None:
        """End all attempts that are under way: each fails as stalled, and its request goes elsewhere."""
        for attempt in self.attempts:
            if not attempt.expired():
                attempt.reschedule(asyncio.get_running_loop().time())

    def _take_back(self) -> None:
        if self.ejected:
            logger.info("endpoint %s answers again", self.label)
            self.ejected = False
            self.closed_until = 0.0
        self._cooldown_s = self._first_cooldown_s

    def eject(self, now: float) -> float:
        """Leave it out for a while; the seconds until the next try, 0 where it is left out already."""
        if now < self.closed_until:  # the other requests of the same failure
            return 0.0
        pause = self._cooldown_s
        logger.log(
            logging.DEBUG if self.ejected else logging.WARNING,
            "endpoint %s is left out: it does not answer; next try in %.1f s",
            self.label,
            pause,
        )
        self.ejected = True
        self.closed_until = now + pause
        self._cooldown_s = min(LONGEST_COOLDOWN_S, 2.0 * pause)
        return pause


@dataclass(frozen=True, slots=True)
class Lease:
    """One slot of an endpoint, for one attempt."""

    endpoint: Endpoint
    epoch: int
    probe: bool


_Place = tuple[bool, int, int, asyncio.Future[Lease], int]
"""In line: whether it is new, its turn, its number; then who waits, and the prefix."""


class EndpointPool:
    """Hands out slots: to the endpoint with the fewest requests in flight, by turn, then first come first served.

    Used from one event loop only; there is no task of its own, only timers that open an endpoint again.
    """

    def __init__(self, endpoints: tuple[Endpoint, ...], max_in_flight: int) -> None:
        self.endpoints = endpoints
        self._max_in_flight = max_in_flight
        self._waiting: list[_Place] = []  # a heap
        self._left = 0  # of these, no longer waiting
        self._numbers = count()
        self._at: OrderedDict[int, Endpoint] = OrderedDict()  # where requests of a prefix went
        self._timers: set[asyncio.TimerHandle] = set()
        self.in_flight = 0

    @property
    def slots(self) -> int:
        """Requests that may be in flight now, over all endpoints that are not left out."""
        return max(1, min(self._max_in_flight, sum(one.limit.slots for one in self.endpoints if not one.ejected)))

    @property
    def waiting(self) -> int:
        """Requests that wait in line."""
        return len(self._waiting) - self._left

    async def acquire(self, prefix: int = 0, turn: int = 0, *, again: bool = False) -> Lease:
        """Wait for a slot; a request that was sent before (`again`) goes to the head of the line.

        Requests of one `prefix` go to one endpoint while its load permits, those of an earlier `turn` before others.
        Raises ModelUnavailable where `fail` was called meanwhile.
        """
        if (again or not self._waiting) and (lease := self._next_lease(prefix)):
            return lease
        future: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not again, turn, next(self._numbers), future, prefix))
        try:
            return await future
        except asyncio.CancelledError:
            self._left += future.cancelled()
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(future.result(), Fault.CANCELLED)
            raise

    def release(self, lease: Lease, fault: Fault) -> None:
        """Give a slot back and hand it on."""
        self.in_flight -= 1
        pause = lease.endpoint.finish(lease, fault, asyncio.get_running_loop().time())
        if pause:
            self._dispatch_in(pause)
        self.dispatch()

    def give_up_on(self, endpoint: Endpoint) -> None:
        """Leave an endpoint out that has gone silent, and have its requests sent elsewhere."""
        pause = endpoint.eject(asyncio.get_running_loop().time())
        if pause:
            self._dispatch_in(pause)
        endpoint.cut()

    def close_for(self, endpoint: Endpoint, seconds: float) -> None:
        """Leave an endpoint out because it said when to come back."""
        endpoint.closed_until = max(endpoint.closed_until, asyncio.get_running_loop().time() + seconds)
        self._dispatch_in(seconds)

    def fail(self, error: ModelUnavailable) -> None:
        """Fail all who wait in line: nobody else would find an endpoint, either."""
        while self._waiting:
            future = self._waiting.pop()[3]
            self._left -= future.done()
            if not future.done():
                future.set_exception(type(error)(*error.args))

    def close(self) -> None:
        """Stop the timers."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _next_lease(self, prefix: int) -> Lease | None:
        if self.in_flight >= self._max_in_flight:
            return None
        now = asyncio.get_running_loop().time()
        open_now = [endpoint for endpoint in self.endpoints if endpoint.admits(now)]
        if not open_now:
            return None
        self.in_flight += 1
        least = min(open_now, key=lambda endpoint: (endpoint.in_flight, endpoint.sent))
        return (self._warm(prefix, least, open_now) if prefix else least).lease()

    def _warm(self, prefix: int, least: Endpoint, open_now: list[Endpoint]) -> Endpoint:
        """The endpoint that has the prefix in its cache, unless it has much more to do than the least loaded one."""
        warm = self._at.pop(prefix, least)
        if warm not in open_now or warm.in_flight > least.in_flight * (1 + IMBALANCE):
            warm = least
        self._at[prefix] = warm
        if len(self._at) > PREFIXES:
            self._at.popitem(last=False)
        return warm

    def dispatch(self) -> None:
        """Hand free slots to those who wait in line."""
        while self._waiting:
            *_, future, prefix = self._waiting[0]
            if not future.done():
                lease = self._next_lease(prefix)
                if lease is None:
                    return
                future.set_result(lease)
            else:
                self._left -= 1
            heapq.heappop(self._waiting)

    def _dispatch_in(self, seconds: float) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            self.dispatch()

        # A little late rather than a little early: an early timer would find the endpoint closed and not come again.
        timer = asyncio.get_running_loop().call_later(seconds + 0.01, fire)
        self._timers.add(timer)
