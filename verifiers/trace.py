"""Proof of a worked text with code: its `python` blocks, run again, give the `output` blocks that follow them (M12).

For n blocks, program k runs blocks 1 to k in one namespace, as a notebook does; the output of block k is what program
k prints beyond program k - 1. No separator is printed, so none can be faked. Program k runs a second time with a probe
after its last block: the probe must be the next thing printed, so a program that leaves early or silences its output
does not pass for one that reached its end, and a program that differs from run to run is not judged. A program that
reads its driver's frames can tell the two runs apart; all that it gains is blocks shown as silent that were not run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel

from records.types import JSON, Candidate, Check, Outcome, Verdict
from sandbox.types import Execution, Limits, Request, SandboxError, Status, ToolchainMissing
from verifiers.base import Resources
from verifiers.code_blocks import find_blocks
from verifiers.execution_evidence import stable_text

MAX_BLOCKS = 16  # the cost grows with the square of the number of blocks
PYTHON_TAGS = frozenset({"python", "python3", "py", "py3"})
OUTPUT_TAG = "output"
PLAIN_TAG = "text"  # "```text output": only counts as output where it follows code
PROBE = "\n[the end of the last block was reached]\n"
TRACEBACK = "Traceback (most recent call last)"
SUGGESTION = re.compile(r"\. Did you (?:mean|forget)[^\n]*$")
FILE_AND_LINE = re.compile(r" \(<[^<>\n]*>, line \d+\)$")
RAISED = 1  # exit code of a Python program that ends by an exception

# Earlier blocks that raise do not end a notebook. Only the last block may end the program by its exception.
DRIVER = """
def _replay(blocks, echo, probe):
    import ast, sys
    for number, source in enumerate(blocks):
        last = number == len(blocks) - 1
        try:
            tree = ast.parse(source, f"<block {number + 1}>")
            value = None
            tail = tree.body.pop() if last and echo and tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, f"<block {number + 1}>", "exec"), globals())
            if tail is not None:
                value = eval(compile(ast.Expression(tail.value), f"<block {number + 1}>", "eval"), globals())
            if value is not None:
                print(repr(value))
        except BaseException:
            if last and not probe:
                raise
    if probe:
        sys.stdout.write(probe)
        sys.stdout.flush()
