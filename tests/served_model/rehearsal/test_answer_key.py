"""The answer key holds whole lines only, also after a full disk."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from served_model.rehearsal.answer_key import AnswerKey, AnswerKeyError
from served_model.rehearsal.asking import read_ask

BODY = b'{"model":"rehearsal","messages":[{"role":"user","content":"<question>1 + 1?</question>"}]}'


@pytest.fixture
def file_limit() -> Iterator[None]:
    """A bound on the size of files, so that a write stops half-way as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_half_a_line_is_taken_back(tmp_path: Path, file_limit: None) -> None:
    path = tmp_path / "key.jsonl"
    key = AnswerKey(path)
    ask = read_ask(BODY, "generators.math/solve")
    key.note_wire_fault("k1", ask, "http_429")
    size = path.stat().st_size
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    with pytest.raises(AnswerKeyError):
        key.note_wire_fault("k2", ask, "http_429")
    assert path.stat().st_size == size
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    key.note_wire_fault("k3", ask, "http_500")
    key.close()
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["k1", "k3"]


def test_a_torn_tail_is_cut_when_the_key_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "key.jsonl"
    path.write_text('{"key": "k1"}\n{"key": "k')
    AnswerKey(path).close()
    assert path.read_text() == '{"key": "k1"}\n'


def test_a_device_is_left_alone() -> None:
    AnswerKey(Path("/dev/null")).close()
