"""Contrastive self-verification of tool and arguments (T15; TOOLVERIFIER, arXiv 2402.14158).

The call that was made is put beside its nearest rival: a call of the tool that fits the request next best, and the same
call with one argument replaced by another value that the request names. A judge says which of the two the request asks
for, once in each order, so that a preference for the first place cannot decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict, canonical_json
from verifiers import tool_calls
from verifiers.base import Resources
from verifiers.judging import Criterion, Panel, Rubric, ask_panel
from verifiers.strict_json import NotJson
from verifiers.tool_dialogue import BrokenDialogue, MadeCall, made_calls
from verifiers.tool_schemas import BadTools, Tool, find_problem, read_tools

CHOICE = "choice"
FIRST, SECOND = "first", "second"
RETRIES = 3  # of a reply that cannot be read: one of four to be read is enough to end a record
WORD = re.compile(r"[a-z]{3,}|\d+")
NUMERAL = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


@dataclass(frozen=True)
class ToolContrast(Check):
    """The first call of the dialogue against its rivals. Without a rival there is nothing to tell apart."""

    kind: ClassVar[str] = "tool_contrast"
    prompt: str = "verifiers/contrast"
    role: str = "judge"


@dataclass(frozen=True, slots=True)
class Rival:
    """Another call that might have been meant: of another tool, or with another value of an argument."""

    what: str  # "tool" or the argument's name
    text: str


async def verify(check: ToolContrast, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS preferred, no_rival. FAIL rival_preferred. UNJUDGED order_decides, judge_unreadable, no_judge, bad_tools,
    broken_dialogue.
    """
    if resources.model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_judge")
    try:
        calls = made_calls(candidate.messages)
        tools = read_tools(tool_calls.value_of(candidate.tools))
    except (BrokenDialogue, BadTools, NotJson) as error:
        reason = "broken_dialogue" if isinstance(error, BrokenDialogue) else "bad_tools"
        return Verdict(check.kind, Outcome.UNJUDGED, reason, {"error": str(error)[:300]})
    request = "\n".join(one.content for one in candidate.messages if one.role == "user")
    rivals = list(_rivals(calls[0], tools, request)) if calls else []
    if not rivals:
        return Verdict(check.kind, Outcome.PASS, "no_rival")
    made = _shown(calls[0].name, calls[0].arguments)
    seen: list[JSON] = []
    keys: list[str] = []
    for rival in rivals:
        choices, asked = await _ask(check, {"request": request, "made": made, "rival": rival.text}, resources)
        keys += asked
        seen.append({"rival": rival.what, "choices": list(choices)})
        problem = _problem(choices)
        if problem is not None:
            outcome, reason = problem
            evidence = {"rivals": seen, "rests_on": sorted(set(keys)), "message": calls[0].message}
            return Verdict(check.kind, outcome, reason, evidence)
    return Verdict(check.kind, Outcome.PASS, "preferred", {"rivals": seen, "rests_on": sorted(set(keys))})


def _problem(choices: tuple[str, str]) -> tuple[Outcome, str] | None:
    if "" in choices:
        return Outcome.UNJUDGED, "judge_unreadable"
    if choices == ("made", "made"):
        return None
    return (Outcome.FAIL, "rival_preferred") if choices == ("rival", "rival") else (Outcome.UNJUDGED, "order_decides")


async def _ask(
    check: ToolContrast, texts: Mapping[str, str], resources: Resources
) -> tuple[tuple[str, str], list[str]]:
    """What the judge chose in each of the two orders ("" where unreadable), and the keys of its replies."""
    assert resources.model is not None
    rubric = Rubric(check.prompt, (Criterion(CHOICE, (FIRST, SECOND), (FIRST,)),))
    chosen, keys = [], []
    for first, second in (("made", "rival"), ("rival", "made")):
        fields = {"request": texts["request"], "first_call": texts[first], "second_call": texts[second]}
        (ballot,) = await ask_panel(rubric, fields, Panel((check.role,), retries=RETRIES), resources.model)
        chosen.append({FIRST: first, SECOND: second}.get(str(ballot.verdicts.get(CHOICE, "")), ""))
        keys += [ballot.key] if ballot.key else []
    return (chosen[0], chosen[1]), keys


def _rivals(call: MadeCall, tools: Mapping[str, Tool], request: str) -> Iterator[Rival]:
    others = [tool for name, tool in tools.items() if name != call.name]
    if others:
        nearest = max(others, key=lambda tool: (_overlap(tool, request), tool.name))
        yield Rival("tool", _shown(nearest.name, {}))
    for name, value in call.arguments.items():
        other = _other_value(value, request, call)
        if other is None or call.name not in tools:
            continue  # the request names nothing else that could stand here
        changed = {**call.arguments, name: other}
        if find_problem(tools[call.name], changed) is None:
            yield Rival(name, _shown(call.name, changed))
            return


def _overlap(tool: Tool, request: str) -> int:
    words = set(WORD.findall(f"{tool.name} {canonical_json(dict(tool.properties))}".lower()))
    return len(words & set(WORD.findall(request.lower())))


def _other_value(value: JSON, request: str, call: MadeCall) -> JSON:
    """Another number that the request names, for an argument that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    used = [one for one in call.arguments.values() if isinstance(one, int | float)]
    for numeral in NUMERAL.findall(request):
        number = float(numeral) if "." in numeral else int(numeral)
        if number != value and number in used:
            return number
    return None


def _shown(name: str, arguments: Mapping[str, JSON]) -> str:
    return f"{name} {canonical_json(dict(arguments))}" if arguments else name
