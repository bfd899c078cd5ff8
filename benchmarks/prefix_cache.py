"""Does grouping by shared prefix raise the hit rate of the server's prefix cache? The same job with it and without.

Run: python -m benchmarks.prefix_cache [--seeds 96] [--cache-tokens 12000] [--slots 8] [--env FOLDER] [--threads N]

`provender make` works dialogues about long passages (benchmarks/prefix_recipe.py) on a real vLLM with random weights
and a KV cache that holds few of them, once with requests sent by arrival and once by seed, as they are. Each time the
passages are new to the server and its cache is emptied. The rates are those of the run's own report. With a cache that
holds everything (--cache-tokens 400000) both show what there is to be found.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from benchmarks.vllm_server import Served, environment, served
from flows.config import validate_config
from flows.make_dataset import make
from flows.progress import reporting
from served_model.prefix_cache import CacheUse

ROOT = Path(__file__).resolve().parents[1]
RECIPE = Path(__file__).with_name("prefix_recipe.py")
PASSAGE_CHARS = 2_400
TURNS, SAMPLES, MAX_TOKENS = 4, 4, 32
BLOCK = 32  # tokens; vLLM's least on a CPU


@dataclass(frozen=True)
class Measured:
    """One way of sending the job."""

    use: CacheUse
    seconds: float
    replies: int


def write_corpus(path: Path, seeds: int, volume: str) -> None:
    """Windows of this repository's documentation, each with a beginning of its own."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "docs").glob("*.md")))
    step = max(1, (len(text) - PASSAGE_CHARS) // seeds)
    rows = []
    for number in range(seeds):
        window = text[number * step : number * step + PASSAGE_CHARS]
        rows.append({"id": f"{volume}{number}", "question": f"{volume}{number}: {window}\nWhat is said here?"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def work(server: Served, seeds: int, by_seed: bool) -> Measured:
    """One whole run. Without turns the line before the server is served by arrival."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        write_corpus(corpus, seeds, "vol" if by_seed else "arr")
        settings = {"turns": TURNS, "samples": SAMPLES, "max_tokens": MAX_TOKENS}
        config = validate_config(
            {
                "name": "prefix-cache",
                "models": {"default": {"base_url": f"{server.root}/v1"}},
                "recipes": [{"use": f"{RECIPE}:DIALOGUE", "corpus": str(corpus), "settings": settings}],
            },
            "benchmark",
        )
        server.forget_prefixes()
        begun = time.perf_counter()
        turns = nullcontext() if by_seed else mock.patch("served_model.service.current_turn", lambda: 0)
        with reporting(True), turns:
            made = make(config, str(Path(folder) / "run"))
        seconds = time.perf_counter() - begun
        (counts,) = made.caches.values()
    return Measured(CacheUse(**counts), seconds, seeds * (TURNS + SAMPLES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=96)
    parser.add_argument("--cache-tokens", type=int, default=12_000)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--env", type=Path)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    words = ["--max-num-seqs", str(options.slots), "--max-model-len", "4096", "--block-size", str(BLOCK)]
    words += ["--num-gpu-blocks-override", str(options.cache_tokens // BLOCK), "--enforce-eager"]
    with served(environment(options.env), "chat", words, options.threads) as server:
        for name, by_seed in (("by arrival", False), ("by seed", True)):
            one = work(server, options.seeds, by_seed)
            per_request = one.use.queries / one.replies
            print(
                f"{name:12} hit rate {one.use.rate:6.1%} of {one.use.queries:,} prompt tokens ({per_request:.0f} a "
                f"request), {one.seconds:.1f} s",
                flush=True,
            )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
