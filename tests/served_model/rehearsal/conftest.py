"""Prompts as the recipes send them, and tasks of every family."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from served_model.rehearsal.asking import Ask, read_ask
from served_model.rehearsal.bank import Family, Task
from served_model.rehearsal.material import Material, draw_parameter

SNIPPET = """\
def read_header(stream, limit=12):
    version = stream.read(4)
    for attempt in range(3):
        if checkSum(version) == 17: return Header(version, attempt)
"""

AskMaker = Callable[..., Ask]
TaskMaker = Callable[[Family, int], Task]


def body_of(text: str, seed: int = 0, **extra: object) -> bytes:
    """A request body as the client writes it."""
    messages = [{"role": "system", "content": "You play."}, {"role": "user", "content": text}]
    return json.dumps({"model": "rehearsal", "messages": messages, "seed": seed, **extra}).encode()


@pytest.fixture
def snippet() -> str:
    return SNIPPET


@pytest.fixture
def make_body() -> Callable[..., bytes]:
    return body_of


@pytest.fixture
def make_ask() -> AskMaker:
    """Ask for a prompt with tagged parts: `make_ask(prompt, snippet=..., seed=3)`."""

    def make(prompt: str, seed: int = 0, max_tokens: int = 4096, **tags: str) -> Ask:
        text = "\n\n".join(f"<{name}>\n{value}\n</{name}>" for name, value in tags.items())
        return read_ask(body_of(f"Do what is asked.\n\n{text}\n\nThank you.", seed, max_tokens=max_tokens), prompt)

    return make


@pytest.fixture
def make_task() -> TaskMaker:
    """A task of one family, with parameters drawn from a snippet."""

    def make(family: Family, seed: int) -> Task:
        rng = random.Random(seed)
        material = Material.of(SNIPPET if seed % 2 else f"x{seed} = {seed % 23}")
        values = tuple((name, draw_parameter(kind, material, rng)) for name, kind in family.params)
        return Task(family, f"{family.verb}_{material.word(rng)}", values)

    return make
