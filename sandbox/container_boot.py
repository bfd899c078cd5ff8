"""First code of a container: takes the agent's modules from standard input, so that no image and no mount holds them.

It is passed to the container's interpreter as text, and imports nothing of ours before the modules have arrived.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import types
from typing import Any, NoReturn


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            raise SystemExit("the host is gone")
        data += more
    return data


class _Sent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds our modules among what was sent; it is taken away again before any program runs."""

    def __init__(self, sources: dict[str, str], packages: list[str]) -> None:
        self.sources = sources
        self.packages = packages

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        del path, target
        if fullname not in self.sources:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=fullname in self.packages)

    def exec_module(self, module: types.ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        name = module.__name__
        exec(compile(self.sources[name], name, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - it is ours


def main() -> NoReturn:
    """Load the agent, and become it."""
    boot = json.loads(_exactly(int.from_bytes(_exactly(4), "big")))
    finder = _Sent(boot["sources"], boot["packages"])
    sys.meta_path.insert(0, finder)
    container = importlib.import_module("sandbox.container")
    sys.meta_path.remove(finder)
    finder.sources.clear()
    container.main(boot["config"])
    raise SystemExit  # never reached


if __name__ == "__main__":
    main()
