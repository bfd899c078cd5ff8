"""`make --batch` in rounds: write requests, have them sent, wait for their results, go on with what they lead to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.config import RunConfig
from flows.engine import prefect_api
from flows.make_dataset import make
from flows.make_recipe import PUT_OFF
from flows.run_folder import RunFolder, locked
from flows.settle import Published
from flows.workbench import model_configs
from served_model.batch_api import BatchApi, Standing
from served_model.batch_files import Results

FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 0.5, 60.0, 1.5
"""Between two looks: results of a local run come in minutes, a provider takes up to a day."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rounds:
    """How far a start goes: `send` uses the providers' batch APIs, `wait` goes on until nothing is left to ask."""

    send: bool = False
    wait: bool = False


def make_in_rounds(config: RunConfig, out: Path, rounds: Rounds, tell: Tell) -> Published:
    """Collect, make, send; with `wait` again and again. Ending it at any time loses nothing."""
    folder = RunFolder(out)
    with prefect_api():  # one for all rounds
        while True:
            _exchange(folder, config, rounds)
            published = make(config, str(out))
            for standing in _exchange(folder, config, rounds):
                tell(standing.line)
            if not any(why.startswith(PUT_OFF) for why in published.ended.values()):
                return published
            waiting = len(Results.read(folder.batches).waiting)
            tell(f"{waiting:,} requests in {folder.batches} wait for results")
            if not rounds.wait:
                tell("give the same command again to collect them")
                return published
            if waiting:  # else they have come meanwhile
                _wait(folder, config, rounds, waiting)


def _exchange(folder: RunFolder, config: RunConfig, rounds: Rounds) -> Sequence[Standing]:
    if not rounds.send or not folder.batches.exists():
        return ()
    with locked(folder):
        return BatchApi(folder.batches, model_configs(config)).advance()


def _wait(folder: RunFolder, config: RunConfig, rounds: Rounds, waiting: int) -> None:
    """Return when there are new results, and no more have come since the last look."""
    pause, seen = FIRST_PAUSE_S, waiting
    while True:
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_S, GROWTH * pause)
        _exchange(folder, config, rounds)
        now = len(Results.read(folder.batches).waiting)
        if now < waiting and now == seen:
            return
        if now != seen:
            seen, pause = now, FIRST_PAUSE_S
