"""What became of every planted fault: caught (and at which stage), escaped, unused; and good work that was refused.

The definitions. A call is *in effect* in a record where it is the last one of its part: a revision carries on the calls
of the parts it keeps, so a fault in a part that was replaced is in effect only in the earlier attempts. A judge's reply
is in effect where a verdict's evidence names it in `rests_on`; a call that the evidence names in `set_aside` is not. A
fault is

- escaped: in effect in an accepted record. What happens to the record later (a duplicate, say) does not change that;
- caught: not escaped, and refused by something: the first attempt that holds it was not accepted (stage: the deciding
  check), or a drop names its key (stage: the drop's), or its reply could not be read (stage "served_model"), or the
  metadata or a verdict's evidence names it in `set_aside` (stage: what it says there; an outvoted judgement, a refused
  sample), or the answer key says which text does the harm and the records that use the reply do not hold it
  ("cut_off"), or they only quote it, to correct or to label it ("quoted");
- unused: its reply is not in the journal of any finished shard, so that nothing of the dataset can depend on it (the
  run was killed or ended by its budget while the reply was on its way, or before the shard was written);
- unaccounted: none of these. Must be 0.

A fault on the wire is caught by "served_model" where the reply reached the journal in spite of it, else unused. An
attempt is *good* where no fault is in effect in it. A good attempt that was not accepted was refused wrongly, and so
was a drop that names keys of the answer key but none with a fault, unless the reply was right to find nothing. One
exception: a vote rests on all samples of its seed, so a good sample that a vote with faulty samples in it did not
accept was *outvoted*, not wrongly refused. So was one that a verdict refused which had set faulty samples aside.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from audit.planted import CUT_OFF, WIRE, Faults, KeyLine, Label, in_effect, labels_of, read_faults, rests_on, set_aside
from records.types import QUOTED, Drop, Outcome, Record
from verifiers.majority_vote import MajorityVote

EXAMPLES = 3
SERVED_MODEL = "served_model"
DECIDED_FOR_SURE = frozenset({"execution", "equivalence"})


@dataclass(frozen=True, slots=True)
class EscapeRow:
    """The fate of one kind of fault of one prompt. `planted = caught + escaped + unused + unaccounted`."""

    prompt: str  # "wire" for faults on the wire, of whatever prompt
    kind: str
    decidable_by: str
    planted: int
    caught: Mapping[str, int]  # by stage
    escaped: int
    unused: int
    unaccounted: int
    examples: tuple[str, ...] = ()  # chains and drops in which such faults can be seen, escaped ones first


@dataclass(frozen=True, slots=True)
class BenignRow:
    """Right replies in an odd form: the good attempts in which they were in effect, how many refused wrongly."""

    prompt: str
    kind: str
    good: int
    refused: int


@dataclass(frozen=True, slots=True)
class EscapeTable:
    """All rows, sorted by prompt and kind. `wrongly_rejected` counts refused good work by "stage: reason"."""

    rows: tuple[EscapeRow, ...]
    benign: tuple[BenignRow, ...]
    good: int  # good attempts and drops, accepted or not
    outvoted: int  # good samples that a vote with faulty samples in it did not accept
    wrongly_rejected: Mapping[str, int]
    escaped_keys: Mapping[str, str]  # journal key -> id of an accepted record in which it is in effect
    unaccounted_keys: tuple[str, ...]

    @property
    def planted(self) -> int:
        """Faults of all kinds, those on the wire included."""
        return sum(row.planted for row in self.rows)

    @property
    def caught(self) -> int:
        """Faults that something refused or survived."""
        return sum(sum(row.caught.values()) for row in self.rows)

    @property
    def escaped(self) -> int:
        """Faults in accepted records."""
        return sum(row.escaped for row in self.rows)

    @property
    def escaped_though_decidable(self) -> int:
        """Escapes of kinds that execution or equivalence decides: must be 0."""
        return sum(row.escaped for row in self.rows if row.decidable_by in DECIDED_FOR_SURE)

    @property
    def unaccounted(self) -> int:
        """Faults of which nothing is known: must be 0."""
        return sum(row.unaccounted for row in self.rows)


class _GoodWork(NamedTuple):
    good: list[Record]
    wrong: list[Record]  # those of them that were refused wrongly
    outvoted: int


class _Fate(NamedTuple):
    what: Literal["caught", "escaped", "unused", "unaccounted"]
    stage: str = ""
    where: str = ""  # id of a chain or a drop


def read_key_lines(path: Path) -> list[KeyLine]:
    """The answer key's lines. A last line that is not whole is left out: its answer was never sent.

    Raises ValueError for any other line that is not an object, and OSError.
    """
    lines: list[KeyLine] = []
    *whole, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(whole, 1):
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError(f"{path}, line {number}: not an object")
        lines.append(value)
    return lines


def escape_table(
    key_lines: Iterable[KeyLine],
    records: Sequence[Record],
    drops: Sequence[Drop],
    unreadable_keys: Set[str],
    journaled_keys: Set[str],
) -> EscapeTable:
    """Join the answer key with all attempts of a run, its drops, and the keys in its journals.

    `journaled_keys` are the keys of the replies in the journals of finished shards, `unreadable_keys` those among them
    that could not be read as what was asked. The order of the items in the arguments does not matter.
    """
    lines = list(key_lines)
    labels = sorted({label for line in lines for label in labels_of(line)})
    faults = read_faults(lines, labels)
    ordered = sorted(records, key=lambda record: (record.candidate.chain_id, record.candidate.attempt))
    run = _Run(ordered, drops, faults, (unreadable_keys, journaled_keys))
    fates = {label: run.fate(label) for label in labels}
    known = frozenset(str(line["key"]) for line in lines)
    work, lost = _good_work(ordered, faults, known), _good_drops(ordered, drops, faults, known)
    wrongly = Counter(f"{_stage(record)}: {record.deciding.reason}" for record in work.wrong)
    wrongly.update(f"{drop.stage}: {drop.reason}" for drop in lost)
    return EscapeTable(
        rows=tuple(_rows(fates)),
        benign=tuple(_benign_rows(lines, work)),
        good=len(work.good) + len(lost),
        outvoted=work.outvoted,
        wrongly_rejected=dict(sorted(wrongly.items())),
        escaped_keys={label.key: run.accepted[label.key] for label, fate in fates.items() if fate.what == "escaped"},
        unaccounted_keys=tuple(sorted(label.key for label, fate in fates.items() if fate.what == "unaccounted")),
    )


class _Run:
    """A run's attempts and drops, arranged for looking up keys."""

    def __init__(
        self, ordered: Sequence[Record], drops: Sequence[Drop], faults: Faults, keys: tuple[Set[str], Set[str]]
    ) -> None:
        self.accepted: dict[str, str] = {}  # key in effect in an accepted record -> id of that record
        self.refused: dict[str, str] = {}  # key -> stage of the first attempt that holds it, which was not accepted
        self.dropped: dict[str, str] = {}  # key named by a drop -> its stage
        self.aside: dict[str, str] = {}  # key that weighed in a record and wrote nothing of it -> what set it aside
        self.where: dict[str, str] = {}  # key -> a chain or a drop that shows it
        self.unreadable, self.journaled = keys
        for record in ordered:
            self._enter(record, faults)
        for drop in sorted(drops, key=lambda drop: (drop.id, drop.stage, drop.reason)):
            for text in _texts(drop.evidence):
                self.dropped.setdefault(text, drop.stage)
                self.where.setdefault(text, drop.id)

    def _enter(self, record: Record, faults: Faults) -> None:
        for key in (*(call.key for call in record.candidate.calls), *rests_on(record), *set_aside(record)):
            self.where.setdefault(key, record.candidate.chain_id)
        if record.outcome is Outcome.PASS:
            used = in_effect(record)
            cut = {key for key in used if faults.is_cut_off(key, record)}
            self.accepted.update((key, record.candidate.id) for key in used - cut)
            self.where.update((key, record.candidate.chain_id) for key in used - cut)
            self.aside.update((key, CUT_OFF) for key in cut)
        else:
            for key in (*(call.key for call in record.candidate.calls), *rests_on(record)):
                self.refused.setdefault(key, _stage(record))
        for key, stage in set_aside(record).items():
            self.aside.setdefault(key, stage)
        for call in record.candidate.calls:
            if call.part.startswith(QUOTED):
                self.aside.setdefault(call.key, QUOTED.rstrip(":"))

    def fate(self, label: Label) -> _Fate:
        """What became of it, and where that can be seen."""
        return self._fate(label)._replace(where=self.where.get(label.key, ""))

    def _fate(self, label: Label) -> _Fate:
        key = label.key
        reached = key in self.journaled or key in self.unreadable
        if label.prompt == WIRE:
            return _Fate("caught", SERVED_MODEL) if reached else _Fate("unused")
        if key in self.accepted:
            return _Fate("escaped")
        found = (self.refused.get(key), self.dropped.get(key), self.aside.get(key))
        stage = next(filter(None, found), SERVED_MODEL if key in self.unreadable else "")
        if stage:
            return _Fate("caught", stage)
        return _Fate("unaccounted" if reached else "unused")


