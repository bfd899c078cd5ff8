"""Recipes that build on accepted programs: debugging dialogues, harder variants, back-translation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from generators.code import backtranslate, debug, evolve
from generators.code.solve_with_tests import RECIPE, SolveWithTests
from generators.recipe import Recipe, Resources, SeedRefused
from records.schema import record_row
from records.types import Candidate, Outcome, Record, Seed, Verdict
from sandbox import open_sandbox
from sandbox.types import Sandbox, SandboxError
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, Reply, Usage
from verifiers import verify_all
from verifiers.base import Resources as VerifierResources
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = Seed("seed-1", "total = 0", "lib: a.py:1-1", "MIT", {"language": "python"})
SIGNATURE = "def even_squares(numbers: list[int]) -> int: ..."
TEXT = "Return the sum of the squares of all even numbers in the list. An empty list gives 0."
RIGHT = "def even_squares(numbers: list[int]) -> int:\n    return sum(n * n for n in numbers if n % 2 == 0)\n"
WRONG = "def even_squares(numbers: list[int]) -> int:\n    return sum(n * n for n in numbers if n % 2)\n"
BROKEN = "def even_squares(numbers: list[int]) -> int:\n    return total(numbers)\n"
EXPECTED = {"[]": 0, "[2]": 4, "[1, 3]": 0, "[1, 2, 3, 4]": 20, "[-2, 2]": 8}
HARDER_TEXT = f"{TEXT} Squares above 10 count twice, which makes the rule a little harder to follow."
HARDER = (
    "def even_squares(numbers: list[int]) -> int:\n    squares = [n * n for n in numbers if n % 2 == 0]\n"
    "    return sum(square * (2 if square > 10 else 1) for square in squares)\n"
)
HARDER_EXPECTED = {"[]": 0, "[2]": 4, "[1, 3]": 0, "[4]": 32, "[1, 2, 3, 4]": 36, "[-4, 2]": 36}
DOCUMENTATION = (
    "Adds up the squares of the even numbers of a list of whole numbers. Odd numbers are left out, negative even ones "
    "count, and an empty list gives zero. For the numbers one to four the result is twenty."
)


def written_tests(expected: Mapping[str, int]) -> str:
    return "\n".join(
        f"def test_{number}():\n    assert even_squares({given}) == {value}\n"
        for number, (given, value) in enumerate(expected.items())
    )


def block(code: str) -> str:
    return f"Squares of even numbers, added up.\n\n```python\n{code}```\n"


def posed(text: str) -> str:
    return f"## Problem\n\n{text}\n\n## Signature\n\n```python\n{SIGNATURE}\n```\n"


def revision(code: str) -> str:
    return json.dumps({"diagnosis": "It kept odd numbers.", "explanation": "Add.", "change": "solution", "code": code})


class Script:
    """Answers by the prompt's name; a list is given one by one, its last item for ever."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def __call__(self, request: ChatRequest) -> Any:
        answer = self.answers[request.prompt.rpartition("/")[2]]
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judges() -> AsyncIterator[VerifierResources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield VerifierResources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def chain_of(judges: VerifierResources, solution: str, *revisions: str) -> list[Record]:
    """A real chain of `code/solve_with_tests`, votes and mutants left out."""
    script = Script(
        problem=posed(TEXT), solution=block(solution), tests=block(written_tests(EXPECTED)), revise=[*revisions, ""]
    )
    settings = SolveWithTests(solutions=1, max_mutants=0, rounds=len(revisions))
    resources = Resources(ScriptedModel(script), settings, run_seed=1)
    return await run_chain(RECIPE, SEED, resources, judges)


async def run_chain(recipe: Recipe, seed: Seed, resources: Resources, judges: VerifierResources) -> list[Record]:
    candidate = (await recipe.propose(seed, resources))[0]
    records = [Record(candidate, await verify_all(candidate, judges))]
    while recipe.revise is not None and records[-1].outcome is Outcome.FAIL:
        revised = await recipe.revise(records, resources)
        if revised is None:
            break
        records.append(Record(revised, await verify_all(revised, judges)))
    return records


def attempts_seed(*chains: Sequence[Record]) -> Seed:
    rows = [[record_row(record, record is chain[-1], "test") for record in chain] for chain in chains]
    return Seed("attempts-1", SEED.text, SEED.source, SEED.licence, {"chains": json.dumps(rows)})


def resources_of(settings: Any, sandbox: Sandbox | None = None, **answers: Any) -> Resources:
    return Resources(ScriptedModel(Script(**answers)), settings, run_seed=1, sandbox=sandbox)


async def test_a_dialogue_holds_the_real_error_and_the_fix(judges: VerifierResources) -> None:
    chain = await chain_of(judges, WRONG, revision(RIGHT))
    resources = resources_of(debug.Debug(), judges.sandbox)
    (record,) = await run_chain(debug.RECIPE, attempts_seed(chain), resources, judges)
    assert record.outcome is Outcome.PASS
    assert [verdict.reason for verdict in record.verdicts] == ["fails_as_it_must", "clean", "tests_passed"]
    task, faulty, error, fix = record.candidate.messages
    assert [message.role for message in record.candidate.messages] == ["user", "assistant", "user", "assistant"]
    assert TEXT in task.content and WRONG in faulty.content
    assert "failed: line 5: assert even_squares([2]) == 4: left: 0, right: 4" in error.content
    assert fix.content.startswith("It kept odd numbers.") and RIGHT.strip() in fix.content
    assert record.candidate.metadata["train_on"] == [3]
    assert record.candidate.seed == SEED  # the real material, not the attempts
    assert {call.key for call in record.candidate.calls} == {call.key for call in chain[-1].candidate.calls}


async def test_each_faulty_program_of_a_chain_gives_a_dialogue(judges: VerifierResources) -> None:
    chain = await chain_of(judges, WRONG, revision(BROKEN), revision(RIGHT))
    resources = resources_of(debug.Debug(), judges.sandbox)
    candidates = await debug.RECIPE.propose(attempts_seed(chain), resources)
    assert [candidate.parts["faulty"] for candidate in candidates] == [BROKEN, WRONG]
    assert "NameError" in candidates[0].parts["error"]
    assert len({candidate.id for candidate in candidates}) == 2
    one = await debug.RECIPE.propose(attempts_seed(chain), replace(resources, settings=debug.Debug(per_chain=1)))
    assert len(one) == 1


async def test_there_is_nothing_to_debug_without_a_failure_and_a_fix(judges: VerifierResources) -> None:
    resources = resources_of(debug.Debug(), judges.sandbox)
    for solutions, reason in (((RIGHT,), "never_failed"), ((WRONG, revision(WRONG)), "nothing_accepted")):
        chain = await chain_of(judges, *solutions)
        with pytest.raises(SeedRefused, match=reason):
            await debug.RECIPE.propose(attempts_seed(chain), resources)


async def test_a_program_that_passes_after_all_is_no_fault(judges: VerifierResources) -> None:
    """It was refused for another reason; the accepted tests have nothing against it."""
    odd = RIGHT.replace("n % 2 == 0", "not n % 2")
    chain = await chain_of(judges, WRONG, revision(RIGHT))
    first = chain[0]
    parts = {**first.candidate.parts, "solution": odd}
    chain[0] = Record(replace(first.candidate, parts=parts), first.verdicts)
    with pytest.raises(SeedRefused, match="failed_for_other_reasons"):
        await debug.RECIPE.propose(attempts_seed(chain), resources_of(debug.Debug(), judges.sandbox))


async def test_a_broken_sandbox_drops_the_seed_with_its_reason(judges: VerifierResources) -> None:
    class Broken:
        backend = "broken"

        async def run(self, *_: Any) -> Any:
            raise SandboxError("gone")

    broken: Any = Broken()
    chain = await chain_of(judges, WRONG, revision(RIGHT))
    with pytest.raises(SeedRefused, match="sandbox_error"):
        await debug.RECIPE.propose(attempts_seed(chain), resources_of(debug.Debug(), broken))


EVOLVED: dict[str, Any] = {
    "evolve": posed(HARDER_TEXT),
    "solution": block(HARDER),
    "tests": block(written_tests(HARDER_EXPECTED)),
}
QUICK: dict[str, Any] = {"solutions": 1, "max_mutants": 0, "rounds": 1}


async def test_a_variant_is_solved_and_the_old_solution_is_not_enough(judges: VerifierResources) -> None:
    seed = attempts_seed(await chain_of(judges, RIGHT))
    (record,) = await run_chain(evolve.RECIPE, seed, resources_of(evolve.Evolve(**QUICK), **EVOLVED), judges)
    assert record.outcome is Outcome.PASS
    assert (record.deciding.check, record.deciding.reason) == ("must_fail", "fails_as_it_must")
    assert record.candidate.parts["parent"] == RIGHT
    assert record.candidate.metadata["generation"] == 1
    assert record.candidate.metadata["operation"] in evolve.OPERATIONS
    again = attempts_seed([record])
    next_one = (
        await evolve.RECIPE.propose(again, resources_of(evolve.Evolve(**QUICK), **{**EVOLVED, "evolve": posed(TEXT)}))
    )[0]
    assert next_one.metadata["generation"] == 2


async def test_a_variant_that_the_old_solution_solves_is_refused(
    judges: VerifierResources,
) -> None:
    same = {**EVOLVED, "evolve": posed(TEXT + " Mind the empty list."), "tests": block(written_tests(EXPECTED))}
    same |= {"solution": block(RIGHT), "revise": revision(RIGHT + "\n")}
    seed = attempts_seed(await chain_of(judges, RIGHT))
    records = await run_chain(evolve.RECIPE, seed, resources_of(evolve.Evolve(**QUICK), **same), judges)
    assert [record.deciding.reason for record in records] == ["passes_all_the_same"] * 2


async def test_another_name_of_the_function_does_not_hide_that_it_is_the_same(judges: VerifierResources) -> None:
    def renamed(text: str) -> str:
        return text.replace("even_squares", "sum_even_squares")

    answers = {"evolve": renamed(posed(TEXT + " Now.")), "solution": renamed(block(RIGHT))}
    answers["tests"] = renamed(block(written_tests(EXPECTED)))
    seed = attempts_seed(await chain_of(judges, RIGHT))
    settings = evolve.Evolve(**{**QUICK, "rounds": 0})
    (record,) = await run_chain(evolve.RECIPE, seed, resources_of(settings, **answers), judges)
    assert record.deciding.reason == "passes_all_the_same"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(posed(TEXT), "same_problem"), ("Harder!", "missing_section"), (posed(f"{TEXT}\n\n{RIGHT}"), "missing_section")],
)
async def test_unusable_variants_refuse_the_seed(reply: str, reason: str, judges: VerifierResources) -> None:
    seed = attempts_seed(await chain_of(judges, RIGHT))
    if "return" in reply:
        reply, reason = posed(f"{TEXT} More.\n\n{HARDER}"), "solution_in_problem"
    with pytest.raises(SeedRefused, match=reason):
        await evolve.RECIPE.propose(seed, resources_of(evolve.Evolve(**QUICK), **{**EVOLVED, "evolve": reply}))


