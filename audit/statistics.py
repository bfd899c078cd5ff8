"""What a report counts over all attempts of a run, in one pass over light columns, and which chains it shows."""

from __future__ import annotations

import json
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from audit.chains import Row, reply_of
from audit.leads import Lead
from audit.survey import LENGTH_BOUNDS, Document, Survey
from audit.tables import percent
from records.types import stable_hash

COLUMNS = (
    "id",
    "chain_id",
    "recipe",
    "attempt",
    "is_final",
    "outcome",
    "decided_by",
    "reason",
    "model",
    "messages",
    "metadata",
    "seed_text",
)
SAMPLE = 12
"""Chains shown per recipe and outcome."""
PER_REASON = 2
"""Further chains shown per recipe and reason, and one per trait, so that every number of the page leads to a record."""
SURVEYED = 800
"""Chains of a recipe that are read for artefacts, phrases and clusters; `provender audit` searches all."""
TRAIT = 3
"""Parts of the name of a sample that stands for a trait: recipe, nothing, trait."""
FACETS = ("difficulty", "language", "topic", "skill", "skills", "category", "level")
"""What recipes say of a record in its metadata and people want shares of."""
FACET_VALUES = 20
LENGTHS = LENGTH_BOUNDS
OUTCOMES = ("pass", "fail", "unjudged")


@dataclass
class Statistics:
    """Counts and samples. Everything is keyed by recipe first; nothing depends on the order of the shards."""

    attempts: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # recipe, attempt, outcome
    lengths: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # recipe, length class, outcome
    chains: Counter[str] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)
    facets: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # recipe, facet, value, outcome
    survey: Survey = field(default_factory=lambda: Survey(every=False, sample=SURVEYED))
    _samples: dict[tuple[str, ...], list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows with COLUMNS."""
        for row in rows:
            self.attempts[row["recipe"], row["attempt"], row["outcome"]] += 1
            self.models.update(name for name in row["model"].split(",") if name)
            if row["is_final"]:
                self._add_final(row)
            else:
                self._add_earlier(row)

    def _add_earlier(self, row: Row) -> None:
        """An attempt that was revised: its reason and its outcome lead to its chain."""
        rank = (stable_hash("report sample", row["id"]), row["chain_id"])
        self._keep((row["recipe"], "", row["decided_by"], row["reason"]), rank, 1)
        self._keep((row["recipe"], "", f"attempt={row['attempt'] + 2}"), rank, 1)

    def _add_final(self, row: Row) -> None:
        recipe, outcome, chain = row["recipe"], row["outcome"], row["chain_id"]
        reply = reply_of(row["messages"])
        self.chains[recipe] += 1
        self.lengths[recipe, length_class(len(reply)), outcome] += 1
        rank = (stable_hash("report sample", row["id"]), chain)
        self._keep((recipe, outcome), rank, SAMPLE)
        self._keep((recipe, outcome, row["decided_by"], row["reason"]), rank, PER_REASON)
        good = None if outcome == "unjudged" else outcome == "pass"
        self.survey.add([Document(chain, recipe, reply, row["seed_text"], good)])
        for facet, value in facets_of(row):
            self.facets[recipe, facet, value, outcome] += 1
            self._keep((recipe, "", f"{facet}={value}"), rank, 1)
        self._keep((recipe, "", f"length={length_label(length_class(len(reply)))}"), rank, 1)
        if outcome == "pass":
            self._keep((recipe, "", f"passed at={row['attempt'] + 1}"), rank, 1)

    def _keep(self, key: tuple[str, ...], rank: tuple[str, str], most: int) -> None:
        sample = self._samples.setdefault(key, [])
        if len(sample) < most or rank < sample[-1]:
            insort(sample, rank)
            del sample[most:]

    def facet_rows(self, recipe: str) -> Iterator[tuple[str, list[tuple[str, dict[str, int]]]]]:
        """By facet: value, and chains by outcome; of each facet the most frequent values."""
        values: dict[str, dict[str, dict[str, int]]] = {}
        for (of, facet, value, outcome), count in self.facets.items():
            if of == recipe:
                values.setdefault(facet, {}).setdefault(value, {})[outcome] = count
        for facet, counts in sorted(values.items()):
            ranked = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
            yield facet, ranked[:FACET_VALUES]

    @property
    def recipes(self) -> list[str]:
        """All recipes that have a record, by name."""
        return sorted(self.chains)

    def sampled_chains(self) -> list[str]:
        """Ids of the chains to show, each once: by recipe and outcome, in random order that depends on the ids only."""
        return self._chains(lambda key: len(key) != TRAIT)

    def chains_of_traits(self) -> list[str]:
        """Further chains, of which one is to be shown where no other has its trait."""
        return self._chains(lambda key: len(key) == TRAIT)

    def _chains(self, chosen: Callable[[tuple[str, ...]], bool]) -> list[str]:
        keys = sorted(filter(chosen, self._samples), key=lambda key: (key[:2], len(key), key))
        return list(dict.fromkeys(chain for key in keys for _, chain in self._samples[key]))

    def corrections(self) -> list[tuple[str, list[Correction]]]:
        """Per recipe and attempt: how many were tried and passed, and how many chains had passed by then."""
        return [(recipe, list(self._corrections(recipe))) for recipe in self.recipes]

    def _corrections(self, recipe: str) -> Iterator[Correction]:
        solved = 0
        for attempt in sorted({key[1] for key in self.attempts if key[0] == recipe}):
            tried = sum(self.attempts[recipe, attempt, outcome] for outcome in OUTCOMES)
            passed = self.attempts[recipe, attempt, "pass"]
            solved += passed
            yield Correction(
                attempt + 1,
                Lead(tried, recipe, trait=f"attempt={attempt + 1}"),
                Lead(passed, recipe, trait=f"passed at={attempt + 1}"),
                percent(passed, tried),
                Lead(solved, recipe, "pass"),
                percent(solved, self.chains[recipe]),
            )


class Correction(NamedTuple):
    """One line of a recipe's self-correction; shares are of those tried, and of all chains."""

    attempt: int
    tried: Lead
    passed: Lead
    rate: str
    solved: Lead
    share: str


def facets_of(row: Row) -> Iterator[tuple[str, str]]:
    """Facet and value, as the record's metadata says them."""
    metadata = json.loads(row["metadata"])
    for facet in FACETS:
        value = metadata.get(facet)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | int | float) and one != "":
                yield facet, str(one)[:60].replace("|", "¦")  # traits of a record stand between bars


def traits_of(chain: Sequence[Row]) -> Iterator[str]:
    """What the numbers of the page count a chain by, as `name=value`: of its last attempt and of all of them."""
    last = chain[-1]
    yield from (f"{facet}={value}" for facet, value in facets_of(last))
    yield f"length={length_label(length_class(len(reply_of(last['messages']))))}"
    yield from (f"model={name}" for name in sorted({name for row in chain for name in row["model"].split(",")}))
    yield from (f"attempt={row['attempt'] + 1}" for row in chain)
    yield from (f"verdict={outcome}" for outcome in sorted({row["outcome"] for row in chain}))
    yield from (f"passed at={row['attempt'] + 1}" for row in chain if row["outcome"] == "pass")


def length_class(characters: int) -> int:
    """Index of the length class; `len(LENGTHS)` for what is above the last bound."""
    return next((index for index, bound in enumerate(LENGTHS) if characters <= bound), len(LENGTHS))


def length_label(index: int) -> str:
    """How a length class is called."""
    return f"≤ {LENGTHS[index]:,}" if index < len(LENGTHS) else f"> {LENGTHS[-1]:,}"
