"""Requests as OpenAI batch files instead of over HTTP: write, have them answered anywhere, collect, resume.

A request that no result file answers yet is written to `NNNN.requests.jsonl`, named by its journal key, and its seed is
put off. `vllm run-batch` and providers' batch APIs read such files; their answers, under any name that ends in
`.results.jsonl` beside them, are read on the next start and enter the journal like any other reply. Then what those
replies lead to is written to the next file, until nothing is left to ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from served_model.batch_files import MOST_FAILURES, RequestWriter, Results
from served_model.client import ChatClient
from served_model.config import ModelConfig, config_for
from served_model.limits import CEILING
from served_model.meter import Deferred
from served_model.retry import Fault
from served_model.types import ChatRequest, ModelUnavailable, Reply, RequestRefused
from served_model.wire import Completion, load_json, request_body

SETTLE_S = 0.2  # that a request waits for others of its seed, so that they are put off together


class BatchClient(ChatClient):
    """Stands in place of the client over HTTP. `written` and `collected` count the requests of this start."""

    def __init__(self, models: Mapping[str, ModelConfig], folder: Path) -> None:
        super().__init__(models)
        folder.mkdir(parents=True, exist_ok=True)
        self._results = Results.read(folder)
        self._writer = RequestWriter(folder)
        self.written = self.collected = 0

    @property
    def slots(self) -> int:
        """No server is to be spared."""
        return CEILING

    @property
    def waiting(self) -> int:
        """Nobody stands in line."""
        return 0

    @property
    def outstanding(self) -> int:
        """Requests in files that no result file answers yet."""
        return len(self._results.waiting)

    async def complete(self, request: ChatRequest) -> Reply:
        """The reply of a result file. Raises RequestRefused, ModelUnavailable, or Deferred where there is none yet."""
        key = self.key(request)
        answer = self._results.answer(key)
        if isinstance(answer, Completion):
            self.collected += 1
            return Reply(key, answer.text, answer.finish_reason, self.model_name(request), answer.usage)
        if answer is not None and answer.fault is Fault.PERMANENT:
            file = self._results.answers[key][0]
            raise ModelUnavailable(
                f"{file}: {answer.problem}; mend it, remove that file and have the requests answered"
            )
        if answer is not None:
            raise RequestRefused(f"batch request {key}: {answer.problem}")
        if key in self._results.exhausted:
            raise RequestRefused(f"batch request {key}: it failed {MOST_FAILURES} times")
        if key not in self._results.waiting:
            config = config_for(self._models, request.role)
            self._writer.write(key, load_json(request_body(config.name, request, config.api)))
            self._results.waiting.add(key)
            self.written += 1
        await asyncio.sleep(SETTLE_S)
        raise Deferred("batch: its requests wait for results")

    async def close(self) -> None:
        """Put what was written on disk."""
        self._writer.close()
        await super().close()
