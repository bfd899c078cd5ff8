"""What crosses between processes: every built-in value comes back equal and of the same type; nothing else does."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import wire
from sandbox.harness.values import Decoder, Encoder, Uncrossable
from sandbox.reports import same
from sandbox.source_reports import source_report

QUIET = settings(deadline=None, max_examples=60)  # the machine may be busy
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.fractions() | st.decimals(allow_nan=False) | st.dates() | st.datetimes() | st.timedeltas()
)  # fmt: skip
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    HASHABLE | st.sets(HASHABLE, max_size=3) | st.builds(bytearray, st.binary()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HASHABLE, inner, max_size=3) | st.tuples(inner),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def crossed(value: Any) -> Any:
    return Decoder(None).decode(json.loads(json.dumps(Encoder(None).encode(value))))


@QUIET
@given(VALUES)
def test_values_cross_unchanged(value: Any) -> None:
    again = crossed(value)
    assert type(again) is type(value)
    assert repr(again) == repr(value) or again == value


@QUIET
@given(JSON)
def test_the_decoder_takes_any_json_or_refuses_it(coded: Any) -> None:
    try:
        value = Decoder(None).decode(coded)
    except Uncrossable:
        return
    assert type(value) in (
        type(None), bool, int, float, str, list, tuple, dict, set, frozenset, bytes, bytearray, complex, range,
        Decimal, Fraction,
    ) or value is ...  # fmt: skip


@QUIET
@given(JSON, JSON)
def test_the_comparison_takes_any_json(coded: Any, expected: Any) -> None:
    assert same(coded, expected) in (True, False)


@QUIET
@given(JSON)
def test_a_value_is_the_same_as_itself_and_not_as_something_wrapped(value: Any) -> None:
    coded = Encoder(None).encode(value)
    assert same(coded, value)
    assert not same(["l", coded], value) or value == [value]


@QUIET
@given(st.lists(JSON, max_size=6), st.binary(max_size=200))
def test_a_report_of_anything_is_read_without_an_error(facts: list[Any], noise: bytes) -> None:
    lines = b"".join(json.dumps(fact).encode() + b"\n" for fact in facts)
    assert not source_report(lines + noise, ended=True).passed


@QUIET
@given(st.sampled_from(["sites", "enter", "reach", "held", "left", "failed", "error", "lost", "end"]), JSON, JSON)
def test_a_report_of_malformed_facts_never_passes(kind: str, first: Any, second: Any) -> None:
    lines = b'["sites", [[1, "assert f()", null, true]]]\n["reach", 0]\n' + json.dumps([kind, first, second]).encode()
    assert not source_report(lines + b"\n", ended=True).passed


def test_not_a_number_crosses() -> None:
    assert math.isnan(crossed(float("nan")))
    assert math.isnan(crossed([complex("nan")])[0].real)


def test_subclasses_are_flattened() -> None:
    class Text(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    class Items(list[int]):
        def __iter__(self) -> Any:
            return iter([9])

    assert type(crossed(Text("a"))) is str
    assert crossed([Text("a")]) == ["a"] and crossed([Text("a")]) != ["b"]
    assert crossed(Items([1, 2])) == [1, 2]


def test_aliases_and_cycles_cross() -> None:
    inner = [1]
    again = crossed([inner, inner])
    assert again[0] is again[1]
    inner.append(inner)  # type: ignore[arg-type]
    assert (loop := crossed(inner))[1] is loop


@pytest.mark.parametrize("value", [object(), lambda: 1, (x for x in ()), type("C", (), {})(), math])
def test_what_has_no_built_in_form_does_not_cross(value: object) -> None:
    with pytest.raises(Uncrossable):
        crossed(value)


def test_too_deep_and_too_large_do_not_cross() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    for value in (deep, [0] * 2_000_000):
        with pytest.raises(Uncrossable):
            Encoder(None).encode(value)


@QUIET
@given(st.dictionaries(st.text(), st.integers() | st.text()), st.lists(st.binary()))
def test_frames_cross_unchanged(header: dict[str, Any], blobs: list[bytes]) -> None:
    frame = wire.pack(header, *blobs)
    head, body = wire.sizes_of(frame[:8])
    assert len(frame) == 8 + head + body
    got, parts = wire.unpack(frame[8 : 8 + head], memoryview(frame)[8 + head :])
    assert {**header, "sizes": [len(blob) for blob in blobs]} == got
    assert [bytes(part) for part in parts] == blobs


@pytest.mark.parametrize(
    "head",
    [b"", b"{", b"[]", b"1", b'{"sizes": [-1]}', b'{"sizes": [5]}', b'{"sizes": "x"}', b'{"sizes": null}', b"\xff"],
)
def test_frames_that_do_not_add_up_are_refused(head: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(head, memoryview(b"abc"))
    with pytest.raises(wire.WireError):
        wire.sizes_of(b"\xff\xff\xff\xff\0\0\0\0")
