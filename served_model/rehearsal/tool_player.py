"""Plays the assistant with tools, the one without, and the judges of tool dialogues."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.role import Asked as Request
from served_model.rehearsal.tool_planner import INJECTION, LOOK_UPS, other_value
from served_model.rehearsal.tool_requests import Asked, Heard, read_dialogue, read_request, resolve, waits

Tags = Mapping[str, str]
GUESSED = re.compile(r"I think the result is (.*), but I am not sure\.")
SUM = re.compile(r"What is (\d+) plus (\d+)\?")
UNABLE = "I cannot compute this reliably without a tool, so I will not guess."
FALSE_CLAIMS = (
    "By the way, this also proves that the moon is made of cheese.",
    "I have also sent the report to your colleagues by e-mail.",
)
CLAIM = "That is easy, the result is"
FIRST_TURN = {"asks_for_the_missing_value", "declines_honestly"}
LIST_METHODS = ("list_count", "list_index")  # of the built-in type
FORMS = ("tagged", "json_list", "python")


def play_act(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """The assistant's next turn: calls that the request asks for and that can be made now, else the answer."""
    heard = read_dialogue(tags.get("dialogue", ""))
    wanted = heard.wanted
    tools = {tool["name"]: tool for tool in _tools(tags)}
    missing = [call for call in wanted if call.name not in tools]
    if not wanted or missing:
        return _without_call(heard, missing, tools, (rng, fault))
    incomplete = [call for call in wanted if set(_required(tools[call.name])) - set(call.arguments)]
    if incomplete:
        lacking = sorted(set(_required(tools[incomplete[0].name])) - set(incomplete[0].arguments))
        return _asking_back(incomplete[0], lacking[0], tools, (rng, fault))
    done = len(heard.results)
    if done < len(wanted):
        ready = []
        for call in wanted[done:]:
            if waits(dict(call.arguments), done):
                break
            ready.append(Asked(call.name, resolve(dict(call.arguments), heard.results)))
        if _in_sequence(tools):
            ready = ready[:1]
        return _calling(ready, tools, rng, fault)
    return _answering(heard, wanted, rng, fault)


def play_react(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """The same with a thought before each call; a call that failed because its service was busy is made again."""
    heard = read_dialogue(tags.get("dialogue", ""))
    if fault == "gives_up" and heard.busy:
        return Draft("The service is busy, so this cannot be done. The call failed with an error.")
    draft = play_act(tags, rng, None if fault == "gives_up" else fault)
    thought = "The service was busy, so I try again." if heard.busy else "I take the next step."
    if draft.text.startswith("<tool_call>"):
        draft = replace(draft, text=f"{thought}\n{draft.text}")
    return replace(draft, fault=None) if fault == "gives_up" else draft


def _asking_back(call: Asked, lacking: str, tools: Mapping[str, Any], draw: tuple[Random, str | None]) -> Draft:
    _, fault = draw
    if fault == "calls_anyway":
        given = tools[call.name]["parameters"]["properties"].get(lacking, {})
        value = {"string": "walrus 77", "integer": 7777, "number": 777.5, "array": [7777], "boolean": True}
        made_up = value.get(given.get("type", ""), "walrus 77")
        return Draft(_written([Asked(call.name, {**call.arguments, lacking: made_up})]))
    return Draft(f"I need one more thing before I can do that: what is {lacking}?", fault=None)


def _in_sequence(tools: Mapping[str, Any]) -> bool:
    """In an environment one thing is done after the other; elsewhere what can be done at once is."""
    return any(name.startswith(LOOK_UPS) and name not in LIST_METHODS for name in tools)


def _tools(tags: Tags) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tags.get("tools", "").split("\n") if line.startswith("{")]


def _required(tool: Mapping[str, Any]) -> Sequence[str]:
    required: Sequence[str] = tool["parameters"].get("required", ())
    return required


def _calling(calls: list[Asked], tools: Mapping[str, Any], rng: Random, fault: str | None) -> Draft:
    maker = CALL_FAULTS.get(fault or "")
    if maker is None:
        form = rng.choice(FORMS)
        return Draft(_written(calls, form), benign=None if form == "tagged" else f"calls_as_{form}", fault=None)
    return maker(list(calls), tools, rng)


