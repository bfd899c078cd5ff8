"""A toy domain with a known optimum, played by a journaled model, for test_search.py; run as a program, it searches.

A path is a list of digits; its value is how many of them agree with SECRET, place by place. Proposals are drawn by the
request's seed. Scores carry noise, and a path that begins with DECOY looks best until it ends: greed goes astray.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

from generators.math.asking import all_of
from generators.math.search import SearchSettings, Tree, search
from records.types import Message, stable_seed
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, Model, Sampling

SECRET = "31415"
DECOY = "2"
SETTINGS = SearchSettings(iterations=200, depth=5, breadth=6, calls=2_000)


def reply(request: ChatRequest) -> str:
    path = request.messages[-1].content.split()
    rng = Random(request.sampling.seed)
    if request.role == "solver":
        return str(rng.randint(1, 5))
    right = sum(one == other for one, other in zip(path, SECRET, strict=False))
    if len(path) == len(SECRET):
        return str(right / len(SECRET))
    if path[0] == DECOY:
        return "0.95"
    return str(round(min(1.0, max(0.0, right / len(path) + rng.uniform(-0.15, 0.15))), 3))


@dataclass
class Digits:
    """The domain: proposals and scores are answers of the model."""

    model: Model
    calls: int = 0

    async def propose(self, path: tuple[str, ...], count: int) -> list[str]:
        return await all_of([self._ask("solver", path, index) for index in range(count)])

    async def score(self, path: tuple[str, ...]) -> float:
        return float(await self._ask("reward", path, 0))

    def is_end(self, path: tuple[str, ...]) -> bool:
        return len(path) == len(SECRET)

    async def _ask(self, role: str, path: tuple[str, ...], index: int) -> str:
        self.calls += 1
        sampling = Sampling(seed=stable_seed(role, *path, str(index)))
        request = ChatRequest(role, (Message("user", " ".join(path) or "-"),), sampling, f"toy/{role}", "")
        return (await self.model.ask(request)).text


def dump(tree: Tree) -> list[Any]:
    return [[*path, node.visits, round(node.q, 9), node.reward, node.prior] for path, node in tree.walk()]


async def main(journal_path: Path, pause_s: float) -> None:
    """Search with a journal; every reply is announced on standard output, so that a killer can choose its moment."""

    async def slow(request: ChatRequest) -> str:
        sys.stdout.write("asked\n")
        sys.stdout.flush()
        time.sleep(pause_s)
        return reply(request)

    journal = Journal.open(journal_path)
    model = JournaledModel(cast(Any, ScriptedModel(slow)), journal)
    tree = await search(Digits(model), SETTINGS)
    journal.close()
    sys.stdout.write(json.dumps({"tree": dump(tree), "calls": tree.calls}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