FAITHFUL = json.dumps({name: {"rationale": "Same.", "verdict": "yes"} for name in ("faithful", "documented")})
UNFAITHFUL = FAITHFUL.replace('"yes"', '"no"', 1)
REBUILT = (
    "def even_squares(numbers):\n    total = 0\n    for n in numbers:\n        if n % 2 == 0:\n"
    "            total += n ** 2\n    return total\n"
)


async def back(judges: VerifierResources, judge: str = FAITHFUL, **answers: Any) -> tuple[Record, ScriptedModel]:
    given = {"document": DOCUMENTATION, "rebuild": block(REBUILT), **answers}
    resources = resources_of(backtranslate.Backtranslate(), judges.sandbox, **given)
    seed = attempts_seed(await chain_of(judges, RIGHT))
    jury = replace(judges, model=ScriptedModel(Script(fidelity=judge, repair=judge)))
    (record,) = await run_chain(backtranslate.RECIPE, seed, resources, jury)
    assert isinstance(resources.model, ScriptedModel)
    return record, resources.model


async def test_documentation_from_which_the_program_can_be_rebuilt_is_accepted(judges: VerifierResources) -> None:
    record, model = await back(judges)
    assert [verdict.reason for verdict in record.verdicts] == [
        "no_code_in_text",
        "clean",
        "same_behaviour",
        "all_criteria",
    ]
    asked, told = record.candidate.messages
    assert RIGHT.strip() in asked.content and told.content == DOCUMENTATION
    second = "\n\n".join(message.content for message in model.requests[1].messages)
    assert record.candidate.parts["second_prompt"] == second
    assert "n * n for n in numbers" not in second and "def even_squares(numbers: list[int]) -> int" in second
    assert record.verdicts[2].evidence["compared"] >= 20


