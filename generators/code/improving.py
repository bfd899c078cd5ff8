"""The judge's filter: only programs that score 1 for correctness and for style, and hard ones are written again (C15).

Llama 3 (arXiv 2407.21783, section 4.3.1) kept code that scored 2 of 2, saw that challenging problems vanished and
benchmarks fell, and had the most challenging ones revised until they met the bar. So here: what only a judge refuses is
written again from its review where the problem is hard enough, and all checks run anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from generators.code.asking import Asker
from generators.code.attempt import SOLVER, about_task, next_attempt
from generators.code.feedback import feedback_text
from generators.code.judging import is_refused_by_judge
from generators.code.proving import CodeSettings
from generators.code.replies import read_code
from generators.recipe import Resources
from records.types import JSON, Candidate, Record
from verifiers.agreement import Agreement, difficulty_of

LEVELS = ("easy", "medium", "hard", "never")


async def improve(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """The solution written again from the review; None where the problem is too easy for that, or the rounds are spent.

    What was accepted of it before (that it corrected itself, the diagnosis of a repair) still holds.
    """
    settings: CodeSettings = resources.settings
    refusals = sum(map(is_refused_by_judge, attempts))
    if refusals > settings.judge_rounds or LEVELS.index(difficulty(attempts)) < LEVELS.index(settings.revise_from):
        return None
    last = attempts[-1]
    former = last.candidate
    language = str(former.metadata["language"])
    about = {name: former.parts[name] for name in ("problem", "signature", "solution")} | {"language": language}
    about["feedback"] = feedback_text(last.deciding)
    answer = await Asker(former.seed, resources, former.attempt + 1).ask("improve", SOLVER, about_task(about))
    program = read_code(answer.reply, language, str(former.metadata["entry_point"]))
    parts = {**former.parts, "solution": program, "solution_reply": answer.reply.text}
    calls = (*(call for call in former.calls if call.part != "solution"), answer.call("solution"))
    kept = {name: former.metadata[name] for name in ("self_corrected", "diagnosis") if name in former.metadata}
    notes: dict[str, JSON] = {**kept, "change": "solution", "judge_revised": True}
    return next_attempt(attempts, parts, calls, notes, resources)


def difficulty(attempts: Sequence[Record]) -> str:
    """The pass-rate label of the problem (C11); where no solutions voted, by the solutions that it took."""
    for verdict in attempts[-1].verdicts:
        if verdict.check == Agreement.kind:
            return str(verdict.evidence["difficulty"])
    tried = {record.candidate.parts["solution"] for record in attempts if not is_refused_by_judge(record)}
    return difficulty_of(1 / (1 + len(tried - {attempts[-1].candidate.parts["solution"]})))
