"""The passes over a dataset's rows: judge each by itself, compare those that are left, write what stays."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from curation.contamination import BenchmarkReport, Contamination, Item
from curation.dataset_rows import Chunk, DatasetRow, read_chunks, read_rows
from curation.label_pass import LabelPass
from curation.meanings import Meanings
from curation.near_duplicates import NearDuplicates
from curation.options import (
    CLASSIFIER,
    CONTAMINATION,
    EXACT,
    NEAR,
    PARAPHRASED,
    PHRASES,
    QUALITY,
    REPETITION,
    SAFETY,
    SEMANTIC,
    CurateOptions,
)
from curation.outputs import Drops, Labels
from curation.paraphrase_judge import UNJUDGED, rule_on
from curation.paraphrases import PARAPHRASE, Paraphrases
from curation.phrases import OVERUSED
from curation.quality import LOW, UNKNOWN
from curation.row_hash import row_hash
from curation.screens import repetition
from curation.selection import content_hash
from records.accounts import Accounts, StageCount
from records.types import JSON, Drop, Outcome, Verdict

DUPLICATES = {EXACT: "exact_duplicate", NEAR: "near_duplicate", SEMANTIC: "semantic_duplicate"}
BELOW = "below_threshold"
OUT, IN, ASIDE, STOPPED, APART = range(5)
"""What the first pass makes of a row. The guard is asked about all but those that are out: what it drops is stopped,
what it sets apart, for a person or because nothing is known of it, is aside. A row of which another judge's word is
missing is apart before the guard is asked."""

Written = tuple[Chunk, list[bool], list[bool], Labels]
"""A chunk, the rows of it that are kept, those that are set aside, and the labels of all."""


class Curation:
    """The state between the passes: who is still in, and the keys of those."""

    def __init__(self, files: list[Path], options: CurateOptions, items: Sequence[Item], labels: LabelPass) -> None:
        self.accounts = Accounts()
        self._files, self._options, self._steps, self._labels = files, options, options.taken, labels
        self._contamination = Contamination(items)
        self._paraphrases = None
        if options.embedder and PARAPHRASED in self._steps and items:
            vectors = options.embedder.embed([item.text for item in items])
            self._paraphrases = Paraphrases(items, vectors, options.paraphrase)
        self._fates = bytearray()  # by row
        self._apart: set[int] = set()  # of the chunk in hand, by identity
        self._duplicates = NearDuplicates()
        self._meanings = Meanings(options.embedder, *options.priority)
        self._standing: dict[str, array[int]] = {}  # step -> for each row that is in, the row that stands for it
        self._names: dict[int, str] = {}  # of the rows that stand for others
        self._good: dict[int, bool | None] = {}  # of rows in question, those that are not known to be good
        self._surplus: dict[int, str] = {}
        self.left: list[int] = []  # of the rows that are in, by number, those that stand for themselves

    def judge(self, drops: Drops) -> None:
        """First pass: judge each row by itself and take the keys of those that pass."""
        for step in self._steps:
            self.accounts.stage("curate", step)
        for chunk in read_chunks(self._files, self._options.field):
            passed = self._not_paraphrased([row for row in chunk.rows if self._passes(row, drops)], drops)
            passed = self._not_poor(passed, drops)
            fates = dict(zip(passed, self._guarded(list(passed.values()), drops), strict=True))
            apart, self._apart = self._apart, set()
            self._fates.extend(fates.get(id(row), APART if id(row) in apart else OUT) for row in chunk.rows)

    def _guarded(self, rows: list[DatasetRow], drops: Drops) -> list[int]:
        """What becomes of rows by what the guard says; those that stay in are labelled and their keys taken."""
        verdicts = self._labels.guard(rows)
        fates = [self._fate(row, verdict, drops) for row, verdict in zip(rows, verdicts, strict=True)]
        labelled = self._labels.label(rows, verdicts)
        own = [at for at, fate in enumerate(fates) if fate == IN]
        texts, content = [rows[at].text for at in own], [_content(rows[at]) for at in own]
        self._duplicates.add(texts, content, [row_hash(rows[at]) for at in own])
        for at in own:
            self._labels.add(labelled[at])
        if SEMANTIC in self._steps:
            self._meanings.add([labelled[at] for at in own])
        return fates

    def _fate(self, row: DatasetRow, verdict: Verdict | None, drops: Drops) -> int:
        if verdict is None or SAFETY not in self._steps:
            return IN
        count = self.accounts.stage("curate", SAFETY)
        if verdict.reason == "unsafe":
            found = {side: verdict.evidence.get(side) for side in ("prompt", "response")}
            self._lost(count, _drop(row, SAFETY, verdict.reason, found), drops)
            return STOPPED
        count.entered += 1
        if verdict.outcome is Outcome.PASS:
            count.accepted += 1
            return IN
        _set_aside(count, verdict.outcome, verdict.reason)
        return ASIDE

    def compare(self) -> None:
        """Choose who stands for whom, and of those who stand, who is good and not too many; find names in a pass."""
        standing = array("q", range(self._fates.count(IN)))
        for step in self._steps:
            if step == EXACT:
                standing = self._duplicates.exact()
            elif step == NEAR:
                standing = self._duplicates.near()
            elif step == SEMANTIC:
                standing = self._meanings.standing(standing, self._options.semantic)
            else:
                continue
            self._standing[step] = standing
        left = self.left = [index for index, other in enumerate(standing) if other == index]
        if QUALITY in self._steps and self._labels.quality:
            found = self._labels.quality.judge(left)
            if self._labels.quality.settings.drop:
                self._good = {index: good for index, good in found.items() if good is not True}
        if PHRASES in self._steps and self._labels.phrases:
            self._surplus = self._labels.phrases.surplus([index for index in left if index not in self._good])
        used = {other for index, other in enumerate(standing) if other != index}
        rows = (row for row, fate in zip(self._rows(), self._fates, strict=True) if fate == IN)
        self._names = {index: row.id for index, row in enumerate(rows) if index in used} if used else {}

    def keep(self, drops: Drops) -> Iterator[Written]:
        """Third pass: each chunk with what is kept of it and what is set aside; the rest goes to the drops."""
        number = index = 0
        labels = self._labels.stored()
        for chunk in read_chunks(self._files, self._options.field):
            ends: list[int] = []
            said: list[str | None] = []
            for row in chunk.rows:
                fate = self._fates[number]
                said.append(next(labels, None) if fate not in (OUT, APART) else None)
                ends.append(self._end(index, row, drops) if fate == IN else fate)
                index += fate == IN
                number += 1
            for text, end in zip(said, ends, strict=True):
                if text is not None and end == IN:
                    self._labels.count(text)
            yield chunk, [end == IN for end in ends], [end in (ASIDE, APART) for end in ends], said

    def benchmark_reports(self) -> list[BenchmarkReport]:
        """What was found of each benchmark, word for word and in other words."""
        return self._contamination.report() + (self._paraphrases.report() if self._paraphrases else [])

    def _rows(self) -> Iterator[DatasetRow]:
        return read_rows(self._files, self._options.field)

    def _passes(self, row: DatasetRow, drops: Drops) -> bool:
        drop = None
        if REPETITION in self._steps:
            repeats = repetition(row)
            found = None if repeats is None else _drop(row, REPETITION, repeats.reason, repeats.evidence)
            drop = self._counted(REPETITION, found, drops)
        if CONTAMINATION in self._steps and drop is None:
            match = self._contamination.find(row)
            found = None if match is None else _drop(row, CONTAMINATION, match.reason, match.evidence())
            drop = self._counted(CONTAMINATION, found, drops)
        return drop is None

    def _not_paraphrased(self, rows: list[DatasetRow], drops: Drops) -> dict[int, DatasetRow]:
        """Those of the rows, by identity, that are no benchmark item in other words."""
        if PARAPHRASED not in self._steps:
            return {id(row): row for row in rows}
        left = {}
        for row, (outcome, evidence) in zip(rows, self._rulings(rows), strict=True):
            if outcome is Outcome.UNJUDGED:
                count = self.accounts.stage("curate", PARAPHRASED)
                count.entered += 1
                _set_aside(count, outcome, UNJUDGED)
                self._apart.add(id(row))
                continue
            drop = _drop(row, PARAPHRASED, PARAPHRASE, evidence) if outcome is Outcome.PASS else None
            if self._counted(PARAPHRASED, drop, drops) is None:
                left[id(row)] = row
        return left

    def _rulings(self, rows: list[DatasetRow]) -> list[tuple[Outcome, Mapping[str, JSON]]]:
        """Whether each row paraphrases an item (PASS), and by which evidence: by cosine alone, or by a judge's word."""
        options, known = self._options, self._paraphrases
        if known is None or options.embedder is None or not rows:
            return [(Outcome.FAIL, {})] * len(rows)
        vectors = options.embedder.embed([row.asked for row in rows])
        if not options.paraphrase.judge:
            found = list(map(known.find, vectors))
            return [(Outcome.PASS, one.evidence()) if one else (Outcome.FAIL, {}) for one in found]
        assert options.served is not None  # see CurateOptions.lacks
        asked = list(zip(rows, map(known.nearest, vectors), strict=True))
        rulings = options.served.each(asked, lambda pair, model: rule_on(*pair, model))
        for ruling in rulings:
            if ruling.outcome is Outcome.PASS and ruling.item is not None:
                known.confirm(ruling.item)
        return [(ruling.outcome, ruling.evidence) for ruling in rulings]

    def _not_poor(self, rows: dict[int, DatasetRow], drops: Drops) -> dict[int, DatasetRow]:
        """Those of the rows that a classifier finds good enough to be asked about."""
        if CLASSIFIER not in self._steps:
            return rows
        left = {}
        for (name, row), score in zip(rows.items(), self._labels.poor(list(rows.values())), strict=True):
            drop = None if score is None else _drop(row, CLASSIFIER, BELOW, {"score": round(score, 4)})
            if self._counted(CLASSIFIER, drop, drops) is None:
                left[name] = row
        return left

    def _end(self, index: int, row: DatasetRow, drops: Drops) -> int:
        """What becomes of a row that is in: kept, set aside or dropped."""
        last = next(reversed(self._standing.values())) if self._standing else None
        for step, standing in self._standing.items():
            drop = None
            if standing[index] != index and last is not None:
                drop = _drop(row, step, DUPLICATES[step], {"duplicate_of": self._names.get(last[index], "")})
            if self._counted(step, drop, drops):
                return OUT
        return self._end_of_standing(index, row, drops)

    def _end_of_standing(self, index: int, row: DatasetRow, drops: Drops) -> int:
        """What becomes of a row that no other stands for."""
        if QUALITY in self._steps:
            good = self._good.get(index, True)
            if good is None:
                count = self.accounts.stage("curate", QUALITY)
                count.entered += 1
                _set_aside(count, Outcome.UNJUDGED, UNKNOWN)
                return ASIDE
            if self._counted(QUALITY, None if good else _drop(row, QUALITY, LOW, {}), drops):
                return OUT
        if PHRASES in self._steps:
            phrase = self._surplus.get(index)
            if self._counted(PHRASES, _drop(row, PHRASES, OVERUSED, {"phrase": phrase}) if phrase else None, drops):
                return OUT
        return IN

    def _counted(self, step: str, drop: Drop | None, drops: Drops) -> Drop | None:
        """Count a row that came to a step, and write its drop where it has one."""
        count = self.accounts.stage("curate", step)
        if drop is not None:
            self._lost(count, drop, drops)
            return drop
        count.entered += 1
        count.accepted += 1
        return None

    def _lost(self, count: StageCount, drop: Drop, drops: Drops) -> None:
        count.entered += 1
        count.dropped += 1
        count.reasons[drop.reason] += 1
        drops.add(drop)


def _set_aside(count: StageCount, outcome: Outcome, reason: str) -> None:
    """Count a row that goes to another file than what is kept."""
    if outcome is Outcome.FAIL:
        count.rejected += 1
    else:
        count.unjudged += 1
    count.reasons[reason] += 1


def _drop(row: DatasetRow, step: str, reason: str, evidence: Mapping[str, JSON]) -> Drop:
    recipe = row.values.get("recipe")
    return Drop(row.id, recipe if isinstance(recipe, str) else "", step, reason, evidence)


def _content(row: DatasetRow) -> bytes:
    """Equal for exact duplicates: roles and texts, whatever their white space."""
    return content_hash({"role": turn.role, "content": turn.content} for turn in row.turns)
