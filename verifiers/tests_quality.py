"""Model-written tests on trial before they may judge (C6, C9): real assertions, and wrong programs must fail them."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from sandbox.types import Limits, Request, SandboxError, Status, TestSource, ToolchainMissing
from verifiers.assertions import Inventory, take_inventory
from verifiers.base import Resources
from verifiers.headers import LANGUAGES as WITH_HEADERS
from verifiers.headers import wrong_programs
from verifiers.tree_tests import take_tree_inventory
from verifiers.workers import WorkerError

ANALYSIS_CPU_S = 10.0  # of a worker; usual tests need 0.003
STUB_LIMITS = Limits(cpu_s=2.0, memory_bytes=1 << 30)  # tests that outlast this on a stub have not passed on it
MAX_REPLACED = 3  # a revision may replace one in three of the earlier asserted calls, and one where there are fewer
MAX_LISTED = 20

# Programs that are wrong for every task worth asking. Tests that one of them passes would prove nothing.
STUBS = {
    "returns_none": "def {name}(*args, **kwargs):\n    return None\n",
    "returns_first_argument": (
        "def {name}(*args, **kwargs):\n    return args[0] if args else next(iter(kwargs.values()), None)\n"
    ),
    "returns_true": "def {name}(*args, **kwargs):\n    return True\n",
    "returns_false": "def {name}(*args, **kwargs):\n    return False\n",
}

LANGUAGES = frozenset({"python"}) | WITH_HEADERS
# Findings that refuse the tests, whatever else they hold. Others only cost the assertion they stand on.
DECIDING = {
    "syntax": "syntax_error",
    "too-complex": "too_complex",
    "rebinds-entry-point": "rebinds_entry_point",
    "unavailable-import": "unavailable_import",
    "swallowed-assertion": "swallowed_assertion",
    "chance-or-clock": "flaky_tests",
}

# In Python, whose tests are rerun to find out; the other languages' are refused for it by their text.
CHANCE = re.compile(
    r"\b(?:random|secrets|uuid)\s*\.|\b(?:randint|randrange|urandom|uuid4)\s*\("
    r"|\btime\s*\.\s*(?:time|monotonic|perf_counter)|\b(?:now|utcnow|today)\s*\("
)


# What may stand in arguments that are spelled out, beside quoted texts and numbers: literals and how lists are written.
BOOLEANS = frozenset({"True", "False", "true", "false"})
LITERAL_WORDS = BOOLEANS | {
    "None", "null", "nil", "undefined", "NULL", "NaN", "Infinity", "new", "int", "long", "double", "string",
    "String", "List", "Map", "Set", "Arrays", "of", "asList", "array", "std", "vector", "vec", "Vec", "map",
    "HashMap", "from", "to_string", "to_owned", "into", "i32", "i64", "u32", "u64", "f64", "usize", "L", "e", "E",
    "f", "d",
}  # fmt: skip
WORD = re.compile(r"[A-Za-z_]\w*(?!\w|\s*=(?!=))")  # but for the names of keyword arguments
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')


@dataclass(frozen=True)
class TestsQuality(Check):
    """The part holds tests of `entry_point` that can fail, and fail on wrong programs.

    Where all calls spell their arguments out, at least `min_inputs` of them must differ: many assertions about one
    input can have a high mutation score and still pass a program that is wrong elsewhere.

    `previous` are earlier tests that this part revises: a revision may correct what is expected, but must not assert
    less. Empty where there are none.
    """

    __test__ = False  # not a pytest class
    kind: ClassVar[str] = "tests_quality"
    language: str
    entry_point: str
    min_tests: int = 5
    min_assertions: int = 5
    previous: str = ""
    part: str = "tests"
    min_inputs: int = 3


async def verify(check: TestsQuality, candidate: Candidate, resources: Resources) -> Verdict:
    """Static reading first, then the stubs; UNJUDGED where a worker or the sandbox fails."""
    if check.language not in LANGUAGES:
        return _verdict(Outcome.UNJUDGED, "language_not_supported", language=check.language)
    reserved = check.language == "python" and keyword.iskeyword(check.entry_point)
    if not check.entry_point.isidentifier() or reserved:
        return _verdict(Outcome.FAIL, "bad_entry_point", entry_point=check.entry_point)
    source = candidate.parts.get(check.part, "")
    if not source.strip():
        return _verdict(Outcome.FAIL, "no_tests")
    try:
        inventory = await _inventory(source, check, resources)
        earlier = await _inventory(check.previous, check, resources) if check.previous.strip() else None
        refusal = _weakness(inventory, check) or (_gutted(inventory, earlier) if earlier else None)
        refusal = refusal or _few_inputs(inventory, check)
        stubs = _stubs(check, candidate.parts.get("signature", ""))
        return refusal or await _try_stubs((source, stubs), check, inventory, resources)
    except WorkerError as error:
        return _verdict(Outcome.UNJUDGED, "analysis_failed", error=f"{type(error).__name__}: {error}")
    except ToolchainMissing as error:
        return _verdict(Outcome.UNJUDGED, "toolchain_missing", error=str(error))
    except SandboxError as error:
        return _verdict(Outcome.UNJUDGED, "sandbox_error", error=f"{type(error).__name__}: {error}")


async def _inventory(source: str, check: TestsQuality, resources: Resources) -> Inventory:
    if check.language == "python":
        return await resources.workers.run(take_inventory, source, check.entry_point, deadline_s=ANALYSIS_CPU_S)
    told = (source, check.language, check.entry_point)
    return await resources.workers.run(take_tree_inventory, *told, deadline_s=ANALYSIS_CPU_S)


def _stubs(check: TestsQuality, signature: str) -> dict[str, str]:
    """Wrong programs by what they do. Other languages than Python need the signature for them."""
    if check.language == "python":
        return {name: template.format(name=check.entry_point) for name, template in STUBS.items()}
    return wrong_programs(check.language, signature)


def _weakness(inventory: Inventory, check: TestsQuality) -> Verdict | None:
    """Why these tests prove too little, as their text tells."""
    evidence = _counts(inventory)
    rules = {finding.rule for finding in inventory.problems}
    for rule, reason in DECIDING.items():
        if rule in rules:
            return _verdict(Outcome.FAIL, reason, **evidence)
    if not inventory.assertions:
        return _verdict(Outcome.FAIL, "no_real_assertion", **evidence)
    if len(inventory.cases) < check.min_tests:
        return _verdict(Outcome.FAIL, "too_few_tests", **evidence, required=check.min_tests)
    if evidence["assertions"] < check.min_assertions:
        return _verdict(Outcome.FAIL, "too_few_assertions", **evidence, required=check.min_assertions)
    return None


def _few_inputs(inventory: Inventory, check: TestsQuality) -> Verdict | None:
    inputs = _inputs(inventory)
    if inputs is None or inputs >= check.min_inputs:
        return None
    return _verdict(Outcome.FAIL, "too_few_inputs", **_counts(inventory), inputs=inputs, required=check.min_inputs)


def _inputs(inventory: Inventory) -> int | None:
    """How many inputs are tried; None where the text does not tell, as in loops, or where there are but few to try."""
    arguments = {call.partition("(")[2].removesuffix(")").strip() for call in inventory.calls()}
    words = {word for text in arguments for word in WORD.findall(QUOTED.sub("0", text))}
    if not words <= LITERAL_WORDS or {"", *BOOLEANS} & arguments:
        return None
    return len(arguments)


def _gutted(inventory: Inventory, earlier: Inventory) -> Verdict | None:
    """Whether a revision asserts less than what it revises.

    Neither test cases nor distinct assertions may become fewer, no asserted call may be held to less, and at most one
    in MAX_REPLACED of the asserted calls may give way to others. What depended on chance before is no loss.
    """
    steady = tuple(item for item in earlier.assertions if not CHANCE.search(item.text))
    earlier = replace(earlier, assertions=steady)
    now, before = inventory.calls(), earlier.calls()
    lost = sorted(call for call in before if call not in now)
    weakened = sorted(call for call in before if call in now and now[call] < before[call])
    counts, earlier_counts = _counts(inventory), _counts(earlier)
    fewer = [name for name in ("cases", "assertions") if counts[name] < earlier_counts[name]]
    if not fewer and not weakened and len(lost) <= max(1, len(before) // MAX_REPLACED):
        return None
    removed = [item.text for item in earlier.assertions if not set(item.calls) <= now.keys()]
    evidence = {
        **counts,
        "fewer": fewer,
        "lost_calls": lost[:MAX_LISTED],
        "weakened_calls": weakened[:MAX_LISTED],
        "removed_assertions": removed[:MAX_LISTED],
    }
    return _verdict(Outcome.FAIL, "tests_gutted", **evidence)


async def _try_stubs(
    texts: tuple[str, dict[str, str]], check: TestsQuality, inventory: Inventory, resources: Resources
) -> Verdict:
    """Stubs that do not compile show nothing and are not counted."""
    source, stubs = texts
    tried = 0
    for name, program in stubs.items():
        request = Request(check.language, program, tests=TestSource(source), limits=STUB_LIMITS)
        execution = await resources.sandbox.run(request)
        tried += execution.status is not Status.COMPILE_ERROR
        if execution.tests is not None and execution.tests.passed:
            return _verdict(Outcome.FAIL, "vacuous_tests", **_counts(inventory), passed_by=name, program=program)
    return _verdict(Outcome.PASS, "tests_can_fail", **_counts(inventory), stubs=tried)


def _counts(inventory: Inventory) -> dict[str, Any]:
    findings = [finding.as_json() for finding in inventory.problems[:MAX_LISTED]]
    distinct = len({(assertion.text, assertion.calls) for assertion in inventory.assertions})
    return {"cases": len(inventory.cases), "assertions": distinct, "findings": findings}


def _verdict(outcome: Outcome, reason: str, **evidence: Any) -> Verdict:
    return Verdict(TestsQuality.kind, outcome, reason, evidence)
