"""Asks the endpoints which models they serve, before anything is paid for."""

from __future__ import annotations

from flows.config import RunConfig
from flows.errors import UserError
from flows.make_shard import model_configs
from served_model.client import ChatClient


async def require_endpoints(config: RunConfig) -> None:
    """Refuse to start where a model has no endpoint that answers, or none that serves its name. Raises UserError."""
    async with ChatClient(model_configs(config)) as client:
        for role, settings in config.models.items():
            answers = await client.served_models(role)
            problems = [_problem(url, settings.name, answer) for url, answer in answers.items()]
            if all(problems):
                raise UserError(f"models.{role}: {problems[0]}")


async def describe_endpoints(config: RunConfig) -> list[tuple[str, str, str | None]]:
    """For `provender doctor`: role, base URL, and what is wrong with it or None."""
    async with ChatClient(model_configs(config)) as client:
        return [
            (role, url, _problem(url, settings.name, answer))
            for role, settings in config.models.items()
            for url, answer in (await client.served_models(role)).items()
        ]


def _problem(url: str, name: str, answer: tuple[str, ...] | str) -> str | None:
    if isinstance(answer, str):
        return f"{url}: {answer}; start the server or set models.<role>.base_url"
    if answer and name not in answer:
        return f"{url} does not serve {name!r}; it serves {', '.join(answer)}"
    return None
