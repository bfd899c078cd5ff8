"""The neutral job, whole: one generation and one judged score per seed, from a seed file to a published dataset.

The same two requests per seed are made in four ways against one server process (pinned to one core): by a hand-written
HTTP/1.1 loop (the floor), by bare aiohttp, by the openai SDK, and by `provender make` with everything it does. Each
way is a process of its own on the other core. Its wall time runs from the first request to the last reply; ours from
the flow's start to its end, with the dataset, the report and run.json written. The Prefect server is started before
and shares the model server's core.

Run: python -m benchmarks.neutral_job [--seeds 10000] [--delay-ms 200] [--jitter 0] [--slots 256] [--rounds 3]
     [--ways raw,ours] [--faults 429:0.02,500:0.02,reset:0.01]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks.neutral_requests import SCHEMA, score_messages, write_messages
from records.types import Message

FILLER = " Explain it to a newcomer, with one example from daily life and one from industry." * 6  # 0.5 KB


def question(number: int) -> str:
    return f"What is the use of component number {number}?{FILLER}"


def body_of(messages: tuple[Message, ...], number: int, judge: bool) -> bytes:
    body: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 1024,
        "seed": number,
    }
    if judge:
        json_schema = {"name": "reply", "strict": True, "schema": SCHEMA}
        body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
    return orjson.dumps(body)


Ask = Callable[[bytes], Awaitable[str]]


async def drive(asks: list[Ask], seeds: int) -> None:
    """The job by hand: so many workers, each takes a seed, asks for text and for its score."""
    numbers = iter(range(seeds))

    async def work(ask: Ask) -> None:
        for number in numbers:
            text = await ask(body_of(write_messages(question(number)), number, False))
            score = await ask(body_of(score_messages(question(number), text), number, True))
            assert orjson.loads(score)["score"] == 5

    await asyncio.gather(*(work(ask) for ask in asks))


async def raw(port: int, seeds: int, slots: int) -> None:
    """The floor: one connection a worker, HTTP/1.1 by hand."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "

    async def connect() -> Ask:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(body: bytes) -> str:
            writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            return str(orjson.loads(await reader.readexactly(length))["choices"][0]["message"]["content"])

        return ask

    await drive(await asyncio.gather(*(connect() for _ in range(slots))), seeds)


async def bare_aiohttp(port: int, seeds: int, slots: int) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask(body: bytes) -> str:
            async with session.post(url, data=body) as response:
                return str(orjson.loads(await response.read())["choices"][0]["message"]["content"])

        await drive([ask] * slots, seeds)


async def openai_sdk(port: int, seeds: int, slots: int) -> None:
    """The SDK on its fastest transport, with its own retries."""
    import openai

    http_client = openai.DefaultAioHttpClient()
    url = f"http://127.0.0.1:{port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=5, http_client=http_client) as client:

        async def ask(body: bytes) -> str:
            reply = await client.chat.completions.create(**orjson.loads(body))
            return str(reply.choices[0].message.content)

        await drive([ask] * slots, seeds)


BY_HAND = {way.__name__: way for way in (raw, bare_aiohttp, openai_sdk)}
WAYS = (*BY_HAND, "ours")


def pin(core: int) -> None:
    """Every thread of this process; those that come later inherit it."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def report(began: tuple[float, float], **more: Any) -> None:
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak, **more}))


def by_hand(way: str, port: int, seeds: int, slots: int) -> None:
    pin(0)
    began = time.perf_counter(), time.process_time()
    asyncio.run(BY_HAND[way](port, seeds, slots))
    report(began)


def ours(port: int, seeds: int, out: Path, overrides: list[str]) -> None:
    """`provender make` on a config with a recipe file by path."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ["PREFECT_HOME"] = str(out.parent / "prefect")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # as the command line does, and the arenas
    pin(1)
    from flows.frugal import limit_arenas

    limit_arenas()
    from flows import make_dataset
    from flows.config import load_config
    from flows.engine import prefect_api

    config = load_config(out.parent / "run.toml", overrides)
    with prefect_api():
        pin(0)
        began = time.perf_counter(), time.process_time()
        published = asyncio.run(make_dataset.make_dataset(config, str(out)))
        report(began, accepted=published.total)


CONFIG = """
name = "neutral"
[models.default]
base_url = "http://127.0.0.1:{port}/v1"
name = "m"
[[recipes]]
use = "{recipe}:NEUTRAL"
corpus = "{corpus}"
seeds = {seeds}
"""


def prepare(folder: Path, port: int, seeds: int) -> None:
    recipe = Path(__file__).with_name("neutral_recipe.py")
    corpus = folder / "questions.jsonl"
    rows = ({"id": f"s{number}", "question": question(number)} for number in range(seeds))
    with corpus.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    (folder / "run.toml").write_text(CONFIG.format(port=port, recipe=recipe, corpus=corpus, seeds=seeds))


def measured(way: str, port: int, options: argparse.Namespace) -> dict[str, Any]:
    """One way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        prepare(Path(folder), port, options.seeds)
        command = [sys.executable, "-m", "benchmarks.neutral_job", "--way", way, "--port", str(port), "--out", folder]
        command += ["--seeds", str(options.seeds), "--slots", str(options.slots)]
        command += [f"--set={one}" for one in options.set]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode:
            return {"failed": result.returncode}
        return dict(json.loads(result.stdout.splitlines()[-1]))


@contextmanager
def server(options: argparse.Namespace) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.answering_server", "--core=1", f"--slots={options.slots}"]
    command += [f"--delay-ms={options.delay_ms}", f"--jitter={options.jitter}", f"--faults={options.faults}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def compare(options: argparse.Namespace) -> None:
    results: dict[str, list[dict[str, Any]]] = {way: [] for way in options.ways.split(",")}
    with server(options) as port:
        for number in range(options.rounds):
            for way, runs in results.items():
                runs.append(measured(way, port, options))
                print(f"round {number + 1} {way}: {runs[-1]}", file=sys.stderr, flush=True)
    floor = results.get("raw") or next(iter(results.values()))
    print(f"{'way':14}{'wall s':>8}{'ratio':>7}{'ratios of the rounds':>26}{'CPU s':>8}{'peak MB':>9}")
    for way, runs in results.items():
        whole = [(run, base) for run, base in zip(runs, floor, strict=True) if "wall" in run and "wall" in base]
        if not whole:
            print(f"{way:14}  failed in every round")
            continue
        ratios = [run["wall"] / base["wall"] for run, base in whole]
        wall, cpu, peak = (statistics.median(run[name] for run, _ in whole) for name in ("wall", "cpu", "peak_mb"))
        listed = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{way:14}{wall:8.2f}{statistics.median(ratios):7.2f}{listed:>26}{cpu:8.2f}{peak:9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--delay-ms", type=float, default=200.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--faults", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")
    parser.add_argument("--folder", help="where run folders are made; default: the system's temporary folder")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is None:
        compare(options)
    elif options.way == "ours":
        ours(options.port, options.seeds, options.out / "run", options.set)
    else:
        by_hand(options.way, options.port, options.seeds, options.slots)


if __name__ == "__main__":
    main()
