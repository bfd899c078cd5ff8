"""Environments as seeds: a database and the functions that act on it, from Python files (see `corpus.environments`).

A seed is one environment and one trajectory drawn at random from it: calls that work, with their results, of which at
least one changes the database. They show a writer what is possible there; they are no task yet.

Fields: `toolbox`, `state` (the first content of the database), `examples` (the calls of the trajectory with results).
"""

from __future__ import annotations

import ast
import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

from corpus.errors import CorpusError
from corpus.reader import OpenSandbox, Reader, hash_files
from records.types import JSON, Drop, Seed, canonical_json, stable_hash, stable_seed
from sandbox import open_sandbox
from sandbox.types import Sandbox
from verifiers.toolbox.box import Toolbox, encoded
from verifiers.toolbox.runner import ToolRun, run_calls
from verifiers.toolbox.signatures import NoTool, functions_of

DEFAULT = "default"
LICENCE = "Apache-2.0"
TRIALS = 120  # random calls per environment and batch, of which those that work are kept
LONGEST = 3  # calls of a trajectory
BATCH = 48  # trajectories drawn and tried together
NUMBERS: Mapping[str, Sequence[JSON]] = {"integer": (1, 2, 3, 5), "number": (10.0, 25.5, 40.0)}


def read(
    pattern: str = DEFAULT, run_seed: int = 0, licence: str = "unknown", sandbox: OpenSandbox = open_sandbox
) -> Iterator[Seed | Drop]:
    """Trajectories of every environment in turn, without end. Raises CorpusError."""
    boxes = [(path, *_load(path)) for path in _files(pattern)]
    for batch in count():
        found = 0
        for path, box, refused in boxes:
            if batch == 0:
                yield from (_drop(path, name, reason) for name, reason in refused)
            for number, calls in enumerate(_trajectories(box.to_json(), run_seed, batch, sandbox)):
                found += 1
                named = f"{batch}.{number}", LICENCE if pattern == DEFAULT else licence
                yield _seed(path, box, (calls, _working_calls(box.to_json(), sandbox)[1]), named)
        if not found:
            raise CorpusError(pattern, None, "corpus", "no sequence of calls with values of the database changes it")


def _files(pattern: str) -> list[Path]:
    if pattern == DEFAULT:
        folder = Path(str(resources.files("corpus.environments").joinpath(".")))
        return sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    path = Path(pattern)
    files = [path] if path.is_file() else sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
    if not files or not all(file.is_file() and file.suffix == ".py" for file in files):
        raise CorpusError(pattern, None, "corpus", "no such environment; name Python files with SCHEMA and functions")
    return files


def _load(path: Path) -> tuple[Toolbox, list[tuple[str, str]]]:
    """The environment's tools, and functions that are none. Raises CorpusError."""
    source = path.read_text(encoding="utf-8")
    try:
        found = functions_of(source, hidden="db")
    except NoTool as error:
        raise CorpusError(str(path), None, None, f"cannot be read: {error}") from error
    tools = [tool for _, tool in found if not isinstance(tool, str)]
    refused = [(name, reason) for name, reason in found if isinstance(reason, str)]
    schema = _schema(source, path)
    if not tools:
        raise CorpusError(str(path), None, None, "it has no documented, annotated function with a parameter `db`")
    names = [tool["function"]["name"] for tool in tools]
    bindings = {name: {"module": path.stem, "path": name, "database": True} for name in names}
    return Toolbox(tuple(tools), bindings, {f"{path.stem}.py": encoded(source.encode())}, schema), refused


def _schema(source: str, path: Path) -> str:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["SCHEMA"]:
            value = ast.literal_eval(node.value) if isinstance(node.value, ast.Constant) else None
            if isinstance(value, str):
                return value
    raise CorpusError(str(path), None, "SCHEMA", 'write SCHEMA = """create table ..."""')


