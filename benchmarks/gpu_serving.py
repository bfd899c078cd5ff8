"""How much of what a server can do does the pipeline use? Tokens per second of both, on one server.

Run: python -m benchmarks.gpu_serving [--size 8b] [--seeds 1500] [--samples 4] [--max-tokens 256] [--env FOLDER]
     [--device gpu] [--threads N] [-- VLLM OPTIONS]

A vLLM with random weights (no download; --size tiny is for a CPU) gets the requests of one `provender make` twice: from
the pipeline, with all that it does, and from vLLM's own load generator (`vllm bench serve`), all at once, with the same
prompts and lengths. Its prefix cache is emptied between. Tokens per second are the increase of the server's counter of
generated tokens, from the first to the last of them; for the pipeline also over the whole command, start and end
included. The load generator streams its replies and does nothing with them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.vllm_server import Served, environment, served
from flows.config import RunConfig, validate_config
from flows.make_dataset import make
from flows.progress import reporting

GENERATED = "vllm:generation_tokens_total"
TICK_S = 0.2
BENCH = Path(__file__).with_name("bench_serve.py")


@dataclass
class Counted(threading.Thread):
    """Reads the server's counter while inside."""

    server: Served
    readings: list[tuple[float, float]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    began: float = 0.0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def __enter__(self) -> Counted:
        self.began = time.perf_counter()
        self._read()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()
        self._read()

    def run(self) -> None:
        while not self.ended.wait(TICK_S):
            self._read()

    def _read(self) -> None:
        self.readings.append((time.perf_counter(), self.server.total(GENERATED)))

    @property
    def tokens(self) -> float:
        return self.readings[-1][1] - self.readings[0][1]

    @property
    def per_second(self) -> float:
        """From the reading before the first token to the one that had the last."""
        first = next(at for (at, now), (_, then) in zip(self.readings, self.readings[1:], strict=False) if then > now)
        last = next(at for at, now in self.readings if now == self.readings[-1][1])
        return self.tokens / (last - first)


def config_of(options: argparse.Namespace, url: str, name: str, corpus: Path) -> RunConfig:
    settings = {"samples": options.samples, "max_tokens": options.max_tokens}
    recipe = {"use": "math/solve", "corpus": str(corpus), "settings": settings}
    models = {"default": {"base_url": url, "name": name}}
    return validate_config({"name": "gpu-serving", "models": models, "recipes": [recipe]}, "benchmark")


def write_corpus(path: Path, seeds: int) -> None:
    """Questions of the usual length, each another one."""
    question = "A shop sells {0} boxes of pencils on Monday and {1} on Tuesday. Each box holds {2} pencils, and {3} "
    question += "pencils are given back. How many pencils were sold over the two days, and what is the mean of a day?"
    rows = []
    for number in range(seeds):
        figures = (number + 3, 2 * number + 5, 12 + number % 7, number % 11)
        rows.append({"id": f"q{number}", "question": question.format(*figures), "answer": str(number)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def prompts_of(config: RunConfig, out: Path, target: Path) -> int:
    """The texts of the run's requests, as a batch file has them, for the load generator."""
    with reporting(True):
        make(config.model_copy(update={"batch": True}), str(out))
    texts = []
    for file in sorted(out.glob("batch/*.requests.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            messages = json.loads(line)["body"]["messages"]
            texts.append("\n".join(message["content"] for message in messages))
    target.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    return len(texts)


def load_generator(server: Served, options: argparse.Namespace, prompts: Path, number: int) -> dict[str, Any]:
    """What `vllm bench serve` says."""
    result = prompts.with_name("bench.json")
    words = ["--backend", "openai-chat", "--base-url", server.root, "--endpoint", "/v1/chat/completions"]
    words += ["--model", str(server.model), "--served-model-name", server.model.name, "--dataset-name", "custom"]
    words += ["--dataset-path", str(prompts), "--skip-chat-template", "--ignore-eos"]
    words += ["--num-prompts", str(number), "--custom-output-len", str(options.max_tokens), "--disable-tqdm"]
    words += ["--save-result", "--result-dir", str(result.parent), "--result-filename", result.name]
    ended = subprocess.run([server.environment.python, BENCH, *words], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"vllm bench serve failed: {ended.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(result.read_text())
    return said


def measure(server: Served, options: argparse.Namespace, folder: Path) -> None:
    corpus, prompts = folder / "corpus.jsonl", folder / "prompts.jsonl"
    write_corpus(corpus, options.seeds)
    config = config_of(options, f"{server.root}/v1", server.model.name, corpus)
    number = prompts_of(config, folder / "batch", prompts)
    server.forget_prefixes()
    with Counted(server) as ours, reporting(True):
        made = make(config, str(folder / "run"))
    whole = time.perf_counter() - ours.began
    server.forget_prefixes()
    with Counted(server) as theirs:
        said = load_generator(server, options, prompts, number)
    hits = [f"{use['hits'] / use['queries']:.1%}" for use in made.caches.values()]
    print(f"{number:,} requests of up to {options.max_tokens} tokens, {server.environment.device}, size {options.size}")
    print(f"vllm bench serve   {theirs.per_second:10,.0f} tokens/s (it says {said['output_throughput']:,.0f})")
    print(f"provender make     {ours.per_second:10,.0f} tokens/s, prefix cache {', '.join(hits) or 'not told'}")
    print(f"share              {ours.per_second / theirs.per_second:10.1%}")
    print(f"whole command      {ours.tokens / whole / theirs.per_second:10.1%}, in {whole:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("tiny", "1b", "8b"), default="8b")
    parser.add_argument("--seeds", type=int, default=1500)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--env", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("vllm", nargs="*", help="options of vLLM, after --")
    options = parser.parse_args()
    env = environment(options.env)
    kind = "chat" if options.size == "tiny" else options.size
    words = [*options.vllm, *(() if kind == "chat" else ("--load-format", "dummy"))]
    with served(env, kind, words, options.threads) as server, tempfile.TemporaryDirectory() as folder:
        measure(server, options, Path(folder))


if __name__ == "__main__":
    main()
