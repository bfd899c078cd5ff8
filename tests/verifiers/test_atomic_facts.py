"""Long answers fact by fact against a local index."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from records.types import Candidate, Outcome, Seed, Verdict
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest
from verifiers.atomic_facts import AtomicFacts, Row, prove_row, verify
from verifiers.base import Resources
from verifiers.passage_index import PassageIndex

NOTHING: Any = None
PASSAGES = (
    "The river Aune rises at 412 metres and ends in the lake of Tolm.",
    "The Pellow bridge has nine arches of red granite.",
    "Brell is a hard cheese that ripens for fourteen months.",
)
RIGHT = "The river Aune ends in the lake of Tolm. The Pellow bridge has nine arches."
WRONG = "The Pellow bridge has seven arches."
UNRELATED = "Quantum tunnelling happens."


def plays(request: ChatRequest) -> str:
    """Splits by sentences; a claim is supported where its words stand in one passage."""
    text = request.messages[-1].content
    if request.prompt == "verifiers/atomic_facts":
        answer = re.search(r"<answer>\n(.*?)\n</answer>", text, re.DOTALL)
        return json.dumps({"facts": re.split(r"(?<=\.) ", answer[1]) if answer else []})
    reference, claim = (re.findall(rf"<{tag}>\n(.*?)\n</{tag}>", text, re.DOTALL)[0] for tag in ("reference", "claim"))
    words = set(re.findall(r"\w+", claim.lower()))
    supported = any(words <= set(re.findall(r"\w+", part.lower())) for part in reference.split("\n\n"))
    said = "supported" if supported else "contradicted"
    return json.dumps({"support": {"rationale": "x", "verdict": said}})


async def score(response: str, model: ScriptedModel | None = None, **changes: Any) -> Verdict:
    candidate = Candidate("c", "c", Seed("s", "t", "s", "l"), "r", (), {"response": response}, (), ())
    return await verify(
        AtomicFacts(PASSAGES, **changes), candidate, Resources(NOTHING, NOTHING, model or ScriptedModel(plays))
    )


async def test_an_answer_whose_facts_are_all_there_passes() -> None:
    verdict = await score(RIGHT)
    assert (verdict.outcome, verdict.reason, verdict.evidence["score"]) == (Outcome.PASS, "supported", 1.0)
    assert verdict.evidence["f1_at_8"] == pytest.approx(2 * 1 * 0.25 / 1.25)


async def test_one_wrong_fact_is_found_and_named() -> None:
    verdict = await score(f"{RIGHT} {WRONG}")
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "unsupported_facts")
    assert [one["support"] for one in verdict.evidence["facts"]] == ["supported", "supported", "contradicted"]
    assert (await score(f"{RIGHT} {WRONG}", min_supported=0.6)).outcome is Outcome.PASS


async def test_a_fact_with_which_no_passage_has_to_do_is_unsupported_without_a_judge() -> None:
    model = ScriptedModel(plays)
    verdict = await score(UNRELATED, model)
    assert verdict.evidence["facts"] == [{"fact": UNRELATED, "support": "irrelevant"}]
    assert verdict.outcome is Outcome.FAIL and len(model.requests) == 1


async def test_a_refusal_is_told_apart_and_an_empty_answer_states_nothing() -> None:
    assert (await score("I don't know anything about that river.")).reason == "abstained"
    assert (await score("  ")).reason == "no_facts"
    assert (await score("Well.", ScriptedModel(lambda request: '{"facts": []}'))).reason == "no_facts"


async def test_what_cannot_be_read_is_no_verdict() -> None:
    prose = await score(RIGHT, ScriptedModel(lambda request: "It says two things."))
    assert (prose.outcome, prose.reason) == (Outcome.UNJUDGED, "facts_unreadable")
    mute = await score(RIGHT, ScriptedModel(lambda r: plays(r) if r.prompt == "verifiers/atomic_facts" else "hm"))
    assert (mute.outcome, mute.reason) == (Outcome.UNJUDGED, "judge_unreadable")


async def test_rows_bring_their_passages_or_name_a_file(tmp_path: Path) -> None:
    file = tmp_path / "index.jsonl"
    file.write_text("".join(json.dumps({"text": passage}) + "\n" for passage in PASSAGES))
    resources = Resources(NOTHING, NOTHING, ScriptedModel(plays))
    for row in (Row(id=1, response=RIGHT, references=list(PASSAGES)), Row(id=1, response=RIGHT, index=str(file))):
        assert (await prove_row(row, resources)).outcome is Outcome.PASS
    for broken in ("absent.jsonl", "index.txt"):
        (tmp_path / "index.txt").write_text('{"title": 1}\n')
        verdict = await prove_row(Row(id=1, response=RIGHT, index=str(tmp_path / broken)), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "unreadable_index")
    with pytest.raises(ValueError):
        Row(id=1, response=RIGHT)


def test_the_index_finds_what_has_most_to_do_with_a_text() -> None:
    index = PassageIndex(PASSAGES)
    assert index.find("How many arches of granite has the Pellow bridge?", 1) == [PASSAGES[1]]
    assert index.find("zzz qqq", 3) == [] and PassageIndex(()).find("river", 3) == []
    assert index.find("", 3) == []
