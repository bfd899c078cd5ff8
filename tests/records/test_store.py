"""Objects below a URL, on fsspec's memory file system: whole or absent, and one writer of a name that was free."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

pytest.importorskip("fsspec")

from records.store import Store, StoreError


@pytest.fixture
def store() -> Store:
    return Store.open(f"memory://{uuid4().hex}/runs/")


def test_what_is_put_is_there_and_nothing_else(store: Store, tmp_path: Path) -> None:
    assert store.get("a/b") is None and not store.has("a/b") and store.names("a") == [] and store.names("") == []
    store.put("a/b", b"one")
    store.put("a/b", b"two")
    store.put("a/c/d", b"")
    store.put("ab", b"not below a")
    assert (store.get("a/b"), store.has("a/b"), store.names("a")) == (b"two", True, ["a/b", "a/c/d"])
    assert store.get_all(["a/c/d", "a/b"]) == [b"", b"two"]
    assert (store.get_all(["a/b"]), store.get_all([])) == ([b"two"], [])
    assert store.below("a").get("b") == b"two" and store.below("a").names("") == ["b", "c/d"]
    (tmp_path / "file").write_bytes(b"three")
    store.upload(tmp_path / "file", "a/b")
    store.download("a/b", tmp_path / "new" / "file")
    assert (tmp_path / "new" / "file").read_bytes() == b"three"
    store.remove("a/b")
    store.remove("a/b")
    assert store.get("a/b") is None


def test_of_two_writers_of_a_new_name_one_wins(store: Store) -> None:
    assert store.put_new("n", b"mine")
    assert not store.put_new("n", b"yours")
    assert store.put_new("n", b"mine")  # the same put, whose first answer was lost
    assert store.get("n") == b"mine"
    store.require_usable()
    assert store.names("") == ["n"]  # no probe is left


def test_what_is_missing_is_said_and_leaves_no_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read memory://\w+/runs/nothing: "):
        store.download("nothing", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_conditional_writes_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(store.files)
    always = kind.pipe_file
    monkeypatch.setattr(kind, "pipe_file", lambda self, path, value, mode="overwrite": always(self, path, value))
    with pytest.raises(StoreError, match="knows no conditional writes"):
        store.require_usable()


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(StoreError, match="nonsense:// is no kind of store"):
        Store.open("nonsense://bucket")
