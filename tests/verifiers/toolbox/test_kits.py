"""The built-in tools in the sandbox: files of all twelve types, good and bad; interpreter, algebra and search."""

from __future__ import annotations

import io
import json
import sys
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import pypdf
import pytest
import pytest_asyncio
from fpdf import FPDF

from sandbox import open_sandbox
from sandbox.types import Sandbox
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.builtin import algebra_box, files_box, python_box, search_box
from verifiers.toolbox.runner import ToolArguments, run_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")
MARK = "quokka-4711"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    one = open_sandbox(slots=1, site=sys.prefix)
    yield one
    await one.aclose()


async def results(sandbox: Sandbox, box: Toolbox, *calls: ToolArguments) -> list[Any]:
    return [result.value for result in (await run_calls(sandbox, box, calls)).results]


async def text_of(sandbox: Sandbox, name: str, data: bytes) -> str:
    (value,) = await results(sandbox, files_box({name: data}), ("read_file", {"name": name}))
    return value["text"] if isinstance(value, dict) else value


def word() -> bytes:
    document, out = docx.Document(), io.BytesIO()
    document.add_paragraph(MARK)
    document.save(out)
    return out.getvalue()


def slides() -> bytes:
    deck, out = pptx.Presentation(), io.BytesIO()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = MARK
    deck.save(out)
    return out.getvalue()


def sheet() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["word", "count"])
    book.active.append([MARK, 7])
    book.save(out)
    return out.getvalue()


def pdf() -> bytes:
    page = FPDF()
    page.add_page()
    page.set_font("helvetica", size=12)
    page.cell(0, 10, MARK)
    return bytes(page.output())


