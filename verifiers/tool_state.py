"""Gate 2 for environments (feature row T10): the calls leave the database as the gold actions do.

Both are replayed from the environment's first state in the sandbox. How the calls got there does not matter: another
order, a look-up more or a detour is as good, as long as the content of every table is the same in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict, canonical_json
from sandbox.types import SandboxError
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.strict_json import NotJson, read
from verifiers.tool_dialogue import BrokenDialogue, MadeCall, is_error, made_calls
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.runner import NotExecutable, ToolRun, run_calls

EVIDENCE_ROWS = 3
EVIDENCE_CHARACTERS = 300


@dataclass(frozen=True)
class ToolState(Check):
    """`toolbox` makes the first state; `gold` is the JSON text of a list of `{name, arguments}`."""

    kind: ClassVar[str] = "tool_state"
    toolbox: str
    gold: str
    must_change: bool = True  # gold actions that change nothing are no task


async def verify(check: ToolState, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS same_state. FAIL wrong_state, repeated_call, gold_raised, gold_changes_nothing, not_executable.

    UNJUDGED sandbox_error, broken_dialogue, no_state.
    """
    toolbox = Toolbox.read(check.toolbox)
    try:
        gold_calls = [(call["name"], call["arguments"]) for call in read(check.gold)]
        dialogue = made_calls(candidate.messages)
        again = _repeated(dialogue)
        if again is not None:
            return Verdict(check.kind, Outcome.FAIL, "repeated_call", {"message": again.message, "tool": again.name})
        calls = [(one.name, one.arguments) for one in dialogue]
        first = await run_calls(resources.sandbox, toolbox, [])
        gold = await run_calls(resources.sandbox, toolbox, gold_calls)
        made = await run_calls(resources.sandbox, toolbox, calls)
    except (BrokenDialogue, NotJson) as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "broken_dialogue", {"error": str(error)})
    except SandboxError as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "sandbox_error", {"error": str(error)[:EVIDENCE_CHARACTERS]})
    except NotExecutable as error:
        return Verdict(check.kind, Outcome.FAIL, "not_executable", {"tool": str(error)[:80]})
    return _compared(check, first, gold, made)


def _repeated(calls: Sequence[MadeCall]) -> MadeCall | None:
    """A call that only says again what the one before it did with success: no state shows it, and nobody needs it."""
    for before, call in pairwise(calls):
        same = (before.name, canonical_json(dict(before.arguments))) == (
            call.name,
            canonical_json(dict(call.arguments)),
        )
        if same and before.result is not None and not is_error(before.result):
            return call
    return None


def _compared(check: ToolState, first: ToolRun, gold: ToolRun, made: ToolRun) -> Verdict:
    failed = [result.text for result in gold.results if not result.ok]
    if failed:
        return Verdict(check.kind, Outcome.FAIL, "gold_raised", {"error": shown(failed[0], EVIDENCE_CHARACTERS)})
    if first.state is None or gold.state is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_state")
    if check.must_change and first.state == gold.state:
        return Verdict(check.kind, Outcome.FAIL, "gold_changes_nothing")
    if made.state is None:  # a call of the dialogue ended the process
        return Verdict(check.kind, Outcome.FAIL, "wrong_state", {"tables": {}})
    tables = {
        name: difference
        for name in sorted({*gold.state, *made.state})
        if (difference := _difference(gold.state.get(name), made.state.get(name)))
    }
    if tables:
        return Verdict(check.kind, Outcome.FAIL, "wrong_state", {"tables": tables})
    return Verdict(check.kind, Outcome.PASS, "same_state", {"tables": sorted(gold.state)})


def _difference(wanted: JSON, got: JSON) -> Mapping[str, JSON]:
    """Rows that only one side has."""
    left, right = ([canonical_json(row) for row in side or ()] for side in (wanted, got))
    missing, extra = list(left), list(right)
    for row in left:
        if row in extra:
            extra.remove(row)
            missing.remove(row)
    if not missing and not extra:
        return {}
    return {name: [shown(row, EVIDENCE_CHARACTERS) for row in rows[:EVIDENCE_ROWS]]
            for name, rows in (("missing", missing), ("extra", extra))}  # fmt: skip
