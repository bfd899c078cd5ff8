"""Runs the rehearsal model; `python -m served_model.rehearsal` ends with its parent, its standard input, or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from served_model.rehearsal.answer_key import AnswerKey
from served_model.rehearsal.knowledge import KnowledgeError, load_knowledge
from served_model.rehearsal.role import Settings
from served_model.rehearsal.server import RehearsalModel, application

HOST = "127.0.0.1"
PARENT_CHECK_S = 0.5
SHUTDOWN_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve. Returns the exit status: 2 for a file that cannot be used."""
    options = _parser().parse_args(arguments)
    parent = os.getppid()
    wire = options.fault_rate / 4 if options.wire_fault_rate is None else options.wire_fault_rate
    try:
        facts = load_knowledge(options.knowledge) if options.knowledge else {}
        answer_key = AnswerKey(options.answer_key)
    except (KnowledgeError, OSError) as error:
        sys.stderr.write(f"rehearsal model: {error}\n")
        return 2
    settings = Settings(
        options.seed,
        options.fault_rate,
        wire,
        facts,
        options.judge_accuracy,
        options.guard_accuracy,
        options.unsafe_rate,
    )
    try:
        asyncio.run(_serve(options, settings, answer_key, parent))
    finally:
        answer_key.close()
    return 0


async def _serve(options: argparse.Namespace, settings: Settings, answer_key: AnswerKey, parent: int) -> None:
    model = RehearsalModel(settings, answer_key, options.slots, options.latency_ms / 1000)
    runner = web.AppRunner(application(model), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    told = _end_when_told()  # before anybody can know that the server is there
    try:
        site = web.TCPSite(runner, HOST, options.port)
        await site.start()
        port = runner.addresses[0][1]
        sys.stdout.write(json.dumps({"base_url": f"http://{HOST}:{port}/v1"}) + "\n")
        sys.stdout.flush()
        while not told.is_set() and os.getppid() == parent:
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), PARENT_CHECK_S)
    finally:
        await runner.cleanup()


def _end_when_told() -> asyncio.Event:
    """An event that a signal or the end of standard input sets. The server also looks whether its parent is another.

    The parent's death signal (PR_SET_PDEATHSIG) is not used: it comes when the *thread* that started this process
    ends, and a flow's tasks run on threads that do.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    threading.Thread(target=_watch_input, args=(loop, told), daemon=True).start()
    return told


def _watch_input(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    with suppress(OSError):  # closed from the start: the same as ended
        while os.read(0, 4096):
            pass
    with suppress(RuntimeError):  # the loop is closed: the server has ended for another reason
        loop.call_soon_threadsafe(told.set)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m served_model.rehearsal", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one (default)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault-rate", type=_share, default=0.0, help="share of replies with a planted fault")
    parser.add_argument("--wire-fault-rate", type=_share, help="share of requests that fail once (fault rate / 4)")
    parser.add_argument("--judge-accuracy", type=_share, default=1.0, help="share of judgements that are right (1)")
    parser.add_argument(
        "--guard-accuracy", type=_share, default=1.0, help="share of the guard's findings that are right"
    )
    parser.add_argument("--unsafe-rate", type=_share, default=0.0, help="share of unsafe solutions (0)")
    parser.add_argument("--knowledge", type=Path, help="JSON lines with question and answer")
    parser.add_argument("--answer-key", type=Path, default=Path(os.devnull), help="JSON lines are added to this file")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--slots", type=int, default=256, help="requests answered at once")
    return parser


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return share


if __name__ == "__main__":
    sys.exit(main())
