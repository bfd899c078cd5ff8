"""What curation costs: all of `curate`, its near-duplicate index alone, and the MinHash library used bare with a dict.

Documents of about 2 KB, a tenth of them planted near duplicates. Each measurement is a process of its own, so that its
peak memory is its own; `growth` compares that with the first number of rows. The bare library gets the same shingles,
because making them is the larger part of the time.

Run: python -m benchmarks.near_duplicates [--rows 20000 200000]
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rensa import CMinHash  # type: ignore[import-untyped]  # it ships without types

from curation.curate import curate
from curation.near_duplicates import NearDuplicates, shingles

WORDS = 300  # of 5 to 7 letters: about 2 KB
BATCH = 1000
PLANTED = 10  # every tenth document repeats an earlier one with its last words changed


def documents(count: int) -> Iterator[list[str]]:
    """Batches of documents, always the same."""
    vocabulary = [f"{random.Random(number).getrandbits(28):x}"[:6] for number in range(20_000)]
    for start in range(0, count, BATCH):
        yield [document(number, vocabulary) for number in range(start, min(count, start + BATCH))]


def document(number: int, vocabulary: list[str]) -> str:
    is_copy = number % PLANTED == PLANTED - 1
    origin = random.Random(number - number % PLANTED if is_copy else number)
    words = origin.choices(vocabulary, k=WORDS)
    if is_copy:
        words[-3:] = random.Random(-number).choices(vocabulary, k=3)
    return " ".join(words)


def write(path: Path, count: int) -> None:
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for at, batch in enumerate(documents(count)):
            names = [f"d{at * BATCH + number}" for number in range(len(batch))]
            writer.write_table(pa.table([names, batch], schema=schema))


def texts(path: Path) -> Iterator[list[str]]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=["text"]):
            yield [str(text) for text in batch.column(0).to_pylist()]


def whole_curate(path: Path) -> int:
    """Everything: reading, repetition, duplicates, writing what is kept."""
    with tempfile.TemporaryDirectory() as out:
        result = curate(path, Path(out))
        return sum(count.dropped for count in result.accounts)


def index_alone(path: Path) -> int:
    """Our band keys and clusters."""
    index = NearDuplicates()
    for batch in texts(path):
        keys = [hashlib.sha256(text.encode()).digest() for text in batch]
        index.add(batch, keys, keys)
    return sum(at != other for at, other in enumerate(index.near()))


def bare_library(path: Path) -> int:
    """The library's signatures and a dict of bands, as its users write it: first come stays, no clusters."""
    seen: list[dict[tuple[int, ...], int]] = [{} for _ in range(14)]
    dropped = number = 0
    for batch in texts(path):
        for digest in CMinHash.digests_from_token_sets([shingles(text, 5) for text in batch], 112, 42):
            bands = [tuple(digest[at : at + 8]) for at in range(0, 112, 8)]
            dropped += any(band in table for table, band in zip(seen, bands, strict=True))
            for table, band in zip(seen, bands, strict=True):
                table.setdefault(band, number)
            number += 1
    return dropped


WAYS: dict[str, Callable[[Path], int]] = {way.__name__: way for way in (bare_library, index_alone, whole_curate)}


def measured(way: str, path: Path) -> tuple[float, float, int]:
    """Seconds, peak MiB and rows dropped, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.near_duplicates", "--way", way, "--file", str(path)]
    seconds, peak, dropped = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(peak), int(dropped)


def compare(sizes: list[int]) -> None:
    peaks: dict[str, float] = {}
    print(f"{'rows':>8} {'way':<14}{'s':>8}{'ratio':>7}{'us/row':>8}{'MiB':>8}{'ratio':>7}{'growth':>8}{'dropped':>9}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "documents.parquet"
            write(path, size)
            results = {way: measured(way, path) for way in WAYS}
        base_seconds, base_peak, _ = results["bare_library"]
        for way, (seconds, peak, dropped) in results.items():
            growth = peak / peaks.setdefault(way, peak)
            times = f"{seconds:8.2f}{seconds / base_seconds:7.2f}{1e6 * seconds / size:8.0f}"
            print(f"{size:>8} {way:<14}{times}{peak:8.0f}{peak / base_peak:7.2f}{growth:8.2f}{dropped:>9}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is None:
        compare(options.rows)
        return
    start = time.perf_counter()
    dropped = WAYS[options.way](options.file)
    seconds = time.perf_counter() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, dropped)


if __name__ == "__main__":
    main()
