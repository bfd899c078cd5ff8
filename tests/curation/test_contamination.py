"""Contamination: which rows hold a benchmark item, which do not, and when a whole dataset is spoilt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.contamination import EXACT, OVERLAP, Contamination, Item, Match, read_benchmarks
from curation.dataset_rows import DatasetRow, Turn, read_rows, words
from curation.errors import CurationError

ITEM = tuple(f"t{number}" for number in range(20))


def row(*texts: str, role: str = "user") -> DatasetRow:
    return DatasetRow("r", tuple(Turn(role, text) for text in texts), texts if role == "user" else (), {})


def found(text: str, *items: Item) -> Match | None:
    return Contamination(items or (Item("b", "i", ITEM),)).find(row(text))


@pytest.mark.parametrize(
    ("shared", "coverage"),
    [
        (ITEM[:12], 0.6),  # 12 of 20 in one run
        (ITEM[:11], 0.55),
        ((*ITEM[:8], "x", *ITEM[9:17]), 0.8),  # two runs of 8
        (ITEM[:19], 0.95),
    ],
)
def test_more_than_half_in_shared_8_grams_is_contaminated(shared: tuple[str, ...], coverage: float) -> None:
    match = found(f"before {' '.join(shared)} after")
    assert match is not None
    assert (match.reason, match.coverage) == (OVERLAP, coverage)
    assert match.evidence() == {"benchmark": "b", "item": "i", "coverage": coverage}


@pytest.mark.parametrize(
    "shared",
    [
        ITEM[:10],  # exactly half is not more than half
        ITEM[:7],
        (*ITEM[:7], "x", *ITEM[7:14], "x", *ITEM[14:]),  # all 20, but no 8 in a row
        tuple(reversed(ITEM)),
        (),
    ],
)
def test_half_or_less_is_not(shared: tuple[str, ...]) -> None:
    assert found(f"before {' '.join(shared)} after") is None


def test_two_rows_do_not_add_up() -> None:
    contamination = Contamination((Item("b", "i", ITEM),))
    assert contamination.find(row(" ".join(ITEM[:10]))) is None
    assert contamination.find(row(" ".join(ITEM[10:]))) is None
    assert contamination.report()[0].matched == 0


def test_whole_prompt_whatever_case_space_and_punctuation() -> None:
    item = Item("b", "short", ("what", "is", "2", "3"))  # too short for an 8-gram
    match = found("What\n is 2 + 3 ?", item)
    assert match is not None
    assert (match.reason, match.coverage) == (EXACT, 1.0)
    assert found("What is 2 + 3 + 4?", item) is None


def test_one_user_turn_among_several_is_enough() -> None:
    contamination = Contamination((Item("b", "i", ("what", "is", "2", "3")),))
    assert contamination.find(row("Hello", "What is 2+3?")) is not None
    assert contamination.find(row("Hello", "What is 2+3?", role="assistant")) is None


def test_the_nearest_item_is_named() -> None:
    items = [Item("b", str(end), ITEM[:end]) for end in (20, 14, 12)]
    match = found(" ".join(ITEM[:13]), *items)
    assert match is not None
    assert match.item.id == "12"  # 12/12 before 13/14 and 13/20


@pytest.mark.parametrize(("rows", "contaminated"), [(11, True), (10, False), (0, False)])
def test_more_than_two_percent_of_a_benchmark_spoil_a_dataset(rows: int, contaminated: bool) -> None:
    items = [Item("b", str(number), (f"only{number}", "prompt")) for number in range(500)]
    contamination = Contamination([*items, Item("other", "x", ITEM)])
    for number in range(rows):
        for _ in range(2):  # the same item twice is one item
            assert contamination.find(row(f"only{number} prompt"))
    report, other = contamination.report()
    assert (report.items, report.matched, report.rows, report.contaminated) == (500, rows, 2 * rows, contaminated)
    assert (other.matched, other.contaminated) == (0, False)


def test_no_benchmark_finds_nothing() -> None:
    contamination = Contamination(())
    assert contamination.find(row("text")) is None
    assert contamination.report() == []


def test_real_originals_all_found_and_paraphrases_hardly(shared_data: Path) -> None:
    """What an 8-gram rule can do: everything verbatim, little of what was rephrased. That is the embedding stage's."""
    originals = shared_data / "contamination" / "humaneval_original.jsonl"
    rephrased = shared_data / "contamination" / "humaneval_rephrased.jsonl"
    contamination = Contamination(read_benchmarks([originals]))
    matches = [contamination.find(original) for original in read_rows([originals])]
    assert all(match is not None and match.reason == EXACT for match in matches)
    assert contamination.report()[0].matched == contamination.report()[0].items == 82
    fresh = Contamination(read_benchmarks([originals]))
    assert sum(fresh.find(paraphrase) is not None for paraphrase in read_rows([rephrased])) == PARAPHRASES_FOUND


PARAPHRASES_FOUND = 1  # of 82


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"task_id": "HumanEval/0", "prompt": "def f(): ...", "test": "assert f()"}, ("HumanEval/0", ["def", "f"])),
        ({"question": "How many?", "answer": "4"}, ("row-1", ["how", "many"])),
        ({"id": 7, "text": "Only text"}, ("7", ["only", "text"])),
        ({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}, ("row-1", ["q"])),
    ],
)
def test_what_of_a_benchmark_row_is_the_item(tmp_path: Path, line: dict[str, object], expected: object) -> None:
    (tmp_path / "bench.jsonl").write_text(json.dumps(line))
    [item] = read_benchmarks([tmp_path / "bench.jsonl"])
    assert (item.benchmark, (item.id, list(item.words))) == ("bench", expected)


def test_a_named_field_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text('{"question": "How many?", "stem": "Other words"}\n')
    [item] = read_benchmarks([tmp_path / "bench.jsonl"], field="stem")
    assert item.words == ("other", "words")


def test_files_of_one_name_stay_apart_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test.jsonl").write_text('{"text": "x"}\n')
    paths = [tmp_path / "a" / "test.jsonl", tmp_path / "b" / "test.jsonl"]
    assert [item.benchmark for item in read_benchmarks(paths)] == ["test", "test-2"]
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(CurationError, match=r"empty\.jsonl: holds no benchmark item"):
        read_benchmarks([tmp_path / "empty.jsonl"])


def test_words_are_compared_in_one_form() -> None:
    assert words("ﬁne STRASSE, straße x²") == ["fine", "strasse", "strasse", "x2"]
