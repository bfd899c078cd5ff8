"""The limit finds a server's slots by its metrics, its refusals, or its throughput; played in virtual time."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.limits import START, InFlightLimit, ServerLoad
from served_model.server_load import metrics_url, read_load


@dataclass
class Server:
    """Slots, and a line without end before them; a client that always has work keeps the limit used up."""

    limit: InFlightLimit
    slots: int
    seconds: float = 1.0
    jitter: float = 0.5
    metrics_every: float | None = 0.5
    now: float = 0.0
    in_flight: int = 0
    running: list[tuple[float, int]] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    rng: random.Random = field(default_factory=lambda: random.Random(3))

    def run(self, seconds: float) -> Iterator[None]:
        """Play on; yields at each reading of the metrics, or once a second where there are none."""
        end, step = self.now + seconds, self.metrics_every or 1.0
        while self.now < end:
            self._play_until(self.now + step)
            if self.metrics_every:
                self.limit.observe(ServerLoad(len(self.running), len(self.waiting)), self.in_flight)
                self._send()
            yield

    def settle(self, seconds: float) -> None:
        for _ in self.run(seconds):
            pass

    def _play_until(self, until: float) -> None:
        self._send()
        while self.running and self.running[0][0] <= until:
            self.now, epoch = heapq.heappop(self.running)
            self.in_flight -= 1
            self.limit.finish(epoch, self.now, overloaded=False)
            self._send()
        self.now = until

    def _send(self) -> None:
        while self.in_flight < self.limit.slots:
            self.in_flight += 1
            self.waiting.append(self.limit.start(self.in_flight))
        while self.waiting and len(self.running) < self.slots:
            took = self.seconds * (1 + self.jitter * self.rng.uniform(-1, 1))
            heapq.heappush(self.running, (self.now + took, self.waiting.popleft()))


@pytest.mark.parametrize("slots", [8, 50, 256, 1000])
@pytest.mark.parametrize("seconds", [0.2, 2.0])
def test_with_metrics_the_server_is_full_and_few_wait(slots: int, seconds: float) -> None:
    server = Server(InFlightLimit(4096), slots, seconds, metrics_every=0.5)
    server.settle(40)  # a small and slow server has to work off the first burst
    for _ in server.run(20):
        assert len(server.running) == slots
        assert len(server.waiting) <= max(2, 0.1 * slots)


@pytest.mark.parametrize("slots", [64, 256])
def test_with_metrics_more_or_fewer_slots_are_found_within_15_s(slots: int) -> None:
    server = Server(InFlightLimit(4096), slots)
    server.settle(20)
    server.slots = 2 * slots
    server.settle(15)
    assert len(server.running) == 2 * slots
    server.slots = slots
    server.settle(15)
    assert len(server.waiting) <= 0.1 * slots


@pytest.mark.parametrize("slots", [100, 256, 700])
def test_without_metrics_throughput_finds_them(slots: int) -> None:
    server = Server(InFlightLimit(4096), slots, seconds=0.3, metrics_every=None)
    server.settle(60)
    full = [len(server.running) / slots for _ in server.run(30)]
    assert sum(full) / len(full) > 0.93
    assert server.limit.slots < 1.5 * slots
    server.slots = 2 * slots
    server.settle(15)
    assert len(server.running) > 1.8 * slots


def test_a_full_cache_stops_the_climb() -> None:
    limit = InFlightLimit(4096)
    for _ in range(50):
        limit.start(limit.slots)
        limit.observe(ServerLoad(limit.slots, 0, cache_use=0.99), limit.slots)
    assert limit.slots == START


def test_it_climbs_only_where_it_was_used_up() -> None:
    limit = InFlightLimit(4096)
    for _ in range(50):
        limit.start(5)
        limit.observe(ServerLoad(5, 0), 5)
    assert limit.slots == START


def test_it_does_not_climb_where_we_are_the_slow_ones() -> None:
    limit = InFlightLimit(4096)
    for _ in range(50):
        limit.start(limit.slots)
        limit.observe(ServerLoad(limit.slots // 3, 0), limit.slots)  # the other replies lie unread with us
    assert limit.slots == START


def run_window(limit: InFlightLimit, overloaded: int, now: float = 0.0) -> None:
    """One window in which the limit is used up and `overloaded` answers say so."""
    slots = limit.slots
    epochs = [limit.start(number + 1) for number in range(slots)]
    for number, epoch in enumerate(epochs):
        limit.finish(epoch, now, overloaded=number < overloaded)


def test_stray_overload_answers_do_not_empty_the_server() -> None:
    limit = InFlightLimit(256, start=256)
    for _ in range(50):
        run_window(limit, 5)  # 2 %
    assert limit.slots == 256


def test_one_burst_is_one_cut() -> None:
    limit = InFlightLimit(100)
    epochs = [limit.start(number) for number in range(300)]  # sent before anything was known
    for epoch in epochs:
        limit.finish(epoch, 0.0, overloaded=True)
    assert limit.slots == 50


def test_it_grows_back_only_where_it_was_used() -> None:
    limit = InFlightLimit(100)
    run_window(limit, 100)
    for _ in range(200):
        limit.finish(limit.start(1), 0.0, overloaded=False)
    assert limit.slots == 50
    for _ in range(40):
        run_window(limit, 0)
    assert limit.slots == 100


def test_it_settles_near_the_capacity_of_a_server_that_refuses() -> None:
    """64 slots: what is sent beyond them is refused and holds its slot for half of the answer time."""
    limit = InFlightLimit(256)
    for _ in range(60):
        slots = limit.slots
        refused = max(0, slots - 64)
        epochs = [limit.start(slots) for _ in range(slots)]
        for number, epoch in enumerate(epochs):
            limit.finish(epoch, 0.0, overloaded=number < refused)
    assert 55 <= limit.slots <= 80


@given(st.integers(1, 64), st.lists(st.tuples(st.integers(0, 70), st.booleans(), st.integers(0, 200)), max_size=300))
def test_it_stays_between_one_and_the_maximum(maximum: int, answers: list[tuple[int, bool, int]]) -> None:
    limit = InFlightLimit(maximum)
    for number, (in_flight, overloaded, waiting) in enumerate(answers):
        limit.finish(limit.start(in_flight), float(number), overloaded=overloaded)
        if waiting % 3 == 0:
            limit.observe(ServerLoad(in_flight, waiting), in_flight)
        assert 1 <= limit.slots <= maximum


VLLM = """
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 200.0
vllm:num_requests_running{engine="1",model_name="m"} 5.6e1
vllm:num_requests_waiting{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="1",model_name="m"} 4.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
vllm:num_requests_waiting_by_reason{engine="1",model_name="m"} 4.0
"""


def test_the_metrics_of_a_server() -> None:
    assert read_load(VLLM) == ServerLoad(256, 7, 0.75)
    assert read_load('sglang:num_running_reqs{a="b"} 3\nsglang:num_queue_reqs 1\n') == ServerLoad(3, 1)
    assert read_load("process_cpu_seconds_total 3") is None
    assert read_load("vllm:num_requests_running{} 1") is None
    assert read_load("vllm:num_requests_running{} 1\nvllm:num_requests_waiting{} eee") == ServerLoad(1, 0)
    assert metrics_url("http://h:8000/v1/") == metrics_url("http://h:8000") == "http://h:8000/metrics"
