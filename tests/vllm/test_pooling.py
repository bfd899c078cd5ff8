"""Embeddings, scores and reward models of a real vLLM, through the code that recipes and audits use."""

from __future__ import annotations

import numpy as np
import pytest

from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.embedder import ServedEmbedder
from served_model.reward import Api, outcome_score, read_rows, reward_request
from tests.vllm.conftest import Serving

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]


def test_embeddings_are_unit_vectors_in_the_order_of_the_texts(embedder: Serving) -> None:
    served = ServedEmbedder(ModelConfig("tiny", (embedder.base_url,)))
    texts = [f"text number {number}" for number in range(70)] + [""]
    vectors = served.embed(texts)
    assert vectors.shape == (71, 128)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
    assert np.allclose(served.embed(texts[5:6]), vectors[5:6], atol=2e-2)  # bfloat16; a batch rounds otherwise


@pytest.mark.parametrize("api", ["score", "classify", "pooling"])
async def test_a_reward_model_by_each_of_its_interfaces(scorer: Serving, api: Api) -> None:
    config = ModelConfig("scorer", (scorer.base_url,), api=api, deadline_s=60)
    async with ChatClient({"default": config}) as client:
        replies = [await client.complete(reward_request("1 + 1?", f"It is {sum_}.")) for sum_ in (2, 3)]
    scores = [outcome_score(read_rows(reply), squash=api == "pooling") for reply in replies]
    assert all(0 <= score <= 1 for score in scores) and scores[0] != scores[1]
    assert all(reply.usage.prompt_tokens > 0 for reply in replies)
