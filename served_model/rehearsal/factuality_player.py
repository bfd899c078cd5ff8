"""Plays the writers of the factuality recipes: questions, closed-book answers by planted behaviour, refusals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from random import Random

from served_model.rehearsal.cloze import WORD, WORDINGS, Cloze, draw_clozes, recall, window_of, wording, wrong_word
from served_model.rehearsal.draft import CannotAnswer, Draft
from served_model.rehearsal.factuality_texts import (
    HEDGED,
    HEDGES,
    LEAKS,
    LECTURES,
    NAMELESS,
    REFUSALS,
    RIGHT,
    UNKNOWN,
    VAGUE,
)
from served_model.rehearsal.role import Asked

BEHAVIOURS: Mapping[str, int] = {
    "always_right": 34,
    "mixed": 14,
    "consistently_wrong": 24,
    "agreeing_wrong": 8,  # all answers name the same wrong word: perhaps it is the document that errs
    "vague": 12,
    "refusing": 8,
}
"""What the model does with a question, in per cent of the questions; with a fault rate of 0 it is always right."""


def play_question(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """A question about the passage, with paraphrases and the answer. Raises CannotAnswer where nothing can be asked."""
    title, passage = asked.tags.get("title", ""), asked.tags.get("passage", "")
    possible = draw_clozes(title, passage, rng)
    one = next(possible, None)
    if one is None:
        raise CannotAnswer(_question("", [], "", ""))
    text, answer, others = wording(0, title, one.window), one.answer, _paraphrases(asked, title, one.window)
    if fault in ("about_the_passage", "gives_answer_away", "not_self_contained", "several_answers"):
        text = _spoilt(fault, title, one)
    elif fault == "answer_not_in_passage":
        answer = next(word for word in (wrong_word(one.window, answer, rng) for _ in range(99)) if word not in passage)
    elif fault == "not_answerable":
        text = wording(0, title, _shuffled(one.window, rng))
        others = []
    elif fault == "other_question":
        another = next(possible, None)
        others = [wording(1, title, another.window)] if another else others
        fault = fault if another else None
    elif fault == "no_question":
        return Draft(_question("", [], "", ""))
    reply = _question(text, others, answer, one.window)
    if fault == "malformed_json":
        reply = reply[: rng.randint(2, len(reply) - 2)]
    return Draft(reply, detail={"window": one.window, "answer": one.answer}, fault=fault)


def _question(question: str, paraphrases: list[str], answer: str, quote: str) -> str:
    return json.dumps({"question": question, "paraphrases": paraphrases, "answer": answer, "quote": quote})


def _paraphrases(asked: Asked, title: str, window: str) -> list[str]:
    """As many as the prompt asks for, as far as there are wordings."""
    text = "\n".join(str(message.get("content")) for message in asked.messages)
    wanted = next((number for number in range(len(WORDINGS)) if f"Write {number} paraphrases" in text), 2)
    return [wording(number, title, window) for number in range(1, wanted + 1)]


def _spoilt(fault: str, title: str, one: Cloze) -> str:
    if fault == "about_the_passage":
        return f'According to the passage above, which word fills the blank in "{one.window}"?'
    if fault == "gives_answer_away":
        return f'Is it true that "{one.answer}" is the word that fills the blank in "{one.window}"?'
    if fault == "not_self_contained":
        return "Which word comes next in the second line there?"
    return f"Which word with {len(one.answer)} letters is used in the manual for {' '.join(WORD.findall(title))}?"


def _shuffled(window: str, rng: Random) -> str:
    before, after = (side.split() for side in window.split("____"))
    for _ in range(20):
        rng.shuffle(before)
        rng.shuffle(after)
        text = f"{' '.join(after)} ____ {' '.join(before)}"
        if recall(text) is None:
            return text
    return window


def play_closed_book(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """An answer from memory. What it is like depends on the question: the same behaviour for all its samples."""
    window = window_of(asked.tags.get("question", ""))
    answer = recall(window) if window else None
    if window is None or answer is None:
        raise CannotAnswer(rng.choice(UNKNOWN))
    behaviour = behaviour_of(window, asked)
    text, kind = _said(behaviour, window, answer, rng)
    detail = {"behaviour": behaviour, "window": window, "answer": answer}
    if fault == "truncated" and rng.random() < 1 / 6:  # answers are many: one in six of the drawn faults is planted
        return Draft(text[: len(text) // 2], "length", detail=detail, fault=fault)
    return Draft(text, detail=detail, fault=kind)


def behaviour_of(window: str, asked: Asked) -> str:
    """Drawn from the window, so that all wordings of a question share it."""
    if not asked.settings.fault_rate:
        return "always_right"
    rng = _fixed(asked, window)
    return rng.choices([*BEHAVIOURS], [*BEHAVIOURS.values()])[0]


def _fixed(asked: Asked, *parts: str) -> Random:
    text = "\n".join((str(asked.settings.seed), *parts))
    return Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def _said(behaviour: str, window: str, answer: str, rng: Random) -> tuple[str, str | None]:
    """The answer, and what is wrong with it."""
    if behaviour == "vague":
        return rng.choice(VAGUE), "vague_answer"
    if behaviour == "refusing":
        return rng.choice(UNKNOWN), "no_answer"
    forms = HEDGED if rng.random() < 0.1 else RIGHT
    right = behaviour == "always_right" or (behaviour == "mixed" and rng.random() < 0.5)
    source = Random(window) if behaviour == "agreeing_wrong" else rng
    word = answer if right else wrong_word(window, answer, source)
    return rng.choice(forms).format(word=word), None if right else "wrong_answer"


def play_refusal(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """What an honest assistant says; faulty ones leak, guess, lecture, or do not say what it is about."""
    window = window_of(asked.tags.get("question", ""))
    if window is None:
        raise CannotAnswer("I don't know the answer to that question.")
    answer = recall(window) or "something"
    forms = {"leaks_answer": LEAKS, "lectures": LECTURES, "names_nothing": NAMELESS, "hedges": HEDGES, "answers": RIGHT}
    word = wrong_word(window, answer, rng) if fault in ("hedges", "answers") else answer
    text = rng.choice(forms.get(fault or "", REFUSALS)).format(window=window, word=word)
    return Draft(text, detail={"window": window})
