"""Planted anomalies are found and named, sound data is left alone, and the order of documents changes nothing."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.clusters import cluster
from audit.findings import Audit, Limits, finish, length_shares, stability_index
from audit.ngrams import count_phrases
from audit.survey import LENGTH_BOUNDS, Document, Survey
from tests.audit.planted import (
    LISTING,
    PHRASE,
    boilerplate,
    poor_cluster,
    sentences,
    sound,
    with_line_numbers,
    with_phrase,
)

SOUND = sound(300)


def audited(*documents: Document, previous: object = None, every: bool = True, **limits: float) -> Audit:
    survey = Survey(every=every)
    survey.add(documents)
    return finish(survey, Limits(**limits), previous)  # type: ignore[arg-type]


def slices(audit: Audit) -> dict[str, object]:
    """As the next audit reads them."""
    stored: dict[str, object] = json.loads(json.dumps(audit.to_json()))["slices"]
    return stored


def names(audit: Audit) -> set[str]:
    return {finding.name for finding in audit.findings}


def test_sound_data_has_no_finding() -> None:
    assert audited(*SOUND).findings == ()
    assert audited(*SOUND, previous=slices(audited(*sound(250, 7)))).findings == ()


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("line_number_run", with_line_numbers(3)),
        ("boilerplate", boilerplate(9)),
        ("repeated_phrase", with_phrase(60)),
        ("low_quality_cluster", poor_cluster(50)),
    ],
)
def test_a_planted_anomaly_is_the_one_finding(name: str, planted: list[Document]) -> None:
    audit = audited(*SOUND, *planted)
    assert names(audit) == {name}
    (finding,) = audit.findings
    assert finding.value != finding.limit and finding.detail
    assert set(finding.examples) <= {document.id for document in planted}
    assert finding.examples
    assert name in finding.line()


def test_all_planted_artefacts_are_counted_however_many_there_are() -> None:
    audit = audited(*SOUND, *with_line_numbers(17))
    assert audit.survey.slices["web"].artefacts["line_number_run"] == 17
    assert LISTING.split()[0] in audit.findings[0].detail


def test_the_planted_phrase_tops_the_list() -> None:
    phrases = count_phrases([(one.id, one.text) for one in [*SOUND, *with_phrase(40)]])
    assert phrases[0].text in PHRASE
    assert phrases[0].documents == 40
    assert len([one for one in phrases if not one.opening]) == 1, "its neighbours are the same phrase"


def test_two_planted_groups_are_told_apart() -> None:
    plane = cluster([*SOUND[:100], *poor_cluster(100)])
    for one in plane.clusters:
        assert len({name.startswith("poor") for name in one.documents}) == 1, one
    assert min(one.quality or 0 for one in plane.clusters if one.documents[0].startswith("poor")) < 0.2
    assert all(0 <= dot.x <= 1 and 0 <= dot.y <= 1 for dot in plane.dots)


def test_drift_of_lengths_quality_and_artefacts() -> None:
    before = slices(audited(*SOUND))
    longer = audited(*sound(300, 5, words=400), previous=before)
    assert "length_drift" in names(longer)
    assert "mean length was" in next(one.detail for one in longer.findings if one.name == "length_drift")
    worse = [Document(one.id, one.slice, one.text, "", number % 2 == 0) for number, one in enumerate(SOUND)]
    assert names(audited(*worse, previous=before)) == {"quality_drift"}
    numbered = audited(*SOUND, *with_line_numbers(20), previous=before)
    assert names(numbered) == {"line_number_run", "artefact_drift"}
    other = [Document(one.id, "other", one.text) for one in SOUND]
    assert names(audited(*other, previous=before)) == {"slice_missing"}


def test_a_limit_that_is_raised_lets_it_pass() -> None:
    assert audited(*SOUND, *with_line_numbers(3), artefacts=0.05).findings == ()


def test_the_order_of_documents_changes_nothing() -> None:
    documents = [*SOUND, *with_line_numbers(4), *poor_cluster(40)]
    shuffled = list(documents)
    Random(1).shuffle(shuffled)
    for every in (True, False):
        one, other = audited(*documents, every=every), audited(*shuffled, every=every)
        assert [finding.name for finding in one.findings] == [finding.name for finding in other.findings]
        assert one.maps == other.maps
        assert one.phrases == other.phrases


def test_the_sample_is_bounded_and_chosen_by_id() -> None:
    survey = Survey(every=False, sample=10)
    survey.add(SOUND)
    kept = [document.id for document in survey.slices["web"].sample]
    assert len(kept) == 10 and kept != [document.id for document in SOUND[:10]]
    assert survey.slices["web"].documents == 300
    survey.finish()
    assert survey.slices["web"].searched == 10


@pytest.mark.parametrize("documents", [[], ["one"], ["", ""], ["a", "a", "a"], ["1 2 3"] * 90])
def test_few_or_empty_documents(documents: list[str]) -> None:
    plane = cluster([Document(str(index), "s", text) for index, text in enumerate(documents)])
    assert len(plane.dots) == (len(documents) if len(documents) > 1 else 0)
    audited(*[Document(str(index), "s", text) for index, text in enumerate(documents)])


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=40))
def test_every_document_has_one_length_class(lengths: list[int]) -> None:
    survey = Survey(every=False)
    survey.add(Document(str(index), "s", "x" * length) for index, length in enumerate(lengths))
    part = survey.slices["s"]
    assert sum(part.lengths.values()) == len(lengths)
    for index, bound in enumerate(LENGTH_BOUNDS):
        assert sum(part.lengths[at] for at in range(index + 1)) == sum(length <= bound for length in lengths)
    assert abs(sum(length_shares(part.lengths)) - 1) < 1e-9


@given(st.lists(st.floats(0, 1), min_size=9, max_size=9), st.lists(st.floats(0, 1), min_size=9, max_size=9))
def test_the_stability_index_is_never_negative_and_zero_for_the_same(one: list[float], other: list[float]) -> None:
    assert stability_index(one, one) == 0
    assert stability_index(one, other) >= 0


def test_helper_sentences_differ() -> None:
    assert sentences(Random(1), 30) != sentences(Random(2), 30)
