"""What a snippet lends to a problem: its words and its whole numbers, and how parameters are drawn from them."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass
from random import Random

FALLBACK_WORDS = ("alpha", "delta", "ember", "harbor", "lumen", "maple", "nickel", "orchid", "quartz", "raven")
# The form in which each kind of parameter stands in a problem text. Nothing else is ever put into a program.
PATTERNS = {
    "int": r"\d{1,3}",
    "word": r"[a-z]{3,12}",
    "text": r"'[a-z ]*'",
    "ints": r"\[-?\d+(?:, -?\d+)*\]",
    "words": r"\['[a-zA-Z]+'(?:, '[a-zA-Z]+')*\]",
}
LENGTH = 6  # numbers or words in a sample
INSPIRED = 0.7  # how often a number of the snippet is preferred to a free one


@dataclass(frozen=True, slots=True)
class Material:
    """Words (3 to 12 small letters) and numbers of a snippet, each once, in the order in which they come."""

    words: tuple[str, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, snippet: str) -> Material:
        """Read a snippet in any language; nothing of it is trusted or run."""
        pieces = [piece.lower() for name in re.findall(r"[A-Za-z_]+", snippet) for piece in _pieces(name)]
        words = dict.fromkeys(piece for piece in pieces if _is_plain(piece))
        numbers = dict.fromkeys(int(digits) for digits in re.findall(r"(?<![\w.])\d{1,2}(?![\w.])", snippet))
        return cls(tuple(words), tuple(numbers))

    def word(self, rng: Random) -> str:
        """One word, from the snippet where it has any."""
        return rng.choice(self.words or FALLBACK_WORDS)

    def sample_words(self, rng: Random, count: int) -> list[str]:
        """Words with repetitions among them."""
        pool = [self.word(rng) for _ in range(max(2, count // 2))]
        return [rng.choice(pool) for _ in range(count)]

    def sample_numbers(self, rng: Random, count: int) -> list[int]:
        """Numbers between -20 and 99, those of the snippet first among equals."""
        return [
            rng.choice(self.numbers) if self.numbers and rng.random() < INSPIRED else rng.randint(-20, 40)
            for _ in range(count)
        ]


def draw_parameter(kind: str, material: Material, rng: Random) -> str:
    """The literal text of a parameter. `kind` is `int LOW HIGH`, `word`, `text`, `ints` or `words`."""
    name, *bounds = kind.split()
    if name == "int":
        low, high = int(bounds[0]), int(bounds[1])
        pool = [number for number in material.numbers if low <= number <= high]
        return str(rng.choice(pool) if pool and rng.random() < INSPIRED else rng.randint(low, high))
    if name == "word":
        return material.word(rng)
    if name == "text":
        return repr(" ".join(material.sample_words(rng, LENGTH // 2)))
    if name == "ints":
        return repr(material.sample_numbers(rng, LENGTH))
    return repr(material.sample_words(rng, LENGTH))


def _pieces(name: str) -> list[str]:
    return [piece for part in name.split("_") for piece in re.findall(r"[A-Z]*[a-z]+|[A-Z]+", part)]


def _is_plain(word: str) -> bool:
    reserved = keyword.iskeyword(word) or keyword.issoftkeyword(word) or hasattr(builtins, word)
    return 3 <= len(word) <= 12 and not reserved and word not in ("true", "false", "none")
