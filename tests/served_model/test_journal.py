import errno
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from served_model import syncer
from served_model.journal import Journal, JournalBusy, JournalError, Recovery, read_journal
from served_model.types import ModelUnavailable, Reply, Usage

TEXTS = st.text(alphabet=st.characters(codec=None, exclude_categories=[]))
REPLIES = st.lists(
    st.builds(
        Reply,
        key=st.integers(0, 9).map(lambda number: f"{number:032x}"),
        text=TEXTS,
        finish_reason=st.sampled_from(["stop", "length"]),
        model=st.just("m"),
        usage=st.builds(Usage, st.integers(0, 2**40), st.integers(0, 2**40)),
    ),
    max_size=8,
)
RELAXED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


def reply(number: int, text: str = "text") -> Reply:
    return Reply(f"{number:032x}", text, "stop", "m", Usage(number, 2))


def firsts(replies):
    kept = {}
    for one in replies:
        kept.setdefault(one.key, one)
    return kept


@RELAXED
@given(replies=REPLIES)
def test_what_was_appended_comes_back_and_the_first_of_a_key_wins(tmp_path_factory, replies):
    path = tmp_path_factory.mktemp("journal") / "replies.jsonl"
    with Journal.open(path) as journal:
        for one in replies:
            journal.append(one, "p/x")
        for key, one in firsts(replies).items():
            assert journal.get(key) == one
    with Journal.open(path) as journal:
        assert len(journal) == len(firsts(replies))
        assert {key: journal.get(key) for key in firsts(replies)} == firsts(replies)
        assert journal.get("f" * 32) is None
        assert journal.recovery == Recovery()
    assert [line["key"] for line in read_journal(path)] == list(firsts(replies))


def test_duplicates_in_the_file_the_first_wins(tmp_path):
    path = tmp_path / "replies.jsonl"
    lines = []
    for text in ("first", "second"):
        with Journal.open(tmp_path / text) as journal:
            journal.append(reply(1, text), "p")
        lines.append((tmp_path / text).read_bytes())
    path.write_bytes(b"".join(lines))
    with Journal.open(path) as journal:
        assert journal.get(reply(1).key) == reply(1, "first")


def test_one_line_per_reply_and_no_more_than_its_fields(tmp_path):
    path = tmp_path / "replies.jsonl"
    with Journal.open(path) as journal:
        journal.append(reply(1, "a\nb\u2028c"), "p/x")
        journal.note_unreadable(reply(1).key, "not JSON")
        journal.note_unreadable(reply(1).key, "again")
    lines = path.read_bytes().split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == [
        {
            "key": reply(1).key,
            "model": "m",
            "prompt": "p/x",
            "text": "a\nb\u2028c",
            "finish_reason": "stop",
            "usage": [1, 2],
        },
        {"event": "unreadable", "key": reply(1).key, "problem": "not JSON"},
    ]
    with Journal.open(path) as journal:
        assert journal.unreadable == {reply(1).key: "not JSON"}
        assert len(journal) == 1


def whole_file(path):
    with Journal.open(path) as journal:
        for number in range(4):
            journal.append(reply(number, f"tëxt {number}\n"), "p/x")
            journal.note_unreadable(reply(number).key, "why")
    return path.read_bytes()


@pytest.mark.parametrize("tail", [b"", b"\0", b"\0" * 5000, b'{"key": "', b"\xff\xfe garbage", b"\0\0\n\0\n"])
def test_a_file_cut_at_every_byte_keeps_all_whole_lines(tmp_path, tail):
    path = tmp_path / "replies.jsonl"
    data = whole_file(path)
    for cut in range(0, len(data) + 1, 1 if len(tail) < 2 else 7):
        path.write_bytes(data[:cut] + tail)
        whole = data[:cut].count(b"\n")
        with Journal.open(path) as journal:
            assert len(journal) == (whole + 1) // 2
            assert len(journal.unreadable) == whole // 2
            left = len(data[:cut].rpartition(b"\n")[0]) + (whole > 0)
            assert journal.recovery == Recovery(cut + len(tail) - left, 0)
            journal.append(reply(77), "p/x")
            assert journal.get(reply(77).key) == reply(77)
        assert path.read_bytes()[:left] == data[:left]
        with Journal.open(path) as journal:
            assert journal.recovery == Recovery()
            assert journal.get(reply(77).key) == reply(77)


@RELAXED
@given(position=st.integers(0), length=st.integers(1, 400))
def test_a_hole_of_nuls_costs_only_the_lines_it_touches(tmp_path_factory, position, length):
    path = tmp_path_factory.mktemp("journal") / "replies.jsonl"
    data = whole_file(path)
    start = position % len(data)
    stop = min(len(data), start + length)
    path.write_bytes(data[:start] + b"\0" * (stop - start) + data[stop:])
    before, after = data[:start].count(b"\n"), data[stop:].count(b"\n")
    with Journal.open(path) as journal:
        lines = len(journal) + len(journal.unreadable)
        # The line that the hole ends in is lost with it, unless the hole ends with that line.
        assert before + after - 1 <= lines <= before + after
        for key in (reply(number).key for number in range(4)):
            assert journal.get(key) is None or journal.get(key).key == key


@RELAXED
@given(st.lists(st.one_of(st.binary(), st.sampled_from([b"\n", b"{}\n", b'{"key": 1}\n', b"[" * 2000, b'"x"\n']))))
def test_no_file_crashes_the_reader(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("journal") / "replies.jsonl"
    path.write_bytes(b"".join(pieces))
    with Journal.open(path) as journal:
        assert len(journal) == 0
    assert path.read_bytes() == b""


def test_lines_with_wrong_fields_are_not_replies(tmp_path):
    path = tmp_path / "replies.jsonl"
    good = json.loads(whole_file(path).split(b"\n")[0])
    wrong = [
        {**good, "text": None},
        {**good, "usage": [1]},
        {**good, "usage": [1, "2"]},
        {"event": "other", "key": "k"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*wrong, good, *wrong]))
    with Journal.open(path) as journal:
        assert len(journal) == 1
        assert journal.recovery.damaged_lines == len(wrong)