def locked_pdf() -> bytes:
    writer, out = pypdf.PdfWriter(clone_from=io.BytesIO(pdf())), io.BytesIO()
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def pdf_bomb() -> bytes:
    """A page whose content stream unpacks to 400 MB of zeros; the length is right, so that it is no broken file."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(400)) + packer.flush()
    whole, out = pypdf.PdfWriter(clone_from=io.BytesIO(pdf())), io.BytesIO()
    stream = pypdf.generic.EncodedStreamObject()
    stream._data = packed
    stream[pypdf.generic.NameObject("/Filter")] = pypdf.generic.NameObject("/FlateDecode")
    whole.pages[0][pypdf.generic.NameObject("/Contents")] = whole._add_object(stream)
    whole.write(out)
    return out.getvalue()


def locked_zip(data: bytes) -> bytes:
    """The archive with the flag that says that its members are encrypted."""
    changed = bytearray(data)
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(start)
        while at >= 0:
            changed[at + offset] |= 1
            at = changed.find(start, at + 4)
    return bytes(changed)


def zip_bomb(data: bytes) -> bytes:
    """The document with one more member, which would unpack to 300 MB."""
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.xml", "w") as member:
        for _ in range(300):
            member.write(b"\0" * (1 << 20))
    return out.getvalue()


def laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><x>&l9;</x>'.encode()


GOOD = {
    "a.txt": f"one\n{MARK}".encode(),
    "a.csv": f"word,count\n{MARK},7\n".encode(),
    "a.tsv": f"word\tcount\n{MARK}\t7\n".encode(),
    "a.py": f"x = '{MARK}'".encode(),
    "a.json": json.dumps([{"word": MARK, "count": 7}]).encode(),
    "a.jsonl": json.dumps({"note": "not a\u2028line", "word": MARK, "count": 7}, ensure_ascii=False).encode(),
    "a.html": f"<html><body><script>no()</script><p>{MARK}</p></body></html>".encode(),
    "a.xml": f"<a><b>{MARK}</b></a>".encode(),
    "a.pdf": pdf(),
    "a.docx": word(),
    "a.pptx": slides(),
    "a.xlsx": sheet(),
}


@pytest.mark.parametrize("name", GOOD)
async def test_each_type_is_read(name: str, sandbox: Sandbox) -> None:
    assert MARK in await text_of(sandbox, name, GOOD[name])


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.xlsx"])
async def test_tables_have_columns(name: str, sandbox: Sandbox) -> None:
    calls = [("get_column_statistics", {"name": name, "column": column}) for column in ("count", "word", "other")]
    good, words, missing = await results(sandbox, files_box({name: GOOD[name]}), *calls)
    assert good == {"count": 1, "sum": 7.0, "mean": 7.0, "min": 7.0, "max": 7.0}
    assert "holds no number" in words
    assert "no column 'other'" in missing


BAD = {
    **{f"broken{name[1:]}": (data[: len(data) // 2], "broken") for name, data in GOOD.items()
       if name in ("a.docx", "a.pptx", "a.xlsx", "a.json", "a.jsonl")},
    "broken.pdf": (b"%PDF-1.7 nothing follows", "broken"),
    "broken.xml": (b"<a><b>", "broken"),
    "broken.txt": (b"\0\1\2" * 50, "broken"),
    "locked.docx": (OLE, "encrypted"),
    "locked.pptx": (locked_zip(slides()), "encrypted"),
    "locked.xlsx": (OLE, "encrypted"),
    "locked.pdf": (locked_pdf(), "encrypted"),
    "bomb.docx": (zip_bomb(word()), "bomb"),
    "bomb.pptx": (zip_bomb(slides()), "bomb"),
    "bomb.xlsx": (zip_bomb(sheet()), "bomb"),
    "bomb.xml": (laughs(), "bomb"),
    "bomb.pdf": (pdf_bomb(), "bomb"),
    "a.exe": (b"MZ", "unknown type"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_file_has_a_clear_reason(name: str, sandbox: Sandbox) -> None:
    data, reason = BAD[name]
    said = await text_of(sandbox, name, data)
    assert said.startswith(f"Unreadable: {reason}"), said


async def test_only_uploaded_files_are_read(sandbox: Sandbox) -> None:
    box = files_box({"a.txt": b"x"})
    names = ["../calls.json", "/etc/passwd", "toolbox.json", ""]
    said = await results(sandbox, box, *(("read_file", {"name": name}) for name in names))
    assert all("no such file" in one for one in said)


async def test_the_interpreter_keeps_its_names_and_the_same_replay_says_the_same(sandbox: Sandbox) -> None:
    cells = ["import random\nx = 6", "print(x)\nx * 7", "random.random()", "1 / 0", "def f(:"]
    calls = [("run_python", {"code": cell}) for cell in cells]
    first = await run_calls(sandbox, python_box(), calls)
    assert first.results[1].value == {"output": "6\n", "value": "42"}
    assert first.results[3].value["error"] == "ZeroDivisionError: division by zero"
    assert not first.results[4].ok
    assert await run_calls(sandbox, python_box(), calls) == first


async def test_algebra(sandbox: Sandbox) -> None:
    found = await results(
        sandbox,
        algebra_box(),
        ("solve_equation", {"equation": "x^2 - 5*x + 6 = 0", "variable": "x"}),
        ("integrate", {"expression": "3*x^2", "variable": "x", "lower": "0", "upper": "2"}),
        ("differentiate", {"expression": "x^3", "variable": "x"}),
        ("evaluate", {"expression": "1/3", "digits": 5}),
    )
    assert found == [["2", "3"], "8", "3*x**2", "0.33333"]


async def test_search_finds_by_words_and_never_by_query_syntax(sandbox: Sandbox) -> None:
    box = search_box([("Tea", "Green tea is made of leaves."), ("Coffee", "Coffee beans are roasted; not brewed.")])
    found = await results(
        sandbox,
        box,
        ("search", {"query": "roasting beans"}),
        ("search", {"query": 'title:"x" AND (NEAR OR *'}),
        ("open_document", {"title": "Tea"}),
        ("search", {"query": "!!!"}),
    )
    assert found[0][0]["title"] == "Coffee"
    assert found[1] == []
    assert found[2] == "Green tea is made of leaves."
    assert "no word" in found[3]


async def test_without_the_libraries_the_reason_says_what_to_do() -> None:
    bare = open_sandbox(slots=1)
    try:
        said = await text_of(bare, "a.pdf", pdf())
    finally:
        await bare.aclose()
    assert said == "Unreadable: library missing: pypdf; let `sandbox.site` name an environment that has it"


async def test_our_own_example_files_are_readable(sandbox: Sandbox) -> None:
    folder = Path(__file__).parents[3] / "corpus" / "defaults" / "files"
    names = sorted(path.name for path in folder.iterdir())
    assert {Path(name).suffix for name in names} == {Path(name).suffix for name in GOOD}
    for name in names:
        assert len(await text_of(sandbox, name, (folder / name).read_bytes())) > 40
