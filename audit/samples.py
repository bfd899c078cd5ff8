"""A few records for a person to judge at a glance, as Markdown in which nothing a model wrote has an effect."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from audit.chains import Row, load_chains, said, scan
from audit.inert import inert, inert_line
from records.types import stable_hash

LONGEST = 1_500
"""Characters of one message that a sample shows."""
COLUMNS = 76
_BACKTICKS = re.compile(r"`+")
_COLUMNS = ("chain_id", "outcome", "is_final")


def sample_chains(files: Sequence[Path], outcome: str, count: int, seed: str = "") -> list[list[Row]]:
    """Chains that ended with `outcome`, chosen by hash: the same run and `seed` give the same ones.

    Shards are looked at in an order that depends on the seed, until there are enough: a large run is not read whole.
    """
    chosen: list[list[Row]] = []
    for file in sorted(files, key=lambda path: stable_hash("sample", seed, path.name)):
        ends = [row["chain_id"] for row in scan([file], _COLUMNS) if row["is_final"] and row["outcome"] == outcome]
        ends.sort(key=lambda chain: stable_hash("sample", seed, chain))
        wanted = ends[: max(1, count // 3)] if len(files) > 1 else ends[:count]  # several shards have their say
        chains = load_chains([file], wanted)
        chosen.extend(list[Row](chains[chain]) for chain in wanted)
        if len(chosen) >= count:
            break
    return chosen[:count]


def render_samples(chains: Sequence[Sequence[Row]]) -> str:
    """The chains' last attempts as Markdown: verdicts, then the conversation."""
    parts = [part for chain in chains for part in _chain(chain)]
    return "\n\n".join(parts) + "\n" if parts else "None.\n"


def fenced(text: str) -> str:
    """The text as a code block with a fence that it cannot close."""
    fence = "`" * max(3, max((len(run) for run in _BACKTICKS.findall(text)), default=0) + 1)
    rest = len(text) - LONGEST
    cut = inert(text if rest <= 0 else f"{text[:LONGEST]}\n… {rest} more characters …")
    shown = "\n".join(part for line in cut.split("\n") for part in _folded(line))
    return f"{fence}text\n{shown}\n{fence}"


def _folded(line: str) -> list[str]:
    """Pieces that a page shows without scrolling sideways; indentation and code stay as they are where they fit."""
    return textwrap.wrap(line, COLUMNS, drop_whitespace=False, replace_whitespace=False, tabsize=4) or [""]


def span(text: str) -> str:
    """The text on one line as a code span; in a table a bar would end the cell, so it is shown as another."""
    return "`" + inert_line(text).replace("`", "ˋ").replace("|", "¦") + "`"


def _chain(chain: Sequence[Row]) -> Iterator[str]:
    last = chain[-1]
    tries = f", {len(chain)} attempts" if len(chain) > 1 else ""
    yield f"### {span(last['recipe'])} {last['outcome']}{tries}"
    yield f"Record {span(last['id'])}: decided by {span(last['decided_by'])}, {span(last['reason'])}"
    for message in last["messages"]:
        yield f"**{message['role'] if message['role'].isalpha() else 'other'}**"
        yield fenced(said(message))
