"""What a dataset is made of, counted while it is written; the dataset card tells it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from exports.base import Row, tools_of
from exports.pair_rules import PairCounts

QUANTILES = (("median", 0.5), ("95th percentile", 0.95), ("most", 1.0))


@dataclass
class Contents:
    """Counts over the kept records; `rows` counts the rows of every export that has a file."""

    rows: dict[str, int] = field(default_factory=dict)
    test_rows: dict[str, int] = field(default_factory=dict)  # of `rows`, those in the split of held-out tools
    records: Counter[str] = field(default_factory=Counter)  # recipe -> records
    checks: dict[str, Counter[str]] = field(default_factory=dict)  # recipe -> kind of check -> records that passed it
    models: Counter[str] = field(default_factory=Counter)  # model -> records
    prompts: set[tuple[str, str]] = field(default_factory=set)  # name of the prompt file, its hash
    software: set[str] = field(default_factory=set)
    licences: Counter[str] = field(default_factory=Counter)  # licence of the seed -> records
    tools: bool = False  # some record offers tools
    pairs: PairCounts = field(default_factory=PairCounts)
    attempts: Counter[int] = field(default_factory=Counter)  # attempts that a record took -> records
    turns: Counter[int] = field(default_factory=Counter)  # messages -> records
    lengths: dict[str, array[int]] = field(default_factory=lambda: {role: array("Q") for role in ("user", "assistant")})

    def add(self, row: Row) -> None:
        """Count one kept record."""
        recipe = row["recipe"]
        self.records[recipe] += 1
        kinds = {verdict["check"] for verdict in row["verdicts"]}
        self.checks.setdefault(recipe, Counter()).update(sorted(kinds))
        self.models.update(sorted({call["model"] for call in row["calls"]}))
        self.prompts.update((call["prompt"], call["prompt_sha256"]) for call in row["calls"])
        self.software.add(row["software"])
        self.licences[row["seed_licence"]] += 1
        self.tools = self.tools or bool(tools_of(row))
        self.attempts[row["attempt"] + 1] += 1
        self.turns[len(row["messages"])] += 1
        for role, lengths in self.lengths.items():
            said = [len(message["content"] or "") for message in row["messages"] if message["role"] == role]
            lengths.append(sum(said))

    def statistics(self) -> Iterator[str]:
        """Lines about the kept records: attempts, turns, lengths."""
        records = self.records.total()
        if not records:
            yield "No records."
            return
        at_once = self.attempts[1]
        yield f"- {records} records; {at_once} accepted at the first attempt, at most {max(self.attempts)} attempts"
        turns = sum(count * number for number, count in self.turns.items())
        yield f"- {turns / records:.1f} messages a record on average, at most {max(self.turns)}"
        for role, lengths in self.lengths.items():
            ordered = sorted(lengths)
            marks = ", ".join(f"{name} {ordered[int(share * (records - 1))]:,}" for name, share in QUANTILES)
            yield f"- characters of `{role}` turns in a record: mean {sum(ordered) / records:,.0f}, {marks}"
