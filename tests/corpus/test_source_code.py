"""Seed windows: verbatim, bounded, deterministic, and every exclusion explained."""

from __future__ import annotations

import sys
import sysconfig
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import CorpusError
from corpus.source_code import MAX_LINES, READER, fingerprint, read
from corpus.source_lines import code_lines
from records.types import Drop, Seed

CODE = "import os\n\n\ndef area(width, height):\n    # rectangle\n    return width * height\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "area.py").write_text(CODE)
    (tmp_path / "loop.js").write_text("export function twice(n) {\n  return 2 * n;\n}\n")
    return tmp_path


def seeds_of(items: list[Seed | Drop]) -> list[Seed]:
    return [item for item in items if isinstance(item, Seed)]


def reasons_of(items: list[Seed | Drop]) -> list[str]:
    return [item.reason for item in items if isinstance(item, Drop)]


def test_the_standard_library_is_the_default_and_on_every_machine() -> None:
    items = list(islice(read(READER.default, 7), 300))
    seeds = seeds_of(items)
    assert len(seeds) > 280
    assert {seed.licence for seed in seeds} == {"PSF-2.0"}
    assert {seed.fields["language"] for seed in seeds} == {"python"}
    version = f"cpython-{sys.version_info.major}.{sys.version_info.minor} stdlib: "
    assert all(seed.source == f"{version}{seed.fields['path']}:{seed.fields['lines']}" for seed in seeds)
    parts = {part for seed in seeds for part in Path(seed.fields["path"]).parts}
    assert not parts & {"test", "tests", "idlelib", "lib2to3", "site-packages", "encodings"}
    assert not any(seed.fields["path"].startswith("/") for seed in seeds)


def test_windows_are_verbatim_lines_of_their_document_and_hold_code() -> None:
    root = Path(sysconfig.get_paths()["stdlib"])
    for seed in seeds_of(list(islice(read("stdlib", 3), 200))):
        text = (root / seed.fields["path"]).read_bytes().decode("utf-8-sig", "replace")
        first, last = map(int, seed.fields["lines"].split("-"))
        lines = text.split("\n")[first - 1 : last]
        assert 1 <= len(lines) <= MAX_LINES
        assert seed.text == "\n".join(line.removesuffix("\r") for line in lines)
        assert lines[0].strip() and lines[-1].strip()


@settings(max_examples=25, deadline=None)
@given(run_seed=st.integers(0, 2**31), count=st.integers(1, 40))
def test_the_stream_depends_on_the_run_seed_alone(run_seed: int, count: int) -> None:
    assert list(islice(read("stdlib", run_seed), count)) == list(islice(read("stdlib", run_seed), count))


def test_another_run_seed_gives_another_stream() -> None:
    assert list(islice(read("stdlib", 1), 20)) != list(islice(read("stdlib", 2), 20))


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(["", "x = 1", "# note", "import os", "    return f(x)", "\f", "é = 'ü'"]), max_size=60
    ),
    ending=st.sampled_from(["\n", "\r\n"]),
    run_seed=st.integers(0, 1000),
)
def test_any_text_gives_distinct_verbatim_windows_and_ends(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ending: str, run_seed: int
) -> None:
    root = tmp_path_factory.mktemp("corpus")
    (root / "a.py").write_bytes(ending.join(lines).encode())
    items = list(read(str(root), run_seed))
    seeds = seeds_of(items)
    squeezed = ["".join(seed.text.split()) for seed in seeds]
    assert len(set(squeezed)) == len(squeezed)
    document = "\n".join(lines)
    for seed in seeds:
        assert seed.text in document
        assert len(seed.text.split("\n")) <= MAX_LINES
        assert any(line.strip() in {"x = 1", "return f(x)", "é = 'ü'"} for line in seed.text.split("\n"))
    assert items == list(read(str(root), run_seed))


def test_a_folder_is_read_with_paths_languages_and_the_users_licence(folder: Path) -> None:
    seeds = seeds_of(list(read(str(folder), 1, "MIT", passes=1)))
    assert {(seed.fields["path"], seed.fields["language"]) for seed in seeds} == {
        ("shapes/area.py", "python"),
        ("loop.js", "javascript"),
    }
    assert {seed.licence for seed in seeds} == {"MIT"}
    assert all(str(folder) not in seed.source and seed.source.startswith(f"{folder.name}: ") for seed in seeds)


