"""Shows records of a run in the terminal: a list with conditions, or one record with all attempts of its chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from audit.chains import Row, json_items, load_chains, matching, said, scan, shard_files
from audit.inert import inert, inert_line

INDENT = "    "
CALL_FACTS = ("model", "prompt", "temperature", "top_p", "seed", "finish_reason", "key")


def list_records(run_root: Path, where: Mapping[str, str], limit: int | None = None) -> Iterator[Row]:
    """Records that meet all conditions, in stored order, at most `limit`: columns `id` and those of CONDITIONS.

    Raises ValueError, before anything is read, for a field or a value that no record can have.
    """
    wanted = {field: _wanted(field, value) for field, value in where.items()}
    return islice(_matching(run_root, wanted), limit)


def _wanted(field: str, value: str) -> object:
    if field not in CONDITIONS:
        raise ValueError(f"--where {field}=...: unknown field; valid are {', '.join(CONDITIONS)}")
    return CONDITIONS[field](field, value)


def _text(_field: str, value: str) -> str:
    return value


def _number(field: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"--where {field}={value}: must be a whole number, 0 for the first attempt")
    return int(value)


def _flag(field: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError(f"--where {field}={value}: must be true or false")
    return value.lower() == "true"


def _outcome(field: str, value: str) -> str:
    if value not in ("pass", "fail", "unjudged"):
        raise ValueError(f"--where {field}={value}: must be pass, fail or unjudged")
    return value


CONDITIONS: Mapping[str, Callable[[str, str], object]] = {
    "recipe": _text,
    "outcome": _outcome,
    "reason": _text,
    "decided_by": _text,
    "attempt": _number,
    "is_final": _flag,
    "seed_id": _text,
}


def _matching(run_root: Path, wanted: Mapping[str, object]) -> Iterator[Row]:
    columns = ("id", *CONDITIONS)
    for row in scan(shard_files(run_root), columns):
        if all(row[field] == value for field, value in wanted.items()):
            yield {column: row[column] for column in columns}


def show_record(run_root: Path, record_id: str) -> str:
    """One record with all attempts of its chain, or the drop of that id, as text that no terminal acts on.

    Raises KeyError where the run has neither.
    """
    files = shard_files(run_root)
    chain = next((row["chain_id"] for row in scan(files, ("id", "chain_id")) if row["id"] == record_id), None)
    if chain is not None:
        attempts = load_chains(files, {chain})[chain]
        return "\n".join([*_head(attempts[-1]), *(line for row in attempts for line in _attempt(row))]) + "\n"
    drops = list(matching(sorted((run_root / "drops").glob("*/*.parquet")), "id", {record_id}))
    if not drops:
        raise KeyError(f"{run_root}: holds no record or drop with id {inert_line(record_id)!r}")
    return "\n".join(line for drop in drops for line in _drop(drop)) + "\n"


def _head(row: Row) -> list[str]:
    return [
        f"chain {row['chain_id']}  recipe {inert_line(row['recipe'])}  {row['outcome'].upper()}",
        f"model {inert_line(row['model'])}  software {inert_line(row['software'])}",
        f"seed {inert_line(row['seed_id'])}  source {inert_line(row['seed_source'])}"
        f"  licence {inert_line(row['seed_licence'])}",
        *_block("seed text", row["seed_text"]),
    ]


def _attempt(row: Row) -> Iterator[str]:
    final = ", final" if row["is_final"] else ""
    verdict = f"{row['outcome'].upper()} {inert_line(row['decided_by'])}: {inert_line(row['reason'])}"
    yield ""
    yield f"== attempt {row['attempt'] + 1}{final}  id {row['id']}  {verdict}"
    for message in row["messages"]:
        yield from _block(message["role"], said(message))
    shown = {message["content"] for message in row["messages"]}
    for name, text in json_items(row["parts"]):
        if text not in shown:
            yield from _block(f"part {name}", text)
    for item in row["verdicts"]:
        yield f"-- verdict {item['check']}: {item['outcome'].upper()} {inert_line(item['reason'])}"
        yield from _items(item["evidence"])
    for item in row["checks"]:
        yield f"-- check {item['kind']}"
        yield from _items(item["fields"])
    yield "-- metadata"
    yield from _items(row["metadata"])
    for call in row["calls"]:
        yield f"-- call {inert_line(call['part'])}"
        yield from (f"{INDENT}{name}: {inert_line(str(call[name]))}" for name in CALL_FACTS)


def _drop(row: Row) -> Iterator[str]:
    yield f"drop {inert_line(row['id'])}  recipe {inert_line(row['recipe'])}"
    yield f"stage {inert_line(row['stage'])}: {inert_line(row['reason'])}"
    yield from _items(row["evidence"])


def _items(json_text: str) -> Iterator[str]:
    for name, value in json_items(json_text):
        if "\n" in value:
            yield f"{INDENT}{inert_line(name)}:"
            yield from _indented(value, INDENT * 2)
        else:
            yield f"{INDENT}{inert_line(name)}: {inert_line(value)}"


def _block(title: str, text: str) -> Iterator[str]:
    yield f"-- {inert_line(title)}"
    yield from _indented(text, INDENT)


def _indented(text: str, indent: str) -> Iterator[str]:
    for line in inert(text).split("\n"):
        yield f"{indent}{line}".rstrip()
