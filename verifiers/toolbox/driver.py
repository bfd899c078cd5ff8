"""Runs inside the sandbox: makes the calls of `calls.json` with the tools of `toolbox.json`, in order, in one process.

Each result is a line of its own on a descriptor that no tool is told, so that what tools print is nothing but print. A
line that is missing says that its call ended the process. With a database, the last line is its whole content.
"""

# ruff: noqa: PTH123 - tools shall meet no more of the library than they must
from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from calling import NotPlain, call_bound, plain  # type: ignore[import-not-found]

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

OUTPUT = 200  # descriptor
MAX_ERROR_CHARS = 300
BUSY = "ServiceBusy: the service did not answer in time; the same call may succeed when it is made again"
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def main() -> None:
    """Make the calls."""
    os.dup2(1, OUTPUT)
    with open("toolbox.json") as file:
        toolbox = json.load(file)
    with open("calls.json") as file:
        calls = json.load(file)
    if toolbox["site"]:
        sys.path.append(toolbox["site"])
    mark = toolbox["mark"]
    database = _open(toolbox["schema"]) if toolbox["schema"] else None
    busy = set(toolbox["busy"])
    for name, arguments in calls:
        if name in busy:
            busy.discard(name)
            _write(mark, {"error": BUSY})
        else:
            _write(mark, _call(toolbox["bindings"][name], arguments, database))
    if database is not None:
        _write(mark, {"state": dict(_content(database))})
    os._exit(0)  # threads and exit functions of a tool end with it


def _open(schema: str) -> sqlite3.Connection:
    import sqlite3  # few boxes have a database, and its import costs half of what a call does

    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.executescript(schema)
    connection.commit()
    return connection


def _call(binding: dict[str, Any], arguments: dict[str, Any], database: sqlite3.Connection | None) -> dict[str, Any]:
    """`result`, or `error` in the words of whatever was raised. A failed call leaves the database as it was."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if binding.get("database"):
                module = importlib.import_module(binding["module"])
                value = getattr(module, binding["path"])(database, **arguments)
            else:
                value = call_bound(binding, arguments)
            result = plain(value)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever a tool raises is its answer
        if database is not None:
            database.rollback()
        kind = "NotPlain" if isinstance(error, NotPlain) else type(error).__name__
        return {"error": ADDRESS.sub("0x0", f"{kind}: {error}"[:MAX_ERROR_CHARS])}
    if database is not None:
        database.commit()
    return {"result": result}


def _content(database: sqlite3.Connection) -> Iterator[tuple[str, list[Any]]]:
    """Every table, its rows in one order whatever order they were written in."""
    query = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
    for (table,) in database.execute(query).fetchall():
        quoted = '"' + table.replace('"', '""') + '"'
        rows = [dict(row) for row in database.execute(f"select * from {quoted}")]
        yield table, sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def _write(mark: str, value: dict[str, Any]) -> None:
    data = memoryview((mark + json.dumps(value, default=str) + "\n").encode())
    while data:
        data = data[os.write(OUTPUT, data) :]


if __name__ == "__main__":
    main()
