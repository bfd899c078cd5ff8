"""Proof of traces: what a text shows as output must be what its code gives, block by block."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from records.types import Candidate, Outcome, Seed
from sandbox import open_sandbox
from sandbox.types import Execution, Request, SandboxError, ToolchainMissing
from verifiers.base import Resources
from verifiers.trace import MAX_BLOCKS, Row, Trace, prove_row, verify

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADER = "Traceback (most recent call last):"


def trace(*steps: tuple[str, str]) -> str:
    return "\n".join(f"Now we run:\n```python\n{code}\n```\n```output\n{shown}\n```\n" for code, shown in steps)


ACCEPTS = {
    "one block": trace(("print(6 * 7)", "42")),
    "shared names": trace(("x = 3\nprint(x)", "3"), ("x += 1\nprint(x)", "4"), ("print(x * 2)", "8")),
    "last expression": trace(("x = 5\nx + 1", "6")),
    "last expression not shown": trace(("print('a')\n1 + 1", "a"), ("print('b')", "b")),
    "expression after print": trace(("print('a')\n'b'", "a\n'b'")),
    "trailing space": trace(("print('a ')\nprint()", "a")),
    "silent": trace(("x = 1", ""), ("print(x)", "1")),
    "whole traceback": trace(("1 / 0", f"{HEADER}\n  File x\nZeroDivisionError: division by zero")),
    "last line of a traceback": trace(("print('a')\nraise ValueError('no')", "a\nValueError: no")),
    "goes on after an error": trace(("x = 2\nraise KeyError(x)", "KeyError: 2"), ("x", "2")),
    "tag text output": "```python\nprint(1)\n```\n```text output\n1\n```",
    "seeded": trace(("import random\nrandom.seed(1)\nprint(random.random() < 2)", "True")),
    "not ASCII": trace(("print('é ∑')", "é ∑")),
    "a printed traceback": trace((f"print('{HEADER}')\nprint('x')", f"{HEADER}\nx")),
}  # fmt: skip

GOOD = [("x = 3\nprint(x)", "3"), ("x += 1\nprint(x)", "4"), ("print(x * 2)", "8")]


def invented(position: int) -> str:
    return trace(*((code, "99" if at == position else shown) for at, (code, shown) in enumerate(GOOD)))


REJECTS = {
    "different_output": {
        **{f"invented at {position}": invented(position) for position in range(3)},
        "one line too many": trace(("print(1)", "1\n2")),
        "one line too few": trace(("print(1)\nprint(2)", "1")),
        "other error": trace(("int('x')", "TypeError: no")),
        "no error": trace(("1 / 1", "Traceback (most recent call last):\nZeroDivisionError: division by zero")),
        "error not shown": trace(("print(1)\n1 / 0", "1")),
        "output moved": trace(("print(1)\nprint(2)", "1"), ("x = 1", "2")),
        "printed fence": trace(("print(1)\nprint('```output')", "1"), ("print(5)", "6")),
        "printed probe": trace(
            ("import os\nprint('\\n[the end of the last block was reached]')\nos.sys.stdout.flush()", "1")
        ),
        "replaced print": trace(("import builtins\nbuiltins.print = lambda *a: None", ""), ("print(1)", "1")),
        "name error": trace(("print(y)", "5")),
        "syntax error": trace(("print(", "5")),
    },
    "left_early": {
        "hard exit": trace(("import os\nprint(1, flush=True)\nos._exit(0)", "1"), ("print(2)", "")),
        "closed output": trace(("import sys\nprint(1)\nsys.stdout.flush()\nsys.stdout.close()", "1"), ("x = 1", "")),
        "hard exit with the probe": trace(
            ("import os\nos.write(1, b'\\n[the end of the last block was reached]\\n')\nos._exit(0)", "")
        ),
    },
    "no_code": {
        "prose": "The answer is 4.",
        "empty": "",
        "output first": "```output\n4\n```\n" + trace(("print(4)", "4")),
        "other language": "```bash\necho 4\n```\n```output\n4\n```\n",
    },
    "missing_output": {
        "at the end": "```python\nprint(1)\n```\n",
        "between": "```python\nprint(1)\n```\n" + trace(("print(4)", "4")),
    },
    "truncated": {"in code": "```python\nprint(1)\n", "in output": "```python\nprint(1)\n```\n```output\n1\n"},
    "timeout_cpu": {"endless": trace(("while True: pass", "1"))},
    "output": {"flood": trace(("while True: print('x' * 9999)", "x"))},
}
REJECTED = [
    pytest.param(text, reason, id=f"{reason}: {name}")
    for reason, group in REJECTS.items()
    for name, text in group.items()
]

UNJUDGED = {
    "not_deterministic": trace(("import os\nprint(os.urandom(16).hex())", "00")),
    "too_many_blocks": trace(*[("print(1)", "1")] * (MAX_BLOCKS + 1)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox = open_sandbox()
    workers: Any = None  # nothing here compares answers
    yield Resources(sandbox, workers)
    await sandbox.aclose()


def candidate_of(response: str) -> Candidate:
    return Candidate("c", "c", Seed("s", "x", "test", "unknown"), "test", (), {"response": response}, (), ())


@pytest.mark.parametrize("text", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(text: str, resources: Resources) -> None:
    verdict = await verify(Trace(cpu_s=1.0), candidate_of(text), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "same_output"), verdict.evidence


@pytest.mark.parametrize(("text", "reason"), REJECTED)
async def test_rejects(text: str, reason: str, resources: Resources) -> None:
    verdict = await verify(Trace(cpu_s=1.0), candidate_of(text), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason), verdict.evidence
    json.dumps(verdict.evidence)


@pytest.mark.parametrize(("reason", "text"), UNJUDGED.items())
async def test_unjudged(reason: str, text: str, resources: Resources) -> None:
    verdict = await prove_row(Row(id=1, response=text), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason), verdict.evidence


class Broken:
    """A sandbox that only fails."""

    backend = "broken"

    def __init__(self, error: SandboxError) -> None:
        self.error = error

    async def run(self, request: Request) -> Execution:
        raise self.error

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("error", "reason"), [(SandboxError("gone"), "sandbox_error"), (ToolchainMissing("python"), "toolchain_missing")]
)
async def test_a_broken_sandbox_proves_nothing(error: SandboxError, reason: str) -> None:
    workers: Any = None
    verdict = await prove_row(Row(id=1, response=ACCEPTS["one block"]), Resources(Broken(error), workers))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


async def test_the_failing_block_is_named(resources: Resources) -> None:
    verdict = await prove_row(Row(id=1, response=invented(1)), resources)
    assert verdict.evidence == {"blocks": 3, "block": 2, "shown": "99\n", "given": "4\n", "error": ""}
