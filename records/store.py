"""Objects in a store that several machines reach: `s3://bucket/prefix`, `gs://`, or any URL that fsspec knows.

A put is whole or absent. `put_new` writes only where nothing lies yet, by the store's own conditional write: of several
writers of one name exactly one succeeds. Credentials come from the environment, as the store's own library reads them.
"""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from records.tables import atomic_file

LOCAL = ("file", "local")
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""Which extra brings what a URL's scheme needs."""

ERRORS = {
    "s3": ("botocore.exceptions:BotoCoreError", "botocore.exceptions:ClientError"),
    "gs": ("gcsfs.retry:HttpError", "aiohttp:ClientError", "google.auth.exceptions:GoogleAuthError"),
}
"""What the libraries raise beside OSError."""


class StoreError(Exception):
    """The store cannot be opened, read or written. The message is one line."""


@dataclass(frozen=True)
class Store:
    """All objects below one URL. Its methods block; any thread may call them."""

    url: str
    files: Any  # fsspec's file system, which has no types
    root: str
    errors: tuple[type[Exception], ...]

    @classmethod
    def open(cls, url: str) -> Store:
        """Find the library for the URL's scheme; no request is made. Raises StoreError."""
        scheme = urlsplit(url).scheme
        try:
            fsspec = importlib.import_module("fsspec")
            kind = fsspec.get_filesystem_class(scheme)
            options = {} if scheme == "memory" else {"use_listings_cache": False, "skip_instance_cache": True}
            files = kind(**options)
        except ImportError as error:
            extra = EXTRAS.get(scheme, "")
            hint = f'pip install "provender[{extra}]"' if extra == "s3" else "pip install gcsfs"
            raise StoreError(f"{scheme}:// needs its library, here and on the workers: {hint} ({error})") from error
        except ValueError as error:
            raise StoreError(f"{scheme}:// is no kind of store: {error}") from error
        return cls(url.rstrip("/"), files, files._strip_protocol(url).rstrip("/"), (OSError, *_errors(scheme)))

    def below(self, name: str) -> Store:
        """The objects whose names begin with `name/`."""
        return Store(f"{self.url}/{name}", self.files, f"{self.root}/{name}", self.errors)

    @property
    def is_local(self) -> bool:
        """A folder: its writes are made whole by a rename."""
        return urlsplit(self.url).scheme in LOCAL

    def put(self, name: str, data: bytes) -> None:
        """Write an object, in place of what lies there. Raises StoreError."""
        with self._explained("write", name):
            if self.is_local:
                with atomic_file(Path(self._path(name))) as partial:
                    partial.write_bytes(data)
            else:
                self.files.pipe_file(self._path(name), data)

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object where none is; whether it is ours now. `data` must be unlike what any other writer puts.

        A put whose answer was lost is tried again by the library, and finds itself there. Raises StoreError.
        """
        with self._explained("write", name):
            try:
                self.files.pipe_file(self._path(name), data, mode="create")
            except FileExistsError:
                return self.get(name) == data
            except self.errors as error:
                if "ConditionalRequestConflict" not in str(error):
                    raise
                return self.get(name) == data  # another writer's put was under way
            return True

    def get(self, name: str) -> bytes | None:
        """An object's bytes; None where there is none. Raises StoreError."""
        with self._explained("read", name):
            try:
                data: bytes = self.files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return data

    def has(self, name: str) -> bool:
        """Whether there is such an object. Raises StoreError."""
        with self._explained("read", name):
            return bool(self.files.exists(self._path(name)))

    def get_all(self, names: Iterable[str]) -> list[bytes]:
        """The bytes of objects that exist, in order, asked for side by side. Raises StoreError."""
        paths = [self._path(name) for name in names]
        if not paths:
            return []
        with self._explained("read", "objects"):
            found = self.files.cat(paths)
            return [found[paths[0]]] if len(paths) == 1 and isinstance(found, dict) else _in_order(found, paths)

    def names(self, prefix: str) -> list[str]:
        """Names of all objects below `prefix/`, sorted, as the other methods take them. Raises StoreError."""
        with self._explained("list", prefix):
            try:
                found = self.files.find(self._path(prefix))
            except FileNotFoundError:
                return []
            return sorted(path[len(self.root) + 1 :] for path in found)

    def sizes(self, prefix: str) -> dict[str, int]:
        """The size of every object below `prefix/`, by name. Raises StoreError."""
        with self._explained("list", prefix):
            try:
                found = self.files.find(self._path(prefix), detail=True)
            except FileNotFoundError:
                return {}
            return {path[len(self.root) + 1 :]: int(about["size"]) for path, about in found.items()}

    def upload(self, path: Path, name: str) -> None:
        """Write a file as an object. Raises StoreError."""
        with self._explained("write", name):
            if self.is_local:
                with atomic_file(Path(self._path(name))) as partial:
                    shutil.copyfile(path, partial)
            else:
                self.files.put_file(str(path), self._path(name))

    def download(self, name: str, path: Path) -> None:
        """Write an object as a file, atomically. Raises StoreError."""
        with self._explained("read", name), atomic_file(path) as partial:
            self.files.get_file(self._path(name), str(partial))

    def remove(self, name: str) -> None:
        """Remove an object, if it is there. Raises StoreError."""
        with self._explained("remove", name), contextlib.suppress(FileNotFoundError):
            self.files.rm_file(self._path(name))

    def require_usable(self) -> None:
        """Refuse a store that cannot be written, or that lets two writers have one name. Raises StoreError."""
        probe, mine = f".probe-{uuid4().hex}", uuid4().hex.encode()
        won = self.put_new(probe, mine)
        twice = self.put_new(probe, uuid4().hex.encode())
        same = self.get(probe) == mine
        self.remove(probe)
        if not won or twice or not same:
            raise StoreError(
                f"{self.url}: this store knows no conditional writes, which keep two writers apart; take one that does "
                "(S3, Google Cloud Storage, MinIO), or a shared disk"
            )

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}".rstrip("/")

    @contextlib.contextmanager
    def _explained(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            text = " ".join(str(error).split())[:200] or type(error).__name__
            raise StoreError(f"cannot {what} {self.url}/{name}: {text}") from error


def _in_order(found: Any, paths: list[str]) -> list[bytes]:
    return [found] if isinstance(found, bytes) else [found[path] for path in paths]


def _errors(scheme: str) -> Iterator[type[Exception]]:
    for place in ERRORS.get({"s3a": "s3", "gcs": "gs"}.get(scheme, scheme), ()):
        module, _, name = place.partition(":")
        with contextlib.suppress(ImportError):
            yield getattr(importlib.import_module(module), name)