def test_a_glob_and_a_single_file_name_the_same_document(folder: Path) -> None:
    by_glob = seeds_of(list(read(f"{folder}/**/*.py", 1, passes=1)))
    by_file = seeds_of(list(read(str(folder / "shapes" / "area.py"), 1, passes=1)))
    assert [seed.fields["path"] for seed in by_glob] == ["shapes/area.py"]
    assert [seed.fields["path"] for seed in by_file] == ["area.py"]


def test_the_licence_is_unknown_where_nobody_states_it(folder: Path) -> None:
    assert {seed.licence for seed in seeds_of(list(read(str(folder), 1, passes=1)))} == {"unknown"}


def test_further_passes_give_further_windows_until_none_is_left(folder: Path) -> None:
    items = list(read(str(folder), 5))
    seeds = seeds_of(items)
    assert len(seeds) > 4
    assert len({seed.id for seed in seeds}) == len(seeds)
    assert "duplicate_window" in reasons_of(items)
    ids = [item.id for item in items]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b" \n\n\t\n", "empty_file"),
        (b"x = '\xff\xfe'\n", "undecodable_file"),
        (b"x = 1\0\n", "undecodable_file"),
        (b"# -*- coding: no-such-codec -*-\nx = 1\n", "undecodable_file"),
        (b"# Auto-generated by tool.py\nx = [1]\n", "generated_file"),
        (b"# only\n# comments\n", "no_code"),
        (b'"""A module of prose.\n\nMore prose here.\n"""\nimport os\n', "no_code"),
        (b"x = 1\n" * 200_000, "file_too_large"),
        (b"x = [" + b"1, " * 2_000 + b"]\n", "no_code_in_window"),
    ],
)
def test_what_cannot_be_used_is_a_drop_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "odd.py").write_bytes(data)
    (tmp_path / "good.py").write_text(CODE)
    items = list(read(str(tmp_path), 0, passes=2))
    drops = [item for item in items if isinstance(item, Drop) and item.evidence["source"].endswith(": odd.py")]
    assert {drop.reason for drop in drops} == {reason}
    assert {drop.stage for drop in drops} == {"corpus"}
    assert seeds_of(items)


def test_unusable_files_are_counted_once_not_once_per_pass(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "good.py").write_text(CODE * 10)
    assert reasons_of(list(read(str(tmp_path), 0, passes=6))).count("empty_file") == 1


def test_an_explicit_glob_may_name_files_of_no_known_language(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x = 1\n")
    assert reasons_of(list(read(f"{tmp_path}/*", 0))) == ["unknown_language"]


def test_a_declared_encoding_is_followed(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'M\xfcller'\n".encode("latin-1"))
    texts = {seed.text for seed in seeds_of(list(read(str(tmp_path), 0)))}
    assert any("Müller" in text for text in texts)


@pytest.mark.parametrize("pattern", ["missing", "missing/**/*.py", "**/*.cobol", "", "bad\0name"])
def test_an_empty_corpus_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError) as caught:
        next(iter(read(pattern, 0)))
    assert "\n" not in str(caught.value)


def test_folders_of_other_people_and_caches_are_left_out(tmp_path: Path) -> None:
    for name in ("node_modules", ".venv", "__pycache__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.py").write_text(CODE)
    with pytest.raises(CorpusError):
        next(iter(read(str(tmp_path), 0)))


def test_the_fingerprint_follows_content_and_path(folder: Path) -> None:
    before = fingerprint(str(folder))
    assert before == fingerprint(str(folder))
    (folder / "loop.js").write_text("let x = 1;\n")
    changed = fingerprint(str(folder))
    (folder / "loop.js").rename(folder / "other.js")
    assert len({before, changed, fingerprint(str(folder))}) == 3


def test_code_lines_leave_prose_imports_and_brackets_out() -> None:
    text = 'import os\n"""Doc\nx = 1 in prose\n"""\nx = 1\n# y = 2\n)\nelse:\n    return x\n'
    assert code_lines(text.split("\n"), "python") == {4, 8}
    script = "/* x = 1\n y = 2\n*/\nconst a = 1;\n// b\nimport c from 'c';\n"
    assert code_lines(script.split("\n"), "javascript") == {3}