def _stage(record: Record) -> str:
    check = record.deciding.check
    return check if record.outcome is Outcome.FAIL else f"{check} (unjudged)"


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _rows(fates: Mapping[Label, _Fate]) -> Iterator[EscapeRow]:
    kinds: dict[tuple[str, str, str], list[_Fate]] = defaultdict(list)
    for label, fate in fates.items():
        kinds[label.prompt, label.kind, label.decidable_by].append(fate)
    for (prompt, kind, decidable_by), ends in sorted(kinds.items()):
        stages = Counter(fate.stage for fate in ends if fate.what == "caught")
        count = Counter(fate.what for fate in ends)
        others = (count["escaped"], count["unused"], count["unaccounted"])
        seen = sorted({(fate.what != "escaped", fate.where) for fate in ends if fate.where})
        examples = tuple(where for _, where in seen[:EXAMPLES])
        yield EscapeRow(prompt, kind, decidable_by, len(ends), dict(sorted(stages.items())), *others, examples)


def _good_work(ordered: Sequence[Record], faults: Faults, known: Set[str]) -> _GoodWork:
    sound = [record for record in ordered if not faults.of(record) and known & in_effect(record)]
    good = [record for record in sound if not faults.is_unfit(record)]
    refusals = [record for record in good if record.outcome is not Outcome.PASS]
    spoilt = {_group(record) for record in ordered if faults.of(record) or faults.keys & set_aside(record).keys()}
    wrong = [
        one
        for one in refusals
        if (one.deciding.check != MajorityVote.kind or _group(one) not in spoilt)
        and not faults.keys & one.deciding.evidence.get("set_aside", {}).keys()
    ]
    return _GoodWork(good, wrong, len(refusals) - len(wrong))


def _good_drops(ordered: Sequence[Record], drops: Sequence[Drop], faults: Faults, known: Set[str]) -> list[Drop]:
    """Drops of good work. A drop with the id of a record says something about that record, which has been counted."""
    ids = {record.candidate.id for record in ordered}
    named = [(drop, known & set(_texts(drop.evidence))) for drop in drops if drop.id not in ids]
    return [drop for drop, keys in named if keys and not (faults.keys | faults.abstaining) & keys]


def _group(record: Record) -> tuple[str, str]:
    """What the samples of one vote have in common."""
    return record.candidate.recipe, record.candidate.seed.id


def _benign_rows(lines: Sequence[KeyLine], work: _GoodWork) -> Iterator[BenignRow]:
    kinds = {str(line["key"]): (str(line["prompt"]), str(line["benign"])) for line in lines if line.get("benign")}
    met = Counter(kinds[key] for record in work.good for key in in_effect(record) if key in kinds)
    refused = Counter(kinds[key] for record in work.wrong for key in in_effect(record) if key in kinds)
    for prompt, name in sorted(met):
        yield BenignRow(prompt, name, met[prompt, name], refused[prompt, name])
