"""The table of rubrics that come with the product: what `provender judge calibrate` can measure a judge on."""

from __future__ import annotations

from collections.abc import Mapping

from verifiers.judged_pair import PREFERENCE
from verifiers.judging import Criterion, Rubric
from verifiers.knowledge_probe import CORRECTNESS, INFORMATIVENESS, SAME_ANSWER, SUPPORT
from verifiers.quality import CODE, GENERAL

QUESTION_GATES = Rubric(
    "generators.factuality/question_gates",
    tuple(map(Criterion, ("answerable", "self_contained", "single_answer", "same_question"))),
)
RUBRICS: Mapping[str, Rubric] = {
    rubric.prompt: rubric
    for rubric in (
        CORRECTNESS,
        INFORMATIVENESS,
        SUPPORT,
        SAME_ANSWER,
        Rubric("verifiers/better", (PREFERENCE,)),
        QUESTION_GATES,
        GENERAL,
        CODE,
    )
}
