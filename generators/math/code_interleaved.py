"""math/code_interleaved: reasoning in words mixed with Python that is really run (M12, in the format of ToRA).

A record's messages, for the question "What is the sum of the squares of 1 to 10?":
  user       What is the sum of the squares of 1 to 10?
  assistant  I add the squares. ```python print(sum(n * n for n in range(11))) ``` ```output 385 ``` It is \\boxed{385}
  checks     ResponseHygiene, MathAnswer or MajorityVote, Trace (every output is what its block prints), step judge

Each part of a trace is one reply of the model, cut after its first block of code: whatever the model wrote behind it,
an invented output above all, is thrown away, and the output of the block is what a session of the sandbox printed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import Field

from generators.asking import Answer
from generators.math.asking import Asker, all_of
from generators.math.candidates import PART, SolutionSettings, Truth, final_answer, require_votes, solution_checks
from generators.recipe import Recipe, Resources, SeedRefused
from records.types import JSON, Candidate, Message, Seed, stable_hash
from sandbox.types import Execution, Limits, Session, SessionEnded, Status
from verifiers.code_blocks import find_blocks
from verifiers.trace import OUTPUT_TAG, PYTHON_TAGS, Trace

NAME = "math/code_interleaved"
ROLE = "solver"
LONGEST_QUESTION = 20_000
FENCE_LINE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*\r?$", re.MULTILINE)


class CodeInterleaved(SolutionSettings):
    """What a user may vary. OpenMathReasoning caps a solution at 8 executions."""

    samples: int = Field(2, ge=1, le=64, description="traces per question")
    max_calls: int = Field(8, ge=1, le=16, description="blocks of code in one trace")
    output_characters: int = Field(2000, ge=100, description="an output that is longer ends the trace")
    require_code: bool = Field(True, description="a trace without code is not accepted")
    cpu_s: float = Field(5.0, gt=0, le=60)
    memory_mb: int = Field(256, ge=64, le=16_384)


@dataclass
class Draft:
    """A trace while it grows. `ended` is why it does not go on: finished, unfinished, no_conclusion, calls, output, or
    the status of an execution."""

    text: str = ""
    answers: list[Answer] = field(default_factory=list)
    blocks: int = 0
    cut_off: list[str] = field(default_factory=list)  # journal keys of replies that went on behind their code
    ended: str = ""


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate per trace. Raises SeedRefused, ModelError, SandboxError."""
    settings: CodeInterleaved = resources.settings
    question = seed.fields.get("question", seed.text).strip()
    if not question or len(question) > LONGEST_QUESTION:
        raise SeedRefused("question_too_long" if question else "no_question", characters=len(question))
    require_votes(seed.fields.get("answer", ""), settings.samples)
    asker = Asker(NAME, seed, resources)
    drafts = await all_of([_write(asker, question, index) for index in range(settings.samples)])
    answers = tuple(final_answer(draft.text) for draft in drafts)
    return [_candidate(asker, question, index, draft, answers) for index, draft in enumerate(drafts)]


async def _write(asker: Asker, question: str, index: int) -> Draft:
    """One trace, part by part, in one session of the sandbox, which is opened for the first block of code."""
    settings: CodeInterleaved = asker.resources.settings
    draft = Draft()
    limits = Limits(cpu_s=settings.cpu_s, memory_bytes=settings.memory_mb << 20)
    code = await _next_part(asker, question, index, draft)
    if draft.ended:
        return draft
    if asker.resources.sandbox is None:
        raise SeedRefused("no_sandbox")
    async with asker.resources.sandbox.session("python", limits=limits) as session:
        while not draft.ended:
            await _run(session, code, draft, settings)
            if not draft.ended:
                code = await _next_part(asker, question, index, draft)
    return draft


