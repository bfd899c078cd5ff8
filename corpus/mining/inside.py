"""Runs inside the sandbox: finds the functions of one module that are documented and that a JSON value can call.

A program of its own, of the standard library alone: it imports the module it is told, so it must not run anywhere else.
The types of a parameter without an annotation are those of the sample values that the function takes. The last line of
its output is JSON: `{"tools": [...], "refused": [[name, reason], ...]}`. Called with `again`, it makes the calls of
`calls.json` instead and prints their results: in another process, with another hash seed, to see what stays the same.
"""

# Plain `open` and `os`: the modules that are mined shall meet no more of the library than they must.
# ruff: noqa: PTH100, PTH109, PTH123
from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from calling import call_bound, plain  # type: ignore[import-not-found]
from samples import ANNOTATIONS, BORDERS, ERRORS, SAMPLES, SCHEMAS  # type: ignore[import-not-found]
from shapes import Refused, Shape, shape_of  # type: ignore[import-not-found]

OUTPUT = 200  # descriptor
CALL_S = 0.1  # of one trial call
MODULE_S = 8.0  # of all trial calls of one module
MAX_RESULT_CHARS = 600
MAX_TRIALS = 150  # of one function
EXAMPLES = 4
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


class _Late(BaseException):
    """The alarm of one trial call; no function of the library catches it by accident."""


def main() -> None:
    """Mine the module that `module.txt` names, or repeat calls."""
    warnings.simplefilter("ignore")
    random.seed(os.getpid())
    signal.signal(signal.SIGALRM, _ring)
    os.dup2(1, OUTPUT)  # a trial call may close any low descriptor
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if sys.argv[1:2] == ["again"]:
            answer: Any = [_result_of(binding, arguments) for binding, arguments in _read_json(sys.argv[2])]
        else:
            answer = mine(_read_json("module.txt"))
    with open(OUTPUT, "w") as out:
        out.write(json.dumps(answer))
    os._exit(0)  # whatever the module started or registered shall not go on


def _read_json(path: str) -> Any:
    with open(path) as file:
        return json.load(file)


def _ring(*_: object) -> None:
    raise _Late


def mine(name: str) -> dict[str, Any]:
    """The tools of a module, and why other documented or public names are none."""
    module = importlib.import_module(name)
    tools, refused = [], []
    for path, function, owner in _candidates(module):
        try:
            tools.append(_tool(name, path, function, owner))
        except Refused as error:
            refused.append([f"{name}.{path}", str(error)])
    keep, differing = _repeat(tools)
    refused += [[f"{tool['module']}.{tool['path']}", "nondeterministic"] for tool in differing]
    return {"tools": keep, "refused": refused}


def _candidates(module: Any) -> Iterator[tuple[str, Any, Any]]:
    """Public functions, and public methods of public classes, that the module itself defines."""
    own = {module.__name__, "_" + module.__name__, None}
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or not callable(value) or getattr(value, "__module__", None) not in own:
            continue  # not public, or another module's: it is found there
        if not inspect.isclass(value):
            yield name, value, None
            continue
        for method, function in sorted(vars(value).items()):
            if not method.startswith("_") and (inspect.isroutine(function)):
                yield f"{name}.{method}", getattr(value, method), value


def _tool(module: str, path: str, function: Any, owner: Any) -> dict[str, Any]:
    description = _description(function)
    shape = shape_of(function, owner)
    binding = shape.binding(module, path)
    good, types = _probe(binding, shape)
    raising = _raising(binding, shape, good[0], types)
    examples: list[dict[str, Any]] = []
    for arguments in good:
        result = _result_of(binding, arguments)
        if "result" in result and all(result["result"] != one["result"] for one in examples):
            examples.append({"arguments": arguments, **result})
    return {
        "module": module,
        "path": path,
        "description": description,
        "properties": {name: types[name] for name in [*shape.taken, *shape.defaults]},
        "required": shape.taken,
        "binding": binding,
        "examples": examples[:EXAMPLES],
        "raising": raising,
    }


def _raising(binding: dict[str, Any], shape: Shape, good: dict[str, Any], types: dict[str, Any]) -> Any:
    """Arguments of the right types that the function refuses with an error, where a sample shows some."""
    for name in shape.taken:
        for value in BORDERS.get(types[name].get("type", ""), ()):
            trial = {**good, name: value}
            if _result_of(binding, trial).get("error") in ERRORS:
                return trial
    return None


def _description(function: Any) -> str:
    text = (inspect.getdoc(function) or "").strip()
    first = " ".join(text.split("\n\n")[0].split())
    if re.match(r"^[\w.]+\(.*\)( -> [\w.\[\], ]+)?$", first) and "\n\n" in text:
        first = " ".join(text.split("\n\n")[1].split())  # a docstring that begins with the signature
    if len(first) < 15 or first.startswith(("Initialize self", "Return a/an")):
        raise Refused("undocumented")
    return first if len(first) <= 400 else first[:397].rsplit(" ", 1)[0] + "..."


