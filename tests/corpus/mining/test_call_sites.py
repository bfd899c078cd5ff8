"""Calls found in code: names resolved by imports, literals only, doctests too; and the seeds made of them."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from corpus.mined_calls import read
from corpus.mining.call_sites import find_calls
from records.types import Seed
from verifiers.toolbox.box import Toolbox

SOURCE = '''
import math, os.path
import textwrap as tw
from math import gcd as divisor
from . import local

def f(x):
    """Does things.

    >>> from statistics import median
    >>> median([1, 5, 2])
    2
    """
    return math.sqrt(16), tw.shorten("a b c", width=12), divisor(84, 126), os.path.join("a", "b"), math.sqrt(x)

def g(y): return local.sqrt(4), math.gcd(*y), unknown(3), math.pow(2, y)
'''


def test_calls_with_literals_are_found_under_their_full_names() -> None:
    found = {(one.function, one.positional, tuple(one.named.items())) for one in map(hashable, find_calls(SOURCE))}
    assert ("math.sqrt", (16,), ()) in found
    assert ("textwrap.shorten", ("a b c",), (("width", 12),)) in found
    assert ("math.gcd", (84, 126), ()) in found
    assert ("os.path.join", ("a", "b"), ()) in found
    assert ("statistics.median", ("[1, 5, 2]",), ()) in found
    assert ("builtins.unknown", (3,), ()) in found  # no tool has that name
    assert {name for name, _, _ in found} & {"local.sqrt", "math.sqrt.x"} == set()
    assert len(found) == 6


def hashable(one):
    from dataclasses import replace

    return replace(one, positional=tuple(str(v) if isinstance(v, list) else v for v in one.positional))


def test_hostile_sources_give_nothing() -> None:
    for source in ("def f(:", "\0", "(" * 500, "f" * 10, "import math\nmath.sqrt(1e999)", "import math\nmath.sqrt(9j)"):
        assert list(find_calls(source)) == []


def test_seeds_are_calls_that_gave_a_result(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE + "\nmath.sqrt(-1)\n")
    seeds = list(islice((one for one in read(str(tmp_path), 0, "MIT") if isinstance(one, Seed)), 5))
    calls = [json.loads(seed.fields["examples"])[0] for seed in seeds]
    assert {call["name"] for call in calls} == {
        "math_sqrt", "textwrap_shorten", "math_gcd", "posixpath_join", "statistics_median",
    }  # fmt: skip
    gcd = next(call for call in calls if call["name"] == "math_gcd")
    assert gcd == {"name": "math_gcd", "arguments": {"integers": [84, 126]}, "result": 42}
    assert all(Toolbox.read(seed.fields["toolbox"]).is_executable and seed.licence == "MIT" for seed in seeds)
