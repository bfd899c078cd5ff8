"""Accepted Python programs in another language, proved by doing the same on inputs that both programs run.

The recipe of the Llama 3 report (section 4.3.1, from common to less common languages: parse, compile, execute), made
strict: what the original returns on the inputs of its tests and on variants of them is what the translation has to
return. SQL is no target, as a view takes no arguments. One accepted record: messages = (request with the program, the
translation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from generators.asking import Answer
from generators.code.accepted import SOURCE, accepted_chains, entry_point_of
from generators.code.asking import PACKAGE, Asker
from generators.code.backtranslate import frozen
from generators.code.feedback import feedback_text
from generators.code.forms import Form, Original, form_in, quiet
from generators.code.inputs import calls_in_tests, with_variants
from generators.code.replies import read_code
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import JSON, Candidate, Message, Outcome, Record, Seed, stable_hash, stable_seed
from sandbox.types import Request, SandboxError, ToolchainMissing
from served_model.prompts import load_prompt
from verifiers.code_blocks import fenced
from verifiers.code_static import CodeStatic
from verifiers.foreign_shaped import LANGUAGES as SHAPED
from verifiers.same_behaviour import SameBehaviour

NAME = "code/translate"
SOLVER = "solver"
ORIGINAL_LANGUAGE = "python"
Target = Literal["javascript", "typescript", "php", "java", "go", "rust", "cpp", "c", "bash"]


class Translate(Settings):
    """What a user may vary. `languages` are the targets; each program goes to one of them, to C and Bash only where
    they can hold its values. `inputs` bounds the calls on which both programs run; `rounds` the corrections after a
    failed check."""

    languages: tuple[Target, ...] = Field(("javascript",), min_length=1)
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=64)
    rounds: int = Field(2, ge=0, le=20)
    inputs: int = Field(24, ge=5, le=500)
    cpu_s: float = Field(10.0, gt=0, le=600)
    memory_mb: int = Field(1024, ge=32, le=16_384)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One call. Raises SeedRefused where nothing was accepted, where no target can hold the program's values, or where
    the target's toolchain is missing: then nothing could be proved, so nothing is asked."""
    record = accepted_chains(seed, ORIGINAL_LANGUAGE)[0][-1]
    original = _original(record, resources.settings)
    language, form = await _target(record, original, resources)
    told = {"language": language, "form": form.text, "quiet": quiet(language), "code": original.program}
    answer = await Asker(seed, resources).ask("translate", SOLVER, told)
    about: dict[str, JSON] = {
        "language": language,
        "original_language": ORIGINAL_LANGUAGE,
        "entry_point": original.entry_point,
        "form": form.text,
        "topic": record.candidate.metadata.get("topic", ""),
        "original_record": record.candidate.id,
        "self_corrected": False,
        "round": resources.round,
    }
    parts = {
        "original": original.program,
        "tests": record.candidate.parts["tests"],
        **_answered(answer, about),
    }
    identity = _identity(seed.id, 0, answer, resources)
    return [
        Candidate(
            id=identity,
            chain_id=identity,
            seed=replace(seed, fields=record.candidate.seed.fields),
            recipe=NAME,
            messages=_messages(parts, about),
            parts=parts,
            checks=(CodeStatic(language, original.entry_point), _behaviour(language, original, form, resources)),
            calls=(answer.call("solution"),),
            metadata=about,
        )
    ]


def _original(record: Record, settings: Translate) -> Original:
    entry_point = entry_point_of(record)
    known = calls_in_tests(record.candidate.parts["tests"], entry_point)
    inputs = with_variants(known, settings.inputs)
    return Original(record.candidate.parts["solution"], entry_point, inputs, len(known))


