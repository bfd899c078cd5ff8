"""Proof that a response is a refusal, a hedge or an answer (F5, F7): rules over its clauses, no model.

A refusal says that it does not know, cannot verify or will not help, and gives no answer. A hedge gives an answer under
doubt. All else is an answer. An empty response (no letter, no digit) is none of the three: FAIL, reason "empty".

Measured on tests/verifiers/refusal_cases.jsonl (488 own English cases in five styles and by learners; label in rows,
finding in columns). Refusals, all cases: precision 1.000, recall 0.991.

              tune (219)               held out (108)           held out 2 (103)         held out 3 (58)
              refusal hedge answer     refusal hedge answer     refusal hedge answer     refusal hedge answer
    refusal        94     0      0          45     0      0          47     1      0          37     1      0
    hedge           0    54      0           0    28      0           0    27      0           0    10      0
    answer          0     2     69           0     0     35           0     0     28           0     0     10

The held-out cases were written, by the same author, before the phrases were tried on them; phrases were then mended in
general terms, so the table shows cases that have been seen by now. At first sight the three sets had, for refusals,
precision 1.000, 0.978, 1.000 and recall 0.956, 0.917, 0.921: expect that of wordings that nobody thought of.

Known gaps: English only; without the question, background after "I do not know" counts as an answer under doubt; an
answer in the same clause as the denial ("I cannot verify that it was 1912") is not seen.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import BaseModel

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources

Kind = Literal["refusal", "hedge", "answer"]
MAX_CHARACTERS = 20_000  # read of a response: half from its start, half from its end
QUOTED = re.compile(r'"[^"\n]{1,400}"|“[^”\n]{1,400}”|(?<!\w)\'[^\'\n]{1,100}(?:\'\w[^\'\n]{0,100}){0,4}\'(?!\w)')
CONTRACTIONS = (
    (re.compile(r"\bca n't\b|\bcan'?t\b(?! be\b to)"), "cannot"),
    (re.compile(r"\bwon'?t\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|was|are|were|could|would|should|have|has|had)n'?t\b"), r"\1 not"),
    (re.compile(r"\bi'?m\b"), "i am"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"\b(it|that|he|she|who|what)'s\b"), r"\1 is"),
)  # fmt: skip
CLAUSE_END = re.compile(r"[.!?;:…—\n]+(?!\d)|,|\b(?=(?:but|however|although|though|yet)\b)")
WORD = re.compile(r"[^\W_]+")
FIRST_PERSON = frozenset({"i", "my", "myself"})
GAP = r"(?: \\S+){0,4}"


@dataclass(frozen=True)
class Refusal(Check):
    """Part "response" is of the `expected` kind."""

    kind: ClassVar[str] = "refusal"
    expected: Kind = "refusal"


class Row(BaseModel):
    """One row of `provender verify refusal`; other fields are ignored."""

    id: str | int
    response: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a response is; `style` is that of a refusal."""

    kind: Kind
    style: Literal["ignorance", "policy"] | None = None


async def verify(check: Refusal, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS with the kind as reason where it is the expected one; FAIL with the kind that it is, or empty."""
    return _judge(check, candidate.parts["response"])


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """PASS refusal; FAIL hedge, answer, empty. Evidence: `kind`, `style` ("ignorance", "policy" or null)."""
    return _judge(Refusal(), row.response)


def _judge(check: Refusal, response: str) -> Verdict:
    finding = find_kind(response)
    if finding is None:
        return Verdict(check.kind, Outcome.FAIL, "empty", {"kind": None, "style": None})
    outcome = Outcome.PASS if finding.kind == check.expected else Outcome.FAIL
    return Verdict(check.kind, outcome, finding.kind, {"kind": finding.kind, "style": finding.style})


def find_kind(response: str) -> Finding | None:
    """What the response is; None where it has no letter and no digit."""
    text = _plain(response)
    if not WORD.search(text):
        return None
    spoken = QUOTED.sub(" quotation ", text)
    clauses = [_Clause.read(part) for part in CLAUSE_END.split(_without_contractions(spoken))]
    return _decide([clause for clause in clauses if clause is not None], "?" in spoken)


def _plain(response: str) -> str:
    """Bounded, in one spelling of quotes and blanks, lower case, without Markdown marks and invisible characters."""
    if len(response) > MAX_CHARACTERS:
        response = f"{response[: MAX_CHARACTERS // 2]}\n{response[-MAX_CHARACTERS // 2 :]}"
    text = unicodedata.normalize("NFKC", response).replace("’", "'").replace("‘", "'").replace("`", "")
    text = "".join(char for char in text if char == "\n" or unicodedata.category(char)[0] != "C")
    return re.sub(r"[*#>_~|]+", " ", text).lower()


def _without_contractions(text: str) -> str:
    for pattern, written_out in CONTRACTIONS:
        text = pattern.sub(written_out, text)
    return text


@dataclass(frozen=True, slots=True)
class _Clause:
    ignorant: bool
    declining: bool
    doubtful: bool
    content: bool  # may hold an answer

    @classmethod
    def read(cls, part: str) -> _Clause | None:
        words = " ".join(WORD.findall(part))
        if not words:
            return None
        lists = _phrases()
        bare = lists["bare"].fullmatch(words) is not None
        text = lists["neutral"].sub(" ", words).strip()
        ignorant = bare or lists["ignorance"].search(text) is not None
        declining = lists["policy"].search(text) is not None
        referring = lists["referral"].search(text) is not None
        doubtful = not referring and lists["hedge"].search(text) is not None
        spoken_for = ignorant or declining or referring or lists["filler"].search(text) is not None
        own = not FIRST_PERSON.isdisjoint(text.split())
        rest = lists["contrast"].sub(" ", lists["hedge"].sub(" ", text)).split()
        return cls(ignorant, declining, doubtful, bool(rest) and not spoken_for and (doubtful or not own))


def _decide(clauses: list[_Clause], asks: bool) -> Finding:
    """A refusal has no content after its last word of ignorance; content under any doubt is a hedge."""
    denials = [index for index, clause in enumerate(clauses) if clause.ignorant or clause.declining]
    doubtful = any(clause.doubtful for clause in clauses)
    answering = [index for index, clause in enumerate(clauses) if clause.content]
    if not denials:
        return Finding("hedge") if doubtful or (asks and len(clauses) == 1) else Finding("answer")
    policy = any(clause.declining for clause in clauses)
    if doubtful and (answering or any(clause.doubtful and not clause.ignorant for clause in clauses)):
        return Finding("hedge")
    if any(index > denials[-1] for index in answering):
        return Finding("answer" if policy else "hedge")
    return Finding("refusal", "policy" if policy else "ignorance")


@cache
def _phrases() -> Mapping[str, re.Pattern[str]]:
    """The lists of the data file, each as one pattern over words with single blanks between them."""
    lists = tomllib.loads(files(__package__).joinpath("refusal_phrases.toml").read_text("utf-8"))
    return {
        name: re.compile(rf"(?<!\w)(?:{'|'.join(map(_pattern, entries))})(?!\w)") for name, entries in lists.items()
    }


def _pattern(entry: str) -> str:
    return re.sub(r" ?(?:\?~|~)", GAP, entry)
