"""Plays the judges of factuality: they see the texts, work out what is true, and err at the planted rate."""

from __future__ import annotations

import json
import re
from random import Random

from served_model.rehearsal.cloze import WORD, fill, window_of
from served_model.rehearsal.draft import Draft
from served_model.rehearsal.factuality_texts import UNKNOWN, VAGUE
from served_model.rehearsal.judge_player import Truth, judge
from served_model.rehearsal.role import Asked

LONG_ANSWER = 12  # words from which a wrong answer impresses an erring judge more: the planted length bias
IMPRESSED, UNIMPRESSED = 1.5, 0.5  # of the planted error rate, for long and for short wrong answers
NO_ATTEMPT = re.compile(
    r"\bdon'?t know\b|\bdo not know\b|\bnot able to say\b|\bno idea\b|\bcannot say\b", re.IGNORECASE
)


def play_correctness(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Cloze answers are graded by the word in the reference; all others by containment in it."""
    answer = asked.tags.get("answer", "")
    grade = grade_of(asked.tags.get("reference", ""), asked.tags.get("question", ""), answer)
    wrong = "incorrect" if grade == "correct" else "correct"
    slip = 1.0
    if grade == "incorrect":
        slip = IMPRESSED if len(answer.split()) >= LONG_ANSWER else UNIMPRESSED
    return judge(asked, rng, fault, {"grade": Truth(grade, wrong, grade == "correct")}, slip)


def grade_of(reference: str, question: str, answer: str) -> str:
    """The true grade."""
    if not attempts(answer):
        return "not_attempted"
    window = window_of(question)
    word = fill(window, reference) if window else None
    if word is not None:
        return "correct" if word in WORD.findall(answer) else "incorrect"
    return "correct" if contained(answer, reference) else "incorrect"


def contained(answer: str, reference: str) -> bool:
    """Whether the words of the answer stand in the reference in a row, whatever the case and the punctuation."""
    words, text = (" ".join(re.findall(r"\w+", part.lower())) for part in (answer, reference))
    return bool(words) and f" {words} " in f" {text} "


def attempts(answer: str) -> bool:
    """Whether the answer commits to something."""
    return bool(answer.strip()) and answer.strip() not in (*VAGUE, *UNKNOWN) and not NO_ATTEMPT.search(answer)


def play_informativeness(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Informative is whatever commits to something."""
    told = attempts(asked.tags.get("answer", ""))
    return judge(asked, rng, fault, {"informative": Truth(*(("yes", "no") if told else ("no", "yes")), told)})


def play_gates(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Looks the question up in the passage."""
    tags = asked.tags
    passage, window = tags.get("passage", ""), window_of(tags.get("question", ""))
    word = fill(window, passage) if window else None
    others = [window_of(line) for line in tags.get("paraphrases", "").splitlines() if line.strip()]
    found = {
        "answerable": word == tags.get("answer") if window else contained(tags.get("answer", ""), passage),
        "self_contained": " there?" not in tags.get("question", ""),
        "single_answer": "Which word with" not in tags.get("question", ""),
        "same_question": all(window is not None and other == window for other in others),
    }
    truths = {name: Truth("yes" if true else "no", "no" if true else "yes", true) for name, true in found.items()}
    return judge(asked, rng, fault, truths)


def play_better(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Compares by correctness. An erring judge names whatever stands first: the planted position bias."""
    tags = asked.tags
    grades = [
        grade_of(tags.get("reference", ""), tags.get("question", ""), tags.get(place, "")) == "correct"
        for place in ("first", "second")
    ]
    better = "tie" if grades[0] == grades[1] else ("first" if grades[0] else "second")
    # A judge that errs twice as often, but always in favour of the first place, is wrong at the planted rate.
    blind = rng.random() < min(1.0, 2 * (1 - asked.settings.judge_accuracy))
    said = "first" if blind else better
    truth = {"better": Truth(said, said, True)}
    draft = judge(asked, rng, fault, truth, slip=0.0)
    if draft.fault is None and said != better:
        return Draft(draft.text, fault="false_pass", detail={"bias": "position"})
    return draft


def play_support(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A claim is supported where a cloze question in it has its word there, or its words stand there in a row."""
    reference, claim = asked.tags.get("reference", ""), asked.tags.get("claim", "")
    window = window_of(claim)
    word = fill(window, reference) if window else None
    if window is not None:
        support = "irrelevant" if word is None else ("supported" if word in WORD.findall(claim) else "contradicted")
    else:
        support = "supported" if contained(claim, reference) else "irrelevant"
    wrong = "irrelevant" if support == "supported" else "supported"
    return judge(asked, rng, fault, {"support": Truth(support, wrong, support == "supported")})


def play_same_answer(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Cloze answers are the same where they put the same word between quotes; others where their words are."""
    first, second = (asked.tags.get(place, "") for place in ("first", "second"))
    quoted = [re.findall(r'"([^"]*)"', text) or sorted(set(WORD.findall(text.lower()))) for text in (first, second)]
    same = quoted[0] == quoted[1]
    return judge(asked, rng, fault, {"same": Truth(*(("yes", "no") if same else ("no", "yes")), same)})


def play_atomic_facts(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """One fact a sentence."""
    sentences = re.split(r"(?<=[.!?])\s+", asked.tags.get("answer", "").strip())
    text = json.dumps({"facts": [one.strip() for one in sentences if one.strip()]})
    if fault == "malformed_json":
        return Draft(text[: rng.randint(1, len(text) - 2)])
    return Draft(text)
