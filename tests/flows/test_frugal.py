from __future__ import annotations

import gc
import weakref

import pytest

from flows.frugal import YOUNG, calm_collector


class Knot:
    """Refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.own = self


def test_the_collector_is_calm_inside_and_as_before_afterwards() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()

    with pytest.raises(ZeroDivisionError), calm_collector():
        assert gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > frozen
        raise ZeroDivisionError

    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


def test_what_is_made_inside_is_still_collected() -> None:
    with calm_collector():
        dead = weakref.ref(Knot())
        held: list[list[int]] = [[] for _ in range(3 * YOUNG)]  # so many containers call the collector by themselves
        assert len(held) == 3 * YOUNG
        assert dead() is None
