"""Mining: functions that work become tools with real results; everything else has its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from corpus.mining.mine import CLOCKS, Mined, MinedTool, library_modules, mine
from corpus.tools import fingerprint, read
from records.types import Drop, Seed
from sandbox import open_sandbox
from verifiers.tool_schemas import find_problem, read_tools
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.runner import run_calls

OWN = '''
import os, random, time

def area(width: float, height: float = 2.0) -> float:
    """Compute the area of a rectangle."""
    return width * height

def undocumented(x: int): return x
def dice(sides: int) -> int:
    """Throw a die with this many sides."""
    return random.SystemRandom().randint(1, 10 ** 9)
def order(words: list) -> list:
    """List the distinct words in the order of their hashes."""
    return [hash(word) for word in words]
def leave(code: int) -> int:
    """End the process with this code."""
    os._exit(code)
def never(x: int):
    """Always fail, whatever is given."""
    raise RuntimeError
def _private(x: int) -> int:
    """Not for others at all."""
    return x
'''


def mined(*sources: tuple[str, str | None]) -> Sequence[Mined]:
    found = mine(sources, open_sandbox)
    assert all(isinstance(one, Mined) for one in found), found
    return [one for one in found if isinstance(one, Mined)]


async def reproduced(tools: Sequence[MinedTool]) -> int:
    """Runs every example call again; how many there are."""
    box = Toolbox(tuple(tool.tool for tool in tools), {tool.name: tool.binding for tool in tools})
    schemas = read_tools(list(box.tools))
    calls = [(tool.name, example["arguments"], example["result"]) for tool in tools for example in tool.examples]
    sandbox = open_sandbox()
    try:
        for start in range(0, len(calls), 50):
            part = calls[start : start + 50]
            run = await run_calls(sandbox, box, [(name, arguments) for name, arguments, _ in part])
            for (name, arguments, result), got in zip(part, run.results, strict=True):
                assert (got.ok, got.value) == (True, result), (name, arguments)
                assert find_problem(schemas[name], arguments) is None
    finally:
        await sandbox.aclose()
    return len(calls)


async def test_modules_of_the_library_give_tools_whose_examples_can_be_repeated() -> None:
    tools = [tool for one in mined(("math", None), ("textwrap", None), ("statistics", None)) for tool in one.tools]
    names = {tool.name for tool in tools}
    assert {"math_gcd", "math_sqrt", "textwrap_dedent", "statistics_median", "statistics_NormalDist_cdf"} <= names
    gcd = next(tool for tool in tools if tool.name == "math_gcd")
    assert gcd.tool["function"]["parameters"]["required"] == ["integers"]
    assert gcd.tool["function"]["description"] == "Greatest Common Divisor."
    root = next(tool for tool in tools if tool.name == "math_sqrt")
    assert root.refused is not None  # a number that has no root
    for tool in tools:
        Draft202012Validator.check_schema(tool.tool["function"]["parameters"])
    assert await reproduced(tools) > 200


def test_own_files_are_cleaned() -> None:
    (found,) = mined(("own", OWN.replace("    os._exit(code)", "    return code")))
    reasons = dict(found.refused)
    assert {tool.function for tool in found.tools} == {"own.area", "own.leave"}
    assert reasons["own.undocumented"] == "undocumented"
    assert reasons["own.never"] == "not_executable"
    assert reasons["own.dice"] == "nondeterministic"
    assert reasons["own.order"] == "nondeterministic"  # another hash seed, another result
    assert "own._private" not in reasons
    area = next(tool for tool in found.tools if tool.function == "own.area")
    assert area.tool["function"]["parameters"]["properties"]["height"] == {"type": "number", "default": 2.0}


def test_a_module_that_ends_the_process_is_not_mined() -> None:
    assert not isinstance(mine([("own", OWN)], open_sandbox)[0], Mined)
    assert not isinstance(mine([("broken", "def f(:")], open_sandbox)[0], Mined)


def test_seeds_hold_all_that_a_call_needs() -> None:
    items = list(islice(read("stdlib", 3), 300))
    seeds = [item for item in items if isinstance(item, Seed)]
    assert seeds
    for seed in seeds:
        box = Toolbox.read(seed.fields["toolbox"])
        assert seed.fields["target"] in box.names
        assert box.is_executable
        assert any(example["name"] == seed.fields["target"] for example in json.loads(seed.fields["examples"]))
        assert seed.licence == "PSF-2.0"
    assert all(item.reason and item.stage == "corpus" for item in items if isinstance(item, Drop))
    assert [item.id for item in islice(read("stdlib", 3), 300)] == [item.id for item in items]


def test_own_files_as_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "shapes_of_mine.py").write_text(OWN.split("def undocumented")[0])
    (seed,) = islice((one for one in read(str(tmp_path), 0, "MIT") if isinstance(one, Seed)), 1)
    box = Toolbox.read(seed.fields["toolbox"])
    assert (seed.fields["target"], seed.licence) == ("shapes_of_mine_area", "MIT")
    assert set(box.files) == {"shapes_of_mine.py"}
    before = fingerprint(str(tmp_path))
    (tmp_path / "shapes_of_mine.py").write_text("x = 1\n")
    assert fingerprint(str(tmp_path)) != before


@pytest.mark.heavy
async def test_the_library_gives_five_hundred_tools_that_a_second_run_reproduces() -> None:
    modules = library_modules()
    tools = []
    for start in range(0, len(modules), 16):
        found = mine([(module, None) for module in modules[start : start + 16]], open_sandbox)
        tools += [tool for one in found if isinstance(one, Mined) for tool in one.tools]
    assert len(tools) >= 500
    assert len({tool.name for tool in tools}) == len(tools)
    assert not CLOCKS & {tool.function for tool in tools}
    assert all(len(tool.tool["function"]["description"]) >= 15 for tool in tools)
    assert await reproduced(tools) >= 1000
