"""The accounts balance or the run is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.accounts import Accounts, AccountsError

counts = st.tuples(*[st.integers(0, 1000)] * 4)


def filled(entered: int, exits: tuple[int, int, int, int]) -> Accounts:
    accounts = Accounts()
    count = accounts.stage("math/solve", "verify")
    count.entered = entered
    count.accepted, count.rejected, count.unjudged, count.dropped = exits
    count.reasons["math_answer: wrong_answer"] = exits[1]
    return accounts


@given(counts)
def test_balanced_accounts_pass_and_come_back_from_json(exits: tuple[int, int, int, int]) -> None:
    accounts = filled(sum(exits), exits)
    accounts.check()
    assert Accounts.from_json(accounts.to_json()).to_list() == accounts.to_list()


@given(counts, st.integers(-50, 50).filter(bool))
def test_one_lost_or_doubled_is_refused(exits: tuple[int, int, int, int], error: int) -> None:
    with pytest.raises(AccountsError, match=r"math/solve, stage verify"):
        filled(sum(exits) + error, exits).check()


@given(st.lists(counts, max_size=5))
def test_sums_do_not_depend_on_order(parts: list[tuple[int, int, int, int]]) -> None:
    forward, backward = Accounts(), Accounts()
    for part in parts:
        forward.add(filled(sum(part), part))
    for part in reversed(parts):
        backward.add(filled(sum(part), part))
    assert forward.to_list() == backward.to_list()
