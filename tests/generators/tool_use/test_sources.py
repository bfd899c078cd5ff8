"""Whole ways from a source to accepted records: an OpenAPI document, an MCP server, environments, the rehearsal model.

The model is the rehearsal's double without faults, asked in this process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

import corpus
import verifiers
from corpus.errors import CorpusError
from corpus.tool_files import with_libraries
from corpus.tools import read
from generators import RECIPES
from generators.recipe import Resources
from records.types import Outcome, Record, Seed
from served_model.rehearsal.asking import read_tags
from served_model.rehearsal.role import Asked
from served_model.rehearsal.roles import ROLES
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest
from tests.corpus.mining.test_lists import OPENAPI
from tests.verifiers.tool_dialogues import open_resources
from verifiers.base import Resources as Proving

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVER = '''
from mcp.server import MCPServer

server = MCPServer("stock")
STOCK = {"ink": 7, "paper": 120}


@server.tool()
def count_items(name: str) -> int:
    """Count the pieces of an item in the store."""
    return STOCK[name]


@server.tool()
def take_items(name: str, pieces: int) -> int:
    """Take pieces of an item out of the store and tell what is left."""
    if pieces > STOCK[name]:
        raise ValueError("not enough")
    STOCK[name] -= pieces
    return STOCK[name]


server.run()
'''


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proving() -> AsyncIterator[Proving]:
    async for one in open_resources():
        yield one


def double(request: ChatRequest) -> str:
    """The rehearsal model, honest."""
    user = "\n".join(message.content for message in request.messages if message.role == "user")
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    return ROLES[request.prompt].play(Asked(read_tags(user), messages), Random(request.sampling.seed), None).text


async def records_of(name: str, seeds: list[Seed], proving: Proving) -> list[Record]:
    recipe, model = RECIPES[name], ScriptedModel(double)
    resources = Resources(model, recipe.settings(), 7, sandbox=proving.sandbox)
    found = []
    for seed in seeds:
        for candidate in await recipe.propose(seed, resources):
            verdicts = await verifiers.verify_all(candidate, replace(proving, model=model))
            found.append(Record(candidate, verdicts))
    return found


def seeds_of(pattern: str, count: int) -> list[Seed]:
    return list(islice((one for one in read(pattern, 0, "MIT") if isinstance(one, Seed)), count))


async def test_an_openapi_document_makes_records_that_end_with_the_call(tmp_path: Path, proving: Proving) -> None:
    (tmp_path / "trams.json").write_text(json.dumps(OPENAPI))
    records = await records_of("tool_use/single", seeds_of(str(tmp_path / "trams.json"), 4), proving)
    assert [record.outcome for record in records] == [Outcome.PASS] * 4, [record.deciding for record in records]
    assert all([one.role for one in record.candidate.messages] == ["user", "assistant"] for record in records)
    assert {verdict.check for verdict in records[0].verdicts} == {
        "tool_format", "tool_calls", "tool_provenance", "tool_contrast", "judged",
    }  # fmt: skip


async def test_an_mcp_server_makes_records_with_its_real_results(tmp_path: Path, proving: Proving) -> None:
    server = tmp_path / "stock.py"
    server.write_text(SERVER)
    pattern = f"mcp:{sys.executable} {server}"
    script = {"name": "ink", "pieces": 3}
    seeds = []
    for seed in seeds_of(pattern, 2):
        arguments = {
            key: value for key, value in script.items() if key == "name" or seed.fields["target"] == "take_items"
        }
        result = 4 if seed.fields["target"] == "take_items" else 7
        example = {"name": seed.fields["target"], "arguments": arguments, "result": result}
        seeds.append(replace(seed, fields={**seed.fields, "examples": json.dumps([example])}))
    assert {seed.fields["target"] for seed in seeds} == {"count_items", "take_items"}
    for record in await records_of("tool_use/single", seeds, proving):
        assert record.outcome is Outcome.PASS, record.deciding
        expected = "4" if record.candidate.seed.fields["target"] == "take_items" else "7"
        assert record.candidate.messages[2].content == expected


@pytest.mark.parametrize("pattern", ["builtin:python", "builtin:algebra", "builtin:search:{documents}"])
async def test_our_own_tools_make_records_with_their_real_results(
    pattern: str, tmp_path: Path, proving: Proving
) -> None:
    (tmp_path / "sea.txt").write_text("Giant kelp grows half a metre a day in cold, nutritious water.\n")
    found = read(pattern.format(documents=tmp_path), 0, "MIT", with_libraries)
    seeds = list(islice((one for one in found if isinstance(one, Seed)), 3))
    sandbox = with_libraries()
    try:
        records = await records_of("tool_use/single", seeds, replace(proving, sandbox=sandbox))
    finally:
        await sandbox.aclose()
    assert [record.outcome for record in records] == [Outcome.PASS] * 3, [record.deciding for record in records]
    assert all(record.candidate.messages[2].role == "tool" for record in records)
    assert not any("error" in record.candidate.messages[2].content for record in records)


async def test_a_server_that_does_not_start_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nothing-here"):
        seeds_of("mcp:/nothing-here", 1)
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(3)")
    with pytest.raises(CorpusError):
        seeds_of(f"mcp:{sys.executable} {broken}", 1)


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("tool_use/")])
async def test_every_recipe_makes_accepted_records_of_its_default_corpus(name: str, proving: Proving) -> None:
    reader = corpus.READERS[RECIPES[name].seeds]
    items = islice((one for one in reader.read(reader.default, 0, "") if isinstance(one, Seed)), 4)
    seeds = [one for one in items if not one.fields.get("file", "").endswith((".docx", ".pptx", ".xlsx", ".pdf"))]
    records = await records_of(name, seeds, proving)
    assert records
    assert all(record.outcome is Outcome.PASS for record in records), [record.deciding for record in records]
