"""Providers' batch APIs, in OpenAI's protocol: a requests file is uploaded, its batch awaited, its answers downloaded.

How a file's batch stands is noted beside it in `NNNN.batch.json`. A file gets one batch: that it is about to be made is
noted first, and the batch carries the file's hash, so that one whose maker was killed is found, not made again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from records.tables import atomic_file, write_text
from served_model.batch_files import REQUESTS, RESULTS, URL, Results, keys_of, lines_of, model_of, request_files
from served_model.config import ModelConfig
from served_model.types import ModelUnavailable
from served_model.wire import dump_json, one_line

if TYPE_CHECKING:
    import openai
    from openai.types import Batch

OVER = ("completed", "expired", "cancelled")
MARK = "provender_file"
TIMEOUT_S = 600.0  # of an upload or download
RETRIES = 5
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Standing:
    """One requests file and its batch. `status` is the provider's word, or one of ours: sending, fetched."""

    name: str
    model: str
    sha256: str
    status: str
    batch_id: str = ""
    answered: int = 0
    total: int = 0

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.name} ({self.model}): {self.status}, {self.answered:,} of {self.total:,} answered"


class BatchApi:
    """The batches of one run's folder. Raises ModelUnavailable where a provider does not do what it must."""

    def __init__(self, folder: Path, models: Mapping[str, ModelConfig]) -> None:
        self._folder = folder
        self._configs = {config.name: config for config in models.values()}

    def advance(self) -> list[Standing]:
        """Send what nobody has answered and nobody was sent, fetch what is done; how all files stand."""
        waiting = Results.read(self._folder).waiting
        last = {key: path for path in request_files(self._folder) for key in keys_of(path)}
        standings = []
        for path in request_files(self._folder):
            known = self._note(path)
            if known is None or known.status in ("sending", "failed"):
                wanted = {key for key in waiting if last[key] == path}
                standings += [self._send(path, wanted, known)] if wanted else []
            elif known.status == "fetched":
                standings.append(known)
            else:
                standings.append(self._look(path, known))
        return standings

    def _send(self, path: Path, wanted: set[str], known: Standing | None) -> Standing:
        """Upload the requests that wait for an answer, and make their batch, unless it was made already."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        standing = Standing(path.name.removesuffix(REQUESTS), model_of(path), sha256, "sending", total=len(wanted))
        with self._client(standing.model) as client:
            batch = _find(client, sha256) if known is not None and known.status == "sending" else None
            if batch is None:
                self._write(path, standing)
                with _only(path, wanted) as upload:
                    uploaded = client.files.create(file=(path.name, upload), purpose="batch")
                # Not tried again where no answer comes: it may have been made. The next start looks for it.
                batch = client.with_options(max_retries=0).batches.create(
                    input_file_id=uploaded.id, endpoint=URL, completion_window="24h", metadata={MARK: sha256}
                )
            standing = self._write(path, _standing(standing, batch))
            _require_taken(path, batch)
            return standing

    def _look(self, path: Path, known: Standing) -> Standing:
        with self._client(known.model) as client:
            batch = client.batches.retrieve(known.batch_id)
            now = self._write(path, _standing(known, batch))
            _require_taken(path, batch)
            if batch.status not in OVER:
                return now
            self._fetch(path, batch, client)
        return self._write(path, replace(now, status="fetched"))

    def _fetch(self, path: Path, batch: Batch, client: openai.OpenAI) -> None:
        """Download answers and errors. A request that is in neither was not worked: it is noted as expired."""
        target = path.with_name(path.name.removesuffix(REQUESTS) + ".fetched" + RESULTS)
        with atomic_file(target) as partial:
            with partial.open("wb") as file:
                for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
                    with client.files.with_streaming_response.content(file_id) as answer:
                        file.writelines(answer.iter_bytes(CHUNK))
                    file.write(b"\n")
            answered = set(keys_of(partial))
            with partial.open("ab") as file:
                file.writelines(_expired(key, batch) for key in keys_of(path) if key not in answered)

    @contextmanager
    def _client(self, model: str) -> Iterator[openai.OpenAI]:
        config = self._configs.get(model)
        if config is None:
            raise ModelUnavailable(f"a batch is for the model {model!r}, which the config does not name any more")
        import openai  # 20 MB, a third of a second

        url = config.base_urls[0]
        try:
            with openai.OpenAI(
                base_url=url, api_key=config.api_key or "none", max_retries=RETRIES, timeout=TIMEOUT_S
            ) as client:
                yield client
        except openai.NotFoundError as error:
            problem = f"{_said(error, config)}; where there is no batch API, answer the files by vllm run-batch"
            raise ModelUnavailable(f"{url}: {problem}") from None
        except openai.OpenAIError as error:
            raise ModelUnavailable(f"{url}: {_said(error, config)}; run again later: nothing is lost") from None

    def _note(self, path: Path) -> Standing | None:
        note = self._note_path(path)
        return Standing(**json.loads(note.read_text(encoding="utf-8"))) if note.exists() else None

    def _write(self, path: Path, standing: Standing) -> Standing:
        write_text(self._note_path(path), json.dumps(asdict(standing), indent=2) + "\n")
        return standing

    def _note_path(self, path: Path) -> Path:
        return path.with_name(path.name.removesuffix(REQUESTS) + ".batch.json")


def _standing(known: Standing, batch: Batch) -> Standing:
    counts = batch.request_counts
    answered = counts.completed + counts.failed if counts is not None else 0
    return replace(known, status=batch.status, batch_id=batch.id, answered=answered)


def _require_taken(path: Path, batch: Batch) -> None:
    """Raises ModelUnavailable for a batch that was refused as a whole: nothing of it was worked."""
    if batch.status == "failed":
        told = [error.message or error.code or "" for error in (batch.errors and batch.errors.data) or []]
        why = one_line("; ".join(told)) or "without a word of why"
        raise ModelUnavailable(f"batch {path.name} failed: {why}; mend it and run again: it is sent anew")


def _expired(key: str, batch: Batch) -> bytes:
    error = {"code": "batch_expired", "message": f"not worked: the batch is {batch.status}"}
    return dump_json({"id": batch.id, "custom_id": key, "response": None, "error": error}) + b"\n"


def _find(client: openai.OpenAI, sha256: str) -> Batch | None:
    """The batch of a file that was made before its maker ended."""
    return next((one for one in client.batches.list(limit=100) if (one.metadata or {}).get(MARK) == sha256), None)


@contextmanager
def _only(path: Path, wanted: set[str]) -> Iterator[IO[bytes]]:
    """The file's requests that wait for an answer, each once."""
    left = set(wanted)
    with tempfile.TemporaryFile() as copy:
        for _, _, line in lines_of([path]):
            if line["custom_id"] in left:
                left.discard(line["custom_id"])
                copy.write(dump_json(line) + b"\n")
        copy.seek(0)
        yield copy


def _said(error: Any, config: ModelConfig) -> str:
    text = one_line(str(error)) or type(error).__name__
    return text.replace(config.api_key, "***") if config.api_key else text
