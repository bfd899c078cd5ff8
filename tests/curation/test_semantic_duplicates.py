"""Semantic duplicates: the published examples of the greedy rule, and nothing depends on the order of rows."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.contamination import Item
from curation.curate import curate
from curation.errors import CurationError
from curation.options import CurateOptions
from curation.paraphrases import ParaphraseRule, Paraphrases
from curation.rules import Rule
from curation.semantic_duplicates import SemanticRule, greedy, semantic_representatives
from served_model.rehearsal.embeddings import embed


def matrix(names: str, pairs: dict[str, float]) -> np.ndarray:
    cosines = np.eye(len(names), dtype=np.float32)
    for pair, value in pairs.items():
        one, other = (names.index(name) for name in pair)
        cosines[one, other] = cosines[other, one] = value
    return cosines


def kept(names: str, pairs: dict[str, float], rule: Rule) -> tuple[str, dict[str, str]]:
    cosines = matrix(names, pairs)
    standing = greedy(len(names), lambda place: cosines[place, :place], SemanticRule(0.9, rule))
    dropped = {names[place]: names[other] for place, other in enumerate(standing) if place != other}
    return "".join(name for name in names if name not in dropped), dropped


def test_the_worked_example_in_order_of_quality_times_difficulty() -> None:
    # quality x difficulty: A 2.7, B 2.0, C 1.8, D 1.2
    pairs = {"AB": 0.95, "AC": 0.60, "BC": 0.70, "AD": 0.50, "BD": 0.40, "CD": 0.92}
    for rule in Rule:
        assert kept("ABCD", pairs, rule) == ("AC", {"B": "A", "D": "C"})


def test_the_rules_differ_on_chains() -> None:
    pairs = {"AB": 0.95, "BC": 0.95, "AC": 0.50}
    assert kept("ABC", pairs, Rule.SEEN) == ("A", {"B": "A", "C": "A"})
    assert kept("ABC", pairs, Rule.KEPT) == ("AC", {"B": "A"})


def test_the_threshold_itself_is_a_duplicate() -> None:
    assert kept("AB", {"AB": 0.9}, Rule.KEPT)[0] == "A"
    assert kept("AB", {"AB": 0.8999}, Rule.KEPT)[0] == "AB"


def unit(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 6)).astype(np.float32)
    copies = rng.integers(0, count, size=count // 2)
    vectors[: count // 2] = vectors[copies] + rng.normal(scale=0.05, size=(count // 2, 6)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from(list(Rule)), st.sampled_from([None, 3]), st.randoms())
def test_who_is_kept_does_not_depend_on_the_order_of_rows(seed, count, rule, clusters, rng):
    vectors, choice = unit(seed, count), SemanticRule(0.9, rule, clusters)
    order = [hashlib.sha256(bytes([n])).digest() for n in range(count)]
    priority = [float(rng.randrange(3)) for _ in range(count)]
    first = semantic_representatives(vectors, priority, order, choice)
    assert all(first[other] == other for other in first)  # whoever stands for a row is kept (X6)
    place = list(range(count))
    rng.shuffle(place)
    second = semantic_representatives(vectors[place], [priority[n] for n in place], [order[n] for n in place], choice)
    assert [place[other] for other in second] == [first[n] for n in place]


class Hashed:
    """The rehearsal model's vectors without its server."""

    name = "hashed"

    def embed(self, texts):
        return np.array([embed(text) for text in texts], np.float32)


WORDS = [f"word{number}" for number in range(400)]


def text(seed: int, length: int = 30) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def drops_of(path: Path) -> dict[str, tuple[str, dict]]:
    return {row["id"]: (row["reason"], json.loads(row["evidence"])) for row in pq.read_table(path).to_pylist()}


def save(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scrambled(words: str, seed: int) -> str:
    """The same words in another order: no shared 5-gram, the same vector but for the pairs."""
    pieces = words.split()
    random.Random(seed).shuffle(pieces)
    return " ".join(pieces)


def test_a_dataset_loses_what_says_the_same_and_keeps_the_best(tmp_path: Path) -> None:
    rows = [{"id": f"r{n}", "text": text(n), "score": {"q": 1}} for n in range(40)]
    rows += [{"id": f"s{n}", "text": scrambled(text(n), n), "score": {"q": 3 if n % 2 else 0.5}} for n in range(10)]
    item = text(1000)
    benchmark = save(tmp_path / "bench.jsonl", [{"id": "b0", "prompt": item}])
    rows.append({"id": "leak", "text": scrambled(item, 5)})
    options = CurateOptions(
        embedder=Hashed(), semantic=SemanticRule(0.4), paraphrase=ParaphraseRule(0.4), quality="score.q"
    )
    result = curate(save(tmp_path / "data.jsonl", rows), tmp_path / "out", [benchmark], options)
    drops = drops_of(result.drops)
    assert drops.pop("leak") == (
        "paraphrase",
        {"benchmark": "bench", "item": "b0", "cosine": drops_of(result.drops)["leak"][1]["cosine"]},
    )
    assert drops == {
        (f"r{n}" if n % 2 else f"s{n}"): ("semantic_duplicate", {"duplicate_of": f"s{n}" if n % 2 else f"r{n}"})
        for n in range(10)
    }
    random.Random(1).shuffle(rows)
    again = curate(save(tmp_path / "other.jsonl", rows), tmp_path / "again", [benchmark], options)
    assert drops_of(again.drops) == drops_of(result.drops)
    assert [report.to_json()["matched"] for report in result.benchmarks] == [0, 1]


def test_semantic_steps_need_an_embedder(tmp_path: Path) -> None:
    data = save(tmp_path / "data.jsonl", [{"text": "a b c"}])
    with pytest.raises(CurationError, match="semantic_duplicates needs an embedder"):
        curate(data, tmp_path / "out", (), CurateOptions(steps=("exact_duplicates", "semantic_duplicates")))
    assert [count.stage for count in curate(data, tmp_path / "out").accounts] == [
        "repetition", "contamination", "exact_duplicates", "near_duplicates",
    ]  # fmt: skip


def test_the_nearest_item_is_named() -> None:
    items = [Item("b", str(n), (), text(n)) for n in range(5)]
    vectors = Hashed().embed([item.text for item in items])
    found = Paraphrases(items, vectors, ParaphraseRule(0.5)).find(vectors[3])
    assert found is not None and found.item.id == "3" and found.cosine > 0.99
    assert Paraphrases(items, vectors, ParaphraseRule(0.5)).find(Hashed().embed(["nothing alike"])[0]) is None
    assert Paraphrases([], vectors, ParaphraseRule()).find(vectors[0]) is None
