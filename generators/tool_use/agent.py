"""The assistant's side of a dialogue: asked turn by turn, its calls executed, their real results shown to it.

What a tool says goes into the prompt as quoted text and into the record as a tool's message; nothing here reads it. So
an instruction in it can mislead the model that writes the next turn, never the pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from generators.asking import Answer
from generators.recipe import SeedRefused
from generators.tool_use.asking import Asker, ToolSettings
from records.types import Call, Message, MessageCall, canonical_json
from sandbox.types import SandboxError
from verifiers.call_parsing import MalformedCalls, ToolCall
from verifiers.tool_dialogue import made_calls
from verifiers.tool_format import Turn, read_calls
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.execute import ToolsUnavailable, execute
from verifiers.toolbox.runner import NotExecutable

TAGGED = re.compile(r"<tool_call>.*?(?:</tool_call>|\Z)", re.DOTALL)
FINISHED = "stop"


@dataclass(frozen=True)
class Dialogue:
    """A dialogue so far. `turns` are the assistant's turns that call, or tried to; `open` while more may follow."""

    messages: tuple[Message, ...]
    parts: dict[str, str]
    calls: tuple[Call, ...]
    turns: tuple[Turn, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    open: bool = True

    def said(self, *messages: Message) -> Dialogue:
        """With more messages."""
        return replace(self, messages=(*self.messages, *messages))

    def up_to(self, message: int) -> Dialogue:
        """What stood before a message, as if nothing had followed."""
        gone = {f"turn_{index}" for index in range(message, len(self.messages))}
        return Dialogue(
            self.messages[:message],
            {name: text for name, text in self.parts.items() if name not in gone},
            tuple(call for call in self.calls if call.part not in gone),
            tuple(turn for turn in self.turns if turn.message < message),
            self.finish_reasons[: sum(one.role == "assistant" for one in self.messages[:message])],
        )


async def converse(asker: Asker, toolbox: Toolbox, dialogue: Dialogue, prompt: str = "act") -> Dialogue:
    """Ask for the assistant's turns until one calls nothing, cannot be read, or the steps are used up."""
    settings: ToolSettings = asker.resources.settings
    for _ in range(settings.max_steps + 1):
        step = len(dialogue.messages)
        fields = {"tools": shown_tools(toolbox), "dialogue": shown(dialogue.messages)}
        answer = await asker.ask(prompt, "solver", fields, step)
        dialogue = await _take(answer, toolbox, dialogue, asker)
        if not dialogue.open:
            break
    return replace(dialogue, open=False)


async def _take(answer: Answer, toolbox: Toolbox, dialogue: Dialogue, asker: Asker) -> Dialogue:
    """The dialogue with one more turn of the assistant, and with what its tools say."""
    at = len(dialogue.messages)
    part, text = f"turn_{at}", answer.reply.text
    dialogue = replace(
        dialogue,
        parts={**dialogue.parts, part: text},
        calls=(*dialogue.calls, answer.call(part)),
        finish_reasons=(*dialogue.finish_reasons, answer.reply.finish_reason),
    )
    try:
        made = read_calls(text, toolbox.tools_json)
    except MalformedCalls:
        return _ended(dialogue.said(Message("assistant", text)), Turn(at, part))
    if not made:
        return replace(dialogue.said(Message("assistant", text.strip())), open=False)
    message = Message("assistant", TAGGED.sub("", text).strip() if "<tool_call>" in text else "", _named(made, at))
    dialogue = replace(dialogue.said(message), turns=(*dialogue.turns, Turn(at, part)))
    if not toolbox.bindings:
        return replace(dialogue, open=False)
    return await _answered(dialogue, toolbox, asker)


def _ended(dialogue: Dialogue, turn: Turn) -> Dialogue:
    return replace(dialogue, turns=(*dialogue.turns, turn), open=False)


def _named(made: Sequence[ToolCall], at: int) -> tuple[MessageCall, ...]:
    return tuple(
        MessageCall(f"call_{at}_{number}", call.name, canonical_json(dict(call.arguments)))
        for number, call in enumerate(made, 1)
    )


async def _answered(dialogue: Dialogue, toolbox: Toolbox, asker: Asker) -> Dialogue:
    """With the results of the last turn's calls; all calls of the dialogue are replayed for that."""
    sandbox = asker.resources.sandbox
    if sandbox is None:
        raise SandboxError("this recipe executes calls and was given no sandbox")
    calls = [(one.name, one.arguments) for one in made_calls(dialogue.messages)]
    try:
        run = await execute(sandbox, toolbox, calls)
    except NotExecutable:
        return replace(dialogue, open=False)  # a call of an unknown tool: the format gate says so
    except (SandboxError, ToolsUnavailable) as error:
        raise SeedRefused("tools_not_executed", error=str(error)[:300]) from error
    last = dialogue.messages[-1].tool_calls
    texts = [result.text for result in run.results[-len(last) :]]
    return dialogue.said(
        *(Message("tool", text, (), call.id, call.name) for call, text in zip(last, texts, strict=True))
    )


def shown_tools(toolbox: Toolbox) -> str:
    """The definitions, one a line."""
    return "\n".join(canonical_json(tool["function"]) for tool in toolbox.tools) or "(none)"


def shown(messages: Sequence[Message]) -> str:
    """The dialogue as a model reads it."""
    lines = []
    for message in messages:
        if message.role == "tool":
            lines.append(f"[result of {message.name}] {message.content}")
        else:
            calls = [f"<call> {call.name} {call.arguments}" for call in message.tool_calls]
            lines.append("\n".join([f"[{message.role}] {message.content}".rstrip(), *calls]))
    return "\n".join(lines)
