"""Curates any dataset: drops what repeats itself, holds benchmark items, is unsafe, twice there or poor, and says why.

The order is repetition, contamination, paraphrased contamination, a light classifier, safety, exact, near and semantic
duplicates, quality and phrases. Steps that need an embedder, a model or a section of the labels file are taken only
where there is one.
Rows are judged one by one before they are compared, so that the row that stands for its duplicates is never dropped by
a step that looks at rows alone; quality and phrases come last, because shares are those of what is left. Three passes
read the dataset; between them a row is 17 keys of 8 bytes (with an embedder its vector, with labels a few numbers
more), never its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from curation.contamination import BenchmarkReport, read_benchmarks
from curation.dataset_rows import dataset_files, dataset_schema
from curation.errors import CurationError
from curation.label_pass import LabelPass
from curation.options import STEPS, CurateOptions
from curation.outputs import Drops, drops_file, require_room_for_labels, row_file
from curation.passes import Curation
from records.accounts import Accounts
from records.tables import write_text
from records.types import JSON, canonical_json

REPORT = "curate.json"
KEPT, ASIDE = "kept", "set_aside"


@dataclass(frozen=True)
class CurateResult:
    """What was kept and why the rest was not. `aside` holds rows for a person, for pairs, or of which nothing is known;
    None where there is none."""

    kept: Path
    drops: Path
    accounts: Accounts
    benchmarks: tuple[BenchmarkReport, ...]
    aside: Path | None = None
    labels: Mapping[str, JSON] = field(default_factory=dict)

    def text(self) -> str:
        """A table for a terminal: one line per step, then one per benchmark."""
        aside = " set aside" if self.aside else ""
        lines = [f"{'step':<18} {'in':>9} {'kept':>9} {'dropped':>9}{aside}  reasons"]
        for count in self.accounts:
            reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(count.reasons.items()))
            apart = f" {count.rejected + count.unjudged:>9}" if self.aside else ""
            row = f"{count.stage:<18} {count.entered:>9} {count.accepted:>9} {count.dropped:>9}{apart}  {reasons}"
            lines.append(row.rstrip())
        for report in self.benchmarks:
            word = "CONTAMINATED" if report.contaminated else "clean"
            found = f"{report.matched} of {report.items} items found ({report.share:.1%})"
            lines.append(f"benchmark {report.benchmark}: {found} in {report.rows} rows: {word}")
        lines += _label_lines(self.labels)
        return "\n".join(lines)


def _label_lines(labels: Mapping[str, JSON]) -> list[str]:
    lines = []
    for name, (part, total) in labels.get("safety", {}).get("shares", {}).items():
        if total:
            lines.append(f"{name}: {part} of {total} ({part / total:.1%})")
    if quality := labels.get("quality"):
        part, total = quality["disagreement"]
        lines += [f"judge and reward model disagree on {part} of {total} rows"] if total else []
    for name, share in labels.get("phrases", {}).items():
        (before, rows), (after, left) = share["before"], share["after"]
        if before:
            lines.append(
                f"phrase {name}: {before} of {rows} rows, now {after} of {left} (target {share['target']:.1%})"
            )
    lines += _classifier_lines(labels.get("classifier", {}))
    for name, counts in labels.get("kept", {}).items():
        lines.append(f"{name.replace('_', ' ')}: " + ", ".join(f"{value} {count}" for value, count in counts.items()))
    return lines


def _classifier_lines(classifier: Mapping[str, JSON]) -> list[str]:
    if found := classifier.get("held_out"):
        rates = ", ".join(f"{name} {found[name]:.1%}" for name in ("precision", "recall") if found[name] is not None)
        return [f"classifier on rows it has not seen: {rates}"]
    return [f"no classifier: {classifier['problem']}"] if classifier else []


def curate(
    dataset: Path, out: Path, benchmarks: Sequence[Path] = (), options: CurateOptions | None = None
) -> CurateResult:
    """Write `kept` (rows as they were, in order, in the dataset's format), `drops.parquet` and `curate.json` to `out`;
    `set_aside`, too, where rows are. Where a model is asked, rows have a column `labels` more.

    Same dataset, same bytes. Which contents are kept does not depend on the order of rows or on how they are cut into
    files. `curate.json` comes last: where it stands, the others are whole. Raises CurationError for what cannot be
    read, and what an earlier call left in `out` stays then; OSError where `out` cannot be written.
    """
    options = options or CurateOptions()
    files = dataset_files(dataset)
    if out.resolve() == files[0].parent.resolve():
        raise CurationError(out, None, "is the dataset's own folder; name another for what is kept")
    _require_steps(dataset, options)
    if options.served is not None and options.labels.asks:
        require_room_for_labels(files[0], dataset_schema(files))
    items = read_benchmarks(benchmarks, options.benchmark_field)
    with closing(LabelPass(options.labels, options.served, out)) as labels:
        work = Curation(files, options, items, labels)
        with drops_file(out / "drops.parquet") as drops:
            work.judge(drops)
            work.compare()
            labels.finish(work.left)
            kept, aside = _write(files, out, work, drops, labels.asks)
        work.accounts.check()
        reports = tuple(work.benchmark_reports())
        result = CurateResult(kept, out / "drops.parquet", work.accounts, reports, aside, labels.to_json())
    report: dict[str, JSON] = {
        "steps": work.accounts.to_list(),
        "benchmarks": [line.to_json() for line in result.benchmarks],
        **({"labels": dict(result.labels)} if result.labels else {}),
    }
    write_text(out / REPORT, canonical_json(report) + "\n")
    return result


def _write(files: list[Path], out: Path, work: Curation, drops: Drops, labelled: bool) -> tuple[Path, Path | None]:
    """The file of what is kept and, where any row is set aside, that of those."""
    schema = dataset_schema(files)
    for name in (REPORT, *(f"{stem}.{end}" for stem in (KEPT, ASIDE) for end in ("parquet", "jsonl"))):
        (out / name).unlink(missing_ok=True)  # of an earlier call
    with row_file(out / KEPT, schema, labelled) as kept, row_file(out / ASIDE, schema, labelled) as aside:
        for chunk, mask, apart, said in work.keep(drops):
            kept.write(chunk, mask, said)
            aside.write(chunk, apart, said)
    if any(count.rejected + count.unjudged for count in work.accounts):
        return kept.path, aside.path
    aside.path.unlink()
    return kept.path, None


def _require_steps(dataset: Path, options: CurateOptions) -> None:
    """Raises CurationError for a step that there is not, and for one that is asked for and cannot be taken."""
    if unknown := sorted(set(options.steps) - set(STEPS)):
        raise CurationError(dataset, None, f"unknown step {unknown[0]!r}; there are {', '.join(STEPS)}")
    if options.steps != STEPS and (left := sorted(set(options.steps) - set(options.taken))):
        raise CurationError(dataset, None, f"the step {left[0]} needs {options.lacks(left[0])}")
