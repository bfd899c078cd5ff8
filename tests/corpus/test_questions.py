"""The question reader, and every answer of the default set worked out a second time."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from corpus import questions
from corpus.errors import CorpusError
from records.types import Seed

CHECKS = Path(__file__).parent / "math_question_checks.jsonl"


def write(path: Path, *lines: str | bytes) -> str:
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return str(path)


def read(pattern: str) -> list[Seed]:
    return list(questions.read(pattern, 0, "unknown"))


def test_a_full_row_and_a_bare_one(tmp_path: Path) -> None:
    full = {"id": "a", "question": "1+1?", "answer": "2", "source": "own", "licence": "MIT", "skill": "sums", "x": [1]}
    file = write(tmp_path / "q.jsonl", json.dumps(full), "", json.dumps({"question": " How many? "}))
    first, second = questions.read(file, 0, "CC0-1.0")
    assert first == Seed("a", "1+1?", "own", "MIT", {"question": "1+1?", "answer": "2", "skill": "sums"})
    assert (second.text, second.source, second.licence) == ("How many?", "q.jsonl", "CC0-1.0")
    assert dict(second.fields) == {"question": "How many?"}
    assert second.id


def test_gsm8k_answers_count_from_their_last_mark(tmp_path: Path) -> None:
    rows = [
        ("She has 16 - 3 = 13.\n#### 1,234", "1,234"),
        ("18", "18"),
        (18, "18"),
        (0.5, "0.5"),
        (None, None),
        ("", None),
    ]
    file = write(
        tmp_path / "q.jsonl", *(json.dumps({"question": f"q{n}", "answer": a}) for n, (a, _) in enumerate(rows))
    )
    assert [seed.fields.get("answer") for seed in read(file)] == [answer for _, answer in rows]


def test_patterns_read_all_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "b.jsonl", '{"question": "b"}')
    write(tmp_path / "a.jsonl", '{"question": "a"}')
    write(tmp_path / "deep" / "c.jsonl", '{"question": "c"}')
    assert [seed.text for seed in read(str(tmp_path / "*.jsonl"))] == ["a", "b"]
    assert [seed.text for seed in read(str(tmp_path / "**" / "*.jsonl"))] == ["a", "b", "c"]


def test_ids_are_stable_and_unique(tmp_path: Path) -> None:
    file = write(tmp_path / "q.jsonl", *['{"question": "same"}'] * 3, '{"question": "other"}')
    ids = [seed.id for seed in read(file)]
    assert len(set(ids)) == 4
    assert ids == [seed.id for seed in read(file)]


BAD = [
    (["{"], 1, None),
    (['{"question": "ok"}', "[1]"], 2, None),
    (['{"question": "ok"}', "", '"text"'], 3, None),
    (['{"answer": "2"}'], 1, "question"),
    (['{"question": "  "}'], 1, "question"),
    (['{"question": ["a"]}'], 1, "question"),
    (['{"question": "a", "answer": true}'], 1, "answer"),
    (['{"question": "a", "answer": {"x": 1}}'], 1, "answer"),
    (['{"id": "1", "question": "a"}', '{"id": "1", "question": "b"}'], 2, "id"),
    (['{"question": "a"}', b'{"question": "\xff"}'], None, None),
    (["[" * 100_000], 1, None),
    (['{"question": "a \\ud800"}'], 1, "question"),
]


def test_bad_lines_name_file_line_and_field(tmp_path: Path) -> None:
    for number, (lines, line, field) in enumerate(BAD):
        file = write(tmp_path / f"{number}.jsonl", *lines)
        with pytest.raises(CorpusError) as error:
            read(file)
        assert error.value.file == file
        assert line is None or error.value.line == line
        assert error.value.field == field
        assert error.value.remedy
        assert "\n" not in str(error.value)


def test_a_pattern_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    for pattern in (str(tmp_path / "none.jsonl"), str(tmp_path / "*.jsonl"), str(tmp_path), ""):
        with pytest.raises(CorpusError):
            read(pattern)
        with pytest.raises(CorpusError):
            questions.fingerprint(pattern)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    file = write(tmp_path / "q.jsonl", '{"question": "a"}')
    before = questions.fingerprint(file)
    assert before == questions.fingerprint(file)
    write(tmp_path / "q.jsonl", '{"question": "b"}')
    assert questions.fingerprint(file) != before


def test_real_questions_are_read(shared_data: Path) -> None:
    seeds = read(str(shared_data / "math" / "gsm8k_train.jsonl"))
    assert len(seeds) == 600
    assert all("####" not in seed.fields["answer"] and seed.fields["answer"] for seed in seeds)


def test_the_default_set_is_large_varied_and_ours() -> None:
    seeds = read(questions.READER.default)
    assert len(seeds) >= 300
    assert len({seed.text for seed in seeds}) == len({seed.id for seed in seeds}) == len(seeds)
    assert len({seed.fields["skill"] for seed in seeds}) >= 10
    assert {(seed.source, seed.licence) for seed in seeds} == {("provender", "Apache-2.0")}
    unanswered = sum("answer" not in seed.fields for seed in seeds)
    assert 0.15 * len(seeds) <= unanswered <= 0.25 * len(seeds)
    assert sum("answer" not in seed.fields for seed in seeds[:50]) == 10  # also in a short run


def test_every_answer_of_the_default_set_is_right() -> None:
    """Each answer against an expression that finds it another way: by counting, by search, or by the definition."""
    checks = [json.loads(line) for line in CHECKS.read_text(encoding="utf-8").splitlines()]
    seeds = read(questions.DEFAULT)
    answers = dict(questions.answer_key())
    assert [check["id"] for check in checks] == [seed.id for seed in seeds]
    for check, seed in zip(checks, seeds, strict=True):
        names: dict[str, Any] = {"math": math, "Fraction": Fraction, "itertools": itertools}
        value = eval(check["check"], names)
        answer = answers[seed.text]
        assert seed.fields.get("answer", answer) == answer
        same = value == answer if isinstance(value, str) else Fraction(value) == Fraction(answer)
        assert same, (seed.text, answer, value)


def test_the_key_is_complete_and_apart() -> None:
    seeds = read(questions.DEFAULT)
    key = list(questions.answer_key())
    assert [question for question, _ in key] == [seed.text for seed in seeds]
    assert all(answer for _, answer in key)
