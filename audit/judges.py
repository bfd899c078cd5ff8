"""Judges as instruments: what a run's known answers and repeated judgements say about each judge.

Everything is read from the evidence of the verdicts in the shards: probes (items whose verdict is certain) and ballots.
A revision that proves the same judgements again stores them again; by their journal keys they count once.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.intervals import Share, cohens_kappa, fleiss_kappa, krippendorff_alpha

Row = Mapping[str, Any]
Seat = tuple[str, int]
COLUMNS = ("chain_id", "verdicts")
EXAMPLES = 3
PREFERENCE = "better"  # the criterion of pairwise judging
PLACES = ("first", "second")


@dataclass
class Instrument:
    """One judging role under one rubric, by its probes; `model` is the one that the role maps to in this run."""

    model: str = ""
    findings: Counter[str] = field(default_factory=Counter)
    should_pass: int = 0  # readable probes whose right verdict passes (a false fail is possible), and the others
    should_fail: int = 0
    fails_by_length: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    places: Counter[str] = field(default_factory=Counter)  # what a pairwise judge named
    chains: list[str] = field(default_factory=list)  # the first EXAMPLES that hold such probes

    @property
    def readable(self) -> int:
        """Probes with a readable reply."""
        return self.findings.total() - self.findings["unreadable"]

    @property
    def accuracy(self) -> Share:
        """Right among readable."""
        return Share(self.findings["right"], self.readable)

    @property
    def false_pass(self) -> Share:
        """Of the probes that should fail, those that passed."""
        return Share(self.findings["false_pass"], self.should_fail)

    @property
    def false_fail(self) -> Share:
        """Of the probes that should pass, those that did not."""
        return Share(self.findings["false_fail"], self.should_pass)

    @property
    def length_bias(self) -> float | None:
        """How much more often a long wrong text passes than a short one; None without both."""
        rates = [
            Share(self.fails_by_length[name]["false_pass"], self.fails_by_length[name].total()).value
            for name in ("long", "short")
        ]
        return None if rates[0] is None or rates[1] is None else rates[0] - rates[1]

    def add(self, probe: Mapping[str, Any]) -> None:
        """Count one probe."""
        finding = probe["finding"]
        self.model = self.model or probe["model"]  # an unreadable reply names none
        self.findings[finding] += 1
        if finding == "unreadable":
            return
        passes = probe["passes"]
        self.should_pass += passes
        self.should_fail += not passes
        if not passes:
            self.fails_by_length[probe["length"]][finding] += 1
        if PREFERENCE in probe["got"]:
            self.places[probe["got"][PREFERENCE]] += 1


@dataclass
class Stream:
    """One criterion of one rubric over a run: items by their readable verdicts, seat by seat, and how many such."""

    items: Counter[tuple[tuple[Seat, Any], ...]] = field(default_factory=Counter)
    seats: int = 0
    unreadable: int = 0
    same_place: Counter[str] = field(default_factory=Counter)  # pairwise: what a seat named in both orders
    pairs: int = 0
    chains: list[str] = field(default_factory=list)  # the first EXAMPLES that were judged

    def agreement(self) -> str:
        """Kappa where every item has the same seats, alpha in any case; "-" where no item has two verdicts."""
        labels = Counter[tuple[Any, ...]]()
        for item, count in self.items.items():
            labels[tuple(said for _, said in item)] += count
        alpha = krippendorff_alpha(labels)
        if alpha is None:
            return "-"
        seats = {tuple(seat for seat, _ in item) for item in self.items}
        text = f"alpha {alpha:.3f}"
        if len(seats) != 1:
            return text
        both = len(next(iter(seats))) == 2
        kappa = cohens_kappa(labels) if both else fleiss_kappa(labels)
        return text if kappa is None else f"{'Cohen' if both else 'Fleiss'} {kappa:.3f}, {text}"


@dataclass
class Judges:
    """All judges of a run; the rows of one chain must come one after the other, as they stand in a shard."""

    instruments: dict[tuple[str, str], Instrument] = field(default_factory=lambda: defaultdict(Instrument))
    streams: dict[tuple[str, str], Stream] = field(default_factory=lambda: defaultdict(Stream))
    _chain: str = ""
    _seen: set[str] = field(default_factory=set)  # keys of the chain's judgements

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows of the RECORDS schema."""
        for row in rows:
            if row["chain_id"] != self._chain:
                self._chain, self._seen = row["chain_id"], set()
            for verdict in row["verdicts"]:
                if '"ballots"' in verdict["evidence"] or '"probes"' in verdict["evidence"]:
                    self.add_evidence(json.loads(verdict["evidence"]))

    def add_evidence(self, evidence: Mapping[str, Any]) -> None:
        """Take in one verdict's evidence."""
        for probe in evidence.get("probes", ()):
            if self._is_new(probe["key"] or f"{probe['prompt']} {probe['role']} {probe['item']}"):
                instrument = self.instruments[probe["prompt"], probe["role"]]
                instrument.add(probe)
                self._name(instrument.chains)
        for judgement in (evidence, *evidence.get("judgements", ())):
            ballots = judgement.get("ballots", ())
            if ballots and self._is_new(*(ballot.get("key", "") for ballot in ballots)):
                self._add_item(judgement["prompt"], ballots)
                self._add_orders(judgement["prompt"], ballots, judgement.get("swapped", ()))

    def _name(self, chains: list[str]) -> None:
        """The chain that is being read as an example, where there are too few."""
        if self._chain and len(chains) < EXAMPLES and self._chain not in chains:
            chains.append(self._chain)

    def _is_new(self, *keys: str) -> bool:
        """Whether the item was not counted; one without any readable reply has no key and is taken as new."""
        mark = " ".join(keys).strip()
        if not mark:
            return True
        fresh = mark not in self._seen
        self._seen.add(mark)
        return fresh

    def _add_item(self, prompt: str, ballots: Sequence[Mapping[str, Any]]) -> None:
        names = {name for ballot in ballots for name in ballot.get("verdicts", ())}
        for name in sorted(names) or ["-"]:
            stream = self.streams[prompt, name]
            said = {
                (str(ballot["role"]), int(ballot["vote"])): ballot["verdicts"][name]
                for ballot in ballots
                if name in ballot.get("verdicts", ())
            }
            self._name(stream.chains)
            stream.items[tuple(sorted(said.items()))] += 1
            stream.seats += len(ballots)
            stream.unreadable += len(ballots) - len(said)

    def _add_orders(
        self, prompt: str, straight: Sequence[Mapping[str, Any]], swapped: Sequence[Mapping[str, Any]]
    ) -> None:
        stream = self.streams[prompt, PREFERENCE] if swapped else Stream()
        for one, other in zip(straight, swapped, strict=False):
            first, second = (ballot.get("verdicts", {}).get(PREFERENCE) for ballot in (one, other))
            if first is not None and second is not None:
                stream.pairs += 1
                stream.same_place[first] += first == second and first in PLACES
