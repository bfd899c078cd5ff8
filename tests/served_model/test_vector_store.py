"""Vectors on disk: what was added is there again, whatever a crash cut off, and no text is embedded twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from served_model.embedder import CachedEmbedder, LocalEmbedder
from served_model.types import ModelUnavailable
from served_model.vector_store import HEAD, KEY_BYTES, VectorStore


def keys_of(count: int) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest() for number in range(count)]


def some(count: int, dimensions: int = 5) -> np.ndarray:
    return np.arange(count * dimensions, dtype=np.float32).reshape(count, dimensions)


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    with VectorStore(tmp_path / "v") as store:
        store.add(keys_of(3), some(3))
        store.add(keys_of(5)[3:], some(2))
    with VectorStore(tmp_path / "v") as store:
        assert len(store) == 5
        assert (store.get(keys_of(5)) == np.concatenate([some(3), some(2)])).all()
        assert store.get([]).shape == (0, 5)
        with pytest.raises(KeyError):
            store.get([b"x" * KEY_BYTES])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(cut=st.integers(0, HEAD.size + 4 * (KEY_BYTES + 20)))
def test_a_file_cut_anywhere_keeps_its_whole_records(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "v"
    path.unlink(missing_ok=True)
    with VectorStore(path) as store:
        store.add(keys_of(4), some(4))
    path.write_bytes(path.read_bytes()[:cut])
    whole = max(0, (cut - HEAD.size) // (KEY_BYTES + 20))
    with VectorStore(path) as store:
        assert len(store) == whole
        store.add(keys_of(4)[whole:], some(4)[whole:])
    with VectorStore(path) as store:
        assert (store.get(keys_of(4)) == some(4)).all()


def test_other_dimensions_another_file_and_a_second_process_are_refused(tmp_path: Path) -> None:
    with VectorStore(tmp_path / "v") as store:
        store.add(keys_of(1), some(1))
        with pytest.raises(ModelUnavailable, match="5 dimensions"):
            store.add(keys_of(1), some(1, 6))
        with pytest.raises(ModelUnavailable, match="in use"):
            VectorStore(tmp_path / "v")
    (tmp_path / "w").write_bytes(b"something else entirely")
    with pytest.raises(ModelUnavailable, match="not a store"):
        VectorStore(tmp_path / "w")


class Counting:
    """An embedder that notes what it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts):
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_no_text_is_embedded_twice_in_one_run_or_the_next(tmp_path: Path) -> None:
    counting = Counting()
    for _ in range(2):
        with VectorStore(tmp_path / "v") as store:
            vectors = CachedEmbedder(counting, store).embed(["aa", "b", "aa"])
            assert vectors[:, 0].tolist() == [2, 1, 2]
    assert counting.asked == ["aa", "b"]


def test_a_missing_local_embedder_says_what_to_install() -> None:
    try:
        import sentence_transformers  # noqa: F401
    except ImportError:
        with pytest.raises(ModelUnavailable, match="local-embedder"):
            LocalEmbedder()
    else:
        pytest.skip("sentence-transformers is installed here")
