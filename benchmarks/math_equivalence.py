"""What the guard against hanging costs: our comparison beside math-verify alone, as ratios measured in one run.

Usage: python -m benchmarks.math_equivalence [ROUNDS]. Both sides compare the same pairs one after the other, the
library in this process with its own time limits off, ours with one worker process.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import time

from math_verify import parse, verify

from verifiers.equivalence import DEFAULT, is_equivalent
from verifiers.equivalence_worker import compare
from verifiers.workers import ProcessPool

PLAIN = [
    ("18", "18.0"),
    ("1234", "1{,}234"),
    (r"\frac{3}{4}", "0.75"),
    ("50", r"50\%"),
    (r"5\text{ cm}", "5"),
    ("18", "19"),
    ("(1, 2)", r"\left(1,2\right)"),
    (r"\{1,2,3\}", "3, 2, 1"),
    ("B", r"\text{(B)}"),
    ("-7", "7"),
]
SYMBOLIC = [
    ("x^2+2x+1", "(x+1)^2"),
    (r"\sqrt{50}", r"5\sqrt{2}"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
    ("y=2x+1", "y=1+2x"),
    ("x>3", "3<x"),
    (r"36\pi", r"35\pi"),
    ("(x+2)(x-3)", "x^2-x-6"),
    (r"\frac{n(n+1)}{2}", r"\frac{n^2+n}{2}"),
    ("2x+y=3", "y=3-2x"),
    (r"\sin 2x", r"2\sin x\cos x"),
]


def library_alone(pairs: list[tuple[str, str]]) -> float:
    """Seconds for all pairs by math-verify, in this process."""
    start = time.perf_counter()
    for expected, answer in pairs:
        gold, given = (parse(f"${text}$", parsing_timeout=None) for text in (expected, answer))
        verify(gold, given, timeout_seconds=None)
    return time.perf_counter() - start


def ours_unguarded(pairs: list[tuple[str, str]]) -> float:
    """Seconds for all pairs by our whole comparison, in this process."""
    start = time.perf_counter()
    for expected, answer in pairs:
        compare(expected, answer, DEFAULT)
    return time.perf_counter() - start


async def ours_guarded(pairs: list[tuple[str, str]], pool: ProcessPool) -> float:
    """Seconds for all pairs by our comparison with its worker process, one after the other."""
    start = time.perf_counter()
    for expected, answer in pairs:
        await is_equivalent(expected, answer, pool)
    return time.perf_counter() - start


async def main(rounds: int) -> None:
    """Print medians over the rounds; the three are interleaved, so that a slow moment meets them all."""
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    pool = ProcessPool(1)
    try:
        for name, pairs in (("plain", PLAIN), ("symbolic", SYMBOLIC), ("mixed", PLAIN + SYMBOLIC)):
            times: list[tuple[float, float, float]] = []
            for _ in range(rounds + 1):
                times.append((library_alone(pairs), ours_unguarded(pairs), await ours_guarded(pairs, pool)))
            library, unguarded, guarded = (statistics.median(column) for column in zip(*times[1:], strict=True))
            print(
                f"{name:9s} library {1e3 * library / len(pairs):6.2f} ms a pair; ours without guard "
                f"{unguarded / library:5.2f}x, with guard {guarded / library:5.2f}x; "
                f"guard / no guard {guarded / unguarded:5.2f}"
            )
    finally:
        await pool.aclose()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
