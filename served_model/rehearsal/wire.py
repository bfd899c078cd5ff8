"""Faults on the wire: answers that fail before or while they are sent."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random

from aiohttp import web

STALL_S = 0.25
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 seconds: closing sends a reset


async def fail(request: web.Request, kind: str, reply: bytes, rng: Random) -> web.StreamResponse | None:
    """Fail in the way named; None where the answer shall only be late. `reply` is what would have been sent."""
    return await FAILURES[kind](request, reply, rng)


async def _too_many(request: web.Request, reply: bytes, rng: Random) -> web.StreamResponse:
    body = {"error": {"message": "Too many requests, try again", "type": "rate_limit_error", "code": 429}}
    # Mostly 0, so that a rehearsal does not wait for nothing.
    return web.json_response(body, status=429, headers={"Retry-After": "1" if rng.random() < 0.1 else "0"})


async def _server_error(request: web.Request, reply: bytes, rng: Random) -> web.StreamResponse:
    body = {"error": {"message": "Internal server error", "type": "internal_error", "code": 500}}
    return web.json_response(body, status=500)


async def _reset(request: web.Request, reply: bytes, rng: Random) -> web.StreamResponse:
    _hang_up(request, reset=True)
    return web.Response()  # goes nowhere


async def _half_reply(request: web.Request, reply: bytes, rng: Random) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(reply))})
    with suppress(ConnectionResetError):  # the client has gone first, as one does that is stopped by Ctrl-C
        await response.prepare(request)
        await response.write(reply[: len(reply) // 2])
    _hang_up(request, reset=False)
    return response


async def _invalid_json(request: web.Request, reply: bytes, rng: Random) -> web.StreamResponse:
    return web.Response(body=reply[: -len(reply) // 3], content_type="application/json")


async def _stall(request: web.Request, reply: bytes, rng: Random) -> None:
    await asyncio.sleep(STALL_S)


def _hang_up(request: web.Request, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    line = transport.get_extra_info("socket")
    if reset and line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()


FAILURES: Mapping[str, Callable[[web.Request, bytes, Random], Awaitable[web.StreamResponse | None]]] = {
    "http_429": _too_many,
    "http_500": _server_error,
    "connection_reset": _reset,
    "half_reply": _half_reply,
    "invalid_json_body": _invalid_json,
    "stall": _stall,
}
