"""Debugging dialogues from real failing attempts: a faulty program, its real error output, and the fix that passed.

The execution-feedback dialogues of the Llama 3 report (section 4.3.1, about a million of them). Nothing is asked of a
model: task, first answer and fix were written by `code/solve_with_tests`, and the error output comes from running the
faulty program against the accepted tests. One record: messages = (task, faulty answer, error output, diagnosis with
the fixed program); metadata `train_on` names the turns that an SFT loss belongs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from generators.code.accepted import SOURCE, accepted_chains, entry_point_of, language_of
from generators.code.asking import PACKAGE
from generators.code.feedback import feedback_text
from generators.code.proving import INDEPENDENT, limits_of
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import Candidate, Message, Outcome, Record, Seed, Verdict, stable_hash
from sandbox.types import Limits, Request, SandboxError, TestSource
from served_model.prompts import load_prompt
from verifiers.code_blocks import fenced
from verifiers.code_static import CodeStatic
from verifiers.code_tests import CodeTests, passes
from verifiers.execution_evidence import failure_reason, stored_evidence
from verifiers.must_fail import MustFail

NAME = "code/debug"


class Debug(Settings):
    """What a user may vary. `per_chain` bounds the dialogues of one problem."""

    per_chain: int = Field(2, ge=1, le=20)
    cpu_s: float = Field(5.0, gt=0, le=600)
    memory_mb: int = Field(256, ge=32, le=16_384)


@dataclass(frozen=True, slots=True)
class _Fault:
    """A faulty attempt of a chain, with the accepted attempt and the one that brought the accepted solution."""

    faulty: Record
    fixed: Record
    fixer: Record


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """Raises SeedRefused where no chain went from a faulty program to one that passed."""
    faults = [fault for chain in accepted_chains(seed) for fault in _faults(chain)[: resources.settings.per_chain]]
    if not faults:
        raise SeedRefused("never_failed")
    try:
        made = [candidate for fault in faults if (candidate := await _dialogue(fault, resources)) is not None]
    except SandboxError as error:
        raise SeedRefused("sandbox_error", error=f"{type(error).__name__}: {error}") from error
    if not made:
        raise SeedRefused("failed_for_other_reasons")  # the accepted tests have nothing against what was replaced
    return made


def _faults(chain: Sequence[Record]) -> list[_Fault]:
    """Different programs of the chain that were refused before the accepted one, last first."""
    fixed = chain[-1]
    final = fixed.candidate.parts["solution"]
    fixer = next(record for record in chain if record.candidate.parts["solution"] == final)
    earlier = {record.candidate.parts["solution"]: record for record in chain if record.outcome is Outcome.FAIL}
    return [
        _Fault(record, fixed, fixer)
        for solution, record in reversed(earlier.items())
        if solution.strip() and solution != final and fixer.candidate.metadata.get("change") == "solution"
    ]


async def _dialogue(fault: _Fault, resources: Resources) -> Candidate | None:
    """None where the faulty program passes the accepted tests: then it was refused for something else."""
    faulty, final = fault.faulty.candidate, fault.fixed.candidate
    error = await _real_error(fault, resources)
    if error is None:
        return None
    language, entry_point = language_of(fault.fixed), entry_point_of(fault.fixed)
    diagnosis = str(fault.fixer.candidate.metadata.get("diagnosis", ""))  # none where only a judge had it rewritten
    fix = f"{diagnosis}\n\n{fenced(final.parts['solution'], language)}".lstrip()
    parts = {**{name: final.parts[name] for name in ("problem", "signature", "solution", "tests")}, "error": error}
    parts |= {"faulty": faulty.parts["solution"], "faulty_reply": faulty.parts["solution_reply"], "fix_reply": fix}
    settings: Debug = resources.settings
    limits = limits_of(language, settings.cpu_s, settings.memory_mb)
    identity = stable_hash(NAME, final.id, faulty.id, str(resources.round))
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=final.seed,
        recipe=NAME,
        messages=_messages(parts, language),
        parts=parts,
        checks=(
            MustFail(language, parts["tests"], "faulty", "", *limits),
            CodeStatic(language, entry_point),
            CodeTests(language, parts["tests"], entry_point, 1.0, *limits),
        ),
        calls=tuple(call for call in final.calls if not call.part.startswith(INDEPENDENT)),
        metadata={
            **{name: final.metadata.get(name, "") for name in ("language", "entry_point", "topic")},
            "round": resources.round,
            "faulty_attempt": faulty.id,
            "fixed_attempt": final.id,
            "train_on": [3],
        },
    )


async def _real_error(fault: _Fault, resources: Resources) -> str | None:
    """What the accepted tests say about the faulty program, in the words of the feedback. Raises SandboxError."""
    assert resources.sandbox is not None, "every run has a sandbox"
    settings: Debug = resources.settings
    tests = TestSource(fault.fixed.candidate.parts["tests"])
    language = language_of(fault.fixed)
    cpu_s, memory_mb = limits_of(language, settings.cpu_s, settings.memory_mb)
    limits = Limits(cpu_s=cpu_s, memory_bytes=memory_mb << 20)
    source = fault.faulty.candidate.parts["solution"]
    execution = await resources.sandbox.run(Request(language, source, tests=tests, limits=limits))
    if passes(execution, 1.0):
        return None
    return feedback_text(Verdict(CodeTests.kind, Outcome.FAIL, failure_reason(execution), stored_evidence(execution)))


def _messages(parts: dict[str, str], language: str) -> tuple[Message, ...]:
    signature = fenced(parts["signature"], language)
    task = load_prompt(PACKAGE, "example").render(problem=parts["problem"], signature=signature)
    failed = load_prompt(PACKAGE, "failed").render(error=parts["error"])
    return (*task, Message("assistant", parts["faulty_reply"]), *failed, Message("assistant", parts["fix_reply"]))


RECIPE = Recipe(NAME, seeds="attempts", settings=Debug, propose=propose, sandbox=True, corpus=SOURCE)
