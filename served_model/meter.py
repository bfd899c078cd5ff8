"""What is spent, what requests in flight are expected to cost, and when it is enough: budgets hold to a request.

A request is let out only where the budget covers it and all that is in flight. What it will cost is taken from the
replies to the same prompt so far. Near the limit fewer and fewer requests are therefore in flight, and the run ends
when nothing is and the next one does not fit: at the limit, give or take one reply.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from served_model.structured import RawModel
from served_model.types import ChatRequest, ModelUnavailable, Reply, Usage

CHARACTERS_PER_TOKEN = 4.0  # of English text; only until the first reply tells better
FIRST_COMPLETION = 256  # tokens; likewise
FIRST_GUESS = 4  # replies that the two figures above weigh
SPREAD = 2.0  # mean deviations beyond the typical length that are kept free for each request in flight
MEMORY = 0.95  # weight of earlier replies in what is typical


class Halted(ModelUnavailable):
    """A limit of the run is met: no further request is made. Nothing is wrong, and what is done is kept.

    `reason` names the limit, for instance "budget: tokens"; its kind is the word before the colon.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def kind(self) -> str:
        """ "budget", or "circuit" where replies were of no use."""
        return self.reason.partition(":")[0]


class Deferred(Halted):
    """The request was put off to a later start and will be paid for then: its promise stands."""


