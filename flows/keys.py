"""API keys in Prefect Secret blocks, for teams that keep them on the server and not on every worker."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from flows.errors import ConfigError, UserError


def read_secret(block: str) -> str:
    """The value of a Secret block. Raises ConfigError, UserError. Its value is never part of a message."""
    url = PREFECT_API_URL.value()
    if not url:
        raise ConfigError(f"api_key_block: {block} is a block of a Prefect server; set PREFECT_API_URL to it")
    try:
        with get_client(sync_client=True) as client:
            document = client.read_block_document_by_name(block, "secret", include_secrets=True)
    except ObjectNotFound as error:
        raise ConfigError(f"api_key_block: {url} has no Secret block {block}; make it under Blocks") from error
    except httpx.TransportError as error:
        raise UserError(f"api_key_block: {url}: no Prefect server answers ({type(error).__name__})") from error
    value = document.data.get("value") if isinstance(document.data, Mapping) else None
    if not isinstance(value, str) or not value:
        raise ConfigError(f"api_key_block: the Secret block {block} holds no text")
    return value
