"""The table of verifiers: one line per kind of proof, and the one place where a check meets its verifier."""

from __future__ import annotations

from collections.abc import Mapping

from records.types import JSON, Candidate, Check, Outcome, Verdict
from served_model.types import ModelUnavailable
from verifiers import (
    agreement,
    atomic_facts,
    closed_book,
    code_static,
    code_tests,
    factuality,
    json_schema,
    judged,
    judged_pair,
    knowledge_probe,
    majority_vote,
    math_answer,
    must_fail,
    new_problem,
    no_leak,
    problem_kind,
    quality,
    question_form,
    refusal,
    refusal_quality,
    response_hygiene,
    reward_score,
    safety,
    same_behaviour,
    step_rollouts,
    tests_quality,
    tests_strength,
    tool_answer,
    tool_calls,
    tool_contrast,
    tool_execution,
    tool_format,
    tool_provenance,
    tool_state,
    trace,
    verbatim_support,
)
from verifiers.base import Resources, Verifier

VERIFIERS: Mapping[str, Verifier] = {
    entry.check.kind: entry
    for entry in (
        Verifier(response_hygiene.ResponseHygiene, response_hygiene.verify),
        Verifier(code_static.CodeStatic, code_static.verify),
        Verifier(tests_quality.TestsQuality, tests_quality.verify),
        Verifier(code_tests.CodeTests, code_tests.verify),
        Verifier(tests_strength.TestsStrength, tests_strength.verify),
        Verifier(agreement.Agreement, agreement.verify),
        Verifier(same_behaviour.SameBehaviour, same_behaviour.verify),
        Verifier(must_fail.MustFail, must_fail.verify),
        Verifier(no_leak.NoLeak, no_leak.verify),
        Verifier(math_answer.MathAnswer, math_answer.verify),
        Verifier(majority_vote.MajorityVote, majority_vote.verify),
        Verifier(tool_calls.ToolCalls, tool_calls.verify),
        Verifier(tool_format.ToolFormat, tool_format.verify),
        Verifier(tool_execution.ToolExecution, tool_execution.verify),
        Verifier(tool_state.ToolState, tool_state.verify),
        Verifier(tool_provenance.ToolProvenance, tool_provenance.verify),
        Verifier(tool_answer.ToolAnswer, tool_answer.verify),
        Verifier(tool_contrast.ToolContrast, tool_contrast.verify, asks_model=True),
        Verifier(tool_answer.ToolNeeded, tool_answer.verify_needed),
        Verifier(json_schema.SchemaValid, json_schema.verify),
        Verifier(trace.Trace, trace.verify),
        Verifier(step_rollouts.StepRollouts, step_rollouts.verify),
        Verifier(reward_score.RewardScore, reward_score.verify, asks_model=True),
        Verifier(verbatim_support.VerbatimSupport, verbatim_support.verify),
        Verifier(problem_kind.ProblemKind, problem_kind.verify),
        Verifier(new_problem.NewProblem, new_problem.verify),
        Verifier(refusal.Refusal, refusal.verify),
        Verifier(refusal_quality.RefusalQuality, refusal_quality.verify),
        Verifier(question_form.QuestionForm, question_form.verify),
        Verifier(closed_book.ClosedBook, closed_book.verify),
        Verifier(knowledge_probe.KnowledgeProbe, knowledge_probe.verify, asks_model=True),
        Verifier(factuality.Factual, factuality.verify, asks_model=True),
        Verifier(atomic_facts.AtomicFacts, atomic_facts.verify, asks_model=True),
        Verifier(judged.Judged, judged.verify, asks_model=True),
        Verifier(judged_pair.JudgedPair, judged_pair.verify, asks_model=True),
        Verifier(safety.Safety, safety.verify, asks_model=True),
        Verifier(quality.Quality, quality.verify, asks_model=True),
    )
}


def decode_check(kind: str, fields: Mapping[str, JSON]) -> Check:
    """The check that a shard stores as kind and fields. Raises KeyError for a kind that is not in the table."""
    return VERIFIERS[kind].check(**{name: _tuples(value) for name, value in fields.items()})


async def verify_all(candidate: Candidate, resources: Resources) -> tuple[Verdict, ...]:
    """Answer the candidate's checks in their order, up to the first that does not pass.

    Cheap proofs stand first, so a candidate that fails one costs no execution.
    """
    verdicts: list[Verdict] = []
    for check in candidate.checks:
        verdicts.append(await verify(check, candidate, resources))
        if verdicts[-1].outcome is not Outcome.PASS:
            break
    return tuple(verdicts)


async def verify(check: Check, candidate: Candidate, resources: Resources) -> Verdict:
    """One verdict. A verifier that breaks says UNJUDGED: that it broke is no evidence against the candidate.

    Raises ModelUnavailable: a judge that cannot be reached stops the run, and the next start asks it again.
    """
    try:
        return await VERIFIERS[check.kind].verify(check, candidate, resources)
    except ModelUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the one boundary where any defect of ours must not become a FAIL
        return Verdict(check.kind, Outcome.UNJUDGED, "verifier_error", {"error": f"{type(error).__name__}: {error}"})


def _tuples(value: JSON) -> JSON:
    """JSON has no tuples: the lists of a stored check become tuples again, so that it equals the one that was made."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
