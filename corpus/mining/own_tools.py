"""The tools that come with provender as a source: `builtin:python`, `builtin:algebra`, `builtin:search:DOCUMENTS`.

What each of them gives for some calls is tried in the run's sandbox, twice; a tool that does not run there (algebra
needs sympy in `sandbox.site`) is refused. The documents of a search are files as for the format `documents`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from corpus.documents import pages
from corpus.errors import CorpusError
from corpus.mining.mine import MinedTool
from corpus.reader import OpenSandbox
from records.types import Drop
from sandbox.types import Sandbox
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.builtin import algebra_box, python_box, search_box
from verifiers.toolbox.runner import ToolArguments, ToolRun, run_calls

PREFIX = "builtin:"
MAX_DOCUMENTS = 512 << 10  # characters in all: they travel with every record that is made with them
DOCUMENTS_TRIED = 24
WORD = re.compile(r"[^\W\d_]{5,}")
PYTHON_TRIALS = (
    "sum(n * n for n in range(1, 51))",
    "sorted('the quick brown fox jumps over the lazy dog'.split(), key=len)",
    "from collections import Counter\nCounter('mississippi').most_common(2)",
    "from datetime import date\n(date(2024, 12, 25) - date(2024, 2, 29)).days",
    "import statistics\nstatistics.median([12, 9, 15, 11, 30, 10, 12])",
    "def steps(n):\n    return 0 if n == 1 else 1 + steps(n // 2 if n % 2 == 0 else 3 * n + 1)\n\nsteps(27)",
    "[n for n in range(100, 150) if all(n % d for d in range(2, int(n ** 0.5) + 1))]",
    "print(format(123456789, ','))",
)
ALGEBRA_TRIALS: Sequence[ToolArguments] = (
    ("simplify_expression", {"expression": "(x^2 - 1)/(x - 1)"}),
    ("simplify_expression", {"expression": "sin(x)^2 + cos(x)^2"}),
    ("solve_equation", {"equation": "x^2 - 5*x + 6 = 0", "variable": "x"}),
    ("solve_equation", {"equation": "3*t + 7 = 31", "variable": "t"}),
    ("differentiate", {"expression": "x^3 + sin(x)", "variable": "x"}),
    ("differentiate", {"expression": "y*exp(2*y)", "variable": "y"}),
    ("integrate", {"expression": "3*x^2", "variable": "x"}),
    ("integrate", {"expression": "1/x", "variable": "x", "lower": "1", "upper": "5"}),
    ("evaluate", {"expression": "sqrt(2) + pi/3", "digits": 10}),
    ("evaluate", {"expression": "17^5/3"}),
)


Refused = tuple[tuple[str, str], ...]
"""Names with the reason why they give nothing."""


def builtin_box(pattern: str) -> tuple[Toolbox, Refused]:
    """The tools that a pattern names, and documents that cannot be read. Raises CorpusError."""
    name, _, documents = pattern.removeprefix(PREFIX).partition(":")
    if name == "search" and documents:
        return _search(documents)
    if name in ("python", "algebra") and not documents:
        return (python_box() if name == "python" else algebra_box()), ()
    raise CorpusError(pattern, None, "corpus", "there are builtin:python, builtin:algebra, builtin:search:DOCUMENTS")


def _search(pattern: str) -> tuple[Toolbox, Refused]:
    read = list(pages(pattern))
    found = [one for one in read if not isinstance(one, Drop)]
    refused = tuple((str(one.evidence.get("source", "")), one.reason) for one in read if isinstance(one, Drop))
    if not found:
        raise CorpusError(pattern, None, "corpus", "it holds no document that can be read")
    if sum(len(one.text) for one in found) > MAX_DOCUMENTS:
        words = f"more than {MAX_DOCUMENTS} characters, and they travel with every record; name fewer documents"
        raise CorpusError(pattern, None, "corpus", words)
    return search_box([(one.title or one.source, one.text) for one in found]), refused


def try_builtin(box: Toolbox, sandbox: OpenSandbox) -> tuple[list[MinedTool], list[tuple[str, str]]]:
    """Its tools with calls and results that came out twice; and the names that gave none, with the reason."""
    trials = _trials(box)
    with ThreadPoolExecutor(1) as thread:  # a reader is called where an event loop may be running already
        first, second = thread.submit(asyncio.run, _run_twice(box, trials, sandbox())).result()
    examples: dict[str, list[Mapping[str, object]]] = {name: [] for name in box.names}
    for (name, arguments), one, again in zip(trials, first, second, strict=True):
        result = one.results[0]
        if result.ok and result == again.results[0] and result.value not in (None, "", [], {}):
            examples[name].append({"arguments": dict(arguments), "result": result.value})
    tools = [
        MinedTool(f"builtin.{name}", tool, box.bindings[name], tuple(examples[name]), None)
        for name, tool in zip(box.names, box.tools, strict=True)
        if examples[name]
    ]
    return tools, [(name, "does_not_run") for name in box.names if not examples[name]]


async def _run_twice(
    box: Toolbox, trials: Sequence[ToolArguments], sandbox: Sandbox
) -> tuple[list[ToolRun], list[ToolRun]]:
    try:
        runs = await asyncio.gather(*(run_calls(sandbox, box, [trial]) for trial in [*trials, *trials]))
    finally:
        await sandbox.aclose()
    return runs[: len(trials)], runs[len(trials) :]


def _trials(box: Toolbox) -> list[ToolArguments]:
    if "run_python" in box.names:
        return [("run_python", {"code": code}) for code in PYTHON_TRIALS]
    if "documents.json" not in box.files:
        return list(ALGEBRA_TRIALS)
    documents = json.loads(base64.b64decode(box.files["documents.json"]))
    found: list[ToolArguments] = []
    for one in documents[:: max(1, len(documents) // DOCUMENTS_TRIED)][:DOCUMENTS_TRIED]:
        words = sorted(set(WORD.findall(one["text"])), key=lambda word: (-len(word), word))
        found.append(("open_document", {"title": one["title"]}))
        found += [("search", {"query": " ".join(words[at : at + 2]), "limit": 2}) for at in (0, 2) if words[at:]]
    return found
