"""Tests on trial in every language of the sandbox: good ones pass, and each kind of bad one is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from records.types import Candidate, Check, Outcome, Seed, Verdict
from sandbox import open_sandbox
from tests.verifiers.foreign_suites import SUITES, Suite
from verifiers import verify
from verifiers.agreement import Agreement
from verifiers.base import Resources
from verifiers.code_static import CodeStatic
from verifiers.code_tests import CodeTests
from verifiers.headers import read_header, wrong_programs
from verifiers.tests_quality import TestsQuality
from verifiers.tests_strength import TestsStrength
from verifiers.tree_branches import trap_branches
from verifiers.tree_mutants import make_tree_mutants
from verifiers.tree_static import analyse_tree
from verifiers.tree_tests import take_tree_inventory
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")
FAST = ("javascript", "go", "bash", "sql", "php", "c")
# The compilers of these need about a second for each mutant.
SLOW = [pytest.param(name, marks=pytest.mark.heavy) for name in ("typescript", "java", "cpp", "rust")]
EVERY = [*FAST, *SLOW]
COMPILED = ("go", "c")
LIMITS = {"cpu_s": 20.0, "memory_mb": 1024}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(2)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def judge(check: Check, suite: Suite, resources: Resources, tests: str, program: str = "") -> Verdict:
    parts = {"solution": program or suite.right, "tests": tests, "signature": suite.signature}
    verdict = await verify(check, Candidate("c", "c", Seed("s", "x", "t", "u"), "t", (), parts, (), ()), resources)
    if verdict.reason == "toolchain_missing":
        pytest.skip(str(verdict.evidence["error"]))
    return verdict


@pytest.mark.parametrize("language", EVERY)
async def test_good_tests_are_trusted_and_bad_ones_are_not(language: str, resources: Resources) -> None:
    suite = SUITES[language]
    quality = TestsQuality(language, suite.name, 5, 5)
    good = await judge(quality, suite, resources, suite.good)
    assert (good.outcome, good.reason) == (Outcome.PASS, "tests_can_fail"), good
    assert good.evidence["cases"] == good.evidence["assertions"] == len(suite.cases)
    assert good.evidence["stubs"] == suite.stubs
    vacuous = await judge(quality, suite, resources, suite.tests(suite.cases, suite.vacuous))
    assert vacuous.reason in ("vacuous_tests", "no_real_assertion"), vacuous
    assert (await judge(replace(quality, previous=suite.good), suite, resources, suite.gutted)).reason in (
        "tests_gutted",
        "too_few_tests",
    )
    few = replace(quality, min_tests=1, min_assertions=1, previous=suite.good)
    assert (await judge(few, suite, resources, suite.gutted)).reason == "tests_gutted"
    own = f"{suite.good}\n{suite.right.replace('<?php', '').replace('package main', '')}"
    assert (await judge(quality, suite, resources, own)).reason == "rebinds_entry_point"


@pytest.mark.parametrize("language", EVERY)
async def test_right_programs_pass_and_wrong_ones_fail(language: str, resources: Resources) -> None:
    suite = SUITES[language]
    assert (await judge(CodeStatic(language, suite.name), suite, resources, "")).outcome is Outcome.PASS
    other = await judge(CodeStatic(language, "elsewhere"), suite, resources, "")
    assert other.reason == "missing_entry_point"
    tests = CodeTests(language, suite.good, suite.name, **LIMITS)
    assert (await judge(tests, suite, resources, suite.good)).outcome is Outcome.PASS
    assert (await judge(tests, suite, resources, suite.good, suite.wrong)).outcome is Outcome.FAIL
    mistaken = CodeTests(language, suite.mistaken, suite.name, **LIMITS)
    assert (await judge(mistaken, suite, resources, suite.mistaken)).outcome is Outcome.FAIL
    shared = Agreement(language, suite.good, (suite.right,), ("k",), **LIMITS)
    assert (await judge(shared, suite, resources, suite.good)).outcome is Outcome.PASS
    against = replace(shared, solutions=(suite.wrong,))
    assert (await judge(against, suite, resources, suite.good)).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "language", [*(pytest.param(name, marks=pytest.mark.heavy) if name in COMPILED else name for name in FAST), *SLOW]
)
async def test_strong_tests_kill_mutants_and_reach_branches(language: str, resources: Resources) -> None:
    suite = SUITES[language]
    check = TestsStrength(language, suite.good, 0.5, max_mutants=8, reruns=1, **LIMITS)  # `< 0` may be `<= 0` here
    strong = await judge(check, suite, resources, suite.good)
    assert (strong.outcome, strong.reason) == (Outcome.PASS, "tests_are_strong"), strong
    assert strong.evidence["mutants"] >= 4 and strong.evidence["mutation_score"] >= 0.5
    assert strong.evidence["branches"] >= (0 if language == "sql" else 2)
    easy = suite.tests(dict(list(suite.cases.items())[4:5]))
    weak = await judge(replace(check, tests=easy), suite, resources, easy)
    assert weak.reason in ("low_branch_coverage", "surviving_mutants"), weak
    assert weak.evidence["missed"] or weak.evidence["survivors"]
    weakened = await judge(replace(check, tests=easy, previous=suite.good), suite, resources, easy)
    assert weakened.reason == "tests_weakened"
    vacuous = suite.tests(suite.cases, suite.vacuous)
    empty = await judge(replace(check, tests=vacuous, min_branch_coverage=0), suite, resources, vacuous)
    assert empty.reason == "surviving_mutants", empty


@pytest.mark.parametrize("language", [name for name in FAST if SUITES[name].flaky])
async def test_flaky_tests_are_found_by_rerun(language: str, resources: Resources) -> None:
    suite = SUITES[language]
    tests = suite.good + "\n" + "\n".join([suite.flaky] * 6)
    check = TestsStrength(language, tests, max_mutants=0, reruns=4, **LIMITS)
    assert (await judge(check, suite, resources, tests)).reason == "flaky_tests"


@pytest.mark.parametrize("language", SUITES)
async def test_headers_are_read_and_stubs_are_made_of_them(language: str) -> None:
    suite = SUITES[language]
    header = read_header(language, suite.signature)
    assert header is not None and header.name == suite.name
    stubs = wrong_programs(language, suite.signature)
    assert len(stubs) >= 2
    for program in stubs.values():
        assert not analyse_tree(program, language, suite.name, judge_imports=True)["findings"], program
    for text in ("", "clamp_sum", suite.right, f"{suite.signature}\n{suite.signature}", suite.signature * 50):
        assert read_header(language, text) is None, text


@pytest.mark.parametrize("language", SUITES)
async def test_mutants_and_branches_are_programs_and_each_is_another(language: str) -> None:
    suite = SUITES[language]
    mutants = make_tree_mutants(suite.right, language, 40)
    texts = {mutant.source for mutant in mutants}
    assert len(texts) == len(mutants) >= 4 and suite.right not in texts
    assert mutants == make_tree_mutants(suite.right, language, 40)
    assert len(make_tree_mutants(suite.right, language, 3)) == 3
    for program in (*texts, *(one.program for one in trap_branches(suite.right, language))):
        findings = analyse_tree(program, language, suite.name, judge_imports=False)["findings"]
        assert not [finding for finding in findings if finding["rule"] == "syntax"], program


ODD = {
    "javascript": [
        ("console.assert(true);", "unrelated-assertion"),
        ("console.assert(clamp_sum([1]) === clamp_sum([1]));", "self-comparison"),
        (
            "const assert = require('assert');\nassert.deepStrictEqual(clamp_sum([1]), clamp_sum([1]));",
            "self-comparison",
        ),
        ("console.assert(typeof clamp_sum === 'function');", "unrelated-assertion"),
        ("console.assert('clamp_sum(1)'.length === 12);", "unrelated-assertion"),
        ("function clamp_sum() { return 1; }", "rebinds-entry-point"),
        ("console.assert(", "syntax"),
    ],
    "java": [
        (
            "class Main { static void main(String[] a) { try { assert Solution.clamp_sum(1) == 1; }"
            " catch (AssertionError e) { } } }",
            "swallowed-assertion",
        ),
    ],
    "go": [("func TestA(t *testing.T) {\n\tClampSum(nil)\n\tif 1 != 1 {\n\t\tt.Fatal()\n\t}\n}", "")],
    "rust": [("#[test]\nfn a() { assert_eq!(clamp_sum(&[1]), clamp_sum(&[1])); }", "self-comparison")],
    "bash": [('[ "$(clamp_sum 1)" = 1 ] || true', ""), ('[ "$(echo 1)" = 1 ]', "unrelated-assertion")],
}


@pytest.mark.parametrize("language", ODD)
async def test_assertions_that_prove_nothing_are_no_assertions(language: str) -> None:
    for source, rule in ODD[language]:
        inventory = take_tree_inventory(source, language, "clamp_sum")
        assert not inventory.assertions, source
        assert {finding.rule for finding in inventory.problems} == ({rule} if rule else set()), source


REAL = {
    "javascript": [
        "const got = clamp_sum([1]);\nconst text = JSON.stringify(got);\nconsole.assert(text === '1');",
        "let thrown = null;\ntry {\n  clamp_sum(null);\n} catch (error) {\n  thrown = error;\n}\n"
        "console.assert(thrown instanceof TypeError);",
        "const assert = require('assert');\nassert.strictEqual(clamp_sum([1]), 1);",
    ],
    "c": ["int main(void) { int out[2]; clamp_sum(out, 2); assert(out[0] == 1); return 0; }"],
    "bash": ['got=$(clamp_sum 1 2)\n[ "$got" = 3 ]', '[ "$(clamp_sum 1)" -eq 1 ] || exit 1'],
    "php": ["$got = clamp_sum([1]);\nassert($got === 1);"],
    "go": [
        "func TestA(t *testing.T) {\n\tgot := clamp_sum(1)\n\tif got != 2 {\n\t\tt.Error()\n\t}\n}",
        "func TestA(t *testing.T) {\n\tassert.Equal(t, 2, clamp_sum(1))\n}",
    ],
}


@pytest.mark.parametrize("language", REAL)
async def test_values_are_followed_to_the_assertions(language: str) -> None:
    for source in REAL[language]:
        inventory = take_tree_inventory(source, language, "clamp_sum")
        assert len(inventory.assertions) == 1 and not inventory.problems, (source, inventory)
