"""math/from_text: problems out of documents, each with its words in the document, then solved and proved (M1, M2).

Three steps, as in WebInstruct and OpenMathReasoning: a model finds the problems that a document states, with quotes of
the passages; problems of a kind without a checkable answer are refused, and choices become open problems; each problem
is solved, and a solution must reach the answer that the document gives, or a majority where it gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from generators.asking import Answer
from generators.math.asking import Asker, all_of
from generators.math.candidates import PART, SolutionSettings, Truth, answer_of, solution_checks
from generators.math.solve import LONGEST_QUESTION, draw
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import JSON, Candidate, Message, Seed, stable_hash
from served_model.types import UnreadableReply
from verifiers.problem_kind import KINDS, ProblemKind, to_open
from verifiers.verbatim_support import VerbatimSupport

NAME = "math/from_text"
WRITER = "writer"
LONGEST_DOCUMENT = 40_000  # characters
UNSOLVED = "unsolved"  # stands for the answer of a problem that is refused before it is solved
_TEXT = {"type": "string"}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "problems": {
            "type": "array",
            "maxItems": 50,
            "items": {
                "type": "object",
                "properties": {
                    "question": {"type": "string", "minLength": 1},
                    "question_quote": _TEXT,
                    "answer": _TEXT,
                    "answer_quote": _TEXT,
                    "kind": {"enum": list(KINDS)},
                },
                "required": ["question", "question_quote", "answer", "answer_quote", "kind"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["problems"],
    "additionalProperties": False,
}


class FromText(SolutionSettings):
    """What a user may vary."""

    samples: int = Field(2, ge=1, le=256, description="solutions of each problem whose answer the document gives")
    vote_samples: int = Field(5, ge=2, le=256, description="solutions of each problem whose answer it does not give")
    max_problems: int = Field(8, ge=1, le=50, description="problems of one document at most")
    kinds: tuple[str, ...] = Field(("open",), description=f"kinds of problems to keep, of {', '.join(KINDS)}")
    convert_choices: bool = Field(True, description="make open problems of multiple choice, where that can be done")


class Extracted(Settings):
    """One problem as the model found it."""

    question: str
    question_quote: str
    answer: str
    answer_quote: str
    kind: str
    converted: bool = False


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """The solutions of all problems in a document. Raises SeedRefused("no_problem" | "document_too_long")."""
    settings: FromText = resources.settings
    if len(seed.text) > LONGEST_DOCUMENT:
        raise SeedRefused("document_too_long", characters=len(seed.text))
    asker = Asker(NAME, seed, resources)
    found = await asker.ask("extract", WRITER, {"document": seed.text}, schema=SCHEMA)
    problems = _read(found.reply.data, settings)
    if not problems:
        raise SeedRefused("no_problem", key=found.reply.key)
    drawn = await all_of([_solve(asker, found, problem) for problem in problems[: settings.max_problems]])
    return [candidate for solved in drawn for candidate in solved]


def _read(data: Any, settings: FromText) -> list[Extracted]:
    """The problems, one for each wording. Raises UnreadableReply."""
    try:
        problems = [Extracted.model_validate(entry) for entry in data["problems"]]
    except (ValidationError, KeyError, TypeError) as error:
        raise UnreadableReply(f"not a list of problems: {type(error).__name__}") from error
    distinct = {" ".join(problem.question.split()): problem for problem in reversed(problems)}
    return [_opened(problem) if settings.convert_choices else problem for problem in reversed(distinct.values())]


def _opened(problem: Extracted) -> Extracted:
    """A choice as an open problem, where that can be done; anything else as it is."""
    opened = to_open(problem.question, problem.answer)
    if opened is None:
        return problem
    return problem.model_copy(update={"question": opened[0], "answer": opened[1], "kind": "open", "converted": True})


async def _solve(asker: Asker, found: Answer, problem: Extracted) -> list[Candidate]:
    settings: FromText = asker.resources.settings
    question = problem.question.strip()[:LONGEST_QUESTION]
    reference = problem.answer.strip()
    if problem.kind not in settings.kinds:  # its check refuses it: no solution is paid for
        return [_candidate(asker, found, problem, (None, Truth(reference or UNSOLVED)))]
    samples = settings.samples if reference else settings.vote_samples
    drawn = await draw(asker, question, range(samples))
    answers = tuple(answer_of(one.reply) for one in drawn)
    truths = [Truth(reference, answers, at, "document" if reference else "majority") for at in range(samples)]
    return [_candidate(asker, found, problem, (answer, truth)) for answer, truth in zip(drawn, truths, strict=True)]


def _candidate(asker: Asker, found: Answer, problem: Extracted, solution: tuple[Answer | None, Truth]) -> Candidate:
    answer, truth = solution
    resources = asker.resources
    settings: FromText = resources.settings
    question = problem.question.strip()[:LONGEST_QUESTION]
    text, key, finish = (answer.reply.text, answer.reply.key, answer.reply.finish_reason) if answer else ("", "", "")
    identity = stable_hash(NAME, asker.seed.id, str(resources.round), found.reply.key, question, key, str(truth.index))
    # A converted choice has its answer's text in the options, which its quote of the problem holds.
    quote = problem.question_quote if problem.converted else problem.answer_quote
    support = VerbatimSupport(asker.seed.text, problem.question_quote, problem.answer.strip(), quote)
    metadata: dict[str, JSON] = {
        "answer_source": truth.source,
        "kind": problem.kind,
        "converted": problem.converted,
        "sample": truth.index,
        "samples": len(truth.answers),
        "round": resources.round,
    }
    kind = ProblemKind(settings.kinds, problem.kind, problem.answer.strip())
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=asker.seed,
        recipe=NAME,
        messages=(Message("user", question), *([Message("assistant", text)] if answer else [])),
        parts={"question": question, PART: text},
        checks=(kind, support, *solution_checks(question, text, truth, finish, settings)),
        calls=(found.call("question"), *([answer.call(PART)] if answer else [])),
        metadata=metadata,
    )


RECIPE = Recipe(NAME, seeds="texts", settings=FromText, propose=propose)
