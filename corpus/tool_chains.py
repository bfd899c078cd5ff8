"""Tools as seeds for nested calls: beside the target stands a tool whose result the target takes, as was tried.

Fields: those of `corpus.tools`, and `chain`: the two calls with their results, the second one with `{"$result": 1}` for
the argument that is the result of the first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from corpus.mining.mine import MinedTool
from corpus.mining.sources import fingerprint
from corpus.reader import OpenSandbox, Reader
from corpus.tools import STDLIB, Draw, draws, examples_of
from records.types import JSON, Drop, Seed, canonical_json, stable_hash
from sandbox import open_sandbox
from sandbox.types import Sandbox
from verifiers.tool_schemas import find_problem, read_tools
from verifiers.toolbox.runner import ToolArguments, ToolRun, run_calls

TOGETHER = 24  # targets tried with one sandbox
TRIES = 10  # calls tried for one target


def read(
    pattern: str = STDLIB, run_seed: int = 0, licence: str = "unknown", sandbox: OpenSandbox = open_sandbox
) -> Iterator[Seed | Drop]:
    """A seed per tool, and pass, for which a chain was found. Raises CorpusError."""
    waiting: list[Draw] = []
    for draw in draws(pattern, run_seed, licence, sandbox):
        if isinstance(draw, Drop):
            yield draw
            continue
        waiting.append(draw)
        if len(waiting) == TOGETHER:
            yield from _chained(waiting, run_seed, sandbox)
            waiting = []


def _chained(waiting: Sequence[Draw], run_seed: int, sandbox: OpenSandbox) -> Iterator[Seed | Drop]:
    pool = [tool for draw in waiting for tool in (draw.target, *draw.tools)]
    plans = [_trials(draw, pool, random.Random(f"{run_seed}{draw.target.function}{draw.number}")) for draw in waiting]
    with ThreadPoolExecutor(1) as thread:
        runs = thread.submit(asyncio.run, _run_all(list(zip(waiting, plans, strict=True)), sandbox())).result()
    for draw, plan, run in zip(waiting, plans, runs, strict=True):
        good = [(trial, result) for trial, result in zip(plan, run, strict=True) if result is not None]
        if good:
            yield _seed(draw, *good[0])
        elif draw.number == 0:
            evidence = {"source": f"{draw.source.label}: {draw.target.function}"}
            yield Drop(stable_hash("chain", draw.target.function), "", "corpus", "no_chain", evidence)


Trial = tuple[MinedTool, Mapping[str, Any], str, Mapping[str, JSON]]
"""The inner tool, its example call, the parameter that takes its result, and the target's other arguments."""


def _trials(draw: Draw, pool: Sequence[MinedTool], rng: random.Random) -> list[Trial]:
    """Calls of other tools whose result has the type of one of the target's required parameters."""
    if not draw.target.examples:
        return []
    target = read_tools([draw.target.tool])[draw.target.name]
    others = [tool for tool in pool if tool.name != draw.target.name and tool.examples]
    if draw.source.text is not None:  # a user's module: only its own functions lie beside it
        others = [tool for tool in others if tool.binding["module"] == draw.source.module]
    found: list[Trial] = []
    for tool in rng.sample(others, len(others)):
        example = rng.choice(list(tool.examples))
        for name in target.required:
            others_given = draw.target.examples[0]["arguments"]
            if len(found) < TRIES and find_problem(target, {**others_given, name: example["result"]}) is None:
                found.append((tool, example, name, others_given))
    return found


async def _run_all(plans: Sequence[tuple[Draw, Sequence[Trial]]], sandbox: Sandbox) -> list[list[JSON]]:
    async def run(draw: Draw, trials: Sequence[Trial]) -> list[JSON]:
        if not trials:
            return []
        calls: list[ToolArguments] = [
            (draw.target.name, {**others, name: example["result"]}) for _, example, name, others in trials
        ]
        done: ToolRun = await run_calls(sandbox, draw.source.toolbox([draw.target]), calls)
        return [
            result.value if result.ok and result.value not in (None, "", [], {}) else None for result in done.results
        ]

    try:
        return list(await asyncio.gather(*(run(draw, trials) for draw, trials in plans)))
    finally:
        await sandbox.aclose()


def _seed(draw: Draw, trial: Trial, result: JSON) -> Seed:
    tool, example, name, others = trial
    kept = [one for one in draw.tools if one.name not in (tool.name, draw.target.name)][:3]
    listed = sorted([draw.target, tool, *kept], key=lambda one: one.name)
    draw = replace(draw, tools=listed)
    chain = [
        {"name": tool.name, "arguments": example["arguments"], "result": example["result"]},
        {"name": draw.target.name, "arguments": {**others, name: {"$result": 1}}, "result": result},
    ]
    known = [one for tool in listed for one in examples_of(tool)]
    return draw.seed("tool_chains", examples=canonical_json(known), chain="\n".join(map(canonical_json, chain)))


READER = Reader("tool_chains", read, fingerprint, default=STDLIB, endless=True, executes=True)