def test_a_second_opener_is_refused(tmp_path):
    path = tmp_path / "replies.jsonl"
    with Journal.open(path) as journal:
        with pytest.raises(JournalBusy, match="in use by another run"):
            Journal.open(path)
        code = f"from pathlib import Path; from served_model.journal import Journal; Journal.open(Path({str(path)!r}))"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert other.returncode == 1
        assert "JournalBusy" in other.stderr
        journal.append(reply(1), "p")
    with Journal.open(path) as journal:
        assert len(journal) == 1


def test_a_spawned_child_does_not_hold_the_lock(tmp_path):
    path = tmp_path / "replies.jsonl"
    journal = Journal.open(path)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(os.getpid)
        journal.close()
        Journal.open(path).close()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "replies.jsonl", tmp_path):
        with pytest.raises(JournalError, match="cannot open the journal") as caught:
            Journal.open(path)
        assert isinstance(caught.value, ModelUnavailable)


def test_a_full_disk_stops_the_run_and_harms_nothing(tmp_path, monkeypatch):
    path = tmp_path / "replies.jsonl"
    write = os.write

    def no_space(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal.open(path) as journal:
        journal.append(reply(1), "p")
        monkeypatch.setattr(os, "write", no_space)
        with pytest.raises(JournalError, match="No space left"):
            journal.append(reply(2), "p")
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
        with pytest.raises(JournalError, match="is the disk full"):
            journal.append(reply(3), "p")
        monkeypatch.undo()
        journal.append(reply(4), "p")
        assert journal.get(reply(4).key) == reply(4)
        assert journal.get(reply(2).key) is None
    with Journal.open(path) as journal:
        assert journal.recovery == Recovery()
        assert len(journal) == 2


def test_a_half_line_that_cannot_be_taken_back_ends_the_journal(tmp_path, monkeypatch):
    write = os.write

    def no_truncate(descriptor, length):
        raise OSError(errno.EIO, "Input/output error")

    journal = Journal.open(tmp_path / "replies.jsonl")
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    monkeypatch.setattr(os, "ftruncate", no_truncate)
    with pytest.raises(JournalError):
        journal.append(reply(1), "p")
    monkeypatch.undo()
    with pytest.raises(JournalError, match="Input/output error"):
        journal.append(reply(2), "p")
    journal.close()
    with Journal.open(tmp_path / "replies.jsonl") as journal:
        assert len(journal) == 0


def test_sync_reaches_the_disk_before_it_returns(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    with Journal.open(tmp_path / "replies.jsonl") as journal:
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_size), fsync(descriptor))
        )
        journal.append(reply(1), "p")
        journal.sync()
        assert synced == [(tmp_path / "replies.jsonl").stat().st_size]


def test_news_is_synced_without_being_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(syncer, "SYNC_EVERY_S", 0.01)
    synced = syncer.threading.Event()
    with Journal.open(tmp_path / "replies.jsonl") as journal:
        monkeypatch.setattr(os, "fsync", lambda descriptor: synced.set())
        journal.append(reply(1), "p")
        assert synced.wait(10)


def test_closing_ends_the_sync_whenever_it_comes(tmp_path, monkeypatch):
    """Also when it comes just as the thread has waited long enough: missed there, `close` would wait without end."""
    monkeypatch.setattr(syncer, "SYNC_EVERY_S", 0.0002)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def open_and_close():
        for number in range(2000):
            one = syncer.Syncer(-1)
            one.touch()
            time.sleep(number % 8 * 0.0001)
            one.stop()

    closing = threading.Thread(target=open_and_close, daemon=True)
    closing.start()
    closing.join(120)
    assert not closing.is_alive()


def test_a_failed_sync_is_told(tmp_path, monkeypatch):
    def broken(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(syncer, "SYNC_EVERY_S", 0.0)
    journal = Journal.open(tmp_path / "replies.jsonl")
    monkeypatch.setattr(os, "fsync", broken)
    journal.append(reply(1), "p")
    with pytest.raises(JournalError, match="cannot sync"):
        journal.sync()
    with pytest.raises(JournalError, match="Input/output error"):
        for number in range(100_000):
            journal.append(reply(number + 2), "p")
    with pytest.raises(JournalError):
        journal.close()
    journal.close()


def test_a_closed_journal_gives_nothing(tmp_path):
    journal = Journal.open(tmp_path / "replies.jsonl")
    journal.append(reply(1), "p")
    journal.close()
    with pytest.raises(JournalError):
        journal.get(reply(1).key)
    with pytest.raises(JournalError):
        journal.append(reply(2), "p")


def test_threads_may_share_a_journal(tmp_path):
    path = tmp_path / "replies.jsonl"
    with Journal.open(path) as journal, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: journal.append(reply(number % 500), "p"), range(2000)))
        assert [journal.get(reply(number).key) for number in range(500)] == [reply(number) for number in range(500)]
    assert len(list(read_journal(path))) == 500


def test_a_file_that_cannot_be_mended_is_not_opened(tmp_path, monkeypatch):
    def no_truncate(descriptor, length):
        raise OSError(errno.EROFS, "Read-only file system")

    path = tmp_path / "replies.jsonl"
    path.write_bytes(b"torn")
    monkeypatch.setattr(os, "ftruncate", no_truncate)
    for _ in range(2):  # the lock is given back
        with pytest.raises(JournalError, match="Read-only file system"):
            Journal.open(path)
