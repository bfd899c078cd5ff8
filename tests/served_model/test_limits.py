from hypothesis import given
from hypothesis import strategies as st

from served_model.limits import AdaptiveLimit


def run_window(limit: AdaptiveLimit, overloaded: int) -> None:
    """One window in which the limit is used up and `overloaded` answers say so."""
    slots = limit.slots
    epochs = [limit.start(number + 1) for number in range(slots)]
    for number, epoch in enumerate(epochs):
        limit.finish(epoch, overloaded=number < overloaded)


def test_it_starts_full_and_stays_full_without_overload():
    limit = AdaptiveLimit(256)
    for _ in range(10):
        run_window(limit, 0)
        assert limit.slots == 256


def test_stray_overload_answers_do_not_empty_the_server():
    limit = AdaptiveLimit(256)
    for _ in range(50):
        run_window(limit, 5)  # 2 %
    assert limit.slots == 256


def test_one_burst_is_one_cut():
    limit = AdaptiveLimit(100)
    epochs = [limit.start(number) for number in range(300)]  # sent before anything was known
    for epoch in epochs:
        limit.finish(epoch, overloaded=True)
    assert limit.slots == 50


def test_it_grows_back_only_where_it_was_used():
    limit = AdaptiveLimit(100)
    run_window(limit, 100)
    for _ in range(200):
        limit.finish(limit.start(1), overloaded=False)
    assert limit.slots == 50
    for _ in range(40):
        run_window(limit, 0)
    assert limit.slots == 100


def test_it_settles_near_the_capacity_of_the_server():
    """A server with 64 slots: what is sent beyond them is refused and holds its slot for half of the answer time."""
    limit = AdaptiveLimit(256)
    for _ in range(60):
        slots = limit.slots
        refused = max(0, slots - 64)
        epochs = [limit.start(slots) for _ in range(slots)]
        for number, epoch in enumerate(epochs):
            limit.finish(epoch, overloaded=number < refused)
    assert 55 <= limit.slots <= 80


@given(st.integers(1, 64), st.lists(st.tuples(st.integers(0, 70), st.booleans()), max_size=300))
def test_it_stays_between_one_and_the_maximum(maximum, answers):
    limit = AdaptiveLimit(maximum)
    for in_flight, overloaded in answers:
        limit.finish(limit.start(in_flight), overloaded=overloaded)
        assert 1 <= limit.slots <= maximum
