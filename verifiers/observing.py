"""What a Python function really returns for given inputs: run in the sandbox, one line of JSON for each call."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from records.types import JSON, stable_hash
from sandbox.types import Execution, Limits, Request, Sandbox, Status

CALLER = """

def {run}(inputs):
    import json as {json}
    import sys as {sys}

    for arguments in {json}.loads(inputs):
        try:
            outcome = ["value", {entry_point}(*arguments)]
        except Exception as error:
            outcome = ["raised", type(error).__name__]
        try:
            line = {json}.dumps(outcome, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            line = {json}.dumps(["odd", type(outcome[1]).__name__])
        {sys}.stdout.write("\\n{mark}" + line + "\\n")


{run}({inputs!r})
"""


@dataclass(frozen=True, slots=True)
class Observed:
    """What one call gave: a JSON value, the name of an exception's class, or the type of a value without JSON form."""

    value: JSON = None
    raised: str = ""
    odd: str = ""

    @property
    def has_value(self) -> bool:
        """Whether there is a value that can be compared."""
        return not (self.raised or self.odd)

    def __str__(self) -> str:
        if self.odd:
            return f"a value of type {self.odd}"
        return f"raised {self.raised}" if self.raised else json.dumps(self.value)


@dataclass(frozen=True, slots=True)
class Observation:
    """The outcomes in the order of the inputs; fewer where the program ended before the last call."""

    outcomes: tuple[Observed, ...]
    execution: Execution


async def observe(
    program: str, entry_point: str, inputs: Sequence[Sequence[JSON]], sandbox: Sandbox, limits: Limits
) -> Observation:
    """Call the function with each input, in one process. Raises SandboxError.

    The program never learns what is expected, so lines that it writes itself can only be wrong claims.
    """
    text = json.dumps([list(arguments) for arguments in inputs])
    nonce = stable_hash("observe", program, text)
    names = {"run": f"run_{nonce}", "json": f"json_{nonce}", "sys": f"sys_{nonce}", "mark": f"{nonce}:"}
    source = program + CALLER.format(entry_point=entry_point, inputs=text, **names)
    execution = await sandbox.run(Request("python", source, limits=limits))
    lines = [
        line.removeprefix(names["mark"]) for line in execution.stdout.split("\n") if line.startswith(names["mark"])
    ]
    whole = execution.status is Status.OK and len(lines) == len(inputs)
    return Observation(tuple(_read(line) for line in (lines if whole else lines[: len(inputs)])), execution)


def _read(line: str) -> Observed:
    try:
        kind, value = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return Observed(odd="unreadable")
    if kind == "value":
        return Observed(value=value)
    return Observed(raised=str(value)) if kind == "raised" else Observed(odd=str(value))


def same_value(one: JSON, other: JSON, tolerance: float = 1e-9) -> bool:
    """Whether two JSON values are equal: numbers as numbers, floats to a relative tolerance, truth values apart."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return _close(one, other, tolerance)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same_value(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[key], other[key], tolerance) for key in one)
    return type(one) is type(other) and bool(one == other)


def _close(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    try:
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    except OverflowError:  # an integer beyond every float
        return False
