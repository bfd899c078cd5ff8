"""What the rehearsal model asks about documents, and what it knows of them: words missing from lines of reference text.

A question shows a few words to each side of a blank and asks for the word. Whoever has the passage reads the answer off
it; the closed-book answerer has "read" the reference topics that ship with the interpreter, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from served_model.rehearsal.factuality_texts import SAID

BLANK = "____"
SIDE = 4  # words shown to each side of the blank
SHORTEST_ANSWER = 5  # letters
WORD = re.compile(r"\w+", re.ASCII)
WINDOW = re.compile(rf'"([A-Za-z ]+ {BLANK} [A-Za-z ]+)"')
LINKED = re.compile(r"\b(?:and|or) (?:what|who|when|where|why|which|how)\b", re.IGNORECASE)
WORDINGS = (
    'Which word fills the blank in this line of the reference on {title}: "{window}"?',
    'On the topic of {title}, what term is left out of "{window}"?',
    'Can you complete "{window}", as the manual for {title} has it, with its one missing word?',
)


@dataclass(frozen=True, slots=True)
class Cloze:
    """A window of words around a blank, and the word that belongs there."""

    window: str
    answer: str


def draw_clozes(title: str, passage: str, rng: Random) -> Iterator[Cloze]:
    """What can be asked about a passage, in random order."""
    windows = list(_windows(passage))
    rng.shuffle(windows)
    return (one for one in windows if _is_fair(title, passage, one))


def _windows(passage: str) -> Iterator[Cloze]:
    for sentence in re.split(r"(?<=[.!?:])\s+|\n\s*\n", passage):
        words = WORD.findall(sentence)
        for at in range(SIDE, len(words) - SIDE):
            before, word, after = words[at - SIDE : at], words[at], words[at + 1 : at + 1 + SIDE]
            if len(word) >= SHORTEST_ANSWER and word.islower() and all(map(str.isalpha, (*before, word, *after))):
                yield Cloze(" ".join((*before, BLANK, *after)), word)


def _is_fair(title: str, passage: str, one: Cloze) -> bool:
    """The answer shines through nowhere, and the window fits one word only, in the passage and beyond."""
    seen = f"{title} {one.window} {' '.join(WORDINGS)} {SAID}".lower()
    if one.answer in WORD.findall(seen) or LINKED.search(one.window):
        return False
    return fill(one.window, passage) == one.answer and recall(one.window) in (one.answer, None)


def wording(number: int, title: str, window: str) -> str:
    """The question in one of its wordings."""
    return WORDINGS[number % len(WORDINGS)].format(title=_plain(title), window=window)


def _plain(title: str) -> str:
    return " ".join(re.findall("[A-Za-z]+", title)[:6]) or "this subject"


def window_of(question: str) -> str | None:
    """The window that a question shows; None for a question of another kind."""
    found = WINDOW.search(question)
    return found[1] if found else None


def fill(window: str, text: str) -> str | None:
    """The one word that stands in the blank in a text; None where there is none, or several."""
    return _between(window, stream(text))


@cache
def _known() -> str:
    from pydoc_data.topics import topics

    return stream("\n".join(text for _, text in sorted(topics.items())))


def recall(window: str) -> str | None:
    """The word as the model remembers it; None for a document that it has not read."""
    return _between(window, _known())


def stream(text: str) -> str:
    """A text's words, with one blank between them and at both ends."""
    return f" {' '.join(WORD.findall(text))} "


def _between(window: str, words: str) -> str | None:
    before, after = window.split(BLANK)
    found, start = set(), 0
    while (at := words.find(f" {before}", start)) >= 0:
        start = at + 1
        begin = at + 1 + len(before)
        end = words.find(" ", begin)
        if end > begin and words.startswith(f"{after} ", end):
            found.add(words[begin:end])
    return found.pop() if len(found) == 1 else None


@cache
def _vocabulary() -> tuple[str, ...]:
    return tuple(
        sorted(
            {word for word in _known().split() if word.islower() and word.isalpha() and len(word) >= SHORTEST_ANSWER}
        )
    )


def wrong_word(window: str, answer: str, rng: Random) -> str:
    """A word of the same kind that is not the answer, nor anywhere in the window."""
    words = [word for word in rng.sample(_vocabulary(), 12) if word not in (answer, *window.split())]
    return words[0]
