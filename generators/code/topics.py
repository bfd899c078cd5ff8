"""The topic of a programming problem, from a closed list, by the words of its text."""

from __future__ import annotations

import re
from collections.abc import Mapping

OTHER = "other"

# Words that tell a topic, whole or as beginnings; a problem has the topic of which it holds the most, ties by order.
TOPICS: Mapping[str, str] = {
    "graphs and scheduling": r"graph\w*|nodes?|edges?|paths?|depend\w*|schedul\w*|topolog\w*|tasks?|build order",
    "dynamic programming": r"fewest|minimum number of|longest|knapsack|ways to|coins?|optimal\w*",
    "dates and time": r"dates?|days?|hours?|minutes?|months?|years?|weekday\w*|calendar\w*|timetable\w*",
    "parsing and formats": r"pars\w+|json|csv|settings|tokens?|syntax|format\w*|lines? of the form|brackets?",
    "number theory": r"digits?|prime\w*|divis\w+|multiples?|base \d+|binary|modul\w+|gcd|remainder\w*",
    "geometry and grids": r"grid\w*|matri\w+|rows?|columns?|points?|coordinates?|rotat\w+|cells?|rectang\w+",
    "records and tables": r"tables?|records?|dictionar\w+|keys?|ledger\w*|inventor\w+|stock\w*|group\w*",
    "text": r"strings?|text\w*|words?|letters?|characters?|vowels?|sentence\w*|names?|capital\w*",
    "sorting and searching": r"sort\w*|search\w*|rank\w*|order\w*|median\w*|smallest|largest|top",
    "sequences": r"lists?|arrays?|numbers?|elements?|values?|sequence\w*|windows?|neighbours?|neighbors?",
    "arithmetic": r"sums?|add\w*|multipl\w+|average\w*|mean|percent\w*|round\w*|square\w*|integer\w*",
}
PATTERNS = {topic: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for topic, words in TOPICS.items()}


def topic_of(problem: str) -> str:
    """One of TOPICS, or OTHER where no word tells."""
    counts = {topic: len(pattern.findall(problem)) for topic, pattern in PATTERNS.items()}
    best = max(counts, key=lambda topic: counts[topic])
    return best if counts[best] else OTHER
