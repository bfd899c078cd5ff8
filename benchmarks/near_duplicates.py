"""What curation costs: `curate`, its near-duplicate index, the MinHash library bare with a dict, and a public peer.

Documents of about 2 KB, a tenth of them planted near duplicates. Each measurement is a process of its own, so that its
peak memory is its own; `growth` compares that with the first number of rows. The bare library gets the same shingles,
because making them is the larger part of the time. The peer is datatrove (`benchmarks/minhash_peer.py`), in an
environment of its own: `python3 -m venv PEER && PEER/bin/pip install "datatrove[processing,io]" spacy`.

Run: python -m benchmarks.near_duplicates [--rows 20000 200000] [--peer PEER/bin/python [--peer-words own]]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


PEER = "datatrove"
WAYS: dict[str, Callable[[Path], int]] = {way.__name__: way for way in (bare_library, index_alone, whole_curate)}


@dataclass(frozen=True)
class Peer:
    """An interpreter that has datatrove, and whose words it splits: "own" with spaCy, or "plain" as ours are."""

    python: str
    words: str


@dataclass(frozen=True)
class Cost:
    """What one way cost."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    dropped: int


def measured(way: str, path: Path, peer: Peer | None) -> Cost:
    """The cost of one way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.near_duplicates", "--way", way, "--file", str(path)]
    if peer and way == PEER:
        command = [peer.python, str(Path(__file__).with_name("minhash_peer.py")), str(path), peer.words]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return Cost(*map(float, said[:3]), int(said[3]))


def compare(sizes: list[int], peer: Peer | None) -> None:
    peaks: dict[str, float] = {}
    heads = (
        f"{'s':>8}{'ratio':>7}{'CPU s':>9}{'ratio':>7}{'us/row':>8}{'MiB':>8}{'ratio':>7}{'growth':>8}{'dropped':>9}"
    )
    print(f"{'rows':>8} {'way':<14}{heads}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "documents.parquet"
            write(path, size)
            results = {way: measured(way, path, peer) for way in [*WAYS, *([PEER] if peer else [])]}
        base = results["bare_library"]
        for way, cost in results.items():
            growth = cost.peak_mib / peaks.setdefault(way, cost.peak_mib)
            cpu = (
                f"{cost.cpu_seconds:9.2f}{cost.cpu_seconds / base.cpu_seconds:7.2f}{1e6 * cost.cpu_seconds / size:8.0f}"
            )
            memory = f"{cost.peak_mib:8.0f}{cost.peak_mib / base.peak_mib:7.2f}{growth:8.2f}"
            times = f"{cost.seconds:8.2f}{cost.seconds / base.seconds:7.2f}{cpu}"
            print(f"{size:>8} {way:<14}{times}{memory}{cost.dropped:>9}", flush=True)


def peak_mib() -> float:
    """The peak of this program alone; `ru_maxrss` would count what its parent held when it started it."""
    peak = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak[1]) / 1024 if peak else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--peer", help="Python of an environment that has datatrove.")
    parser.add_argument("--peer-words", choices=("plain", "own"), default="plain", help="How the peer splits words.")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is None:
        print("load average", *(round(load, 1) for load in os.getloadavg()))
        compare(options.rows, Peer(options.peer, options.peer_words) if options.peer else None)
        return
    start = time.perf_counter()
    dropped = WAYS[options.way](options.file)
    print(time.perf_counter() - start, time.process_time(), peak_mib(), dropped)


if __name__ == "__main__":
    main()