REFUSED = {
    "wrong rebuild": ({"rebuild": block(WRONG)}, "behaviour_differs"),
    "no rebuild": ({"rebuild": "It is easy."}, "no_code"),
    "rebuild with a missing name": ({"rebuild": block(BROKEN)}, "undefined_name"),
    "unfaithful to the judge": ({"judge": UNFAITHFUL}, "not_faithful"),
}


@pytest.mark.parametrize(("answers", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_rebuilt_is_refused(
    answers: dict[str, Any], reason: str, judges: VerifierResources
) -> None:
    record, _ = await back(judges, **answers)
    assert (record.outcome, record.deciding.reason) == (Outcome.FAIL, reason)


async def test_an_unreadable_judge_decides_nothing(judges: VerifierResources) -> None:
    record, _ = await back(judges, judge="Looks good.")
    assert (record.outcome, record.deciding.reason) == (Outcome.UNJUDGED, "judge_unreadable")


LEAKING = f"{DOCUMENTATION} So: sum(n * n for n in numbers if n % 2 == 0)."


async def again(
    judges: VerifierResources, settings: dict[str, Any], *chain: str, **answers: Any
) -> tuple[list[Record], ScriptedModel]:
    """Documented, refused and documented again; `chain` are the solutions of the problem, the last one right."""
    given = {"document": DOCUMENTATION, "redocument": f"{DOCUMENTATION} Odd numbers do not count.", **answers}
    resources = resources_of(backtranslate.Backtranslate(**settings), judges.sandbox, **given)
    first, *revisions = chain
    seed = attempts_seed(await chain_of(judges, first, *map(revision, revisions)))
    jury = replace(judges, model=ScriptedModel(Script(fidelity=FAITHFUL)))
    records = await run_chain(backtranslate.RECIPE, seed, resources, jury)
    assert isinstance(resources.model, ScriptedModel)
    return records, resources.model


async def test_a_hard_program_is_documented_again(judges: VerifierResources) -> None:
    records, model = await again(judges, {}, WRONG, RIGHT, rebuild=[block(WRONG), block(REBUILT)])
    assert [record.deciding.reason for record in records] == ["behaviour_differs", "all_criteria"]
    shown = model.requests[2].messages[-1].content
    assert "the original gives 0" in shown and DOCUMENTATION in shown and RIGHT.strip() in shown
    final = records[-1].candidate
    assert final.messages[-1].content.endswith("Odd numbers do not count.")
    assert final.metadata["redocumented"] is True and final.metadata["original_difficulty"] == "medium"
    assert final.revises == records[0].candidate.id and len({call.key for call in final.calls}) == 2
    assert "Odd numbers do not count." in final.parts["second_prompt"]


@pytest.mark.parametrize(
    ("settings", "chain", "attempts"),
    [
        ({}, [RIGHT], 1),  # an easy problem
        ({"revise_from": "never"}, [WRONG, RIGHT], 1),
        ({"revise_from": "easy", "rounds": 3}, [RIGHT], 4),
        ({"rounds": 0}, [WRONG, RIGHT], 1),
    ],
)
async def test_how_often_is_bounded(
    judges: VerifierResources, settings: dict[str, Any], chain: list[str], attempts: int
) -> None:
    records, _ = await again(judges, settings, *chain, rebuild=block(WRONG))
    assert [record.deciding.reason for record in records] == ["behaviour_differs"] * attempts


@pytest.mark.parametrize(("text", "reason"), [(LEAKING, "code_in_text"), ("Adds things up.", "no_code")])
async def test_a_second_documentation_that_says_too_much_or_little_is_not_given_on(
    judges: VerifierResources, text: str, reason: str
) -> None:
    records, model = await again(judges, {"rounds": 1}, WRONG, RIGHT, rebuild=block(WRONG), redocument=text)
    assert [record.deciding.reason for record in records] == ["behaviour_differs", reason]
    assert [request.prompt.rpartition("/")[2] for request in model.requests] == ["document", "rebuild", "redocument"]


LEAKS = {
    "a block": (f"{DOCUMENTATION}\n\n```python\n{RIGHT}```", "code_in_documentation"),
    "a line": (f"{DOCUMENTATION} So: sum(n * n for n in numbers if n % 2 == 0).", "code_in_documentation"),
    "squeezed": (f"{DOCUMENTATION} sum(n*n for n in numbers if n%2==0)", "code_in_documentation"),
    "too short": ("Adds things up.", "no_documentation"),
}


@pytest.mark.parametrize(("text", "reason"), LEAKS.values(), ids=LEAKS)
async def test_documentation_with_code_is_never_given_on(text: str, reason: str, judges: VerifierResources) -> None:
    seed = attempts_seed(await chain_of(judges, RIGHT))
    resources = resources_of(backtranslate.Backtranslate(), judges.sandbox, document=text, rebuild=block(REBUILT))
    with pytest.raises(SeedRefused, match=reason):
        await backtranslate.RECIPE.propose(seed, resources)
    assert isinstance(resources.model, ScriptedModel)
    assert len(resources.model.requests) == 1


async def test_documentation_that_was_cut_off_is_refused(judges: VerifierResources) -> None:
    seed = attempts_seed(await chain_of(judges, RIGHT))
    cut = Reply("cut", DOCUMENTATION, "length", "scripted", Usage())
    with pytest.raises(SeedRefused, match="truncated"):
        await backtranslate.RECIPE.propose(seed, resources_of(backtranslate.Backtranslate(), document=cut))


async def test_comments_of_the_original_are_no_code() -> None:
    program = 'def f(x):\n    """Give back what was given."""\n    # nothing happens here at all\n    return x\n'
    assert backtranslate.bare(program) == "def f(x):\n    return x"
    assert backtranslate.signature_of("x = 1\n\n@d\ndef f(a: int, *, b='c') -> str:\n    return b\n", "f") == (
        "def f(a: int, *, b='c') -> str:\n    ..."
    )


async def test_a_leak_between_the_prompts_is_found_by_the_check_as_well(judges: VerifierResources) -> None:
    record, _ = await back(judges)
    parts = {**record.candidate.parts, "second_prompt": f"{record.candidate.parts['second_prompt']}\n{RIGHT}"}
    leaking: Candidate = replace(record.candidate, parts=parts)
    verdict: Verdict = (await verify_all(leaking, judges))[0]
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "code_in_text")
