"""What JavaScript and TypeScript programs find without declaring it: read from `script_globals.toml`."""

from __future__ import annotations

import tomllib
from importlib import resources

_TABLE = tomllib.loads((resources.files("verifiers") / "script_globals.toml").read_text(encoding="utf-8"))

GLOBALS = frozenset(_TABLE["globals"].split())
TYPES = GLOBALS | frozenset(_TABLE["types"].split())
MODULES = frozenset(_TABLE["modules"].split())
EXPORTS = {name: module for module, names in _TABLE["exports"].items() for name in names.split()}
