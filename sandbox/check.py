"""Runs the proof of every language on every backend: what this machine can really run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox.languages import LANGUAGES, Language, Proof
from sandbox.types import Execution, Sandbox, SandboxError, SandboxUnavailable, ToolchainMissing

Outcome = Literal["works", "missing", "broken"]


@dataclass(frozen=True, slots=True)
class Proven:
    """One language on one backend. `missing` is the toolchain's absence; `broken` is a wrong result or no answer."""

    language: str
    outcome: Outcome
    detail: str = ""


async def prove_all(sandbox: Sandbox, languages: Sequence[str] = ()) -> list[Proven]:
    """Each language's own proof, in the order of the table. Raises SandboxUnavailable where nothing can be run."""
    return [await prove(sandbox, LANGUAGES[name]) for name in languages or LANGUAGES]


async def prove(sandbox: Sandbox, language: Language) -> Proven:
    """One language's proof. Raises SandboxUnavailable where nothing can be run."""
    for proof in language.self_test:
        try:
            wrong = _difference(proof, await sandbox.run(proof.request))
        except ToolchainMissing as missing:
            remedy = f"apt-get install {' '.join(language.packages)}"
            if sandbox.backend == "docker":
                remedy = "make the image with this language: provender sandbox build"
            return Proven(language.name, "missing", f"{missing}; {remedy}")
        except SandboxUnavailable:
            raise
        except SandboxError as error:
            return Proven(language.name, "broken", str(error))
        if wrong:
            return Proven(language.name, "broken", wrong)
    return Proven(language.name, "works", f"{len(language.self_test)} proofs")


def _difference(proof: Proof, execution: Execution) -> str:
    """What is not as the proof says; "" where all is."""
    said = " ".join((execution.detail or execution.stderr).split())[:200]
    if execution.status != proof.status:
        return f"ended with {execution.status} and not {proof.status}: {said}"
    if proof.passed is not None and (execution.tests is None or execution.tests.passed != proof.passed):
        return f"its tests {'failed' if proof.passed else 'passed'}, which is wrong: {said}"
    return ""
