"""The static stage in every language: planted faults are found, clean and real programs are left alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed, Verdict
from verifiers.base import Resources
from verifiers.code_static import CodeStatic, Row, prove_row, verify
from verifiers.insecure import insecure_findings
from verifiers.tree_static import GRAMMARS, analyse_tree
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "code"

SNIPPETS = [json.loads(line) for line in Path(__file__).with_name("static_snippets.jsonl").read_text().splitlines()]
CLEAN_CASES = [(row["language"], row["program"]) for row in SNIPPETS if row["reason"] == "clean"]
FAULT_CASES = [(row["language"], row["reason"], row["program"]) for row in SNIPPETS if row["reason"] != "clean"]

# language -> a clean program that defines `twice`, and one that does not parse
OTHERS = {
    "java": ("class A { int twice(int n) { return n + n; } }", "class A { int twice(int n) { return n + } }"),
    "go": ("package main\n\nfunc twice(n int) int { return n + n }\n", "package main\n\nfunc twice(n int int {\n"),
    "rust": ("fn twice(n: i64) -> i64 { n + n }\n", "fn twice(n: i64 -> i64 { n + n }\n"),
    "php": ("<?php\nfunction twice(int $n): int { return $n + $n; }\n", "<?php\nfunction twice($n) { return $n +; }\n"),
    "bash": ('twice() {\n  echo $(( $1 + $1 ))\n}\n', "twice() {\n  if [ 1 ]; then echo 1\n}\n"),
}  # fmt: skip
COMPILED = {
    "c": "int twice(int n) { return n + n; }\n",
    "cpp": "#include <vector>\ntemplate <typename T> T twice(T n) { return n + n; }\n",
}

INSECURE = {
    "python": ("import os\n\n\ndef f(x):\n    os.system(x)\n", 5, "CWE-78"),
    "javascript": ("const f = (x) => eval(x);\n", 1, "CWE-95"),
    "typescript": ("const f = (x: string): unknown => new Function(x);\n", 1, "CWE-95"),
    "php": ("<?php\nfunction f($x) { return unserialize($x); }\n", 2, "CWE-502"),
    "java": ("class A { void f() throws Exception { Runtime.getRuntime().exec(\"ls\"); } }\n", 1, "CWE-78"),
    "c": ("void f(char *a, char *b) { strcpy(a, b); }\n", 1, "CWE-676"),
    "bash": ("f() {\n  eval \"$1\"\n}\n", 2, "CWE-78"),
    "go": ('var c = tls.Config{InsecureSkipVerify: true}\n', 1, "CWE-295"),
    "rust": ("fn f(p: *const u8) -> u8 { unsafe { *p } }\n", 1, "CWE-242"),
}  # fmt: skip
HARMLESS = {
    "python": "def f(x):\n    '''never eval(x) or os.system(x)'''\n    return x.evaluate('eval(1)')  # eval(x)\n",
    "javascript": "const f = (x) => x.exec('eval(1)'); // eval(x)\n",
    "php": "<?php\nfunction f($x) { return $x->system(1) . 'passthru(1)'; }\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    workers = ProcessPool(1)
    unused: Any = None
    yield Resources(unused, workers)
    await workers.aclose()


async def judged(language: str, program: str, resources: Resources, **fields: Any) -> Verdict:
    candidate = Candidate("c", "c", Seed("s", "x", "test", "unknown"), "t", (), {"solution": program}, (), ())
    verdict = await verify(CodeStatic(language, **fields), candidate, resources)
    json.dumps(verdict.evidence)
    return verdict


async def test_there_are_a_hundred_snippets() -> None:
    assert len(SNIPPETS) == len({row["program"] for row in SNIPPETS}) == 100
    assert {row["language"] for row in SNIPPETS} == {"python", "javascript", "typescript"}


@pytest.mark.parametrize(("language", "text"), CLEAN_CASES)
async def test_clean_snippets_have_no_finding(language: str, text: str, resources: Resources) -> None:
    verdict = await judged(language, text, resources)
    assert (verdict.outcome, verdict.evidence["findings"]) == (Outcome.PASS, [])


@pytest.mark.parametrize(("language", "reason", "text"), FAULT_CASES)
async def test_planted_faults_are_found(language: str, reason: str, text: str, resources: Resources) -> None:
    verdict = await judged(language, text, resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)
    assert all({"line", "column", "rule", "message"} == set(finding) for finding in verdict.evidence["findings"])


@pytest.mark.parametrize("language", OTHERS)
async def test_other_languages_are_parsed(language: str, resources: Resources) -> None:
    clean, broken = OTHERS[language]
    assert (await judged(language, clean, resources, entry_point="twice")).reason == "clean"
    assert (await judged(language, clean, resources, entry_point="thrice")).reason == "missing_entry_point"
    assert (await judged(language, broken, resources)).reason == "syntax_error"


@pytest.mark.parametrize("language", COMPILED)
async def test_what_has_a_preprocessor_is_left_to_its_compiler(language: str, resources: Resources) -> None:
    assert (await judged(language, COMPILED[language], resources, entry_point="twice")).reason == "clean"
    assert (await judged(language, COMPILED[language] + "}\n", resources)).reason == "clean"


@pytest.mark.parametrize("language", INSECURE)
async def test_insecure_patterns(language: str, resources: Resources) -> None:
    program, line, rule = INSECURE[language]
    found = insecure_findings(program, language)
    assert [(finding.line, finding.rule) for finding in found] == [(line, rule)]
    assert (await judged(language, program, resources)).evidence["insecure"][0]["rule"] == rule
    if language == "python":
        refused = await judged(language, program, resources, refuse_insecure=True)
        assert (refused.outcome, refused.reason) == (Outcome.FAIL, "insecure_code")


@pytest.mark.parametrize("language", HARMLESS)
async def test_words_in_comments_and_strings_are_not_insecure(language: str) -> None:
    assert insecure_findings(HARMLESS[language], language) == []


async def test_rows_from_outside(resources: Resources) -> None:
    """Imports of other people's packages are judged only where the row says what is there."""
    program = "const _ = require('lodash');\nconst f = (x) => _.sum(x);\n"
    assert (await prove_row(Row(id=1, language="js", program=program), resources)).outcome is Outcome.PASS
    row = Row(id=1, language="node", program=program, imports=[])
    assert (await prove_row(row, resources)).reason == "unavailable_import"
    assert (await prove_row(Row(id=1, language="cobol", program="x"), resources)).outcome is Outcome.UNJUDGED


