"""Asks a server which models it serves (`GET /v1/models`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from served_model.types import Listing
from served_model.wire import Malformed, load_json, one_line, said

TIMEOUT_S = 5.0  # the list only makes an error message better


async def list_models(base_url: str, headers: Mapping[str, str]) -> Listing:
    """The names that the server at `base_url` lists, or one line on why they are not to be had."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(base_url.rstrip("/") + "/models", allow_redirects=False) as response,
        ):
            return read_listing(response.status, await response.read())
    except (aiohttp.ClientError, OSError, TimeoutError):
        return Listing(problem="it does not answer", usable=False)


def read_listing(status: int, body: bytes) -> Listing:
    """What an answer means. A server without a list may still be usable; one that wants another key is not."""
    try:
        answer: Any = load_json(body)
    except Malformed:
        answer = None
    if status != 200:
        return Listing(problem=f"no list of models: HTTP {status}{said(answer)}", usable=status not in (401, 403))
    models = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(models, list):
        return Listing(problem="no list of models: the answer holds none")
    names = (model.get("id") for model in models if isinstance(model, dict))
    return Listing(tuple(one_line(name) for name in names if isinstance(name, str)))
