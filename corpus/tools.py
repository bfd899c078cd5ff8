"""Tools as seeds: a target with tools beside it, everything needed to execute them, and calls with real results.

The pattern says where tools come from: "stdlib" (functions mined from the standard library of the running interpreter),
Python files (functions mined from them; they may import the standard library and nothing else), JSON files with tool
lists in OpenAI's form or an OpenAPI document, `mcp:COMMAND` for an MCP server on standard input and output, or our own
tools (`builtin:python`, `builtin:algebra`, `builtin:search:DOCUMENTS`). The tools of lists and documents are not
executed: a dialogue over them ends with its calls.

Fields of a seed: `toolbox` (see `verifiers.toolbox.box`), `target` (a tool's name), `examples` (calls with results)
and, where one is known, `refused` (arguments that fit the schema and that the tool answers with an error).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from corpus.errors import CorpusError
from corpus.mining.mine import MinedTool, NotMined
from corpus.mining.sources import Found, ToolSource, find_sources, find_tools, fingerprint
from corpus.reader import OpenSandbox, Reader
from records.types import Drop, Seed, canonical_json, stable_hash, stable_seed
from sandbox import open_sandbox
from verifiers.toolbox.box import Toolbox

STDLIB = "stdlib"
TOGETHER = 8  # modules mined with one sandbox
BESIDE = 4  # other tools in a seed's list, at most


@dataclass(frozen=True)
class Draw:
    """A target tool, the tools beside it in the list's order, and where it stands in the stream."""

    source: ToolSource
    target: MinedTool
    tools: Sequence[MinedTool]  # target included
    number: int  # of the pass over all tools

    @property
    def toolbox(self) -> Toolbox:
        """The whole list."""
        return self.source.toolbox(self.tools)

    def seed(self, kind: str, **fields: str) -> Seed:
        """A seed of this draw."""
        box = self.toolbox
        return Seed(
            id=stable_hash(kind, self.source.label, self.target.function, str(self.number)),
            text=box.tools_json,
            source=f"{self.source.label}: {self.target.function}",
            licence=self.source.licence,
            fields={"toolbox": box.to_json(), "target": self.target.name, **fields},
        )


def draws(pattern: str, run_seed: int, licence: str, sandbox: OpenSandbox) -> Iterator[Draw | Drop]:
    """Every tool once per pass, without end, in an order that depends on `run_seed`; and what is no tool, once.

    Raises CorpusError where there is no tool at all.
    """
    sources = list(find_sources(pattern, licence))
    for number in count():
        rng = random.Random(stable_seed(str(run_seed), "tools", str(number)))
        rng.shuffle(sources)
        empty = True
        for start in range(0, len(sources), TOGETHER):
            part = sources[start : start + TOGETHER]
            for source, found in zip(part, find_tools(part, sandbox), strict=True):
                for item in _visit(source, found, rng, number):
                    empty = empty and not isinstance(item, Draw)
                    yield item
        if empty:
            raise CorpusError(pattern, None, "corpus", "it holds no tool that can be used; see drops for the reasons")


def _visit(source: ToolSource, found: Found | NotMined, rng: random.Random, number: int) -> Iterator[Draw | Drop]:
    if isinstance(found, NotMined):
        if number == 0:
            yield _drop(source, source.module, "not_mined", str(found))
        return
    if number == 0:
        yield from (_drop(source, name, reason) for name, reason in found.refused)
    tools = list(found.tools)
    rng.shuffle(tools)
    for target in tools:
        others = [tool for tool in tools if tool.name != target.name]
        listed = [target, *rng.sample(others, min(len(others), BESIDE))]
        rng.shuffle(listed)
        yield Draw(source, target, listed, number)


def _drop(source: ToolSource, name: str, reason: str, detail: str = "") -> Drop:
    evidence = {"source": f"{source.label}: {name}", **({"detail": detail} if detail else {})}
    return Drop(stable_hash("tools", source.label, name, reason), "", "corpus", reason, evidence)


def examples_of(tool: MinedTool) -> list[dict[str, object]]:
    """Its example calls, with the tool's name."""
    return [{"name": tool.name, **example} for example in tool.examples]


def read(
    pattern: str = STDLIB, run_seed: int = 0, licence: str = "unknown", sandbox: OpenSandbox = open_sandbox
) -> Iterator[Seed | Drop]:
    """A seed per tool and pass. Raises CorpusError."""
    for draw in draws(pattern, run_seed, licence, sandbox):
        if isinstance(draw, Drop):
            yield draw
            continue
        known = [example for tool in draw.tools for example in examples_of(tool)]
        fields = {"examples": canonical_json(known)}
        if draw.target.refused is not None:
            fields["refused"] = canonical_json(draw.target.refused)
        yield draw.seed("tools", **fields)


READER = Reader("tools", read, fingerprint, default=STDLIB, endless=True, executes=True)
