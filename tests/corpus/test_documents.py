"""Documents: every format gives its words, the filters come first, whatever is left out is a Drop with its reason."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.document_files import read_file
from corpus.documents import MAX_CHARS, MIN_CHARS, READER, fingerprint, read
from corpus.errors import CorpusError
from records.types import Drop, Seed

VOCABULARY = [
    "river", "bridge", "harbour", "merchant", "granite", "lantern", "orchard", "festival",
    "council", "archive", "engine", "valley", "copper", "signal", "garden", "village",
    "teacher", "winter", "market", "railway", "theatre", "island", "castle", "painter",
    "forest", "library", "station", "museum", "kitchen", "tower", "sailor", "doctor",
    "letter", "window", "journey", "ceiling", "captain", "factory", "measure", "picture",
    "village", "curtain", "mineral", "journal",
]  # fmt: skip
SENTENCES = (
    "The {} of the {} was given to a {} by the {}.",
    "A {} near the {} has kept its {} since the {} was moved.",
    "Few people know that the {} once had a {} beside its {} and {}.",
    "When the {} closed, its {} went to the {} of another {}.",
)


def prose(seed: int, sentences: int = 14) -> str:
    rng = random.Random(seed)
    said = [rng.choice(SENTENCES).format(*rng.sample(VOCABULARY, 4)) for _ in range(sentences)]
    return "\n\n".join(" ".join(said[at : at + 3]) for at in range(0, sentences, 3))


def split(items: Iterable[Seed | Drop]) -> tuple[list[Seed], list[Drop]]:
    listed = list(items)
    return [one for one in listed if isinstance(one, Seed)], [one for one in listed if isinstance(one, Drop)]


def code_lines(rng: random.Random) -> list[str]:
    lines = ["import sys", "def total(items):", "    result = 0", "    for item in items:", "        result += item"]
    return [*lines, "    return result", *(f"value_{n} = total([{n}, {n + 1}])" for n in range(rng.randint(4, 30)))]


def artefact(rng: random.Random) -> str:
    code = code_lines(rng)
    first = rng.choice([1, 1, 1, rng.randint(2, 400)])
    numbers = [str(number) for number in range(first, first + len(code))]
    return rng.choice([
        " ".join(numbers),
        " ".join(numbers) + " " + " ".join(code),
        "\n".join(numbers) + "\n" + "\n".join(code),
        "\n".join(f"{number} {line}" for number, line in zip(numbers, code, strict=True)),
        "\n".join(f"{number:>4}\t{line}" for number, line in zip(numbers, code, strict=True)),
        "\n".join(f"{number} | {line}" for number, line in zip(numbers, code, strict=True)),
    ])  # fmt: skip


def harmless(rng: random.Random) -> str:
    rows, start = rng.randint(8, 25), rng.randint(1, 90)
    return rng.choice([
        "\n".join(f"{day} May {1900 + start}: the {rng.choice(VOCABULARY)} was opened." for day in range(1, rows)),
        "\n".join(f"{year}-{month:02}-{start % 28 + 1:02}" for year in (1999, 2000) for month in range(1, 13)),
        "\n".join(f"| {row} | {rng.choice(VOCABULARY)} | {rng.randint(1, 999)} |" for row in range(1, rows)),
        "\n".join(f"{row}  {rng.choice(VOCABULARY)}  {rng.randint(1, 999)}" for row in range(1, rows)),
        "\n".join(f"{row}. Bring the {rng.choice(VOCABULARY)}." for row in range(1, rows)),
        "\n".join(f"{row} bring the {rng.choice(VOCABULARY)}" for row in range(1, rows)),
        "\n".join(f"{row} x {start} = {row * start}" for row in range(1, rows)),
        " + ".join(map(str, range(start, start + rows))),
        ", ".join(map(str, range(start, start + rows))),
    ])  # fmt: skip


def test_of_2000_documents_the_200_with_line_numbers_are_excluded_and_no_other_for_it(tmp_path: Path) -> None:
    rng = random.Random(7)
    marked = dict.fromkeys(range(2000), "plain")
    chosen = rng.sample(range(2000), 400)
    marked |= dict.fromkeys(chosen[:200], "artefact") | dict.fromkeys(chosen[200:], "harmless")
    with (tmp_path / "pages.jsonl").open("w", encoding="utf-8") as file:
        for number, kind in marked.items():
            insert = {"plain": "", "artefact": artefact(rng), "harmless": harmless(rng)}[kind]
            parts = prose(number).split("\n\n")
            parts.insert(rng.randrange(len(parts)), insert)
            file.write(json.dumps({"text": "\n\n".join(filter(None, parts)), "source": f"{kind}-{number}"}) + "\n")
    seeds, drops = split(read(str(tmp_path / "pages.jsonl"), 3, "CC0-1.0"))
    excluded = [drop.evidence["source"] for drop in drops if drop.reason == "line_number_run"]
    assert len(excluded) == len(set(excluded)) == 200
    assert {source.partition("-")[0] for source in excluded} == {"artefact"}
    from_seeds = {seed.source for seed in seeds}
    assert not any(source.startswith("artefact") for source in from_seeds)
    assert {drop.evidence["source"] for drop in drops} | from_seeds == {f"{kind}-{n}" for n, kind in marked.items()}


REASONS = {
    "line_number_run": prose(1) + "\n\n" + " ".join(map(str, range(1, 35))),
    "damaged_encoding": prose(2) + "\n\nThatâ€™s how it is.",
    "boilerplate": "We use cookies. Accept our privacy policy.\n\nSubscribe to our newsletter.\n\n" + prose(3, 2),
    "repetition_duplicate_lines": "\n\n".join([prose(4, 3)] * 6),
    "too_short": "Only a few words.",
    "no_prose": "\n\n".join(f"rule_{n} ::= 'a{n}' | 'b{n}' ({n} + {n}) * [{n}]" for n in range(60)),
}


def test_every_exclusion_has_its_reason(tmp_path: Path) -> None:
    for name, text in REASONS.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "copy-a.txt").write_text(prose(9), encoding="utf-8")
    (tmp_path / "copy-b.txt").write_text(prose(9).replace("\n\n", "\n\n\n"), encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Größe".encode("latin-1"))
    (tmp_path / "binary.txt").write_bytes(b"\x00\x01")
    (tmp_path / "not.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "not.parquet").write_bytes(b"PAR1")
    seeds, drops = split(read(str(tmp_path), 0, "CC0-1.0"))
    found = {Path(str(drop.evidence["source"]).partition(": ")[2]).stem: drop.reason for drop in drops}
    assert {name: found[name] for name in REASONS} == {name: name for name in REASONS}
    assert found["copy-b"] == "duplicate_text" and found["latin"] == found["binary"] == "undecodable_file"
    assert sorted(drop.reason for drop in drops if "not." in str(drop.evidence)) == ["broken_parquet", "broken_pdf"]
    assert seeds and all(seed.source.endswith("copy-a.txt") for seed in seeds)


def pdf(lines: list[str]) -> bytes:
    shown = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
    content = f"BT /F1 11 Tf 40 780 Td {shown} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length " + str(len(content)).encode() + b" >>\nstream\n" + content + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n".encode() + one + b"\nendobj\n"
    table = b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    tail = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF".encode()
    return body + head + table + tail


WORDS = "The copper bell of the harbour hangs in the council hall."


def test_every_format_gives_its_words(tmp_path: Path) -> None:
    page = "<html><head><title>Bells</title><style>p {}</style></head><body><nav>Home About</nav><main><h1>Bells</h1>"
    page += f"<p>{WORDS.replace('copper', '<b>copper</b>')}</p><script>alert(1)</script></main>"
    page += "<footer>©</footer></body></html>"
    (tmp_path / "a.txt").write_text(WORDS)
    (tmp_path / "a.md").write_text(f"# Bells\n\n{WORDS.replace('copper', '*copper*')}\n\n<script>alert(1)</script>\n")
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "a.pdf").write_bytes(pdf([WORDS]))
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": WORDS, "title": "Bells", "license": "MIT"}) + "\n")
    pq.write_table(pa.table({"text": [WORDS], "title": ["Bells"], "other": [1]}), tmp_path / "a.parquet")
    for path in sorted(tmp_path.iterdir()):
        [document] = read_file(path, path.name)
        assert " ".join(document.text.split()).removeprefix("Bells ") == WORDS, path
        assert document.title == ("a" if path.suffix in (".txt", ".pdf") else "Bells"), path
    [row] = read_file(tmp_path / "a.jsonl", "a.jsonl")
    assert row.licence == "MIT"


@pytest.mark.parametrize("line", ['{"title": "x"}', '{"text": 3}', "[1]", "{", '{"text": null}'])
def test_a_row_without_text_is_one_clear_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(line)
    with pytest.raises(CorpusError, match=r"a\.jsonl:1: .*\"text\""):
        list(read(str(tmp_path / "a.jsonl"), 0, ""))


def test_nothing_to_read_is_one_clear_line(tmp_path: Path) -> None:
    for pattern in (str(tmp_path), str(tmp_path / "none.txt"), str(tmp_path / "*.md")):
        with pytest.raises(CorpusError):
            list(read(pattern, 0, ""))


def test_the_default_corpus_is_real_text_of_this_interpreter() -> None:
    seeds, drops = split(read(READER.default, 5, "unknown"))
    assert len(seeds) >= 500 and len({seed.id for seed in seeds}) == len(seeds)
    assert all(MIN_CHARS <= len(seed.text) <= MAX_CHARS for seed in seeds)
    assert {seed.licence for seed in seeds} == {"PSF-2.0"}
    assert Counter(drop.reason for drop in drops)["line_number_run"] == 0
    assert all(json.loads(seed.fields["related"]) for seed in seeds if "related" in seed.fields)


def test_same_seed_same_order_other_seed_other_order_same_snippets() -> None:
    first, again, other = (split(read("pydoc", seed, ""))[0] for seed in (1, 1, 2))
    assert first == again != other
    assert {seed.id for seed in first} == {seed.id for seed in other}
    assert fingerprint("pydoc") == fingerprint("pydoc")


def test_a_changed_document_is_another_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(prose(1))
    before = fingerprint(str(tmp_path))
    (tmp_path / "a.txt").write_text(prose(2))
    assert fingerprint(str(tmp_path)) != before
