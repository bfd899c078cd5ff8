"""A model that answers from the journals of a run: what was judged there is proved again, and nothing is paid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.run_folder import RunFolder
from served_model.config import DEFAULT_ROLE
from served_model.journal import index_journal, read_reply
from served_model.keys import request_key
from served_model.structured import ask_readable
from served_model.types import ChatRequest, Reply, RequestRefused


class ReplayModel:
    """Implements Model over the replies of a run. What the run did not ask is refused, as a single request would be."""

    def __init__(self, folder: RunFolder) -> None:
        models: Mapping[str, Any] = folder.read_run()["config"]["models"]
        self._names = {role: str(settings["name"]) for role, settings in models.items()}
        self._places: dict[str, tuple[Path, int, int]] = {}
        for path in sorted((folder.root / "journal").glob("*.jsonl")):
            for key, place in index_journal(path).items():
                self._places.setdefault(key, (path, *place))

    def key(self, request: ChatRequest) -> str:
        """The journal key, under the model that the request's role had in the run."""
        return request_key(self._names.get(request.role) or self._names[DEFAULT_ROLE], request)

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer one request; an unreadable reply is repaired as it was in the run. Raises ModelError."""
        return await ask_readable(self, request)

    async def complete(self, request: ChatRequest) -> Reply:
        """The reply that the run got. Raises RequestRefused where it got none."""
        key = self.key(request)
        if key not in self._places:
            raise RequestRefused("this run's journals do not hold the request")
        return read_reply(*self._places[key])


def replay_of(source: Path) -> ReplayModel | None:
    """The replies of the run that a run folder or one of its shards belongs to; None where there is no such run."""
    root = source if source.is_dir() else source.parent.parent
    folder = RunFolder(root)
    return ReplayModel(folder) if folder.run_json.exists() else None
