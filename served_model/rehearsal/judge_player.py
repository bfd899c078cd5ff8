"""Plays judges: the verdicts that are true, turned wrong at the planted rate, in a reply whose form may be broken.

For every domain's judging roles: work out what is true, and let `judge` write the reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.role import Asked, Fault

FORM_FAULTS: Mapping[str, Fault] = {
    "prose": Fault(2, "format"),
    "truncated_json": Fault(2, "format"),
    "out_of_range": Fault(2, "format"),
    "both_labels": Fault(2, "format"),
    "empty": Fault(1, "format"),
}
JUDGE_FAULTS: Mapping[str, Fault] = {
    **FORM_FAULTS,
    "false_pass": Fault(0, "judge"),  # weight 0: not drawn with the others, but at the rate of the planted accuracy
    "false_fail": Fault(0, "judge"),
}
FORM_SHARE = 1 / 3  # of the drawn faults that are planted: judges are asked so often that all would drown the rest


@dataclass(frozen=True, slots=True)
class Truth:
    """The true verdict of one criterion, the wrong one that an erring judge gives, and whether the true one passes."""

    value: str | int
    wrong: str | int
    passes: bool
    rationale: str = "This is what the texts say when they are compared."


def judge(asked: Asked, rng: Random, fault: str | None, truths: Mapping[str, Truth], slip: float = 1.0) -> Draft:
    """The reply of a judge whose verdicts are right at the planted accuracy; `slip` scales the rate of wrong ones.

    Of several criteria at most one is wrong in a reply, so that the accuracy is that of the reply.
    """
    wrong = rng.choice(sorted(truths)) if rng.random() < (1 - asked.settings.judge_accuracy) * slip else ""
    said = {
        name: {"rationale": truth.rationale, "verdict": truth.wrong if name == wrong else truth.value}
        for name, truth in truths.items()
    }
    if fault is not None and fault in FORM_FAULTS and rng.random() < FORM_SHARE:
        return Draft(_broken(fault, said, rng), fault=fault)
    planted = ("false_fail" if truths[wrong].passes else "false_pass") if wrong else None
    return Draft(json.dumps(said), fault=planted, detail={"wrong": wrong} if wrong else {})


def _broken(fault: str, said: Mapping[str, Mapping[str, str | int]], rng: Random) -> str:
    first = next(iter(said))
    text = json.dumps(said)
    if fault == "prose":
        return f"Having compared the texts, I would say {said[first]['verdict']} for {first}."
    if fault == "truncated_json":
        return text[: rng.randint(2, len(text) - 2)]
    if fault == "out_of_range":
        return json.dumps({**said, first: {**said[first], "verdict": 11}})
    if fault == "both_labels":
        return json.dumps({**said, first: {**said[first], "verdict": f"{said[first]['verdict']} or not"}})
    return ""
