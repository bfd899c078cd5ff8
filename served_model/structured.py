"""Replies as JSON: strict reading of hostile text, and one repair round where the first reply is not readable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NoReturn, Protocol

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from records.types import Message, canonical_json
from served_model.prompts import load_prompt
from served_model.types import ChatRequest, Reply, RequestRefused, UnreadableReply

MAX_DEPTH = 64  # nesting of a reply's JSON; far above any schema of ours, far below Python's recursion limit
MAX_PROBLEM_CHARS = 300  # of one problem, in an error message or in the repair prompt
SURROGATE = re.compile("[\ud800-\udfff]")


class RawModel(Protocol):
    """A model that gives single replies as they came, without looking into them."""

    def key(self, request: ChatRequest) -> str:
        """The journal key of the request."""
        ...

    async def complete(self, request: ChatRequest) -> Reply:
        """One reply, unparsed; its key is `key(request)`. Raises ModelError."""
        ...


class NotReadable(Exception):
    """Why a text is not the JSON value that was asked for; `problem` is put in words that a model can act on."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def read_json(text: str) -> Any:
    """Parse exactly one JSON value (RFC 8259). Raises NotReadable.

    Stricter than `json.loads`: no NaN or infinity, no duplicate keys, no unpaired surrogates, at most MAX_DEPTH levels.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object_of, parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except json.JSONDecodeError as error:
        raise NotReadable(f"it is not one JSON value: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotReadable(f"it is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError:  # the interpreter's own limit on the digits of an integer
        raise NotReadable("it holds a number with too many digits") from None
    _check_values(value)
    return value


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise NotReadable(_short(f"the key {twice!r} stands twice in one object"))
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise NotReadable(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotReadable("it holds a number that is too large")
    return value


def _check_values(value: Any) -> None:
    """Bound the nesting and refuse half characters, which no file or hash of ours could hold."""
    todo = [(value, 1)]
    while todo:
        item, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise NotReadable(f"it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(item, str) and SURROGATE.search(item):
            raise NotReadable("it holds an unpaired surrogate escape (\\ud800 to \\udfff)")
        if isinstance(item, dict):
            todo += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            todo += [(inner, depth + 1) for inner in item]


@lru_cache(maxsize=256)
def _validator(schema_json: str) -> Draft202012Validator:
    """One validator per schema. The empty registry keeps a `$ref` from reaching for the network."""
    schema = json.loads(schema_json)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, registry=Registry())


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises RequestRefused where the schema itself is wrong: such a request must not cost a call."""
    try:
        _validator(canonical_json(dict(schema)))
    except SchemaError as error:
        raise RequestRefused(_short(f"the request's JSON Schema is not valid: {error.message}")) from None


def read_value(reply: Reply, schema: Mapping[str, Any]) -> Any:
    """The reply's JSON value, valid by the schema. Raises NotReadable, or RequestRefused for an unusable schema."""
    if reply.finish_reason == "length":
        raise NotReadable("it was cut off because it was too long")
    if reply.finish_reason != "stop":
        raise NotReadable(_short(f"it ended with finish_reason {reply.finish_reason!r}"))
    value = read_json(reply.text)
    try:
        error = best_match(_validator(canonical_json(dict(schema))).iter_errors(value))
    except Unresolvable as unresolvable:
        raise RequestRefused(_short(f"the request's JSON Schema cannot be resolved: {unresolvable.ref}")) from None
    except (OverflowError, RecursionError):  # a number beyond the floats against `multipleOf`; a self-referring schema
        raise NotReadable("it holds a number or a nesting that the schema check cannot handle") from None
    if error is not None:
        raise NotReadable(_short(f"at {error.json_path}: {error.message}"))
    return value


def repair_request(request: ChatRequest, reply: Reply, problem: str) -> ChatRequest:
    """The request of the repair round: the conversation so far, the unreadable reply and what is wrong with it."""
    prompt = load_prompt("served_model", "repair")
    asked = prompt.render(problem=problem, schema=canonical_json(dict(request.schema or {})))
    # Several servers refuse an assistant message without content.
    said = Message("assistant", reply.text or "(empty reply)")
    messages = (*request.messages, said, *asked)
    return replace(request, messages=messages, prompt=prompt.name, prompt_sha256=prompt.sha256, repairs=request.prompt)


async def ask_readable(
    model: RawModel, request: ChatRequest, on_unreadable: Callable[[Reply, str], None] | None = None
) -> Reply:
    """Answer a request; where it has a schema, `data` is the parsed value and one repair round is tried.

    `on_unreadable` hears of each reply that could not be read and why. The returned key is that of the reply that was
    read in the end. Raises UnreadableReply after the repair round, and whatever ModelError the model raises.
    """
    if request.schema is None:
        return await model.complete(request)
    check_schema(request.schema)
    first = await model.complete(request)
    try:
        return replace(first, data=read_value(first, request.schema))
    except NotReadable as error:
        problem = error.problem
    if on_unreadable:
        on_unreadable(first, problem)
    return await _repair(model, repair_request(request, first, problem), problem, on_unreadable)


async def _repair(
    model: RawModel, request: ChatRequest, problem: str, on_unreadable: Callable[[Reply, str], None] | None
) -> Reply:
    try:
        second = await model.complete(request)
    except RequestRefused as error:
        raise UnreadableReply(f"the reply was not readable: {problem}; the repair was refused: {error}") from error
    try:
        return replace(second, data=read_value(second, request.schema or {}))
    except NotReadable as error:
        again = error.problem
    if on_unreadable:
        on_unreadable(second, again)
    raise UnreadableReply(f"the reply was not readable: {problem}; after the repair round: {again}")


def _short(text: str) -> str:
    return text if len(text) <= MAX_PROBLEM_CHARS else text[: MAX_PROBLEM_CHARS - 3] + "..."
