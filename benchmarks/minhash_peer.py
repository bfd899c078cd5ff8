"""The peer of benchmarks.near_duplicates: datatrove's four MinHash stages on the same file, in its own environment.

Run by that benchmark with the peer's interpreter; it imports nothing of ours. Bands, rows and shingles are as ours:
they are datatrove's defaults. All stages run in one process. With `plain` its words are split by the same regular
expression as ours instead of by spaCy: that is the comparison of the method alone.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor  # type: ignore[import-not-found]  # not a dependency of ours
from datatrove.pipeline.dedup import (  # type: ignore[import-not-found]
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.readers import ParquetReader  # type: ignore[import-not-found]
from datatrove.pipeline.writers import ParquetWriter  # type: ignore[import-not-found]
from loguru import logger  # type: ignore[import-not-found]

BUCKETS = 14
ROW_NUMBER = 4  # bytes of one dropped row in a file of the third stage
WORD = re.compile(r"\w+")


class PlainWords:
    """Stands in for the peer's word tokenizer."""

    def word_tokenize(self, text: str) -> list[str]:
        """Words and numbers."""
        return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def deduplicate(file: Path, work: Path, plain: bool) -> int:
    """Rows dropped; what is kept is written as Parquet."""
    signature = MinhashDedupSignature(str(work / "signatures"))
    if plain:
        signature.word_tokenizer = PlainWords()
    reader = ParquetReader(str(file.parent), glob_pattern=file.name)
    keep = MinhashDedupFilter(str(work / "remove"))
    stages = (
        (1, [reader, signature]),
        (BUCKETS, [MinhashDedupBuckets(str(work / "signatures"), str(work / "buckets"))]),
        (1, [MinhashDedupCluster(str(work / "buckets"), str(work / "remove"))]),
        (1, [reader, keep, ParquetWriter(str(work / "kept"))]),
    )
    for number, (tasks, stage) in enumerate(stages):
        LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=str(work / f"logs{number}")).run()
    return sum(path.stat().st_size for path in (work / "remove").glob("*.remove")) // ROW_NUMBER


def peak_mib() -> float:
    """The peak of this program alone; `ru_maxrss` would count what its parent held when it started it."""
    peak = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak[1]) / 1024 if peak else 0.0


def main() -> None:
    logger.remove()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        dropped = deduplicate(Path(sys.argv[1]), Path(work), sys.argv[2] == "plain")
    print(time.perf_counter() - start, time.process_time(), peak_mib(), dropped)


if __name__ == "__main__":
    main()
