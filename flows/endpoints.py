"""Asks the endpoints which models they serve, before anything is paid for."""

from __future__ import annotations

from flows.config import RunConfig
from flows.errors import ConfigError, UserError
from flows.workbench import model_configs
from served_model.client import ChatClient
from served_model.types import Listing


async def resolve_models(config: RunConfig) -> RunConfig:
    """The config with every model's name filled in, where its endpoints are usable.

    Raises UserError where no endpoint of a model answers or serves its name, and where a name is left open and the
    endpoint serves several models or does not say.
    """
    if config.batch:  # nobody needs to answer there
        for role, settings in config.models.items():
            if settings.name is None or settings.api != "chat":
                raise ConfigError(f"models.{role}: --batch needs a chat model with its name set")
        return config
    models = {}
    async with ChatClient(model_configs(config)) as client:
        for role, settings in config.models.items():
            listings = await client.served_models(role)
            name = settings.name or _only_name(role, listings)
            problems = [_problem(url, name, listing) for url, listing in listings.items()]
            if all(problems):
                raise UserError(f"models.{role}: {problems[0]}")
            models[role] = settings.model_copy(update={"name": name})
    return config.model_copy(update={"models": models})


async def describe_endpoints(config: RunConfig) -> list[tuple[str, str, str | None]]:
    """For `provender doctor`: role, base URL, and what is wrong with it or None."""
    async with ChatClient(model_configs(config)) as client:
        return [
            (role, url, _problem(url, settings.name or "", listing))
            for role, settings in config.models.items()
            for url, listing in (await client.served_models(role)).items()
        ]


def _only_name(role: str, listings: dict[str, Listing]) -> str:
    """The one model that the endpoints serve."""
    for url, listing in listings.items():
        if not listing.usable:
            continue
        if len(listing.names) == 1:
            return listing.names[0]
        said = f"it serves {', '.join(listing.names)}" if listing.names else listing.problem or "it lists no model"
        raise UserError(f"models.{role}: set its name: {url} does not leave one choice ({said})")
    return ""


def _problem(url: str, name: str, listing: Listing) -> str | None:
    if not listing.usable:
        return f"{url}: {listing.problem}; start the server, or set base_url and api_key_env of this model"
    if listing.names and name and name not in listing.names:
        return f"{url} does not serve {name!r}; it serves {', '.join(listing.names)}"
    return None