def _probe(binding: dict[str, Any], shape: Shape) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Arguments with which the function gives a JSON value, and the type of each parameter."""
    names = shape.taken
    try:
        return _probe_kinds(binding, shape)
    except Refused:
        text = [name for name in names if name != shape.star and not shape.value]
        if not text or binding["bytes"]:
            raise
    binding["bytes"] = text  # once more, with its texts as bytes
    return _probe_kinds(binding, shape)


def _probe_kinds(binding: dict[str, Any], shape: Shape) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    names = shape.taken
    pools = [_pool(name, shape, binding) for name in names]
    good: list[dict[str, Any]] = []
    seen: dict[str, set[str]] = {name: set() for name in names}
    for trial in itertools.islice(_spread(pools), MAX_TRIALS):
        arguments = dict(zip(names, (value for _, value in trial), strict=True))
        if "result" in _result_of(binding, arguments):
            good.append(arguments)
            for name, (kind, _) in zip(names, trial, strict=True):
                seen[name].add(kind)
            if len(good) >= 2 * EXAMPLES:
                break
    if not good:
        raise Refused("not_executable")
    types = {name: _types(binding, good[0], (name, seen[name]), shape) for name in names}
    _add_defaults(binding, shape, good, types)
    return good, types


def _add_defaults(binding: dict[str, Any], shape: Shape, good: list[dict[str, Any]], types: dict[str, Any]) -> None:
    """The types of the parameters with defaults, and examples with a switch the other way round."""
    for name, default in shape.defaults.items():
        if "result" not in _result_of(binding, {**good[0], name: default}):
            raise Refused("not_executable")
        types[name] = {"type": _type_name(default), "default": default}
        if isinstance(default, bool):
            good.append({**good[0], name: not default})


def _pool(name: str, shape: Shape, binding: dict[str, Any]) -> list[tuple[str, Any]]:
    """Sample values for a parameter, most telling first: of its annotation's type where it has one."""
    kinds: tuple[str, ...]
    if name == "value" and shape.value:
        kinds = ({"str": "string", "int": "integer", "float": "number"}[shape.value],)
    elif name in binding["bytes"]:
        kinds = ("bytes",)
    elif name == shape.star:
        kinds = ("numbers", "strings")
    else:
        hinted = ANNOTATIONS.get(shape.hints.get(name, ""))
        kinds = (hinted,) if hinted else tuple(kind for kind in SAMPLES if kind not in ("boolean", "bytes"))
    first = [(kind, SAMPLES[kind][0]) for kind in kinds]
    return first + [(kind, value) for kind in kinds for value in SAMPLES[kind][1:]]


def _spread(pools: list[list[tuple[str, Any]]]) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Combinations, those of early values first."""
    size = max(map(len, pools))
    for bound in (6, size):
        yield from (
            one for one in itertools.product(*(pool[:bound] for pool in pools))
            if bound == 6 or any(value not in pool[:6] for value, pool in zip(one, pools, strict=True))
        )  # fmt: skip


def _types(binding: dict[str, Any], good: dict[str, Any], seen: tuple[str, set[str]], shape: Shape) -> dict[str, Any]:
    """The schema of a parameter: the kinds that were seen to work, and those taken in place of the first good value."""
    name, kinds = seen
    for kind, value in _pool(name, shape, binding):
        if kind not in kinds and "result" in _result_of(binding, {**good, name: value}):
            kinds.add(kind)
    if "number" in kinds:
        kinds.discard("integer")
    schemas = [SCHEMAS[kind] for kind in SCHEMAS if kind in kinds]
    if {"numbers", "strings"} <= kinds:
        schemas = [one for kind, one in SCHEMAS.items() if kind in kinds and kind not in ("numbers", "strings")]
        schemas.append({"type": "array", "items": {}})
    return dict(schemas[0]) if len(schemas) == 1 else {"anyOf": schemas}


def _type_name(value: Any) -> str:
    return {bool: "boolean", int: "integer", float: "number", str: "string"}[type(value)]


def _result_of(binding: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The value of one call as JSON, or why there is none."""
    signal.setitimer(signal.ITIMER_REAL, CALL_S)
    try:
        value = plain(call_bound(binding, json.loads(json.dumps(arguments))))
        text = json.dumps(value)
    except (Exception, _Late, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - a stranger's function
        return {"error": type(error).__name__}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    dull = value is None or value in ("", [], {}) or len(text) > MAX_RESULT_CHARS or ADDRESS.search(text)
    return {"error": "dull"} if dull else {"result": value}


def _repeat(tools: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tools whose example calls give the same in another process with another hash seed, and the others."""
    calls = [(tool["binding"], example["arguments"]) for tool in tools for example in tool["examples"]]
    if not calls:
        return [], []
    path = os.path.abspath("calls.json")
    with open(path, "w") as file:
        json.dump(calls, file)
    environment = {"PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo", "HOME": "/nonexistent", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, os.path.abspath("again.py"), "again", path]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=20, check=False, cwd="/")
    try:
        results = iter(json.loads(done.stdout))
    except ValueError:
        return [], tools
    keep: list[dict[str, Any]] = []
    differing: list[dict[str, Any]] = []
    for tool in tools:
        same = [next(results).get("result") == example["result"] for example in tool["examples"]]
        (keep if same and all(same) else differing).append(tool)
    return keep, differing


if __name__ == "__main__":
    main()
