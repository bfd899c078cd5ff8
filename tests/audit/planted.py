"""Documents like those of a sound dataset, and the anomalies that an audit must find in them."""

from __future__ import annotations

from random import Random

from audit.survey import Document

COMMON = """
river stone engine signal matrix proof number value answer window garden market letter bridge copper thread
winter method figure margin valley basket column harbour ladder mirror needle orchard pepper quarry ribbon saddle
"""
WORDS = COMMON.split()
RARE = "sonnet stanza rhyme meter ballad couplet refrain elegy"
ODD = RARE.split()
PHRASE = "as a large language model I must point out"
LISTING = " ".join(map(str, range(1, 35)))
NOTICE = (
    "Accept all cookies to continue. Read our privacy policy. All rights reserved.\n\n"
    "Subscribe to our newsletter. Follow us. Sign in to read more."
)


def sentences(random: Random, words: int, vocabulary: list[str] = WORDS) -> str:
    """Sentences of words drawn at random, so that no two documents are alike."""
    drawn = [random.choice(vocabulary) + str(random.randrange(100)) * random.randrange(2) for _ in range(words)]
    return " ".join(" ".join(drawn[at : at + 9]).capitalize() + "." for at in range(0, words, 9))


def sound(count: int, seed: int = 0, words: int = 60) -> list[Document]:
    """Documents with nothing wrong, four of five accepted."""
    random = Random(seed)
    return [
        Document(f"{seed}-{number:05d}", "web", sentences(random, words), "", random.random() < 0.8)
        for number in range(count)
    ]


def with_line_numbers(count: int) -> list[Document]:
    return [Document(f"lines-{one.id}", "web", f"{one.text}\n{LISTING}\n", "", one.good) for one in sound(count, 91)]


def boilerplate(count: int) -> list[Document]:
    return [Document(f"notice-{number}", "web", NOTICE, "", True) for number in range(count)]


def with_phrase(count: int) -> list[Document]:
    return [Document(f"phrase-{one.id}", "web", f"{PHRASE} {one.text}", "", one.good) for one in sound(count, 92)]


def poor_cluster(count: int) -> list[Document]:
    random = Random(93)
    return [
        Document(f"poor-{number}", "web", sentences(random, 60, ODD), "", number % 10 == 0) for number in range(count)
    ]
