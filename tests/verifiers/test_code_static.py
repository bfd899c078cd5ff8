"""The static stage: what a parser and a linter must refuse, what they must leave alone, and hostile text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from records.types import Candidate, Outcome, Seed, Verdict
from verifiers.base import Resources
from verifiers.code_static import CodeStatic, Row, prove_row, verify
from verifiers.python_static import run_ruff
from verifiers.workers import ProcessPool, WorkerDied

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = "def solve(x):\n    return x\n"

ACCEPTS = {
    "plain": OK,
    "standard library": f"import math\nfrom collections import Counter\n{OK}print(math.pi, Counter())\n",
    "guarded import": f"try:\n    import numpy\nexcept ImportError:\n    numpy = None\n{OK}print(numpy)\n",
    "unused import and variable are style": "import os\n\ndef solve(x):\n    y = 1\n    return x\n",
    "bare except is style": "def solve(x):\n    try:\n        return x\n    except:\n        return 0\n",
    "entry point by assignment": "solve = lambda x: x\n",
    "entry point under if": "if True:\n    def solve(x):\n        return x\n",
    "later definition": "def solve(x):\n    return helper(x)\n\ndef helper(x):\n    return x\n",
    "forward reference": f"class Node:\n    def next(self) -> 'Node':\n        return self\n{OK}",
    "comprehension scope": "def solve(x):\n    return [y for y in x if (z := y)] + [z for z in x]\n",
    "match statement": "def solve(x):\n    match x:\n        case [first, *rest]:\n            return first, rest\n",
    "module names": "def solve(x):\n    return __name__, __file__\n",
}

# (reason, rule of a finding) -> what it is -> program
REJECTS = {
    ("no_code", ""): {"empty": "", "blank": " \n\n"},
    ("syntax_error", "syntax"): {
        "no colon": "def solve(x)\n    return x\n",
        "bad indentation": "def solve(x):\nreturn x\n",
        "cut off": "def solve(x):\n    return (x +\n",
        "open string": "def solve(x):\n    return 'abc\n",
        "prose": "The answer is to loop over x.\n",
        "other language": "function solve(x) { return x; }\n",
        "Python 2": "def solve(x):\n    print x\n",
        "return outside": f"{OK}return 1\n",
        "break outside": f"{OK}break\n",
        "yield outside": f"{OK}yield 1\n",
        "null byte": "def solve(x):\n    return '\0'\n",
        "lone surrogate": "def solve(x):\n    return '\ud800'\n",
        "nested lists": f"{OK}y = {'[' * 5000}{']' * 5000}\n",
    },
    ("undefined_name", "F821"): {
        "undefined": "def solve(x):\n    return y\n",
        "typo": "def solve(values):\n    return sum(value)\n",
        "in a branch never taken": "def solve(x):\n    if False:\n        return nope()\n    return x\n",
        "in an annotation": "def solve(x: Matrix) -> int:\n    return x\n",
        "silenced by itself": "# ruff: noqa\ndef solve(x):\n    return y  # noqa: F821\n",
    },
    ("undefined_name", "F823"): {"used before it is set": "n = 1\ndef solve(x):\n    n += x\n    return n\n"},
    ("missing_import", "F821"): {
        "module": "def solve(x):\n    return math.sqrt(x)\n",
        "name of a module": "def solve(x):\n    return defaultdict(int)\n",
        "typing name": "def solve(x: List[int]) -> int:\n    return 1\n",
    },
    ("unavailable_import", "unavailable-import"): {
        "third party": f"import numpy as np\n{OK}",
        "inside a function": "def solve(x):\n    from pandas.core import frame\n    return frame\n",
        "relative": f"from . import helper\n{OK}",
        "guard against something else": f"try:\n    import numpy\nexcept KeyError:\n    pass\n{OK}",
        "after the guard": f"try:\n    pass\nexcept ImportError:\n    import numpy\n{OK}",
    },
    ("missing_entry_point", "missing-entry-point"): {
        "other name": "def answer(x):\n    return x\n",
        "only a method": "class A:\n    def solve(self):\n        return 1\n",
        "only a local": "def main():\n    def solve(x):\n        return x\n    return solve\n",
    },
    ("too_complex", "too-complex"): {
        "minus signs": f"{OK}y = {'-' * 5000}1\n",
        "long sum": f"{OK}y = {'1+' * 50_000}1\n",
        "nested attributes": f"{OK}y = x{'.a' * 50_000}\n",
        "huge": OK + "#" * 300_000,
    },
}
REJECTED = [
    pytest.param(program, reason, rule, id=f"{reason}: {name}")
    for (reason, rule), programs in REJECTS.items()
    for name, program in programs.items()
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(2)
    yield pool
    await pool.aclose()


def candidate_of(solution: str) -> Candidate:
    seed = Seed("s", "x", "test", "unknown")
    return Candidate("c", "c", seed, "test", (), {"solution": solution}, (), ())


async def static(solution: str, workers: Any, **fields: Any) -> Verdict:
    check = CodeStatic("python", entry_point="solve", **fields)
    sandbox: Any = None  # never touched
    return await verify(check, candidate_of(solution), Resources(sandbox, workers))


@pytest.mark.parametrize("program", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(program: str, workers: ProcessPool) -> None:
    verdict = await static(program, workers)
    assert (verdict.outcome, verdict.reason, verdict.evidence["findings"]) == (Outcome.PASS, "clean", [])


@pytest.mark.parametrize(("program", "reason", "rule"), REJECTED)
async def test_rejects(program: str, reason: str, rule: str, workers: ProcessPool) -> None:
    verdict = await static(program, workers)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)
    assert not rule or rule in {finding["rule"] for finding in verdict.evidence["findings"]}
    json.dumps(verdict.evidence)


class BrokenWorkers:
    """A pool whose workers die."""

    async def run(self, *_: Any, **__: Any) -> Any:
        raise WorkerDied("killed")


UNJUDGED = {
    "workers die": (CodeStatic("python"), BrokenWorkers(), "analysis_failed"),
    "no linter for it": (CodeStatic("cobol"), None, "language_not_supported"),
}


@pytest.mark.parametrize(("check", "pool", "reason"), UNJUDGED.values(), ids=UNJUDGED)
async def test_unjudged(check: CodeStatic, pool: Any, reason: str) -> None:
    sandbox: Any = None
    verdict = await verify(check, candidate_of(OK), Resources(sandbox, pool))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


async def test_findings_say_where_and_what(workers: ProcessPool) -> None:
    verdict = await static("def solve(x):\n    a = foo(x)\n    return a + bar\n", workers)
    assert verdict.evidence["findings"] == [
        {"line": 2, "column": 9, "rule": "F821", "message": "Undefined name `foo`"},
        {"line": 3, "column": 16, "rule": "F821", "message": "Undefined name `bar`"},
    ]


async def test_a_missing_import_is_spelled_out(workers: ProcessPool) -> None:
    verdict = await static("def solve(x):\n    return deque(x), math.pi\n", workers)
    messages = [finding["message"] for finding in verdict.evidence["findings"]]
    assert "missing `from collections import deque`" in messages[0]
    assert "missing `import math`" in messages[1]


async def test_style_is_evidence_and_decides_nothing(workers: ProcessPool) -> None:
    verdict = await static("import os\n\ndef solve(x=[]):\n    return x == None\n", workers)
    assert verdict.outcome is Outcome.PASS
    assert {finding["rule"] for finding in verdict.evidence["style"]} == {"F401", "B006", "E711"}


async def test_packages_of_the_sandbox_may_be_imported(workers: ProcessPool) -> None:
    verdict = await static(f"import numpy\n{OK}", workers, imports=("numpy",))
    assert verdict.outcome is Outcome.PASS


async def test_the_verdict_is_the_same_each_time(workers: ProcessPool) -> None:
    program = "def solve(x):\n    return a + b + c\nimport os, sys\n"
    assert await static(program, workers) == await static(program, workers)


async def test_a_hostile_parse_leaves_the_workers_usable(workers: ProcessPool) -> None:
    for program in (
        "(" * 100_000,
        "[" * 3000 + "(",
        "lambda:" * 20_000 + "1",
        "if x:\n" + " if x:\n" * 3000,
        "{**" * 30_000,
    ):
        assert (await static(program, workers)).outcome is Outcome.FAIL
    assert (await static(OK, workers)).outcome is Outcome.PASS


async def test_rows_leave_imports_alone_unless_they_say_what_there_is(workers: ProcessPool) -> None:
    sandbox: Any = None
    resources = Resources(sandbox, workers)
    program = "import numpy as np\n\ndef f(x):\n    return np.sum(x)\n"
    free = await prove_row(Row(id="a", language="Python3", program=program), resources)
    bound = await prove_row(Row(id="a", language="python", program=program, imports=[]), resources)
    assert (free.outcome, free.evidence["findings"]) == (Outcome.PASS, [])
    assert (bound.outcome, bound.reason) == (Outcome.FAIL, "unavailable_import")


async def test_real_programs_are_clean_and_lose_that_with_a_planted_error(
    workers: ProcessPool, shared_data: Path
) -> None:
    rows = [json.loads(line) for line in (shared_data / "code" / "humanevalpack_python.jsonl").read_text().splitlines()]
    sandbox: Any = None
    resources = Resources(sandbox, workers)
    for row in rows:
        program = row["prompt"] + row["canonical_solution"]
        clean = await prove_row(Row(id=row["task_id"], language="python", program=program), resources)
        assert clean.evidence["findings"] == [], row["task_id"]
        for planted in ("_result = undefined_helper(1)\n", "_result = itertools_chain([1]\n"):
            verdict = await prove_row(Row(id=1, language="python", program=f"{program}\n{planted}"), resources)
            assert verdict.outcome is Outcome.FAIL, row["task_id"]


async def test_ruff_reads_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ruff.toml").write_text('[lint]\nignore = ["F821"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUFF_OUTPUT_FORMAT", "concise")
    assert [finding.rule for finding in run_ruff("y = x\n")] == ["F821"]