async def _next_part(asker: Asker, question: str, index: int, draft: Draft) -> str:
    """Ask for the next part and add it; its code, or "" where it has none and the trace has ended."""
    fields = {"question": question, "trace_so_far": draft.text.strip() or "(nothing yet)"}
    answer = await asker.ask("cell", ROLE, fields, index, len(draft.answers))
    draft.answers.append(answer)
    kept, code = cut_part(answer.reply.text)
    if kept != answer.reply.text.rstrip():
        draft.cut_off.append(answer.reply.key)
    whole = code or answer.reply.finish_reason == "stop"
    draft.text = f"{draft.text.rstrip()}\n\n{kept.strip()}".strip()
    if not code:
        concluded = bool(final_answer(kept)) or not draft.blocks  # a last output that happens to be right is no answer
        draft.ended = ("finished" if concluded else "no_conclusion") if whole else "unfinished"
    return code


def cut_part(text: str) -> tuple[str, str]:
    """A reply up to the end of its first whole block of Python, and the code; the whole reply and "" without one."""
    for end in FENCE_LINE.finditer(text):
        part = text[: end.end()]
        first = next((block for block in find_blocks(part) if block.tag in PYTHON_TAGS and block.closed), None)
        if first is not None and first.code.strip():
            return part.rstrip(), first.code
    return text.rstrip(), ""


async def _run(session: Session, code: str, draft: Draft, settings: CodeInterleaved) -> None:
    """Run the block and write down what it printed; a block after which nothing can follow ends the trace."""
    draft.blocks += 1
    try:
        execution = await session.run(code)
    except SessionEnded:
        draft.ended = "session_ended"
        return
    output = shown_output(execution)
    draft.text += f"\n\n```{OUTPUT_TAG}\n{output}\n```"
    if execution.status not in (Status.OK, Status.NONZERO, Status.COMPILE_ERROR):
        draft.ended = str(execution.status.value)
    elif len(output) > settings.output_characters:
        draft.ended = "output"
    elif draft.blocks >= settings.max_calls:
        draft.ended = "calls"


def shown_output(execution: Execution) -> str:
    """What a trace shows of an execution: its output, and of an exception the last line."""
    lines = [execution.stdout.rstrip("\n")] if execution.stdout.strip() else []
    if execution.status is not Status.OK and execution.stderr.strip():
        lines.append(execution.stderr.strip().rpartition("\n")[2].rstrip())
    return "\n".join(lines)


def _candidate(asker: Asker, question: str, index: int, draft: Draft, answers: Sequence[str]) -> Candidate:
    seed, resources = asker.seed, asker.resources
    settings: CodeInterleaved = resources.settings
    keys = [one.reply.key for one in draft.answers]
    identity = stable_hash(NAME, str(resources.run_seed), str(resources.round), seed.id, str(index), *keys)
    reference = seed.fields.get("answer", "")
    truth = Truth(reference, tuple(answers), index, "reference" if reference else "majority")
    finish = draft.answers[-1].reply.finish_reason if draft.ended in ("finished", "unfinished") else draft.ended
    hygiene, answer, *steps = solution_checks(question, draft.text, truth, finish, settings)
    trace = (Trace(settings.cpu_s, settings.memory_mb),) if draft.blocks or settings.require_code else ()
    metadata: dict[str, JSON] = {
        "answer_source": truth.source,
        "sample": index,
        "samples": len(answers),
        "round": resources.round,
        "blocks": draft.blocks,
        "cut_off": draft.cut_off,
    }
    if seed.fields.get("skill"):
        metadata["skill"] = seed.fields["skill"]
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe=NAME,
        messages=(Message("user", question), Message("assistant", draft.text)),
        parts={"question": question, PART: draft.text},
        checks=(hygiene, answer, *trace, *steps),
        calls=tuple(one.call(f"{PART}:{number}") for number, one in enumerate(draft.answers)),
        metadata=metadata,
    )


RECIPE = Recipe(NAME, seeds="questions", settings=CodeInterleaved, propose=propose, sandbox=True)
