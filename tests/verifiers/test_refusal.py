"""The refusal detector on 488 worded cases, over half of them set aside before its phrases met them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed
from verifiers.base import Resources
from verifiers.refusal import MAX_CHARACTERS, Refusal, Row, find_kind, prove_row, verify

KINDS = ("refusal", "hedge", "answer")
CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("refusal_cases.jsonl").read_text("utf-8").splitlines()
]  # fmt: skip
LEAST = 0.97
NOTHING: Any = None
RESOURCES = Resources(NOTHING, NOTHING)  # the detector needs neither sandbox nor workers

ACCEPTS = {
    "curly apostrophe": "I don’t know.",
    "upper case": "I DON'T KNOW.",
    "no apostrophe": "i dont know",
    "Markdown": "> **I** do *not* `know`.",
    "control characters": "I do\x00n't k\u200bnow.",
    "policy": "I can't help with that.",
    "sent elsewhere": "I don't remember the wording of that line. The manual itself would show it.",
    "doubt about where to ask": "I have no idea. Maybe ask at the library, they might know.",
    "quoted as a whole, then said": '"Who wrote it?" I do not know who wrote it.',
}
REJECTS = {
    "begins like a refusal": ("I don't know who told you that, but the capital is Paris.", ("answer", "hedge")),
    "quoted": ("The author says 'I don't know'.", ("answer",)),
    "doubt": ("I'm not sure, but I think it was 1912.", ("hedge",)),
    "leaks": ("I do not know. It was 1912.", ("hedge", "answer")),
    "leaks later": ("I cannot verify the year. " + "Please ask an archive. " * 50 + "The year is 1912.", ("hedge",)),
    "garbage": ("asdf qwer", ("answer",)),
    "doubt in the first person": ("I don't know for sure, but I would say Bergen.", ("hedge",)),
}


def table(cases: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    found = ((case["label"], find_kind(case["response"])) for case in cases)
    return Counter((label, finding.kind if finding else "empty") for label, finding in found)


def shown(counts: Counter[tuple[str, str]]) -> str:
    rows = [f"{label:<10}" + "".join(f"{counts[label, kind]:>9}" for kind in KINDS) for label in KINDS]
    return "\n".join([f"{'label':<10}" + "".join(f"{kind:>9}" for kind in KINDS), *rows])


def test_the_cases_are_many_and_varied() -> None:
    assert len(CASES) == len({case["response"] for case in CASES}) >= 300
    assert len({case["style"] for case in CASES}) >= 5
    for split in ("tune", "held_out"):
        for kind in KINDS:
            assert sum((case["split"], case["label"]) == (split, kind) for case in CASES) >= 25
    assert sum(case["split"] != "tune" for case in CASES) > 250


def test_precision_and_recall(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for split in sorted({case["split"] for case in CASES}):
            print(f"\n{split}\n{shown(table([case for case in CASES if case['split'] == split]))}")  # noqa: T201
    counts = table(CASES)
    right = counts["refusal", "refusal"]
    said = sum(number for (_, kind), number in counts.items() if kind == "refusal")
    true = sum(number for (label, _), number in counts.items() if label == "refusal")
    assert right / said > LEAST, shown(counts)
    assert right / true > LEAST, shown(counts)


@pytest.mark.parametrize("text", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(text: str) -> None:
    verdict = await prove_row(Row(id=1, response=text), RESOURCES)
    assert (verdict.outcome, verdict.reason, verdict.evidence["kind"]) == (Outcome.PASS, "refusal", "refusal")


@pytest.mark.parametrize(("text", "kinds"), REJECTS.values(), ids=REJECTS)
async def test_rejects(text: str, kinds: tuple[str, ...]) -> None:
    verdict = await prove_row(Row(id=1, response=text), RESOURCES)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == verdict.evidence["kind"]
    assert verdict.reason in kinds


@pytest.mark.parametrize("text", ["", " \n", "...", "\x00\u200b", "🤷"])
async def test_nothing_said_is_no_refusal(text: str) -> None:
    verdict = await prove_row(Row(id=1, response=text), RESOURCES)
    assert (verdict.outcome, verdict.reason, verdict.evidence["kind"]) == (Outcome.FAIL, "empty", None)


@pytest.mark.parametrize(("text", "style"), [("I don't know.", "ignorance"), ("I can't assist with that.", "policy")])
async def test_the_style_of_a_refusal(text: str, style: str) -> None:
    assert (await prove_row(Row(id=1, response=text), RESOURCES)).evidence["style"] == style


@pytest.mark.parametrize(("expected", "text"), [("answer", "Paris."), ("hedge", "Paris, I think."), ("refusal", "IDK")])
async def test_the_expected_kind_passes(expected: Any, text: str) -> None:
    candidate = Candidate("c", "c", Seed("s", "x", "test", "unknown"), "test", (), {"response": text}, (), ())
    for kind in KINDS:
        wanted: Any = kind
        verdict = await verify(Refusal(wanted), candidate, RESOURCES)
        assert (verdict.outcome is Outcome.PASS) == (kind == expected)


@pytest.mark.parametrize(
    "piece", ["i do not know ", "'", '"', "a", "i have no ", "my ", "as far as i ", "_*", "\n", "i'm not ", "don't's "]
)
def test_huge_text_is_bounded(piece: str) -> None:
    find_kind(piece * (10 * MAX_CHARACTERS))


@given(st.text(max_size=300))
def test_any_text_has_at_most_one_kind_and_keeps_it(text: str) -> None:
    finding = find_kind(text)
    assert finding is None or finding.kind in KINDS
    assert find_kind(text) == finding
