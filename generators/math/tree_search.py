"""math/tree_search: Monte Carlo tree search, guided by a step reward, for problems that no sample solved (M11).

The seeds are the attempts of a `math/solve` run; those with an accepted sample are refused. The search proposes steps
and scores each beginning, by a judge or by a served process reward model; it never sees the answer. The best traces
are proved like any others: final answer, and no wrong step. Siblings that the search came to value very differently
are step-level preferences (export `step_preference`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from generators.asking import Answer
from generators.attempts import chains_of
from generators.math.asking import Asker, all_of
from generators.math.candidates import (
    PART,
    RETRIES,
    SET_ASIDE,
    SolutionSettings,
    Truth,
    final_answer,
    numbered,
    solution_checks,
)
from generators.math.search import Path, SearchSettings, StepPair, Tree, search
from generators.recipe import Recipe, Resources, SeedRefused
from records.types import JSON, Candidate, Message, Outcome, Seed, stable_hash
from served_model.reward import read_rows, reward_request, step_scores, tagged
from served_model.types import UnreadableReply
from verifiers.answer_extraction import BOX

NAME = "math/tree_search"
PROPOSER, JUDGE = "solver", "judge"
TOP_SCORE = 10
SCORE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "minLength": 1},
        "score": {"type": "integer", "minimum": 0, "maximum": TOP_SCORE},
    },
    "required": ["rationale", "score"],
    "additionalProperties": False,
}


class TreeSearch(SolutionSettings):
    """What a user may vary. The weight of the prior is that of Xie et al.; their breadth of 8 and 40 iterations cost
    several hundred calls a problem, so the defaults here are smaller, and `calls` bounds what one problem costs."""

    iterations: int = Field(16, ge=1, le=10_000)
    depth: int = Field(8, ge=1, le=64, description="steps of a trace at most")
    breadth: int = Field(4, ge=1, le=64, description="steps proposed from one beginning")
    calls: int = Field(120, ge=2, description="calls for one problem at most: proposals and scores")
    exploration: float = Field(1.0, ge=0, description="weight of the prior in PUCT")
    gamma: float = Field(1.0, gt=0, le=1, description="discount per step")
    traces: int = Field(2, ge=1, le=64, description="traces of one problem to prove, best first")
    pair_margin: float = Field(0.3, gt=0, le=1, description="least difference of value between steps of a pair")
    reward: Literal["judge", "served"] = Field("judge", description="who scores: role judge, or a PRM as role reward")
    step_tag: str = Field("<extra_0>", description="what the process reward model wants after each step")
    squash: bool = Field(False, description="the process reward model gives raw scores")


@dataclass
class Solving:
    """The domain of the search: a problem, and the model that proposes and scores."""

    asker: Asker
    question: str
    proposals: dict[Path, Answer] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)  # of all replies, in no particular order

    async def propose(self, path: Path, count: int) -> list[str]:
        """Sampled next steps."""
        fields = {"question": self.question, "steps_so_far": numbered(path) or "(none yet)"}
        answers = await all_of(
            [self.asker.ask("next_step", PROPOSER, fields, *path, number) for number in range(count)]
        )
        self.keys += [answer.reply.key for answer in answers]
        steps = [answer.reply.text.strip() if answer.reply.finish_reason == "stop" else "" for answer in answers]
        for step, answer in zip(steps, answers, strict=True):
            self.proposals.setdefault((*path, step), answer)
        return steps

    async def score(self, path: Path) -> float | None:
        """The judge's score as a share, or the reward model's for the last step; None where nothing readable comes.

        An unreadable judgement is asked for again with another sampling seed; like a repair, that is not one of the
        search's calls.
        """
        settings: TreeSearch = self.asker.resources.settings
        if settings.reward == "served":
            reply = await self.asker.resources.model.ask(reward_request(self.question, tagged(path, settings.step_tag)))
            return step_scores(read_rows(reply), len(path), settings.squash)[-1]  # a setup that is wrong raises
        fields = {"question": self.question, "steps_so_far": numbered(path)}
        for attempt in range(RETRIES + 1):
            try:
                answer = await self.asker.ask("step_score", JUDGE, fields, *path, attempt, schema=SCORE_SCHEMA)
            except UnreadableReply:
                continue
            self.keys.append(answer.reply.key)
            return int(answer.reply.data["score"]) / TOP_SCORE
        return None

    def is_end(self, path: Path) -> bool:
        """Whether the last step gives the final answer."""
        return BOX.search(path[-1]) is not None


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """The best traces of one problem. Raises SeedRefused("solved_by_samples" | "no_trace"), ModelError."""
    settings: TreeSearch = resources.settings
    chains = chains_of(seed)
    if any(chain[-1].outcome is Outcome.PASS for chain in chains):
        raise SeedRefused("solved_by_samples")
    first = chains[0][0].candidate
    question, reference = first.parts["question"], first.seed.fields.get("answer", "")
    solving = Solving(Asker(NAME, seed, resources), question)
    limits = SearchSettings(
        settings.iterations, settings.depth, settings.breadth, settings.calls, settings.exploration, settings.gamma
    )
    tree = await search(solving, limits)
    traces = [path for path, _ in tree.traces()[: settings.traces]]
    if not traces:
        raise SeedRefused("no_trace", calls=tree.calls, iterations=tree.iterations, keys=sorted(set(solving.keys)))
    earlier = tuple(final_answer(chain[-1].candidate.parts[PART]) for chain in chains)
    answers = (*earlier, *(final_answer(path[-1]) for path in traces))
    return [
        _candidate(solving, tree, path, Truth(reference, answers, len(earlier) + rank, _source(reference)))
        for rank, path in enumerate(traces)
    ]


def _source(reference: str) -> str:
    return "reference" if reference else "majority"


def _candidate(solving: Solving, tree: Tree, path: Path, truth: Truth) -> Candidate:
    seed, resources = solving.asker.seed, solving.asker.resources
    settings: TreeSearch = resources.settings
    solution = "\n\n".join(step.strip() for step in path)
    written = [solving.proposals[path[:end]] for end in range(1, len(path) + 1)]
    own = {answer.reply.key for answer in written}
    identity = stable_hash(NAME, seed.id, str(resources.round), *(answer.reply.key for answer in written))
    nodes = dict(tree.walk())
    metadata: dict[str, JSON] = {
        "answer_source": truth.source,
        "calls": tree.calls,
        "iterations": tree.iterations,
        "stopped": tree.stopped,
        "visits": [nodes[path[:end]].visits for end in range(1, len(path) + 1)],
        "values": [round(nodes[path[:end]].q, 6) for end in range(1, len(path) + 1)],
        "step_pairs": [_pair(pair) for pair in tree.pairs(settings.pair_margin) if _on(path, pair)],
        "round": resources.round,
        SET_ASIDE: dict.fromkeys(sorted(set(solving.keys) - own), "search"),
    }
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe=NAME,
        messages=(Message("user", solving.question), Message("assistant", solution)),
        parts={"question": solving.question, PART: solution},
        checks=solution_checks(solving.question, solution, truth, "stop", settings),
        calls=tuple(answer.call(f"{PART}:{number}") for number, answer in enumerate(written)),
        metadata=metadata,
    )


def _on(path: Sequence[str], pair: StepPair) -> bool:
    """Whether the chosen step is the trace's own: then it is proved with the trace."""
    return tuple(path[: len(pair.path) + 1]) == (*pair.path, pair.chosen)


def _pair(pair: StepPair) -> dict[str, JSON]:
    return {
        "prefix": "\n\n".join(step.strip() for step in pair.path),
        "chosen": pair.chosen,
        "rejected": pair.rejected,
        "margin": round(pair.margin, 6),
    }


RECIPE = Recipe(NAME, seeds="attempts", settings=TreeSearch, propose=propose, corpus="run:math/solve")
