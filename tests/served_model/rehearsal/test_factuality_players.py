"""The factuality roles: what is labelled faulty is so, what is not is right, judges err at the planted rate."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from corpus.documents import read
from records.types import Candidate, Outcome, Seed
from served_model.rehearsal.cloze import fill, recall, window_of, wording
from served_model.rehearsal.draft import AS_DRAWN, CannotAnswer, Draft
from served_model.rehearsal.factuality_judges import contained, play_better, play_correctness, play_gates
from served_model.rehearsal.factuality_player import BEHAVIOURS, play_closed_book, play_question, play_refusal
from served_model.rehearsal.factuality_roles import ROLES
from served_model.rehearsal.judge_player import FORM_FAULTS
from served_model.rehearsal.role import Asked, Settings
from served_model.structured import NotReadable, read_json
from verifiers import question_form, refusal, refusal_quality

SEEDS = [one for one in read("pydoc", 11, "") if isinstance(one, Seed)][:80]
NOTHING: Any = None
FAULTS = {role.prompt: role.faults for role in ROLES}


def asked(settings: Settings | None = None, /, **tags: str) -> Asked:
    return Asked(tags, (), settings or Settings())


def question(seed: Seed, fault: str | None) -> Draft:
    return play_question(asked(title=seed.fields["title"], passage=seed.text), Random(seed.id), fault)


async def form(draft: Draft, seed: Seed) -> str:
    data = json.loads(draft.text)
    parts = {"question": data["question"], "answer": data["answer"]}
    candidate = Candidate("c", "c", seed, "r", (), parts, (), ())
    check = question_form.QuestionForm(seed.text, tuple(data["paraphrases"]))
    return (await question_form.verify(check, candidate, NOTHING)).reason


def gates(draft: Draft, seed: Seed) -> set[str]:
    """The criteria that a judge without error finds wanting."""
    data = json.loads(draft.text)
    tags = {"passage": seed.text, **{name: data[name] for name in ("question", "answer")}}
    said = play_gates(asked(**tags, paraphrases="\n".join(data["paraphrases"])), Random(1), None)
    return {name for name, one in json.loads(said.text).items() if one["verdict"] == "no"}


async def test_right_questions_pass_rules_and_gates() -> None:
    for seed in SEEDS:
        try:
            draft = question(seed, None)
        except CannotAnswer:
            continue
        assert await form(draft, seed) == "well_formed", draft.text
        assert gates(draft, seed) == set(), draft.text
        data = json.loads(draft.text)
        window = window_of(data["question"])
        assert window is not None and fill(window, seed.text) == data["answer"] == recall(window)


@pytest.mark.parametrize("fault", [name for name in FAULTS["generators.factuality/question"] if name != "no_question"])
async def test_planted_questions_are_found_by_what_is_said_to_find_them(fault: str) -> None:
    planted = 0
    for seed in SEEDS[:30]:
        try:
            draft = question(seed, fault)
        except CannotAnswer:
            continue
        if draft.fault != fault:
            continue
        planted += 1
        by = FAULTS["generators.factuality/question"][fault].decidable_by
        if fault == "malformed_json":
            with pytest.raises(NotReadable):
                read_json(draft.text)
        elif by in ("format", "equivalence"):
            assert await form(draft, seed) != "well_formed", draft.text
        else:
            assert gates(draft, seed) or await form(draft, seed) != "well_formed", draft.text
    assert planted > 15


@pytest.mark.parametrize("fault", [None, *FAULTS["generators.factuality/refusal"]])
async def test_refusals_are_good_or_found(fault: str | None) -> None:
    for number, seed in enumerate(SEEDS[:40]):
        try:
            data = json.loads(question(seed, None).text)
        except CannotAnswer:
            continue
        draft = play_refusal(asked(question=data["question"]), Random(number), fault)
        candidate = Candidate("c", "c", seed, "r", (), {"response": draft.text}, (), ())
        kind = await refusal.verify(refusal.Refusal(), candidate, NOTHING)
        check = refusal_quality.RefusalQuality(data["question"], data["answer"], seed.text)
        quality = await refusal_quality.verify(check, candidate, NOTHING)
        good = kind.outcome is quality.outcome is Outcome.PASS
        assert good == (fault is None), (draft.text, kind.reason, quality.reason)


def test_a_question_keeps_its_behaviour_and_all_behaviours_come() -> None:
    settings = Settings(seed=4, fault_rate=0.3)
    seen = Counter[str]()
    for seed in SEEDS:
        try:
            window = window_of(json.loads(question(seed, None).text)["question"])
        except CannotAnswer:
            continue
        assert window is not None
        drafts = [
            play_closed_book(asked(settings, question=wording(number % 3, "x", window)), Random(number), None)
            for number in range(9)
        ]
        [behaviour] = {draft.detail["behaviour"] for draft in drafts}
        seen[behaviour] += 1
        right = [recall(window) in draft.text for draft in drafts]
        expected = {"always_right": {9}, "mixed": set(range(10))}.get(behaviour, {0})
        assert sum(right) in expected, (behaviour, [draft.text for draft in drafts])
        assert all((draft.fault is None) == said for draft, said in zip(drafts, right, strict=True))
    assert set(seen) == set(BEHAVIOURS)


def test_what_the_model_has_not_read_it_does_not_know() -> None:
    with pytest.raises(CannotAnswer, match="know"):
        play_closed_book(asked(question="Who rebuilt the lighthouse of Eddystone?"), Random(1), None)


REFERENCE = {"reference": "The bell is of iron and hangs in a tower.", "question": "Of what is the bell?"}


@pytest.mark.parametrize("accuracy", [1.0, 0.9, 0.7])
def test_a_judge_errs_at_the_planted_rate(accuracy: float) -> None:
    settings = Settings(judge_accuracy=accuracy)
    for answer, right in (("of iron", "correct"), ("of bronze", "incorrect"), ("of bronze, " * 8, "incorrect")):
        drafts = [
            play_correctness(asked(settings, **REFERENCE, answer=answer), Random(number), None)
            for number in range(2000)
        ]
        wrong = [json.loads(draft.text)["grade"]["verdict"] != right for draft in drafts]
        assert wrong == [draft.fault is not None for draft in drafts]
        scale = 1.0 if right == "correct" else (1.5 if len(answer.split()) >= 12 else 0.5)
        assert sum(wrong) / 2000 == pytest.approx((1 - accuracy) * scale, abs=0.03)


def test_an_erring_pairwise_judge_names_what_stands_first() -> None:
    settings = Settings(judge_accuracy=0.8)
    for first, second, right in (("of iron", "of bronze", "first"), ("of bronze", "of iron", "second")):
        tags = {**REFERENCE, "first": first, "second": second}
        said = Counter(
            json.loads(play_better(asked(settings, **tags), Random(number), None).text)["better"]["verdict"]
            for number in range(1000)
        )
        assert set(said) <= {"first", "second"}
        assert said[right] / 1000 == pytest.approx(1.0 if right == "first" else 0.6, abs=0.05)


@pytest.mark.parametrize("fault", FORM_FAULTS)
def test_broken_judgements_cannot_be_read_and_fitting_ones_are_labelled_whole(fault: str) -> None:
    drafts = [play_correctness(asked(**REFERENCE, answer="of iron"), Random(number), fault) for number in range(60)]
    broken = [draft for draft in drafts if draft.fault == fault]
    assert 8 < len(broken) < 40 and all(draft.fault in (fault, None) for draft in drafts)
    for draft in broken:
        try:
            value = read_json(draft.text)
        except NotReadable:
            continue
        assert value["grade"]["verdict"] not in ("correct", "incorrect", "not_attempted")
    assert AS_DRAWN not in {draft.fault for draft in drafts}


def test_containment_is_by_words() -> None:
    assert contained("Of iron!", REFERENCE["reference"]) and contained("hangs in a", REFERENCE["reference"])
    assert not contained("iro", REFERENCE["reference"]) and not contained("", REFERENCE["reference"])
