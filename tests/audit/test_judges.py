"""Judges as instruments: intervals, agreement beyond chance, and the tables made of a run's evidence."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.intervals import Share, cohens_kappa, fleiss_kappa, krippendorff_alpha
from audit.judge_tables import judge_tables
from audit.judges import Judges
from audit.knowledge import Knowledge


@pytest.mark.parametrize(
    ("part", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (5, 10, 0.2366, 0.7634)],
)
def test_wilsons_interval(part: int, total: int, low: float, high: float) -> None:
    """The third is Newcombe's (1998) worked example."""
    assert Share(part, total).interval == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share(part: int, rest: int) -> None:
    share = Share(part, part + rest)
    low, high = share.interval
    assert 0 <= low <= high <= 1
    assert share.value is None or low - 1e-12 <= share.value <= high + 1e-12


def test_wilsons_interval_covers_as_often_as_it_says() -> None:
    rng = Random(1)
    for truth in (0.5, 0.9, 0.97):
        covered = 0
        for _ in range(2000):
            low, high = Share(sum(rng.random() < truth for _ in range(100)), 100).interval
            covered += low <= truth <= high
        assert 0.92 <= covered / 2000 <= 0.98


def test_cohens_kappa_on_the_textbook_case() -> None:
    """Cohen's (1960) layout: 20 and 15 agreements of 50, 5 and 10 disagreements."""
    pairs = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa({}) is None and cohens_kappa({("a", "a"): 7}) is None


def test_fleiss_kappa_on_the_textbook_case() -> None:
    """Fleiss (1971) as in the usual worked table of ten subjects, fourteen raters, five categories: 0.210."""
    table = (
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    )  # fmt: skip
    items = Counter(tuple(kind for kind, count in enumerate(row) for _ in range(count)) for row in table)
    assert fleiss_kappa(items) == pytest.approx(0.210, abs=5e-4)
    with pytest.raises(ValueError):
        fleiss_kappa({("a",): 1})
    with pytest.raises(ValueError):
        fleiss_kappa({("a", "b"): 1, ("a", "b", "a"): 1})


def test_krippendorffs_alpha_on_the_textbook_case() -> None:
    """Krippendorff's (2011) example C: four observers, twelve units, missing values, nominal: 0.743."""
    observers = (
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    )
    units = zip(*(line.split() for line in observers), strict=True)
    items = Counter(tuple(label for label in unit if label != "*") for unit in units)
    assert krippendorff_alpha(items) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha({("a",): 9}) is None and krippendorff_alpha({}) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=1, max_size=30))
def test_perfect_agreement_is_one_and_no_measure_is_above_it(pairs: list[tuple[str, str]]) -> None:
    counts = Counter(pairs)
    for measure in (cohens_kappa, fleiss_kappa, krippendorff_alpha):
        found = measure(counts)  # type: ignore[arg-type]
        assert found is None or found <= 1 + 1e-12
        same = measure(Counter((one, one) for one, _ in pairs))  # type: ignore[arg-type]
        assert same is None or same == pytest.approx(1)


def probe(finding: str, number: int, **changes: Any) -> dict[str, Any]:
    expected = "correct" if finding in ("right", "false_fail") else "incorrect"
    values = {"prompt": "p", "role": "judge", "model": "m", "length": "short", "expected": {"grade": expected}}
    values |= {"got": {"grade": "correct"}, "passes": expected == "correct", "finding": finding, "key": f"k{number}"}
    values |= {"item": number}
    return {**values, **changes}


def row(chain: str, *evidence: dict[str, Any], **fields: Any) -> dict[str, Any]:
    verdicts = [{"check": "judged", "reason": "r", "evidence": json.dumps(one)} for one in evidence]
    return {"chain_id": chain, "verdicts": verdicts, **fields}


def test_the_known_answers_of_a_run_measure_its_judge() -> None:
    judges = Judges()
    findings = ["right"] * 90 + ["false_pass"] * 6 + ["false_fail"] * 3 + ["wrong", "unreadable"]
    for number, finding in enumerate(findings):
        one = probe(finding, number, length="long" if number % 2 else "short", **({"key": ""} if number == 100 else {}))
        judges.add([row(f"c{number}", {"probes": [one]}), row(f"c{number}", {"probes": [one]})])
    instrument = judges.instruments["p", "judge"]
    assert instrument.findings == Counter(findings)
    assert (instrument.accuracy.part, instrument.accuracy.total) == (90, 100)
    assert (instrument.false_fail.part, instrument.false_fail.total) == (3, 93)
    assert (instrument.false_pass.part, instrument.false_pass.total) == (6, 7)
    table = judge_tables(judges)[0]
    assert table.rows[0][:4] == ("p", "judge: m", 101, 1) and "90.0% [" in str(table.rows[0][4])


def ballot(vote: int, said: str | None, key: str, name: str = "grade") -> dict[str, Any]:
    if said is None:
        return {"role": "judge", "vote": vote, "problem": "unreadable"}
    return {"role": "judge", "vote": vote, "key": key, "model": "m", "verdicts": {name: said}, "rationales": {}}


def test_a_panels_agreement_and_its_unreadable_seats() -> None:
    judges = Judges()
    for number, said in enumerate([("a", "a"), ("b", "b"), ("a", "b"), ("a", None)]):
        ballots = [ballot(vote, value, f"k{number}-{vote}") for vote, value in enumerate(said)]
        judges.add([row(f"c{number}", {"prompt": "p", "ballots": ballots})] * 2)
    stream = judges.streams["p", "grade"]
    assert (stream.items.total(), stream.seats, stream.unreadable) == (4, 8, 1)
    assert stream.agreement().startswith("alpha ")
    # Wherever every item has both seats, kappa stands beside it.
    del stream.items[next(item for item in stream.items if len(item) == 1)]
    assert stream.agreement().startswith("Cohen 0.400")


def test_a_judge_that_names_the_same_place_twice_shows_position_bias() -> None:
    judges = Judges()
    orders = [("first", "second")] * 3 + [("first", "first")] * 2 + [("second", "second"), ("tie", "tie")]
    for number, (one, other) in enumerate(orders):
        pair = [[ballot(0, said, f"k{number}{side}", "better")] for side, said in enumerate((one, other))]
        judges.add([row(f"c{number}", {"prompt": "p", "ballots": pair[0], "swapped": pair[1]})])
    assert judge_tables(judges)[0].rows[0][-1] == "first 2 of 7, second 1 of 7"


def test_over_refusal_is_counted_on_known_questions() -> None:
    evidence = {"decision": "known", "knownness": "maybe_known", "inconsistent_wordings": True}
    evidence |= {"right": 8, "wrong": 0, "silent": 2}
    knowledge = Knowledge()
    known = row("c", evidence, is_final=True, outcome="pass", metadata='{"kind": "answer"}')
    refused = row("d", evidence, is_final=True, outcome="pass", metadata='{"kind": "refusal"}')
    for one in (known, refused):
        one["verdicts"][0]["check"] = "knowledge_probe"
    knowledge.add([known, refused, {**known, "is_final": False}])
    assert (knowledge.known_answers, knowledge.known_silent, knowledge.refused_known) == (20, 4, 1)
    assert knowledge.decisions == {"known": 2} and knowledge.inconsistent == 2
    assert len(knowledge.tables()) == 1 and Knowledge().tables() == ()
