"""Words as the factuality checks compare them: in one case and spelling, with or without those that carry nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W_]+)*|[+*/%=<>!&|^~@#$-]+")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_FUNCTION_WORDS = (
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into "
    "is it its may might must of on or our shall she should so such than that the their them then there these "
    "they this those to was we were what when where which while who whom whose why will with would you your "
    "not no only about after all also any because before between both called during each more most name named "
    "other some s t"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, without accents on the spelling of quotes; numbers without their commas."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").lower()
    return WORD.findall(THOUSANDS.sub("", plain))


def content_words(text: str) -> frozenset[str]:
    """Words that say what a text is about."""
    return frozenset(word for word in words_of(text) if word not in FUNCTION_WORDS)


def contains(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text, word by word. A phrase of no words is contained in nothing."""
    found, wanted = words_of(text), words_of(phrase)
    if not wanted:
        return False
    return any(found[at : at + len(wanted)] == wanted for at in range(len(found) - len(wanted) + 1))


def longest_shared_run(text: str, other: str) -> int:
    """Most consecutive words that both texts have."""
    return _longest_run(words_of(text), words_of(other))


def _longest_run(first: Sequence[str], second: Sequence[str]) -> int:
    best = 0
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for at, other in enumerate(second, 1):
            before, row[at] = row[at], before + 1 if word == other else 0
            best = max(best, row[at])
    return best


def skeleton(text: str, about: str) -> str:
    """A text without the words that another one says: what is left of two fillings of one template is the same."""
    said = frozenset(words_of(about))
    return " ".join("_" if word in said and word not in FUNCTION_WORDS else word for word in words_of(text))