@lru_cache(maxsize=64)
def _trajectories(box_json: str, run_seed: int, batch: int, sandbox: OpenSandbox) -> list[list[Mapping[str, Any]]]:
    """Sequences of calls of which each works after the others, and that change the database."""
    known, first = _working_calls(box_json, sandbox)
    changing = [call for call in known if call["changes"]]
    rng = random.Random(stable_seed(str(run_seed), "environment", stable_hash(box_json), str(batch)))
    trials = []
    for _ in range(BATCH if changing else 0):
        drawn = [rng.choice(known) for _ in range(rng.randint(0, LONGEST - 1))] + [rng.choice(changing)]
        trials.append([(call["name"], call["arguments"]) for call in drawn])
    distinct = [one for one in trials if len({canonical_json(list(call)) for call in one}) == len(one)]
    runs = _run(Toolbox.read(box_json), distinct, sandbox) if distinct else []
    return [
        [
            {"name": name, "arguments": arguments, "result": result.value}
            for (name, arguments), result in zip(calls, run.results, strict=True)
        ]
        for calls, run in zip(distinct, runs, strict=True)
        if all(result.ok for result in run.results) and run.state != first
    ]


@lru_cache(maxsize=16)
def _working_calls(box_json: str, sandbox: OpenSandbox) -> tuple[list[Mapping[str, Any]], JSON]:
    """Calls with values of the database that work on its first state, and that state."""
    box = Toolbox.read(box_json)
    rng = random.Random(stable_seed("working_calls"))
    first = _run(box, ([],), sandbox)[0].state
    pool = _values(first)
    trials = [[_random_call(rng.choice(box.tools), pool, rng)] for _ in range(TRIALS)]
    runs = _run(box, trials, sandbox)
    found = {}
    for (call,), run in zip(trials, runs, strict=True):
        if run.results[0].ok and run.results[0].value not in ([], {}, None):
            found[canonical_json(list(call))] = {
                "name": call[0], "arguments": call[1], "changes": run.state != first,
            }  # fmt: skip
    return [found[key] for key in sorted(found)], first


Trials = Sequence[Sequence[tuple[str, Mapping[str, JSON]]]]


def _run(box: Toolbox, trials: Trials, sandbox: OpenSandbox) -> list[ToolRun]:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _run_all(box, trials, sandbox())).result()


async def _run_all(box: Toolbox, trials: Trials, sandbox: Sandbox) -> list[ToolRun]:
    try:
        return list(await asyncio.gather(*(run_calls(sandbox, box, calls) for calls in trials)))
    finally:
        await sandbox.aclose()


def _values(state: Mapping[str, JSON] | None) -> Mapping[str, list[JSON]]:
    """What stands in the database, by type, by column and by the name that a reference to a table has."""
    pool: dict[str, list[JSON]] = {kind: list(values) for kind, values in NUMBERS.items()}
    for table, rows in (state or {}).items():
        for row in rows:
            for column, value in row.items():
                kind = {int: "integer", float: "number", str: "string"}.get(type(value), "")
                for key in (kind, column, f"{table.rstrip('s')}_{column}"):
                    pool.setdefault(key, []).append(value)
    return {key: list(dict.fromkeys(values)) for key, values in pool.items()}


def _random_call(
    tool: Mapping[str, Any], pool: Mapping[str, list[JSON]], rng: random.Random
) -> tuple[str, Mapping[str, JSON]]:
    parameters = tool["function"]["parameters"]
    arguments: dict[str, JSON] = {}
    for name, schema in parameters["properties"].items():
        if name not in parameters["required"] and rng.random() < 0.5:
            continue  # left at its default
        choices = schema.get("enum") or pool.get(name) or pool.get(schema.get("type", ""))
        if choices:
            arguments[name] = rng.choice(choices)
    return tool["function"]["name"], arguments


def _seed(path: Path, box: Toolbox, drawn: tuple[Sequence[Mapping[str, Any]], JSON], which: tuple[str, str]) -> Seed:
    (calls, first), (number, licence) = drawn, which
    state = canonical_json(first)
    return Seed(
        id=stable_hash("tool_environments", path.name, number, canonical_json(list(calls))),
        text=box.tools_json,
        source=f"{path.name}: trajectory {number}",
        licence=licence,
        fields={"toolbox": box.to_json(), "state": state, "examples": canonical_json(list(calls))},
    )


def _drop(path: Path, name: str, reason: str) -> Drop:
    identity = stable_hash("tool_environments", path.name, name, reason)
    return Drop(identity, "", "corpus", reason, {"source": f"{path.name}: {name}"})


def fingerprint(pattern: str) -> str:
    """Hash of the files. Raises CorpusError."""
    return hash_files(_files(pattern))


READER = Reader("tool_environments", read, fingerprint, default=DEFAULT, endless=True, executes=True)
