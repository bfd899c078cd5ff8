"""The judges of a run as tables of its report."""

from __future__ import annotations

from audit.intervals import Share
from audit.judges import PLACES, Instrument, Judges, Stream
from audit.report import ReportTable

PROBE_HEADERS = (
    "rubric", "judge", "probes", "unreadable", "accuracy [95 %]", "false pass [95 %]", "false fail [95 %]",
    "position bias", "length bias",
)  # fmt: skip
STREAM_HEADERS = ("rubric", "criterion", "items", "verdicts", "unreadable", "agreement", "same place in both orders")


def judge_tables(judges: Judges) -> tuple[ReportTable, ...]:
    """What the known answers, and what the judgements of the run say; none where nothing was judged."""
    tables = []
    if judges.instruments:
        instruments = sorted(judges.instruments.items())
        rows = [_probe_row(*name, one) for name, one in instruments]
        note = (
            "Known answers mixed into the judges' work. Position bias: how much more often than half a pairwise judge "
            "names what stands first. Length bias: how much more often a long wrong text passes than a short one."
        )
        tables.append(
            ReportTable(
                "Judges: known answers", PROBE_HEADERS, rows, note, examples=[one.chains for _, one in instruments]
            )
        )
    if judges.streams:
        streams = sorted(judges.streams.items())
        rows = [_stream_row(*name, one) for name, one in streams]
        note = "Agreement between the seats of a panel, beyond chance: Cohen's or Fleiss' kappa, Krippendorff's alpha."
        tables.append(
            ReportTable("Judges: agreement", STREAM_HEADERS, rows, note, examples=[one.chains for _, one in streams])
        )
    return tuple(tables)


def _probe_row(prompt: str, role: str, one: Instrument) -> tuple[object, ...]:
    named = sum(one.places[place] for place in PLACES)
    position = Share(one.places["first"], named).value
    return (
        prompt,
        f"{role}: {one.model}",
        one.findings.total(),
        one.findings["unreadable"],
        str(one.accuracy),
        str(one.false_pass),
        str(one.false_fail),
        "-" if position is None else f"{position - 0.5:+.1%}",
        "-" if one.length_bias is None else f"{one.length_bias:+.1%}",
    )


def _stream_row(prompt: str, criterion: str, one: Stream) -> tuple[object, ...]:
    places = ", ".join(f"{place} {one.same_place[place]} of {one.pairs}" for place in PLACES) if one.pairs else "-"
    return (prompt, criterion, one.items.total(), one.seats, one.unreadable, one.agreement(), places)
