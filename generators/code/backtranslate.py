"""Back-translation: a program is documented, written again from that text alone, and compared with the original.

The recipe of the Llama 3 report (section 4.3.1, about 1.2 million dialogues) with a second proof: where the report asks
a model for the fidelity, the two programs also run on the same inputs here. The documentation is worth as much as what
can be rebuilt from it. The second prompt is stored with the record and proved to hold none of the original's code.
Where the problem was hard, what was refused is documented again (C15). One accepted record: messages = (request with
the program, its documentation).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from generators.asking import Answer
from generators.code.accepted import SOURCE, accepted_chains, entry_point_of
from generators.code.asking import PACKAGE, Asker
from generators.code.feedback import feedback_text
from generators.code.improving import LEVELS, difficulty
from generators.code.inputs import calls_in_tests, with_variants
from generators.code.replies import read_code
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import JSON, Call, Candidate, Check, Message, Outcome, Record, Seed, stable_hash
from served_model.prompts import load_prompt
from served_model.types import Reply
from verifiers.code_blocks import fenced, find_blocks
from verifiers.code_static import CodeStatic
from verifiers.judged import Judged
from verifiers.judging import Criterion
from verifiers.no_leak import NoLeak, leak
from verifiers.same_behaviour import SameBehaviour

NAME = "code/backtranslate"
WRITER, SOLVER = "writer", "solver"
LANGUAGE = "python"
CRITERIA = (Criterion("faithful"), Criterion("documented"))
MIN_CHARS = 60
UNASKED = {"second_prompt": "(nobody was asked)", "rebuilt": ""}


class Backtranslate(Settings):
    """What a user may vary. `inputs` bounds the calls on which both programs run; `min_agreement` is the share on which
    they must agree. `judge` also asks a model for the fidelity. What is refused is documented again up to `rounds`
    times where the pass-rate difficulty of the problem is `revise_from` or harder."""

    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=64)
    judge: bool = True
    inputs: int = Field(24, ge=5, le=500)
    min_agreement: float = Field(1.0, gt=0, le=1)
    rounds: int = Field(2, ge=0, le=20)
    revise_from: Literal["easy", "medium", "hard", "never"] = "medium"
    cpu_s: float = Field(5.0, gt=0, le=600)
    memory_mb: int = Field(256, ge=32, le=16_384)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """Two calls: the documentation, and a program from it. Raises SeedRefused where nothing can be compared, or where
    the documentation holds code of the original: then nobody is asked to write it again."""
    chain = accepted_chains(seed, LANGUAGE)[0]
    record = chain[-1]
    original, entry_point = record.candidate.parts["solution"], entry_point_of(record)
    asker = Asker(seed, resources)
    documented = await asker.ask("document", WRITER, {"language": LANGUAGE, "code": original})
    signature = signature_of(original, entry_point)
    problem = _problem(documented.reply, original, signature)
    if problem:
        raise SeedRefused(problem, key=documented.reply.key)
    parts = {"original": original, "bare_original": bare(original), "tests": record.candidate.parts["tests"]}
    about: dict[str, JSON] = {
        "language": LANGUAGE,
        "entry_point": entry_point,
        "round": resources.round,
        "topic": record.candidate.metadata.get("topic", ""),
        "original_record": record.candidate.id,
        "original_difficulty": difficulty(chain),
    }
    rebuilt, calls = await _rebuilt(asker, documented, signature, entry_point)
    identity = stable_hash(NAME, seed.id, str(resources.round), *(call.key for call in calls))
    parts |= rebuilt
    checks = _checks(parts, entry_point, signature, resources)
    origin = record.candidate.seed
    messages = _messages(parts)
    return [Candidate(identity, identity, origin, NAME, messages, parts, checks, calls, metadata=about)]


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """The documentation again, with what the deciding check reported, and a program from it.

    None where the rounds are spent or the problem was too easy to be worth it. A documentation that cannot be given on
    is refused by the checks, as no program was written from it.
    """
    settings: Backtranslate = resources.settings
    last = attempts[-1]
    former, attempt = last.candidate, last.candidate.attempt + 1
    worth = LEVELS.index(str(former.metadata["original_difficulty"])) >= LEVELS.index(settings.revise_from)
    if last.deciding.outcome is not Outcome.FAIL or len(attempts) > settings.rounds or not worth:
        return None
    original, entry_point = former.parts["original"], str(former.metadata["entry_point"])
    asker = Asker(former.seed, resources, attempt)
    told = {"language": LANGUAGE, "code": original, "documentation": former.parts["documentation"]}
    documented = await asker.ask("redocument", WRITER, {**told, "feedback": feedback_text(last.deciding)})
    signature = signature_of(original, entry_point)
    rebuilt = {"documentation": documented.reply.text.strip(), **UNASKED}
    calls: tuple[Call, ...] = (documented.call("documentation"),)
    if not _problem(documented.reply, original, signature):
        rebuilt, calls = await _rebuilt(asker, documented, signature, entry_point)
    parts = {**former.parts, **rebuilt}
    return replace(
        former,
        id=stable_hash(NAME, former.chain_id, str(attempt), *(call.key for call in calls)),
        messages=_messages(parts),
        parts=parts,
        calls=calls,
        attempt=attempt,
        revises=former.id,
        metadata={**former.metadata, "redocumented": True},
    )


async def _rebuilt(
    asker: Asker, documented: Answer, signature: str, entry_point: str
) -> tuple[dict[str, str], tuple[Call, ...]]:
    """Parts and calls of a documentation and of the program that was written from it alone."""
    documentation = documented.reply.text.strip()
    fields = {"language": LANGUAGE, "documentation": documentation, "signature": signature}
    rebuilt = await asker.ask("rebuild", SOLVER, fields)
    parts = {
        "documentation": documentation,
        "second_prompt": "\n\n".join(message.content for message in rebuilt.request.messages),
        "rebuilt": read_code(rebuilt.reply, LANGUAGE, entry_point),
    }
    return parts, (documented.call("documentation"), rebuilt.call("rebuilt"))


def _problem(reply: Reply, original: str, signature: str) -> str:
    """Why nobody can be asked to write a program from it: it was cut off, says nothing, or shows code."""
    text = reply.text.strip()
    if reply.finish_reason != "stop":
        return "truncated"
    if len(text) < MIN_CHARS:
        return "no_documentation"
    return "code_in_documentation" if find_blocks(text) or leak(bare(original), text, signature) else ""


def signature_of(program: str, entry_point: str) -> str:
    """The line that defines the function, with `...` as body. Raises SeedRefused where the program has none.

    For accepted programs only, which a worker has parsed before.
    """
    for node in ast.parse(program).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            bare = ast.FunctionDef(node.name, node.args, [ast.Expr(ast.Constant(...))], [], node.returns)
            return ast.unparse(ast.fix_missing_locations(bare))
    raise SeedRefused("no_function")


def bare(program: str) -> str:
    """The program without comments and docstrings: words that describe it may stand in a description."""
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _checks(parts: dict[str, str], entry_point: str, signature: str, resources: Resources) -> tuple[Check, ...]:
    settings: Backtranslate = resources.settings
    inputs = with_variants(calls_in_tests(parts["tests"], entry_point), settings.inputs)
    behaviour = SameBehaviour(
        LANGUAGE,
        entry_point,
        parts["original"],
        entry_point,
        tuple(frozen(inputs)),
        settings.min_agreement,
        cpu_s=settings.cpu_s,
        memory_mb=settings.memory_mb,
        part="rebuilt",
    )
    leaks = NoLeak("bare_original", ("documentation", "second_prompt"), signature)
    checks = (leaks, CodeStatic(LANGUAGE, entry_point, part="rebuilt"), behaviour)
    return (*checks, Judged(f"{PACKAGE}/fidelity", CRITERIA)) if settings.judge else checks


def frozen(value: JSON) -> JSON:
    """Lists as tuples, as a stored check comes back."""
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value


def _messages(parts: dict[str, str]) -> tuple[Message, ...]:
    asked = load_prompt(PACKAGE, "explain").render(code=fenced(parts["original"], LANGUAGE))
    return (*asked, Message("assistant", parts["documentation"]))


RECIPE = Recipe(
    NAME, seeds="attempts", settings=Backtranslate, propose=propose, revise=revise, sandbox=True, corpus=SOURCE
)