async def _target(record: Record, original: Original, resources: Resources) -> tuple[str, Form]:
    """The first language, from a drawn one on, that can hold what the program takes and gives. Raises SeedRefused."""
    settings: Translate = resources.settings
    number = stable_seed(str(resources.run_seed), str(resources.round), record.candidate.id, "language")
    start = number % len(settings.languages)
    for language in (*settings.languages[start:], *settings.languages[:start]):
        await _require_toolchain(language, resources)
        try:
            form = await form_in(language, original, _behaviour(language, original, Form(""), resources), resources)
        except SandboxError as error:
            raise SeedRefused("sandbox_error", error=f"{type(error).__name__}: {error}") from error
        if form is not None:
            return language, form
    raise SeedRefused("values_without_form", languages=list(settings.languages))


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """The translation again, with what the deciding check reported; None when the rounds are spent."""
    settings: Translate = resources.settings
    last = attempts[-1]
    if last.deciding.outcome is not Outcome.FAIL or len(attempts) > settings.rounds:
        return None
    former, attempt = last.candidate, last.candidate.attempt + 1
    fields = {name: str(former.metadata[name]) for name in ("language", "form")}
    fields |= {"code": former.parts["original"], "translation": former.parts["solution"]}
    fields |= {"feedback": feedback_text(last.deciding), "quiet": quiet(fields["language"])}
    answer = await Asker(former.seed, resources, attempt).ask("retranslate", SOLVER, fields)
    parts = {**former.parts, **_answered(answer, former.metadata)}
    return replace(
        former,
        id=_identity(former.chain_id, attempt, answer, resources),
        messages=_messages(parts, former.metadata),
        parts=parts,
        calls=(answer.call("solution"),),
        attempt=attempt,
        revises=former.id,
        metadata={**former.metadata, "self_corrected": True},
    )


async def _require_toolchain(language: str, resources: Resources) -> None:
    """Raises SeedRefused where programs of the language cannot run here."""
    assert resources.sandbox is not None, "every run has a sandbox"
    try:
        await resources.sandbox.run(Request(language, TRIVIAL.get(language, "")))
    except ToolchainMissing as error:
        raise SeedRefused("toolchain_missing", language=language, error=str(error)) from error
    except SandboxError as error:
        raise SeedRefused("sandbox_error", error=f"{type(error).__name__}: {error}") from error


TRIVIAL = {
    "php": "<?php\n",
    "java": "class Main { public static void main(String[] a) {} }\n",
    "go": "package main\n\nfunc main() {}\n",
    "rust": "fn main() {}\n",
    "cpp": "int main() { return 0; }\n",
    "c": "int main(void) { return 0; }\n",
}


def _answered(answer: Answer, about: Mapping[str, JSON]) -> dict[str, str]:
    program = read_code(answer.reply, str(about["language"]), str(about["entry_point"]))
    return {"solution": program, "solution_reply": answer.reply.text}


def _behaviour(language: str, original: Original, form: Form, resources: Resources) -> SameBehaviour:
    settings: Translate = resources.settings
    return SameBehaviour(
        language,
        original.entry_point,
        original.program,
        original.entry_point,
        tuple(frozen(list(original.inputs))),
        cpu_s=settings.cpu_s,
        memory_mb=settings.memory_mb,
        shape=form.shape,
    )


def _messages(parts: Mapping[str, str], about: Mapping[str, JSON]) -> tuple[Message, ...]:
    """The request names the form only where the language alone does not settle it."""
    told = {"language": str(about["language"]), "code": fenced(parts["original"], ORIGINAL_LANGUAGE)}
    if told["language"] in SHAPED:
        asked = load_prompt(PACKAGE, "translation_to_form").render(**told, form=str(about["form"]))
    else:
        asked = load_prompt(PACKAGE, "translation").render(**told)
    return (*asked, Message("assistant", parts["solution_reply"]))


def _identity(origin: str, attempt: int, answer: Answer, resources: Resources) -> str:
    return stable_hash(NAME, origin, str(resources.round), str(attempt), answer.reply.key)


RECIPE = Recipe(
    NAME,
    seeds="attempts",
    settings=Translate,
    propose=propose,
    revise=revise,
    sandbox=True,
    languages=lambda settings: settings.languages,
    corpus=SOURCE,
)
