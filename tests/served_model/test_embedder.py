"""The served embedder over real HTTP: order, batches, refusals; and the rehearsal model's own vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from served_model.config import ModelConfig
from served_model.embedder import ServedEmbedder
from served_model.rehearsal.embeddings import BadInput, answer, embed
from served_model.rehearsal.launch import RehearsalServer
from served_model.types import ModelUnavailable


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with RehearsalServer() as base_url:
        yield base_url


def test_batches_come_back_in_order(url: str) -> None:
    texts = [f"text number {number} of many" for number in range(200)] + ["", "!!"]
    vectors = ServedEmbedder(ModelConfig("rehearsal", (url,))).embed(texts)
    assert vectors.shape == (202, 256)
    assert np.allclose(np.linalg.norm(vectors[:200], axis=1), 1, atol=1e-5)
    assert not vectors[200:].any()
    for place in (0, 63, 64, 150, 199):
        assert np.allclose(vectors[place], embed(texts[place]), atol=1e-5)
    assert ServedEmbedder(ModelConfig("rehearsal", (url,))).embed([]).shape[0] == 0


def test_an_endpoint_without_embeddings_is_one_line(url: str) -> None:
    with pytest.raises(ModelUnavailable, match="embeddings of model 'rehearsal'"):
        ServedEmbedder(ModelConfig("rehearsal", (url.replace("/v1", "/v2"),))).embed(["x"])


def test_equal_words_are_near_and_other_words_are_not() -> None:
    one, two, other = (
        np.array(embed(text)) for text in ("sort the list of words", "Sort the list of words!", "red hot")
    )
    assert one @ two > 0.99 and abs(one @ other) < 0.5


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"input": []}', b'{"input": [1]}', b'{"input": 3}', b"[" * 99999]
)
def test_bad_requests_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        answer(body, "rehearsal")
