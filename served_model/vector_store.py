"""Vectors on disk by key: an append-only file of equal records, read back by memory map.

The file begins with a mark and the number of dimensions; a record is a key of 32 bytes and the vector as float32,
little endian. A record that a crash cut off is cut off when the store is opened, and asked for again.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from served_model.types import ModelUnavailable

MARK = b"PVEC"
HEAD = struct.Struct("<4sI")
KEY_BYTES = 32


class VectorStore:
    """One open file; one process at a time. Memory holds an index entry per record, never the vectors."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ModelUnavailable(f"{path}: in use by another run; wait for it or name another folder") from None
        self._index: dict[bytes, int] = {}
        self._dimensions = 0
        self._load()

    def __contains__(self, key: bytes) -> bool:
        return key in self._index

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self._index)

    def add(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Append vectors; they are with the kernel when this returns. Raises ModelUnavailable for other dimensions."""
        if not self._dimensions:
            self._dimensions = vectors.shape[1]
            self._file.write(HEAD.pack(MARK, self._dimensions))
        if vectors.shape != (len(keys), self._dimensions):
            raise ModelUnavailable(
                f"{self._path}: holds vectors of {self._dimensions} dimensions, got {vectors.shape}; "
                "another model under the same name? Take another folder"
            )
        data = vectors.astype("<f4")
        self._file.write(b"".join(key + row.tobytes() for key, row in zip(keys, data, strict=True)))
        self._file.flush()
        start = len(self._index)
        for number, key in enumerate(keys):
            self._index[key] = start + number

    def get(self, keys: Sequence[bytes]) -> NDArray[np.float32]:
        """One row per key. Raises KeyError."""
        numbers = [self._index[key] for key in keys]
        if not numbers:
            return np.zeros((0, max(1, self._dimensions)), np.float32)
        return np.array(self._records()["vector"][numbers], np.float32)

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._file.close()

    def __enter__(self) -> VectorStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _type(self) -> np.dtype[np.void]:
        return np.dtype([("key", f"V{KEY_BYTES}"), ("vector", "<f4", (self._dimensions,))])

    def _records(self) -> NDArray[np.void]:
        return np.memmap(self._path, self._type(), "r", offset=HEAD.size, shape=(len(self._index),))

    def _load(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        self._file.seek(0)
        head = self._file.read(HEAD.size)
        if len(head) < HEAD.size:
            self._file.truncate(0)
            return
        mark, self._dimensions = HEAD.unpack(head)
        if mark != MARK or not self._dimensions:
            raise ModelUnavailable(f"{self._path}: not a store of vectors; remove it or name another folder")
        width = KEY_BYTES + 4 * self._dimensions
        count = (size - HEAD.size) // width
        self._file.truncate(HEAD.size + count * width)
        keys = np.memmap(self._path, self._type(), "r", offset=HEAD.size, shape=(count,))["key"] if count else ()
        self._index = {bytes(key): number for number, key in enumerate(keys)}
