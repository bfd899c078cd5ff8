"""The client that recipes and judges talk to: roles map to models, models to endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from served_model.config import ModelConfig, config_for
from served_model.service import ClientCounts, ModelService
from served_model.structured import ask_readable
from served_model.types import ChatRequest, Listing, Reply


class ChatClient:
    """Implements Model over HTTP for every role of the config. Use it as an async context manager, on one event loop.

    Roles with equal configs share one service, and with it one bound on requests in flight.
    """

    def __init__(self, models: Mapping[str, ModelConfig]) -> None:
        self._models = dict(models)
        self._services = {config: ModelService(config) for config in set(self._models.values())}

    async def __aenter__(self) -> ChatClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def key(self, request: ChatRequest) -> str:
        """The journal key of the request: depends on the model that its role maps to, not on the role."""
        return self._service(request.role).key(request)

    def model_name(self, request: ChatRequest) -> str:
        """The name of the model that the request goes to."""
        return self._service(request.role).config.name

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer one request; with a schema, also parse, check and if need be repair the reply. Raises ModelError."""
        return await ask_readable(self, request)

    async def complete(self, request: ChatRequest) -> Reply:
        """One reply as it came. Raises RequestRefused for this request, ModelUnavailable when the run must stop."""
        return await self._service(request.role).complete(request)

    def snapshot(self) -> dict[str, ClientCounts]:
        """Counts so far, by model name."""
        counts: dict[str, ClientCounts] = {}
        for service in self._services.values():
            name = service.config.name
            counts[name] = counts.get(name, ClientCounts()) + service.counts()
        return counts

    @property
    def slots(self) -> int:
        """Requests that may be in flight now, over all models."""
        return sum(service.slots for service in self._services.values())

    @property
    def waiting(self) -> int:
        """Requests that wait in our line for a slot, over all models."""
        return sum(service.waiting for service in self._services.values())

    async def served_models(self, role: str) -> dict[str, Listing]:
        """By base URL, the names that the endpoints of a role say they serve, or why they do not answer."""
        return await self._service(role).served_models()

    async def close(self) -> None:
        """Close all connections."""
        for service in self._services.values():
            await service.close()

    def _service(self, role: str) -> ModelService:
        return self._services[config_for(self._models, role)]
