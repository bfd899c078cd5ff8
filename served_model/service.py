"""One configured model behind its endpoints: sends a request until there is a reply or nothing more to try.

Requests go through a bare aiohttp session: the `openai` SDK's own request path costs about 0.7 ms of CPU a request
where the bare session costs 0.1 ms (benchmarks/client_overhead.py), its models would be thrown away at once, and its
import alone costs 20 MB and a third of a second. All retries of the product are here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import aiohttp

from served_model.config import ModelConfig
from served_model.endpoints import Endpoint, EndpointPool, Lease
from served_model.health import HealthWatch
from served_model.keys import request_key
from served_model.listing import list_models
from served_model.retry import Failure, Fault, pause_seconds
from served_model.server_load import LoadWatch
from served_model.turns import current_turn
from served_model.types import ChatRequest, Listing, ModelUnavailable, Reply, RequestRefused, Usage
from served_model.wire import Completion, one_line, read_answer, request_body

PROMPT_HEADER = "X-Provender-Prompt"
REPAIRS_HEADER = "X-Provender-Repairs"
KEY_HEADER = "X-Provender-Key"
IDLE_CONNECTION_S = 4.0  # below the 5 s of uvicorn (vLLM): else requests go out on connections that just closed
USER_AGENT = "provender"
SHORTEST_SECRET = 6  # characters; shorter "keys" are words like "none", and blotting them out garbles messages


@dataclass(frozen=True, slots=True)
class ClientCounts:
    """What one model was asked so far. `requests` counts every attempt that was sent, `faults` failures by kind."""

    requests: int = 0
    retries: int = 0
    replies: int = 0
    in_flight: int = 0
    usage: Usage = field(default_factory=Usage)
    faults: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: ClientCounts) -> ClientCounts:
        return ClientCounts(
            self.requests + other.requests,
            self.retries + other.retries,
            self.replies + other.replies,
            self.in_flight + other.in_flight,
            self.usage + other.usage,
            dict(Counter(self.faults) + Counter(other.faults)),
        )


@dataclass(slots=True)
class Trouble:
    """The failures of one request so far."""

    since: float  # loop time of the first failure
    failures: int = 0
    last: str = ""  # the last failure, fit to be shown


class ModelService:
    """Asks one model. Belongs to the event loop of its first request."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._pool = EndpointPool(
            tuple(Endpoint(url, config.max_in_flight, config.cooldown_s, config.api) for url in config.base_urls),
            config.max_in_flight,
        )
        self._headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        if config.api_key:
            self._headers["Authorization"] = f"Bearer {config.api_key}"
        self._session: aiohttp.ClientSession | None = None
        self._watch: LoadWatch | None = None
        self._health: HealthWatch | None = None
        self._last_key: tuple[ChatRequest, str] | None = None
        self._broken: ModelUnavailable | None = None
        self._last_reply = float("-inf")  # loop time
        self._requests = self._retries = self._replies = 0
        self._usage = Usage()
        self._faults: Counter[str] = Counter()

    def key(self, request: ChatRequest) -> str:
        """The journal key of the request. The last one is remembered: a journal asks for it, and then `complete`."""
        if self._last_key is None or self._last_key[0] is not request:
            self._last_key = request, request_key(self.config.name, request)
        return self._last_key[1]

    def counts(self) -> ClientCounts:
        """A snapshot."""
        return ClientCounts(
            self._requests, self._retries, self._replies, self._pool.in_flight, self._usage, dict(self._faults)
        )

    @property
    def slots(self) -> int:
        """Requests that may be in flight now."""
        return self._pool.slots

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return self._pool.waiting

    async def complete(self, request: ChatRequest) -> Reply:
        """Send the request until there is a reply. Raises RequestRefused, or ModelUnavailable to stop the run."""
        key = self.key(request)
        body = request_body(self.config.name, request, self.config.api)
        headers = {PROMPT_HEADER: quote(request.prompt, safe="/._-:"), KEY_HEADER: key}
        if request.repairs:
            headers[REPAIRS_HEADER] = quote(request.repairs, safe="/._-:")
        prefix = (current_turn() or hash(request.messages)) if len(self.config.base_urls) > 1 else 0
        trouble: Trouble | None = None
        while True:
            lease = await self._acquire(trouble, prefix)
            fault, failure = Fault.CANCELLED, None
            try:
                answer = await self._attempt(lease.endpoint, body, headers)
                if isinstance(answer, Completion):
                    fault = Fault.NONE
                    return self._reply(key, answer)
                fault, failure = answer.fault, answer
                trouble = trouble or Trouble(asyncio.get_running_loop().time())
                pause = await self._judge(lease, failure, trouble)
                if fault is Fault.OVERLOADED:
                    # It keeps its slot: a server that asks for patience must not get the next request instead.
                    await asyncio.sleep(pause)
            finally:
                self._pool.release(lease, fault)
            if fault is not Fault.OVERLOADED and pause:
                await asyncio.sleep(pause)

    async def served_models(self) -> dict[str, Listing]:
        """What each endpoint says it serves: names, or one line on why it did not answer."""
        return {url: await self._listing(url) for url in self.config.base_urls}

    async def close(self) -> None:
        """Close all connections. A request still in flight ends with an error."""
        self._pool.close()
        if self._watch is not None:
            self._watch.stop()
        if self._health is not None:
            self._health.stop()
        if self._session is not None:
            await self._session.close()

    def _reply(self, key: str, completion: Completion) -> Reply:
        self._last_reply = asyncio.get_running_loop().time()
        self._replies += 1
        self._usage = self._usage + completion.usage
        return Reply(key, completion.text, completion.finish_reason, self.config.name, completion.usage)

    async def _acquire(self, trouble: Trouble | None, prefix: int) -> Lease:
        if self._broken is not None:
            raise ModelUnavailable(*self._broken.args)
        if trouble is None:
            return await self._pool.acquire(prefix, current_turn())
        self._retries += 1
        try:
            async with asyncio.timeout_at(trouble.since + self.config.deadline_s):
                return await self._pool.acquire(prefix, again=True)
        except TimeoutError:
            pass
        advice = "check that the server runs and that the base URL is right"
        raise self._stop(f"{trouble.last}; no endpoint answered for {self.config.deadline_s:g} s: {advice}")

    async def _attempt(self, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> Completion | Failure:
        self._requests += 1
        attempt = asyncio.timeout(None)
        endpoint.attempts.add(attempt)
        try:
            async with (
                attempt,
                self._open_session().post(endpoint.url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                return read_answer(response.status, response.headers, await response.read(), self.config.api)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.InvalidURL) as error:
            return Failure(Fault.PERMANENT, one_line(f"{type(error).__name__}: {error}"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Failure(Fault.UNREACHABLE, one_line(f"{type(error).__name__}: {error}"))
        except TimeoutError:
            why = "gone silent" if attempt.expired() else f"no answer within {self.config.timeout_s:g} s"
            return Failure(Fault.STALLED, why)
        except (aiohttp.ClientError, OSError) as error:
            return Failure(Fault.BROKEN, one_line(f"{type(error).__name__}: {error}"))
        finally:
            endpoint.attempts.discard(attempt)

    async def _judge(self, lease: Lease, failure: Failure, trouble: Trouble) -> float:
        """Seconds to pause before the next try; raises where there is none."""
        self._faults[failure.fault.value] += 1
        trouble.failures += 1
        where = f"{lease.endpoint.label} (model {self.config.name!r}): {self._redact(failure.problem)}"
        trouble.last = where
        if failure.fault is Fault.REFUSED:
            raise RequestRefused(f"{where}; this request is refused for good")
        if failure.fault is Fault.PERMANENT:
            self._broken = self._stop(f"{where}; {await self._advice(failure, lease.endpoint)}")
            raise self._broken
        if failure.fault is Fault.UNREACHABLE:
            pause = 0.0  # another endpoint may answer at once; this one is left out by the pool
        else:
            pause = pause_seconds(self.config.backoff_s, trouble.failures, failure)
        left = trouble.since + self.config.deadline_s - asyncio.get_running_loop().time()
        if pause > left:
            return self._give_up_or_move_on(lease.endpoint, failure, trouble, where)
        return pause

    def _give_up_or_move_on(self, endpoint: Endpoint, failure: Failure, trouble: Trouble, where: str) -> float:
        if failure.retry_after_s > 0 and len(self._pool.endpoints) > 1:
            self._pool.close_for(endpoint, failure.retry_after_s)
            return 0.0
        summary = f"{where}; given up after {trouble.failures} tries in {self.config.deadline_s:g} s"
        if failure.fault is not Fault.OVERLOADED and self._last_reply > trouble.since:
            raise RequestRefused(f"{summary}, while other requests were answered")
        raise self._stop(summary)

    def _stop(self, message: str) -> ModelUnavailable:
        """The error that ends the run, told to everybody who waits in line, too."""
        error = ModelUnavailable(message)
        self._pool.fail(error)
        return error

    async def _advice(self, failure: Failure, endpoint: Endpoint) -> str:
        if failure.status in (401, 403):
            return "check the API key of this model"
        if failure.status == 404:
            listing = await self._listing(endpoint.label)
            names = listing.problem or f"served there: {', '.join(listing.names) or 'nothing'}"
            return f"check the model's name and that the base URL ends as the server wants it, mostly /v1 ({names})"
        return "check base URL and account; no request to this model can succeed"

    async def _listing(self, url: str) -> Listing:
        listing = await list_models(url, self._headers)
        return replace(listing, problem=self._redact(listing.problem))

    def _redact(self, text: str) -> str:
        """Some servers repeat the key they were given in their error message."""
        secret = self.config.api_key
        return text.replace(secret, "***") if len(secret) >= SHORTEST_SECRET else text

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # The pool bounds what is in flight; a bound of the connector would hide waiting requests from it.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S)
            timeout = aiohttp.ClientTimeout(total=self.config.timeout_s, sock_connect=self.config.connect_timeout_s)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, headers=self._headers, cookie_jar=aiohttp.DummyCookieJar()
            )
            self._watch = LoadWatch(self._pool, self._open_session)
            self._health = HealthWatch(self._pool, self._open_session)
        return self._session
