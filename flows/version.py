"""The version of this software, as it stands on every row."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _read() -> str:
    try:
        return version("provender")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+source"


VERSION = _read()
SOFTWARE = f"provender {VERSION}"
