"""How vLLM is started for synthetic data: its command line and its environment variables.

Whatever the user gives after `--` stands; ours fill in the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from served_model.vllm.environment import Device, VllmEnvironment
from served_model.vllm.errors import ServeError
from served_model.vllm.parsers import parsers_for

MODULE = "vllm.entrypoints.openai.api_server"  # the `vllm` command of the CPU build looks for a distribution of GPUs
COMPACT_JSON = '{"backend":"xgrammar","disable_any_whitespace":true}'
"""Else a model may fill its reply with white space until it is cut off, still within the schema."""
RESERVED = {"--model": "MODEL", "--host": "--host", "--port": "--port"}
KEEP_ALIVE_S = "60"  # by default 5: on a busy machine requests then go out on connections that just closed
CPU_CACHE_GIB = 4  # of the KV cache, or a quarter of what memory is free
EVERYWHERE = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What is served, and where."""

    model: str  # a folder or a name on a hub
    host: str = "127.0.0.1"
    port: int = 8000
    threads: int | None = None  # on a CPU; none: as vLLM decides
    options: tuple[str, ...] = ()  # vLLM's own

    @property
    def root(self) -> str:
        """Where this machine reaches it."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def name(self) -> str:
        """Under which it is served: the folder's name, or the name on the hub."""
        folder = Path(self.model)
        return folder.resolve().name if folder.is_dir() else self.model


def check_settings(settings: ServeSettings) -> None:
    """Raises ServeError for what vLLM would find out a minute later."""
    for given in _names(settings.options):
        if given in RESERVED:
            raise ServeError(f"give {RESERVED[given]} to provender serve itself, not after --")
    folder = Path(settings.model)
    if folder.is_dir() and not any((folder / name).is_file() for name in ("config.json", "params.json")):
        raise ServeError(f"{folder} holds no model: there is no config.json in it")
    looks_like_path = settings.model.startswith(("/", "./", "../", "~")) or settings.model.count("/") > 1
    if looks_like_path and not folder.exists():
        raise ServeError(f"{folder}: no such model folder")


def command(environment: VllmEnvironment, settings: ServeSettings) -> list[str]:
    """vLLM's command line."""
    given = {_plain(name) for name in _names(settings.options)}
    ours = [option for option in _defaults(environment.device, settings) if _plain(option[0]) not in given]
    fixed = ["--model", settings.model, "--host", settings.host, "--port", str(settings.port)]
    return [
        str(environment.python),
        "-m",
        MODULE,
        *fixed,
        *(word for option in ours for word in option),
        *settings.options,
    ]


def _defaults(device: Device, settings: ServeSettings) -> list[tuple[str, ...]]:
    parsers = parsers_for(settings.model)
    defaults: list[tuple[str, ...]] = [
        ("--served-model-name", settings.name),
        ("--enable-prefix-caching",),  # recipes ask several times with the same beginning
        ("--structured-outputs-config", COMPACT_JSON),
        # Else the folder's own sampling defaults (top_k, repetition penalty) apply silently beside ours.
        ("--generation-config", "vllm"),
        ("--disable-uvicorn-access-log",),
    ]
    if device == "cpu":
        # vLLM 0.32 on a CPU: a request with a seed whose prompt is read in pieces ends the engine ("CPU Generator does
        # not use offset"), and every request of ours has a seed.
        defaults.append(("--no-enable-chunked-prefill",))
    if parsers.tool_calls:
        defaults += [("--enable-auto-tool-choice",), ("--tool-call-parser", parsers.tool_calls)]
    if parsers.reasoning:
        defaults.append(("--reasoning-parser", parsers.reasoning))
    return defaults


def _names(options: Sequence[str]) -> list[str]:
    return [word.partition("=")[0].replace("_", "-") for word in options if word.startswith("--")]


def _plain(name: str) -> str:
    """An option and its negation are one."""
    return name.replace("_", "-").removeprefix("--").removeprefix("no-")


def variables(device: Device, settings: ServeSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of vLLM's process; what the user has set stands."""
    ours = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}
    ours["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"] = KEEP_ALIVE_S
    if Path(settings.model).is_dir():
        ours["HF_HUB_OFFLINE"] = "1"
    if device == "cpu":
        ours["VLLM_CPU_KVCACHE_SPACE"] = str(_cache_gib())
        if settings.threads is not None:
            ours |= {"OMP_NUM_THREADS": str(settings.threads), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    foreign = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # of our environment, not of vLLM's
    return ours | {name: value for name, value in inherited.items() if name not in foreign}


def _cache_gib() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free_kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 1
    return max(1, min(CPU_CACHE_GIB, free_kib // 4 >> 20))