@dataclass
class Stop:
    """Ends the requests of one recipe; set once, for good."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Money for so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent in all, earlier starts of the run included; `ends_at` is loop time of this one."""

    tokens: float = float("inf")
    money: float = float("inf")
    ends_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one or more requests cost."""

    tokens: float = 0.0
    money: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.tokens - other.tokens, self.money - other.money)

    def at_least_nothing(self) -> Cost:
        """Never negative."""
        return Cost(max(0.0, self.tokens), max(0.0, self.money))


@dataclass
class _Typical:
    """Replies to one prompt so far. The first ones weigh little: one short reply must not let all others out."""

    per_character: float = 1 / CHARACTERS_PER_TOKEN
    completion: float = FIRST_COMPLETION
    deviation: float = FIRST_COMPLETION / 2  # mean distance of a completion's length from that
    replies: int = 0

    def learn(self, characters: int, usage: Usage) -> None:
        seen = self.replies + FIRST_GUESS
        weight = min(MEMORY, seen / (seen + 1))
        self.replies += 1
        distance = abs(usage.completion_tokens - self.completion)
        self.deviation = weight * self.deviation + (1 - weight) * distance
        self.completion = weight * self.completion + (1 - weight) * usage.completion_tokens
        self.per_character = weight * self.per_character + (1 - weight) * usage.prompt_tokens / max(1, characters)


@dataclass
class Meter:
    """Counts for all recipes of a run. Belongs to one event loop."""

    limits: Limits = field(default_factory=Limits)
    prices: Mapping[str, Price] = field(default_factory=dict)  # by model name
    usage: dict[str, Usage] = field(default_factory=dict)  # by model name: spent, also in earlier starts
    halted: str = ""  # the limit that is met
    elsewhere: Cost = field(default_factory=Cost)  # spent by other processes, as far as `usage` does not hold it

    def __post_init__(self) -> None:
        self._spent = Cost()
        for model, usage in self.usage.items():
            self._spent += self._cost(model, usage.prompt_tokens, usage.completion_tokens)
        self._promised = Cost()
        self._in_flight = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._typical: dict[tuple[str, str], _Typical] = {}

    async def reserve(self, model: str, request: ChatRequest) -> Cost:
        """Wait until the budget covers the request. Raises Halted where it never will."""
        while True:
            if self.halted:
                raise Halted(self.halted)
            expected = self.expected(model, request)
            limit = self._limit_of(self._spent + self._promised + expected)
            if not limit:
                break
            if not self._in_flight:
                self.halt(limit)
                raise Halted(limit)
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._line.append(future)
            await future
        self._promised += expected
        self._in_flight += 1
        return expected

    def settle(self, promise: Cost, model: str, request: ChatRequest, usage: Usage | None) -> None:
        """The request has ended, with a reply or without."""
        self._promised -= promise
        self._in_flight -= 1
        if usage is not None:
            self._spent += self._cost(model, usage.prompt_tokens, usage.completion_tokens)
            self.usage[model] = self.usage.get(model, Usage()) + usage
            self._typical.setdefault((model, request.prompt), _Typical()).learn(_characters(request), usage)
        self._wake()

    @property
    def spent(self) -> Cost:
        """What `usage` costs."""
        return self._spent

    def told(self, elsewhere: Cost) -> None:
        """Take in what other processes say that they have spent, in all and now."""
        self.elsewhere = elsewhere.at_least_nothing()
        limit = self._limit_of(self._spent)
        if limit:
            self.halt(limit)

    def spent_elsewhere(self, model: str, usage: Usage) -> None:
        """Count what another process has spent for this run; it may have said so before."""
        cost = self._cost(model, usage.prompt_tokens, usage.completion_tokens)
        self._spent += cost
        self.elsewhere = (self.elsewhere - cost).at_least_nothing()
        self.usage[model] = self.usage.get(model, Usage()) + usage
        limit = self._limit_of(self._spent)
        if limit:
            self.halt(limit)

    def keep(self, promise: Cost) -> None:
        """Leave a promise standing beyond the end of its request."""
        self._promised += promise

    def expected(self, model: str, request: ChatRequest) -> Cost:
        """What the request will cost, as far as the replies to its prompt tell."""
        typical = self._typical.get((model, request.prompt)) or _Typical()
        # With others in flight, lengths add up by chance: a request that is longer than usual must still be covered.
        completion = typical.completion + (SPREAD * typical.deviation if self._in_flight else 0.0)
        completion = min(completion, request.sampling.max_tokens)
        return self._cost(model, _characters(request) * typical.per_character, completion)

    def out_of_time(self) -> Halted:
        """The error of a request that the time limit cut off."""
        self.halt("budget: hours")
        return Halted(self.halted)

    def _limit_of(self, cost: Cost) -> str:
        if asyncio.get_running_loop().time() >= self.limits.ends_at:
            self.halt("budget: hours")
            return self.halted
        cost += self.elsewhere
        if cost.tokens > self.limits.tokens:
            return "budget: tokens"
        return "budget: money" if cost.money > self.limits.money else ""

    def _cost(self, model: str, prompt_tokens: float, completion_tokens: float) -> Cost:
        price = self.prices.get(model, Price())
        return Cost(prompt_tokens + completion_tokens, price.of(prompt_tokens, completion_tokens))

    def halt(self, limit: str) -> None:
        """Let no further request out: the limit is met, here or in another process of the run."""
        self.halted = self.halted or limit
        self._wake()

    def _wake(self) -> None:
        """All of them: they ask again, in their order, and those that still find no cover wait on."""
        line, self._line = self._line, deque()
        for future in line:
            if not future.done():
                future.set_result(None)


def _characters(request: ChatRequest) -> int:
    return sum(len(message.content) for message in request.messages)


@dataclass(frozen=True)
class MeteredModel:
    """Implements RawModel over another one, within the meter's limits. Stands below the journal: a replay is free."""

    model: RawModel
    meter: Meter
    stop: Stop
    name_of: Callable[[ChatRequest], str]

    def key(self, request: ChatRequest) -> str:
        """The journal key of the request."""
        return self.model.key(request)

    async def complete(self, request: ChatRequest) -> Reply:
        """One reply, paid for. Raises Halted where a limit is met, and ModelError."""
        if self.stop.reason:
            raise Halted(self.stop.reason)
        name = self.name_of(request)
        promise = await self.meter.reserve(name, request)
        usage = None
        try:
            reply = await self._before_the_end(request)
            usage = reply.usage
            return reply
        except Deferred:
            self.meter.keep(promise)
            raise
        finally:
            self.meter.settle(promise, name, request, usage)

    async def _before_the_end(self, request: ChatRequest) -> Reply:
        if self.meter.limits.ends_at == float("inf"):
            return await self.model.complete(request)
        try:
            async with asyncio.timeout_at(self.meter.limits.ends_at):
                return await self.model.complete(request)
        except TimeoutError:
            raise self.meter.out_of_time() from None
