"""What would prove a tool dialogue: its checks, in the order of the three gates (format, execution, meaning)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generators.tool_use.agent import FINISHED, Dialogue, shown, shown_tools
from generators.tool_use.asking import PACKAGE, ToolSettings
from records.types import JSON, Candidate, Check, Seed, canonical_json, stable_hash
from verifiers.judged import Judged
from verifiers.judging import Criterion, Panel
from verifiers.response_hygiene import ResponseHygiene
from verifiers.tool_answer import ToolAnswer
from verifiers.tool_calls import ToolCalls
from verifiers.tool_dialogue import BrokenDialogue, is_error, made_calls
from verifiers.tool_execution import ToolExecution
from verifiers.tool_format import ToolFormat, Turn
from verifiers.tool_provenance import ToolProvenance
from verifiers.toolbox.box import Toolbox

REPETITION = 0.9
"""Share of an answer: it may repeat a table that a tool gave, but not one phrase for ever."""
ALL_CALLS, RESPONSE = "calls", "response"
PANEL = Panel(retries=3)
CRITERIA = (Criterion("calls_serve_request"), Criterion("answer_follows_results"))


def finished_parts(dialogue: Dialogue, failed: bool = True) -> dict[str, str]:
    """The dialogue's parts, with its calls as JSON, the last turn, and the dialogue as a judge reads it.

    Without `failed`, calls that a tool answered with an error are left out: what counts is what was done in the end.
    """
    try:
        made = [
            one for one in made_calls(dialogue.messages) if failed or one.result is None or not is_error(one.result)
        ]
        calls = [{"name": one.name, "arguments": dict(one.arguments)} for one in made]
    except BrokenDialogue:
        calls = []
    last = dialogue.messages[-1]
    said = last.content if last.role == "assistant" else ""
    return {
        **dialogue.parts,
        ALL_CALLS: canonical_json(calls),
        RESPONSE: said,
        "shown_dialogue": shown(dialogue.messages),
    }


def first_gates(dialogue: Dialogue, toolbox: Toolbox, max_errors: int = 0, max_turns: int = 0) -> tuple[Check, ...]:
    """Format and execution. An assistant that never called has its first turn looked at: a call is missing there."""
    turns = dialogue.turns
    if not turns:
        at = next(index for index, one in enumerate(dialogue.messages) if one.role == "assistant")
        turns = (Turn(at, f"turn_{at}"),)
    gates: tuple[Check, ...] = (ToolFormat(turns, max_turns),)
    return (*gates, ToolExecution(toolbox.to_json(), max_errors)) if toolbox.bindings else gates


def gold_calls(dialogue: Dialogue, toolbox: Toolbox, accepted: str) -> ToolCalls:
    """All calls of the dialogue against the gold ones. The turn to blame is known where only one turn calls."""
    turns = {turn.message for turn in dialogue.turns}
    return ToolCalls(toolbox.tools_json, accepted, turns.pop() if len(turns) == 1 else None)


def last_gates(dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings, results: int) -> tuple[Check, ...]:
    """Provenance, the answer, and the judge."""
    checks: list[Check] = [ToolProvenance()]
    if toolbox.bindings:
        checks += [_hygiene(dialogue), ToolAnswer(results)]
    return (*checks, *judged(toolbox, settings))


def judged(toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    """The judge, where the settings want one."""
    if not settings.judge:
        return ()
    criteria = CRITERIA if toolbox.bindings else CRITERIA[:1]
    return (Judged(f"{PACKAGE}/meaning", criteria, {"tools": shown_tools(toolbox)}, PANEL),)


def _hygiene(dialogue: Dialogue) -> ResponseHygiene:
    unfinished = [reason for reason in dialogue.finish_reasons if reason != FINISHED]
    return ResponseHygiene(unfinished[0] if unfinished else FINISHED, min_characters=1, max_repeated_share=REPETITION)


def candidate(
    recipe: str, seed: Seed, dialogue: Dialogue, toolbox: Toolbox, facts: tuple[Sequence[Check], Mapping[str, JSON]]
) -> Candidate:
    """The first attempt of a chain."""
    checks, metadata = facts
    identity = stable_hash(recipe, seed.id, *(call.key for call in dialogue.calls))
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe=recipe,
        messages=dialogue.messages,
        parts=finished_parts(dialogue),
        checks=tuple(checks),
        calls=dialogue.calls,
        metadata=metadata,
        tools=toolbox.tools_json,
    )
