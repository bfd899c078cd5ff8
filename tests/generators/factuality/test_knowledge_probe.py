"""The factuality recipes with a scripted model: each behaviour of the model ends where the table says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

import verifiers
from exports.probed import calibration_rows, graded_pairs, review_rows
from exports.sft import rows_of as sft_rows
from flows.loop import Loop
from generators.factuality import knowledge_probe, question
from generators.factuality.knowledge_probe import ProbeSettings
from generators.factuality.question import QuestionSettings
from generators.recipe import Recipe, Resources
from records.schema import record_row
from records.types import Outcome, Record, Seed, canonical_json, stable_hash
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, Reply, Usage
from verifiers.base import Resources as Proving

PASSAGE = "The lighthouse of Eddystone was rebuilt by John Smeaton. It was lit in 1759 and held 24 candles."
ASKED = "Who rebuilt the lighthouse of Eddystone?"
OTHER_WORDING = "Which engineer is behind the tower on that rock near Plymouth?"
SEED = Seed("s", PASSAGE, "test", "CC0-1.0", {"title": "Lights", "related": json.dumps(["Winstanley built it."])})
NOTHING: Any = None
REFUSAL = "I don't know who rebuilt the lighthouse of Eddystone."


def judged(**verdicts: object) -> str:
    return json.dumps({name: {"rationale": "Because.", "verdict": said} for name, said in verdicts.items()})


def tagged(request: ChatRequest, tag: str) -> str:
    found = re.search(rf"<{tag}>\n(.*?)\n</{tag}>", request.messages[-1].content, re.DOTALL)
    return found[1] if found else ""


class Model:
    """Plays every role; `answer` gives the closed-book answers, `refusals` the refusals in turn."""

    def __init__(self, answer: Callable[[int, ChatRequest], Any], refusals: tuple[str, ...] = (REFUSAL,)) -> None:
        self.answer, self.refusals, self.asked = answer, list(refusals), 0
        self.scripted = ScriptedModel(self.reply)

    def reply(self, request: ChatRequest) -> Any:
        if request.prompt == "generators.factuality/question":
            data = {"question": ASKED, "paraphrases": [OTHER_WORDING], "answer": "John Smeaton", "quote": ""}
            return json.dumps(data)
        if request.prompt == "generators.factuality/question_gates":
            return judged(answerable="yes", self_contained="yes", single_answer="yes", same_question="yes")
        if request.prompt == "generators.factuality/closed_book":
            self.asked += 1
            return self.answer(self.asked - 1, request)
        if request.prompt == "generators.factuality/refusal":
            return self.refusals.pop(0)
        return self.judge(request)

    def judge(self, request: ChatRequest) -> str:
        answer = tagged(request, "answer")
        if request.prompt == "verifiers/correctness":
            return judged(grade="correct" if "Smeaton" in answer else "incorrect")
        if request.prompt == "verifiers/informativeness":
            return judged(informative="no" if "somebody" in answer else "yes")
        if request.prompt == "verifiers/same_answer":
            names = [re.findall(r"[A-Z]\w+", tagged(request, place))[-1] for place in ("first", "second")]
            return judged(same="yes" if names[0] == names[1] else "no")
        if request.prompt == "verifiers/better":
            return judged(better="first" if "Smeaton" in tagged(request, "first") else "second")
        return judged(support="supported" if "Winstanley" in tagged(request, "reference") else "irrelevant")


async def run(recipe: Recipe, settings: Any, seed: Seed, model: ScriptedModel) -> Any:
    loop = Loop(recipe, Resources(model, settings, 7), Proving(NOTHING, NOTHING, model), lambda *_: None)
    return await loop.run([seed])


async def probe(model: Model, **settings: Any) -> tuple[list[Record], list[dict[str, Any]]]:
    """The chain of the one question, and its rows."""
    made = await run(question.RECIPE, QuestionSettings(paraphrases=1, probe_share=0), SEED, model.scripted)
    [[asked]] = made.chains
    assert asked.outcome is Outcome.PASS, asked.deciding
    seed = attempts_seed([[asked]])
    result = await run(knowledge_probe.RECIPE, ProbeSettings(probe_share=0, **settings), seed, model.scripted)
    [chain] = result.chains
    return chain, [record_row(record, record is chain[-1], "test") for record in chain]


def attempts_seed(chains: list[list[Record]]) -> Seed:
    rows = [[record_row(record, record is chain[-1], "test") for record in chain] for chain in chains]
    return Seed(stable_hash(PASSAGE), PASSAGE, "test", "CC0-1.0", {"chains": canonical_json(rows)})


WRONG = ("Winstanley", "Rudyard", "Douglass", "Stevenson", "Brunel", "Telford", "Rennie", "Wren", "Hooke", "Halley")


def wrong(number: int, request: ChatRequest) -> str:
    return f"It was {WRONG[number % len(WRONG)]}."


async def test_a_known_question_is_answered() -> None:
    chain, rows = await probe(Model(lambda number, request: "John Smeaton rebuilt it."))
    [record] = chain
    assert (record.outcome, record.deciding.reason) == (Outcome.PASS, "known")
    evidence = record.deciding.evidence
    assert (evidence["right"], evidence["knownness"], evidence["pass_rate"]) == (9, "highly_known", 1.0)
    [row] = sft_rows(rows, {record.candidate.id})
    assert [message["content"] for message in row["messages"]] == [ASKED, "John Smeaton rebuilt it."]
    assert list(graded_pairs(rows, {record.candidate.id})) == []


async def test_of_a_known_question_a_right_sample_is_shown_and_nothing_is_paid_twice() -> None:
    model = Model(lambda number, request: wrong(0, request) if number == 0 else f"John Smeaton, in try {number}.")
    chain, rows = await probe(model)
    assert [one.deciding.reason for one in chain] == ["wrong_sample", "known"]
    assert chain[-1].outcome is Outcome.PASS and chain[-1].candidate.messages[-1].content.startswith("John Smeaton")
    keys = [model.scripted.key(request) for request in model.scripted.requests]
    assert len(set(keys)) < len(keys)  # judged again with the same keys: the journal replays them
    [pair] = graded_pairs(rows, {chain[-1].candidate.id})
    assert (pair.good[-1]["content"][:12], pair.bad[-1]["content"]) == ("John Smeaton", "It was Winstanley.")


async def test_an_unknown_question_ends_as_a_refusal_over_confident_errors() -> None:
    chain, rows = await probe(Model(wrong))
    assert [one.deciding.reason for one in chain] == ["unknown", "unknown"]
    last = chain[-1]
    assert last.outcome is Outcome.PASS and last.candidate.metadata["kind"] == "refusal"
    assert {verdict.check for verdict in last.verdicts} == {
        "refusal",
        "refusal_quality",
        "closed_book",
        "knowledge_probe",
    }
    pairs = list(graded_pairs(rows, {last.candidate.id}))
    assert [pair.good[-1]["content"] for pair in pairs] == [REFUSAL] * 2
    assert all(pair.rejected["reason"] == "confident_error" for pair in pairs)
    shown = {call.key for call in last.candidate.calls}
    assert not shown & {sample["key"] for sample in last.candidate.checks[-1].samples}  # type: ignore[attr-defined]


async def test_a_leaking_refusal_is_written_again_and_given_up_in_the_end() -> None:
    leak = "I don't know whether John Smeaton rebuilt the lighthouse of Eddystone."
    chain, _ = await probe(Model(wrong, (leak, "As an AI, I don't know who rebuilt the lighthouse.", REFUSAL)))
    assert [one.deciding.reason for one in chain] == ["unknown", "leaks_answer", "lectures", "unknown"]
    assert chain[-1].outcome is Outcome.PASS
    chain, _rows = await probe(Model(wrong, (leak,) * 3), refusal_rounds=3)
    assert [one.deciding.reason for one in chain] == ["unknown", *["leaks_answer"] * 3]
    assert chain[-1].outcome is Outcome.FAIL


async def test_the_refusal_writer_sees_neither_document_nor_answer() -> None:
    model = Model(wrong)
    await probe(model)
    blind = ("generators.factuality/refusal", "generators.factuality/closed_book", "verifiers/informativeness")
    seen = [request for request in model.scripted.requests if request.prompt in blind]
    assert {request.prompt for request in seen} == set(blind)
    for request in seen:
        text = "\n".join(message.content for message in request.messages)
        assert "Smeaton" not in text and "1759" not in text


@pytest.mark.parametrize(("mixed", "reasons"), [("pair", ["mixed", "better"]), ("drop", ["mixed"])])
async def test_a_partly_known_question_is_a_pair_or_nothing(mixed: str, reasons: list[str]) -> None:
    half = Model(lambda number, request: "It was John Smeaton." if number % 2 else wrong(number, request))
    chain, rows = await probe(half, mixed=mixed)
    assert [one.deciding.reason for one in chain] == reasons
    if mixed == "pair":
        last = chain[-1].candidate
        assert last.metadata["exports"] == ["preference"]
        pairs = list(graded_pairs(rows, {last.id}))
        assert {pair.good[-1]["content"] for pair in pairs} == {"It was John Smeaton."}
        assert all("Smeaton" not in pair.bad[-1]["content"] for pair in pairs) and pairs


async def test_answers_that_say_nothing_are_no_case_for_a_refusal() -> None:
    for text in ("It was somebody from the city.", "I don't know who rebuilt it."):
        chain, rows = await probe(Model(lambda number, request, text=text: text))  # type: ignore[misc]
        assert [one.deciding.reason for one in chain] == ["uninformative"]
        [row] = calibration_rows(rows, set())
        assert row["decision"] == "uninformative" and row["pass_rate"] == 0.0


async def test_where_the_answers_agree_against_the_document_a_human_looks() -> None:
    def agreeing(number: int, request: ChatRequest) -> str:
        return {0: "It was Henry Winstanley.", 1: "I believe Winstanley."}.get(number % 5) or wrong(number, request)

    chain, rows = await probe(Model(agreeing), agreement=0.4)
    assert [one.deciding.reason for one in chain] == ["disagrees_with_document"]
    [row] = review_rows(rows, set())
    assert set(row["agreed_answers"]) == {"It was Henry Winstanley.", "I believe Winstanley."}
    assert (len(row["agreed_answers"]), row["wrong_answers"]) == (4, 9)
    assert row["related"] == [{"passage": "Winstanley built it.", "support": "supported"}]
    assert list(sft_rows(rows, set())) == [] == list(graded_pairs(rows, set()))


async def test_unreadable_judges_leave_the_question_unjudged() -> None:
    model = Model(wrong)
    model.judge = lambda request: "I would say it is wrong."  # type: ignore[method-assign]
    chain, rows = await probe(model)
    assert [(one.outcome, one.deciding.reason) for one in chain] == [(Outcome.UNJUDGED, "undecided")]
    assert list(calibration_rows(rows, set())) == []


async def test_wordings_that_are_known_unlike_are_recorded() -> None:
    def by_wording(number: int, request: ChatRequest) -> str:
        return "John Smeaton." if ASKED in request.messages[-1].content else wrong(number, request)

    chain, _ = await probe(Model(by_wording), samples=3, paraphrase_samples=3)
    evidence = chain[0].deciding.evidence
    assert evidence["rate_by_wording"] == [1.0, 0.0] and evidence["inconsistent_wordings"] is True
    assert evidence["knownness"] == "maybe_known" and chain[0].deciding.reason == "mixed"


async def test_a_question_that_was_not_accepted_is_not_probed() -> None:
    model = Model(wrong)
    model.reply = lambda request: (  # type: ignore[method-assign]
        judged(answerable="no", self_contained="yes", single_answer="yes", same_question="yes")
        if request.prompt.endswith("gates")
        else Model.reply(model, request)
    )
    made = await run(question.RECIPE, QuestionSettings(paraphrases=1), SEED, ScriptedModel(model.reply))
    assert made.chains[0][0].deciding.reason == "not_answerable"
    result = await run(knowledge_probe.RECIPE, ProbeSettings(), attempts_seed(made.chains), model.scripted)
    assert [drop.reason for drop in result.drops] == ["question_not_accepted"] and not model.asked


async def test_stored_probes_can_be_proved_again() -> None:
    chain, _rows = await probe(Model(wrong))
    model = Model(wrong)
    for record in chain:
        again = await verifiers.verify_all(record.candidate, Proving(NOTHING, NOTHING, model.scripted))
        assert again == record.verdicts
    assert model.asked == 0


@pytest.mark.parametrize(
    "wrong_settings",
    [
        {"known_from": 0.2, "unknown_to": 0.2}, {"samples": 0, "greedy": False}, {"rule": "weighted"},
        {"votes": 0}, {"mixed": "keep"}, {"refusal_share": 1.5}, {"judges": ()},
    ],
)  # fmt: skip
def test_settings_that_decide_nothing_are_refused(wrong_settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProbeSettings(**wrong_settings)


async def test_answers_that_were_cut_off_count_for_nothing() -> None:
    def cut_off(number: int, request: ChatRequest) -> Any:
        text = "John Smeaton rebuilt it."
        return Reply("", text, "length", "scripted", Usage()) if number < 2 else ("" if number == 2 else text)

    chain, _ = await probe(Model(cut_off))
    evidence = chain[0].deciding.evidence
    assert (evidence["unusable"], evidence["unjudged"], evidence["right"]) == (3, 0, 6)
    assert [one.deciding.reason for one in chain] == ["wrong_sample", "known"]