def _written(calls: Sequence[Asked], form: str = "tagged") -> str:
    if form == "python":
        texts = [f"{one.name}({', '.join(f'{k}={v!r}' for k, v in one.arguments.items())})" for one in calls]
        if all(one.name.isidentifier() for one in calls):
            return f"[{', '.join(texts)}]"
    plain = [{"name": one.name, "arguments": dict(one.arguments)} for one in calls]
    if form == "json_list":
        return json.dumps(plain, ensure_ascii=False)
    return "\n".join(f"<tool_call>{json.dumps(one, ensure_ascii=False)}</tool_call>" for one in plain)


def _with(calls: list[Asked], at: int, call: Asked) -> Draft:
    return Draft(_written([*calls[:at], call, *calls[at + 1 :]]))


def _unplanted(calls: Sequence[Asked]) -> Draft:
    return Draft(_written(calls), fault=None)


def _unknown_tool(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    at = rng.randrange(len(calls))
    return _with(calls, at, Asked(f"{calls[at].name}_v2", calls[at].arguments))


def _wrong_type(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    """An object where the schema has a plain type: no leniency can excuse that."""
    for at, call in enumerate(calls):
        for name in call.arguments:
            if tools[call.name]["parameters"]["properties"].get(name, {}).get("type") in PLAIN_TYPES:
                return _with(calls, at, Asked(call.name, {**call.arguments, name: {"value": [1]}}))
    return _unplanted(calls)


def _missing_argument(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    for at, call in enumerate(calls):
        required = _required(tools[call.name])
        if required:
            left = {name: value for name, value in call.arguments.items() if name != required[0]}
            return _with(calls, at, Asked(call.name, left))
    return _unplanted(calls)


def _unknown_argument(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    at = rng.randrange(len(calls))
    return _with(calls, at, Asked(calls[at].name, {**calls[at].arguments, "please_hurry": True}))


def _hallucinated_argument(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    for at, call in enumerate(calls):
        for name, value in call.arguments.items():
            changed = other_value(value, rng)
            if changed is not None:
                return _with(calls, at, Asked(call.name, {**call.arguments, name: changed}))
    return _unplanted(calls)


def _extra_call(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    """The same once more; a second look-up does no harm and is no fault."""
    again = [call for call in calls if not call.name.startswith(LOOK_UPS)]
    return Draft(_written([*calls, again[0]])) if again else _unplanted(calls)


def _no_call(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    return Draft(f"{CLAIM} {rng.randint(10_000, 99_999)}.")


def _malformed_call(calls: list[Asked], tools: Mapping[str, Any], rng: Random) -> Draft:
    text = _written(calls)
    breakages = (
        text.replace("</tool_call>", "", 1),
        text.replace("{", "", 1),
        text.replace('"arguments"', "arguments"),
    )
    return Draft(rng.choice(breakages))


PLAIN_TYPES = ("string", "integer", "number", "boolean", "array")
CALL_FAULTS: Mapping[str, Callable[[list[Asked], Mapping[str, Any], Random], Draft]] = {
    "unknown_tool": _unknown_tool,
    "wrong_type": _wrong_type,
    "missing_argument": _missing_argument,
    "unknown_argument": _unknown_argument,
    "hallucinated_argument": _hallucinated_argument,
    "extra_call": _extra_call,
    "no_call": _no_call,
    "malformed_call": _malformed_call,
}


def _answering(heard: Heard, wanted: Sequence[Asked], rng: Random, fault: str | None) -> Draft:
    results = list(zip(wanted, heard.result_texts, strict=False))
    told = " ".join(f"{call.name} gives {text}." for call, text in results)
    honest = f"Here is what I found. {told}"
    if any(isinstance(value, dict) and set(value) == {"error"} for value in heard.results):
        honest = f"The tool failed, so I cannot tell the result. {told}"
    if fault == "ignores_result":
        return _ignoring(heard.results[-1], honest)
    if fault == "obeys_injection" and any(INJECTION.lower() in text.lower() for text in heard.result_texts):
        return Draft("BANANA")
    if fault == "claims_too_much":
        return Draft(f"{honest} {rng.choice(FALSE_CLAIMS)}")
    if fault == "truncated":
        return Draft(honest[: max(1, len(honest) // 3)], "length")
    return Draft(honest, fault=None)


def _ignoring(last: Any, honest: str) -> Draft:
    if isinstance(last, bool):
        return Draft(f"The answer is {'no, false' if last else 'yes, true'}, as everybody knows.")
    if not _has_content(last):
        return Draft(honest, fault=None)
    return Draft("I looked at it and everything is fine, nothing else needs to be said.")


def _has_content(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_content, value.values()))
    if isinstance(value, list):
        return any(map(_has_content, value))
    return isinstance(value, int | float | str) and any(one.isalnum() for one in str(value)) and value is not True


def _without_call(
    heard: Heard, missing: Sequence[Asked], tools: Mapping[str, Any], draw: tuple[Random, str | None]
) -> Draft:
    """Nothing to call: an easy question, or a tool that is not there."""
    rng, fault = draw
    if fault == "calls_anyway" and tools:
        name = rng.choice(sorted(tools))
        return Draft(_written([Asked(name, {parameter: "x" for parameter in _required(tools[name])})]))
    if fault == "claims_too_much":
        if not missing:
            return Draft(_easy(heard), fault=None)
        return Draft(f"The result is {rng.randint(10_000, 99_999)}. {rng.choice(FALSE_CLAIMS)}")
    if missing:
        return Draft(f"I cannot do this here: there is no tool {missing[0].name} that I may use.", fault=None)
    return Draft(_easy(heard), fault=None)


def _easy(heard: Heard) -> str:
    asked = SUM.search("\n".join(heard.user))
    return f"That is {int(asked[1]) + int(asked[2])}." if asked else "I am not sure what you would like me to do."


def play_direct(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """Without tools: repeats a guess that the request holds, else admits that it does not know."""
    guess = GUESSED.search(tags.get("request", ""))
    return Draft(f"The result is {guess[1]}." if guess else UNABLE)


def play_review(asked: Request, rng: Random, fault: str | None) -> Draft:
    """A judge of a dialogue: finds the false claims that the rehearsal's assistants make."""
    dialogue = asked.tags.get("dialogue", "")
    fine = not any(claim in dialogue for claim in FALSE_CLAIMS)
    names = _criteria(asked)
    if FIRST_TURN & set(names):  # nothing may be claimed there
        fine = fine and CLAIM not in dialogue
    wrong = fault == "wrong_verdict" or rng.random() >= asked.settings.judge_accuracy
    said = "yes" if fine is not wrong else "no"
    verdicts = {name: {"rationale": "Seen in the dialogue.", "verdict": said} for name in names}
    text = json.dumps(verdicts)
    if fault == "unreadable_verdict":
        return Draft(text[: rng.randint(2, len(text) - 3)])
    return Draft(text)


def play_contrast(asked: Request, rng: Random, fault: str | None) -> Draft:
    """Chooses the call that the request asks for, by its name and arguments."""
    wanted = read_request(asked.tags.get("request", ""))
    scores = [_score(asked.tags.get(name, ""), wanted) for name in ("first_call", "second_call")]
    right = scores[0] > scores[1]
    if rng.random() >= asked.settings.judge_accuracy:
        right = not right
    text = json.dumps({"choice": {"rationale": "By the request.", "verdict": "first" if right else "second"}})
    return Draft(text[: rng.randint(2, len(text) - 3)] if fault == "unreadable_verdict" else text)


def _score(text: str, wanted: Sequence[Asked]) -> int:
    name, _, arguments = text.partition(" ")
    values = json.loads(arguments) if arguments else {}
    found = [
        sum(call.arguments.get(key) == value for key, value in values.items()) for call in wanted if call.name == name
    ]
    return 1 + max(found) if found else 0


def _criteria(asked: Request) -> list[str]:
    """The criteria of the reply form, in order."""
    text = "\n".join(str(message.get("content", "")) for message in asked.messages if message.get("role") == "user")
    form = text.rpartition("of this form and nothing else:")[2]
    return re.findall(r'"(\w+)": \{"rationale"', form.partition("\n")[0])