# The rows whose canonical program differs from what the row says about it: another name, a package from outside.
ODD = {"JavaScript/114", "JavaScript/162", "Rust/116", "Rust/120", "Rust/142", "Rust/156", "CPP/156"}


@pytest.mark.parametrize("name", ["js", "java", "go", "rust", "cpp", "python"])
async def test_canonical_programs_of_a_real_set_are_clean(name: str) -> None:
    path = DATA / f"humanevalpack_{name}.jsonl"
    if not path.exists():
        pytest.skip("the shared data is not here")
    language = {"js": "javascript"}.get(name, name)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if row["task_id"] in ODD or language == "python":
            continue
        entry_point = "" if language == "java" else row["entry_point"]
        found = analyse_tree(row["prompt"] + row["canonical_solution"], language, entry_point, True)
        assert found["findings"] == [], row["task_id"]


@given(st.sampled_from(sorted(GRAMMARS)), st.text(max_size=200))
@settings(max_examples=150, deadline=None)
async def test_any_text_is_analysed(language: str, text: str) -> None:
    json.dumps(analyse_tree(text, language, "f", True))


@pytest.mark.parametrize("language", ["javascript", "typescript", "java"])
async def test_deep_nesting_is_no_danger(language: str) -> None:
    text = "class A { int f() { return " + "(" * 20_000 + "1" + ")" * 20_000 + "; } }"
    analyse_tree(text, language, "", True)


@given(st.sampled_from([case for case in CLEAN_CASES if case[0] != "python"]), st.randoms())
@settings(max_examples=60, deadline=None)
async def test_renaming_one_use_is_found(case: tuple[str, str], rng: Any) -> None:
    """A clean script in which one called function gets a name that nothing declares has a finding."""
    language, text = case
    calls = [index for index in range(len(text)) if text.startswith("f(", index) and text[index - 1] == " "]
    uses = [index for index in calls if "function" not in text[max(0, index - 10) : index]]
    if not uses or language == "typescript":
        return
    place = rng.choice(uses)
    found = analyse_tree(f"{text[:place]}unknown_name{text[place + 1 :]}", language, "", True)
    assert found["findings"]
