"""What the recipes that start from a writer's plan share: plan, dialogue, checks, and another try at a wrong turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from generators.asking import Answer
from generators.recipe import Resources
from generators.tool_use.agent import Dialogue, converse
from generators.tool_use.asking import Asker, ToolSettings
from generators.tool_use.plan import SCHEMA, Plan, accepted_calls, read_plan, refused
from generators.tool_use.proof import candidate, finished_parts, first_gates, gold_calls, last_gates
from records.types import Candidate, Check, Message, Outcome, Record, Seed, canonical_json, stable_hash
from verifiers.toolbox.box import Toolbox

PLAN, REQUEST, GOLD = "plan", "request", "gold"
EXAMPLES_SHOWN = 8
EXAMPLE_CHARACTERS = 3_000  # of all examples


def box_of(seed: Seed) -> Toolbox:
    """The tools that a seed holds."""
    return Toolbox.read(seed.fields["toolbox"])


@dataclass(frozen=True)
class Task:
    """One kind of task: how its plan is asked for and read, and what proves a dialogue beside the common checks."""

    name: str  # of the recipe
    prompt: str
    counts: tuple[int, int]  # calls of a plan
    fields: Callable[[Seed, Toolbox], Mapping[str, str]]
    problem: Callable[[Plan, Seed], str]  # why a plan is none of this kind; "" where it is one
    proof: Callable[[Candidate, Dialogue, Toolbox, ToolSettings], tuple[Check, ...]]
    box: Callable[[Seed], Toolbox] = box_of
    act: str = "act"  # prompt of the assistant's turns
    may_fail: bool = False  # calls that failed and were made good do not count against the gold calls

    async def propose(self, seed: Seed, resources: Resources) -> list[Candidate]:
        """Plan and dialogue. Raises SeedRefused, ModelError."""
        toolbox = self.box(seed)
        asker = Asker(self.name, seed, resources)
        plan, answer = await self.plan(asker, toolbox)
        dialogue = started(plan, answer, toolbox)
        dialogue = await converse(asker, toolbox, dialogue, self.act)
        return [self.finish(seed, dialogue, toolbox, resources)]

    async def plan(self, asker: Asker, toolbox: Toolbox) -> tuple[Plan, Answer]:
        """What the writer plans. Raises SeedRefused, ModelError."""
        answer = await asker.ask(self.prompt, "writer", self.fields(asker.seed, toolbox), schema=SCHEMA)
        plan = read_plan(answer, toolbox, self.counts)
        problem = self.problem(plan, asker.seed)
        if problem:
            raise refused(problem, answer)
        return plan, answer

    def finish(self, seed: Seed, dialogue: Dialogue, toolbox: Toolbox, resources: Resources) -> Candidate:
        """The candidate with its checks."""
        metadata = {"tools_called": sorted({call.name for one in dialogue.messages for call in one.tool_calls})}
        made = candidate(self.name, seed, dialogue, toolbox, ((), {**metadata, "round": resources.round}))
        if self.may_fail:
            made = replace(made, parts=finished_parts(dialogue, failed=False))
        return replace(made, checks=self.proof(made, dialogue, toolbox, resources.settings))

    async def revise(self, attempts: Sequence[Record], resources: Resources) -> Candidate | None:
        """Another try at the turn that was found wrong, after the same prefix; None where no turn is to blame."""
        settings: ToolSettings = resources.settings
        former, at = attempts[-1].candidate, blamed_turn(attempts[-1])
        if at is None or len(attempts) > settings.rounds:
            return None
        toolbox = self.box(former.seed)
        asker = Asker(self.name, former.seed, resources, former.attempt + 1)
        dialogue = await converse(asker, toolbox, dialogue_of(former).up_to(at), self.act)
        made = self.finish(former.seed, dialogue, toolbox, resources)
        identity = stable_hash(made.id, str(former.attempt + 1))
        return replace(made, id=identity, chain_id=former.chain_id, attempt=former.attempt + 1, revises=former.id)


def started(plan: Plan, answer: Answer, toolbox: Toolbox, gold: str = "") -> Dialogue:
    """The dialogue with the user's request."""
    accepted = gold or accepted_calls(plan.calls, toolbox)
    parts = {REQUEST: plan.request, PLAN: plan.calls_json(), GOLD: accepted}
    return Dialogue((Message("user", plan.request),), parts, (answer.call(PLAN),))


def blamed_turn(record: Record) -> int | None:
    """The assistant's turn that the deciding check found wrong."""
    at = record.deciding.evidence.get("message")
    messages = record.candidate.messages
    if record.outcome is not Outcome.FAIL or not isinstance(at, int) or not 0 < at < len(messages):
        return None
    return at if messages[at].role == "assistant" else None


def dialogue_of(made: Candidate) -> Dialogue:
    """The dialogue that a candidate holds, as far as it can be taken up again."""
    parts = {
        name: text for name, text in made.parts.items() if name.startswith("turn_") or name in (REQUEST, PLAN, GOLD)
    }
    reasons = tuple(call.finish_reason for call in made.calls if call.part.startswith("turn_"))
    turns = tuple(turn for check in made.checks if check.kind == "tool_format" for turn in getattr(check, "turns", ()))
    return Dialogue(made.messages, parts, made.calls, turns, reasons)


def common_proof(
    made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings, max_turns: int = 0
) -> tuple[Check, ...]:
    """The three gates of a dialogue whose calls must be the gold ones; the answer tells the last result."""
    return (
        *first_gates(dialogue, toolbox, max_turns=max_turns),
        gold_calls(dialogue, toolbox, made.parts[GOLD]),
        *last_gates(dialogue, toolbox, settings, results=1),
    )


def shown_examples(seed: Seed, target: str = "") -> str:
    """The seed's calls with results, those of the target first."""
    examples = json.loads(seed.fields.get("examples", "[]"))
    examples.sort(key=lambda one: one["name"] != target)
    lines: list[str] = []
    for example in examples[:EXAMPLES_SHOWN]:
        line = canonical_json(example)
        if sum(map(len, lines)) + len(line) <= EXAMPLE_CHARACTERS:
            lines.append(line)
    return "\n".join(lines) or "(none)"
