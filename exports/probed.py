"""What a knowledge probe gives besides its record: preference pairs, calibration rows, and cases for a human's review.

The probe's verdict has a grade for each of the question's answers, so one record holds its own counter-examples: a
right answer, or the refusal of a question that the model does not know, against a confident error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

import pyarrow as pa

from exports.base import ORIGIN, Export, Group, Row, messages_of, origin
from exports.message_pairs import MessagePair

PROBE = "knowledge_probe"
DECIDED = ("known", "unknown", "mixed", "uninformative")
PAIRS = 2  # of one record: more would say the same with other words


class Probed(NamedTuple):
    """The probe of a record: the fields of its check, its verdict's evidence and reason."""

    fields: Mapping[str, Any]
    evidence: Mapping[str, Any]
    reason: str


def probe_of(row: Row) -> Probed | None:
    """The probe where the record has one that was verified."""
    for check, verdict in zip(row["checks"], row["verdicts"], strict=False):
        if check["kind"] == verdict["check"] == PROBE:
            return Probed(json.loads(check["fields"]), json.loads(verdict["evidence"]), verdict["reason"])
    return None


def graded_pairs(group: Group, kept: Set[str]) -> Iterator[MessagePair]:
    """Each kept reply over up to PAIRS informative wrong answers to the same wording, all different in text."""
    for row in group:
        probed = probe_of(row) if row["id"] in kept else None
        if probed is None:
            continue
        messages = messages_of(row)
        asked, reply = messages[-2], messages[-1]
        seen = {" ".join(reply["content"].split())}
        for index, sample in _confident_errors(probed, asked["content"]):
            text = " ".join(sample["text"].split())
            if text not in seen and len(seen) <= PAIRS:
                seen.add(text)
                reason = "confident_error" if probed.reason == "unknown" else "wrong_answer"
                rejected = {**row, "id": f"{row['id']}/sample-{index}", "reason": reason, "model": sample["model"]}
                bad = {**reply, "content": sample["text"]}
                yield MessagePair(PROBE, row, rejected, messages[:-1], [reply], [bad])


def _confident_errors(probed: Probed, question: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    wordings, evidence = probed.fields["wordings"], probed.evidence
    for index, sample in enumerate(probed.fields["samples"]):
        wrong = evidence["grades"][index] == "incorrect" and evidence["informative_samples"][index]
        if wrong and wordings[sample["wording"]] == question:
            yield index, sample


def calibration_rows(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """Every question whose probe was decided, whatever became of its record: what the model knows, as a rate."""
    for row in group:
        probed = probe_of(row) if row["is_final"] else None
        if probed is None or probed.evidence.get("decision") not in DECIDED:
            continue
        yield {
            "id": row["id"],
            "question": probed.fields["wordings"][0],
            "paraphrases": probed.fields["wordings"][1:],
            "reference_answer": json.loads(row["parts"])["answer"],
            **{name: probed.evidence[name] for name in _COUNTS},
            "decision": probed.reason if probed.reason == "disagrees_with_document" else probed.evidence["decision"],
            **origin(row),
        }


def review_rows(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """Questions on which the model's answers agree with each other and not with the document."""
    for row in group:
        probed = probe_of(row) if row["is_final"] else None
        if probed is None or probed.reason != "disagrees_with_document":
            continue
        agreement = probed.evidence["agreement"]
        yield {
            "id": row["id"],
            "question": probed.fields["wordings"][0],
            "document_answer": json.loads(row["parts"])["answer"],
            "agreed_answers": agreement["answers"],
            "wrong_answers": agreement["wrong"],
            "document": probed.fields["reference"],
            "related": [{"passage": one["passage"], "support": one["support"]} for one in agreement["related"]],
            **origin(row),
        }


_COUNTS = (
    "pass_rate", "right", "wrong", "silent", "informative", "unjudged", "knownness", "rate_by_wording",
    "inconsistent_wordings",
)  # fmt: skip
_RELATED: pa.DataType = pa.list_(pa.struct([("passage", pa.string()), ("support", pa.string())]))

CALIBRATION = Export(
    "calibration",
    "questions with the share of the model's own closed-book answers that were right, for training on confidence",
    pa.schema(
        [
            ("id", pa.string()),
            ("question", pa.string()),
            ("paraphrases", pa.list_(pa.string())),
            ("reference_answer", pa.string()),
            ("pass_rate", pa.float64()),  # right among judged answers
            ("right", pa.int32()),
            ("wrong", pa.int32()),
            ("silent", pa.int32()),  # answers that committed to nothing
            ("informative", pa.int32()),
            ("unjudged", pa.int32()),
            ("knownness", pa.string()),  # highly_known, maybe_known, weakly_known, unknown
            ("rate_by_wording", pa.list_(pa.float64())),
            ("inconsistent_wordings", pa.bool_()),
            ("decision", pa.string()),
            *ORIGIN,
        ]
    ),
    calibration_rows,
)
REVIEW = Export(
    "review",
    "questions on which the model's answers agree with each other, not with the document: for a human to read",
    pa.schema(
        [
            ("id", pa.string()),
            ("question", pa.string()),
            ("document_answer", pa.string()),
            ("agreed_answers", pa.list_(pa.string())),
            ("wrong_answers", pa.int32()),
            ("document", pa.string()),
            ("related", _RELATED),
            *ORIGIN,
        ]
    ),
    review_rows,
)