"""


@dataclass(frozen=True)
class Trace(Check):
    """Every `python` block of part "response" is followed by the output that it gives. `memory_mb` is MiB."""

    kind: ClassVar[str] = "trace"
    cpu_s: float = 5.0
    memory_mb: int = 256


class Row(BaseModel):
    """One row of `provender verify trace`; other fields are ignored."""

    id: str | int
    response: str


@dataclass(frozen=True, slots=True)
class Step:
    """One block of code and the output that the text shows for it."""

    code: str
    shown: str


class Refused(Exception):
    """The trace has a fault that needs no run; the message is the reason."""


class NotJudged(Exception):
    """The runs tell nothing about the trace; the message is the reason."""


async def verify(check: Trace, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS same_output; FAIL different_output, no_code, missing_output, truncated, left_early, timeout_cpu,
    timeout_wall, memory, output, signal, compile_error.

    UNJUDGED not_deterministic (also: output at the program's exit), too_many_blocks, rejected, toolchain_missing,
    sandbox_error.
    """
    return await _judge(check, candidate.parts["response"], resources)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same proof for a row that anybody made."""
    return await _judge(Trace(), row.response, resources)


async def _judge(check: Trace, text: str, resources: Resources) -> Verdict:
    evidence: dict[str, JSON] = {}
    try:
        steps = steps_of(text)
        evidence["blocks"] = len(steps)
        reason = await _replay_all(check, steps, resources, evidence)
    except Refused as error:
        return Verdict(check.kind, Outcome.FAIL, str(error), evidence)
    except NotJudged as error:
        return Verdict(check.kind, Outcome.UNJUDGED, str(error), evidence)
    except ToolchainMissing as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})
    outcome = Outcome.PASS if reason == "same_output" else Outcome.FAIL
    return Verdict(check.kind, outcome, reason, evidence)


def steps_of(text: str) -> list[Step]:
    """The code and output blocks of the text in pairs. Raises Refused or NotJudged."""
    steps: list[Step] = []
    code: str | None = None
    for block in find_blocks(text):
        is_code = block.tag in PYTHON_TAGS
        if not is_code and block.tag != OUTPUT_TAG and (block.tag != PLAIN_TAG or code is None):
            continue  # a block of another kind takes no part in the trace
        if not block.closed:
            raise Refused("truncated")
        if is_code == (code is not None):  # two codes in a row, or an output that belongs to no code
            raise Refused("missing_output" if is_code else "no_code")
        if code is not None:
            steps.append(Step(code, block.code))
        code = block.code if is_code else None
    _require_whole(steps, code)
    return steps


def _require_whole(steps: list[Step], open_code: str | None) -> None:
    if open_code is not None:
        raise Refused("missing_output")
    if not steps:
        raise Refused("no_code")
    if len(steps) > MAX_BLOCKS:
        raise NotJudged("too_many_blocks")


async def _replay_all(check: Trace, steps: list[Step], resources: Resources, evidence: dict[str, JSON]) -> str:
    """The reason of the first block that differs, or same_output."""
    before = ""
    for number, step in enumerate(steps, 1):
        blocks = [each.code for each in steps[:number]]
        evidence["block"] = number
        plain = await _run(check, blocks, False, resources)
        reason, given = await _block_output(check, blocks, plain, before, resources)
        if reason is None and not _same(step.shown, given, plain):
            echoed = await _run(check, blocks, True, resources)
            given = _beyond(before, echoed.stdout)
            reason = None if _same(step.shown, given, echoed) else "different_output"
        if reason is not None:
            error = _error_line(plain)
            evidence.update(shown=stable_text(step.shown), given=stable_text(given), error=stable_text(error))
            return reason
        before = plain.stdout
    del evidence["block"]
    return "same_output"


async def _block_output(
    check: Trace, blocks: list[str], plain: Execution, before: str, resources: Resources
) -> tuple[str | None, str]:
    """What the last block printed, and why it cannot be compared (None where it can). Raises NotJudged."""
    if plain.status is Status.REJECTED:
        raise NotJudged("rejected")
    if plain.status not in (Status.OK, Status.NONZERO):
        return plain.status.value, ""
    given = _beyond(before, plain.stdout)
    probed = await _run(check, blocks, False, resources, PROBE)
    if probed.stdout == plain.stdout + PROBE:
        return None, given
    if probed.stdout == plain.stdout or probed.status not in (Status.OK, Status.NONZERO):
        return "left_early", given
    raise NotJudged("not_deterministic")


def _beyond(before: str, stdout: str) -> str:
    if not stdout.startswith(before):
        raise NotJudged("not_deterministic")
    return stdout[len(before) :]


async def _run(check: Trace, blocks: list[str], echo: bool, resources: Resources, probe: str = "") -> Execution:
    source = f"{DRIVER}\n_replay({blocks!a}, {echo}, {probe!a})\n"
    limits = Limits(cpu_s=check.cpu_s, memory_bytes=check.memory_mb << 20)
    return await resources.sandbox.run(Request("python", source, limits=limits))


def _same(shown: str, given: str, execution: Execution) -> bool:
    """Whether the text shows what was given; of a traceback only the last line counts (file names differ)."""
    error = _error_line(execution)
    if not error:
        return _lines(shown) == _lines(given)
    wanted = _lines(shown)
    start = next((index for index, line in enumerate(wanted) if line.startswith(TRACEBACK)), None)
    if start is not None:
        wanted = _lines("\n".join(wanted[:start])) + wanted[-1:]
    return [*wanted[:-1], *map(_bare_error, wanted[-1:])] == [*_lines(given), _bare_error(error)]


def _bare_error(line: str) -> str:
    """Without what depends on how the program was started: a suggestion of another name, the name of the file."""
    return FILE_AND_LINE.sub("", SUGGESTION.sub("", line)).rstrip()


def _error_line(execution: Execution) -> str:
    """The last line of the traceback of a program that ended by an exception, else nothing."""
    if execution.exit_code != RAISED or TRACEBACK not in execution.stderr:
        return ""
    return execution.stderr.rstrip().rpartition("\n")[2].rstrip()


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")] if text.strip() else []
