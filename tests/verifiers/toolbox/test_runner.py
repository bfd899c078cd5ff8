"""Execution of calls in the sandbox: results, errors, crashes, hostile tools, and the database of an environment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.verifiers.tool_dialogues import MATH, SHOP, binding, open_resources, tool
from verifiers.base import Resources
from verifiers.toolbox.box import Toolbox, encoded
from verifiers.toolbox.runner import NotExecutable, run_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = """
import os, sys
def printing(): print('{"result": 1}'); sys.stderr.write("x"); return 2
def leaving(): sys.exit(3)
def killing(): os._exit(0)
def strange(): return object()
def endless(): return iter(int, 1)
def huge(): return 10 ** 500
def infinite(): return float("inf")
def address(): raise ValueError(f"at {object()!r}")
def kinds(): return {1: (2, {3}), "d": __import__("datetime").date(2024, 3, 15), "b": b"abc"}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def resources() -> AsyncIterator[Resources]:
    async for one in open_resources():
        yield one


def hostile(*names: str) -> Toolbox:
    tools = tuple(tool(name) for name in names)
    files = {"hostile.py": encoded(HOSTILE.encode())}
    return Toolbox(tools, {name: binding("hostile", name) for name in names}, files)


async def one(resources: Resources, name: str) -> tuple[bool, Any]:
    run = await run_calls(resources.sandbox, hostile(name), [(name, {})])
    return run.results[0].ok, run.results[0].value


CASES: dict[str, tuple[bool, Any]] = {
    "printing": (True, 2),
    "leaving": (False, "SystemExit: 3"),
    "killing": (False, "the call ended its process"),
    "strange": (False, "NotPlain: a value of type object"),
    "endless": (False, "NotPlain: too many items"),
    "huge": (False, "NotPlain: too many digits"),
    "infinite": (False, "NotPlain: not a finite number"),
    "address": (False, "ValueError: at <object object at 0x0>"),
    "kinds": (True, {"1": [2, [3]], "d": "2024-03-15", "b": "abc"}),
}


@pytest.mark.parametrize("name", CASES)
async def test_results_and_errors(name: str, resources: Resources) -> None:
    assert await one(resources, name) == CASES[name]


async def test_what_stands_after_a_crash_is_an_error_too(resources: Resources) -> None:
    box = hostile("printing", "killing")
    run = await run_calls(resources.sandbox, box, [("printing", {}), ("killing", {}), ("printing", {})])
    assert [result.ok for result in run.results] == [True, False, False]


async def test_a_replay_gives_the_same(resources: Resources) -> None:
    calls = [("math_gcd", {"integers": [84, 126]}), ("str_upper", {"value": "äb"}), ("math_sqrt", {"x": -1})]
    runs = [await run_calls(resources.sandbox, MATH, calls[:n]) for n in (1, 3, 3)]
    assert runs[1] == runs[2]
    assert runs[1].results[:1] == runs[0].results


async def test_the_database_is_fresh_for_every_run(resources: Resources) -> None:
    calls = [("add_item", {"name": "ink", "count": 1}), ("get_items", {})]
    first = await run_calls(resources.sandbox, SHOP, calls)
    second = await run_calls(resources.sandbox, SHOP, calls)
    assert first == second
    assert first.state == {"items": [{"count": 1, "name": "ink"}, {"count": 2, "name": "pen"}]}
    assert (await run_calls(resources.sandbox, SHOP, [])).state == {"items": [{"count": 2, "name": "pen"}]}


async def test_unknown_tools_are_not_executed(resources: Resources) -> None:
    with pytest.raises(NotExecutable, match="rm"):
        await run_calls(resources.sandbox, MATH, [("rm", {})])
