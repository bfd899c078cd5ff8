"""What a rehearsal planted, and where it is in effect: the answer key's labels joined with the records' calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from records.types import QUOTED, Record

WIRE = "wire"
CUT_OFF = "cut_off"
"""Where a fault is caught whose text the recipe threw away while it used the rest of the reply."""

KeyLine = Mapping[str, Any]


class Label(NamedTuple):
    """One planted fault. `harm` is the text that does the harm, where only a part of the reply is wrong, else ""."""

    prompt: str
    kind: str
    decidable_by: str
    key: str
    harm: str = ""


@dataclass(frozen=True)
class Faults:
    """All planted faults of replies, by journal key, and the replies that were right to find nothing."""

    harms: Mapping[str, str]
    abstaining: frozenset[str]
    unfit: frozenset[str] = frozenset()  # questions that a right reply names as what must be refused

    @property
    def keys(self) -> Set[str]:
        """Keys of all faulty replies."""
        return self.harms.keys()

    def of(self, record: Record) -> frozenset[str]:
        """The faulty replies in effect in a record."""
        return frozenset(key for key in in_effect(record) & self.keys if not self.is_cut_off(key, record))

    def is_unfit(self, record: Record) -> bool:
        """Whether the record is of something that a right reply named to have it refused."""
        return bool(self.unfit) and any(message.content.strip() in self.unfit for message in record.candidate.messages)

    def is_cut_off(self, key: str, record: Record) -> bool:
        """Whether the reply is used in a record that does not hold what is wrong with it."""
        harm = self.harms.get(key, "")
        return bool(harm) and not any(harm in message.content for message in record.candidate.messages)


def read_faults(lines: Iterable[KeyLine], labels: Iterable[Label]) -> Faults:
    """The faults of replies among the labels."""
    harms = {label.key: label.harm for label in labels if label.prompt != WIRE}
    details = [(str(line["key"]), line.get("detail", {})) for line in lines]
    abstaining = frozenset(key for key, detail in details if detail.get("abstains"))
    unfit = frozenset(str(text) for _, detail in details for text in detail.get("unfit", ()))
    return Faults(harms, abstaining, unfit)


def labels_of(line: KeyLine) -> Iterator[Label]:
    """A request that was made again has its line again; the labels are equal then."""
    if line.get("wire"):
        yield Label(WIRE, str(line["wire"]), WIRE, str(line["key"]))
    if line.get("fault"):
        harm = str(line.get("detail", {}).get("harm", ""))
        yield Label(str(line["prompt"]), str(line["fault"]), str(line["decidable_by"]), str(line["key"]), harm)


def in_effect(record: Record) -> frozenset[str]:
    """Of the calls of each part the last one, which wrote the part's text; and what the verdicts rest on.

    Without what a verdict set aside (a vote that was lost, say), and what a record only quotes, to correct or label it.
    """
    written = {call.part: call.key for call in record.candidate.calls if not call.part.startswith(QUOTED)}
    aside = {key for verdict in record.verdicts for key in verdict.evidence.get("set_aside", ())}
    return (frozenset(written.values()) - aside) | rests_on(record)


def rests_on(record: Record) -> frozenset[str]:
    """The judges' replies that decided about the record."""
    return frozenset(str(key) for verdict in record.verdicts for key in verdict.evidence.get("rests_on", ()))


def set_aside(record: Record) -> dict[str, str]:
    """Replies that weighed in a decision about the record and wrote nothing of it, with what set them aside."""
    sources = (record.candidate.metadata, *(verdict.evidence for verdict in record.verdicts))
    return {str(key): str(stage) for source in sources for key, stage in source.get("set_aside", {}).items()}
