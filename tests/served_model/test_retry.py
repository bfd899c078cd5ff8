from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.retry import Failure, Fault, fault_of_status, pause_seconds, retry_after_seconds

FAULTS = {
    Fault.OVERLOADED: [429, 503, 529],
    Fault.BROKEN: [408, 409, 425, 500, 502, 504, 599],
    Fault.REFUSED: [400, 413, 422],
    Fault.PERMANENT: [204, 301, 307, 401, 402, 403, 404, 405],
}
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("fault", "status"), [(fault, status) for fault, group in FAULTS.items() for status in group])
def test_statuses(fault, status):
    assert fault_of_status(status) is fault


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("Fri, 20 Nov 2026 12:00:07 GMT", 7.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        (None, 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("Fri, 99 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_crashes(header):
    assert 0 <= retry_after_seconds(header) < float("inf")


def test_pauses_double_up_to_a_bound_and_respect_the_server():
    failure = Failure(Fault.BROKEN, "x")
    for retry in range(1, 2000, 7):
        full = min(30.0, 0.5 * 2.0 ** min(retry - 1, 30))
        assert full / 2 <= pause_seconds(0.5, retry, failure) <= full
    assert pause_seconds(0.5, 1, Failure(Fault.OVERLOADED, "x", 429, 120.0)) == 120.0
