"""What vLLM's log means, in plain words: the reason and the way out, from the lines that it writes when it fails."""

from __future__ import annotations

import re

CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"out of memory|OutOfMemoryError|less than desired GPU memory|\bSIGKILL\b|exit code -9",
        "out of memory: end what else runs there, or give -- --gpu-memory-utilization, --tensor-parallel-size, "
        "--max-num-seqs or a quantized model",
    ),
    (
        r"larger than the available KV\s+cache|No available memory for the cache blocks|max seq len .* KV cache",
        "out of memory: no room for the KV cache of one request of full length; give -- --max-model-len (shorter), "
        "--gpu-memory-utilization or --tensor-parallel-size; on a CPU set VLLM_CPU_KVCACHE_SPACE (GiB)",
    ),
    (
        r"No CUDA GPUs are available|Found no NVIDIA driver|Failed to infer device type|no NVIDIA GPU|libcuda\.so",
        "no GPU found: check nvidia-smi, or serve on the CPU with --device cpu",
    ),
    (
        r"driver .*too old|CUDA driver version is insufficient|no kernel image is available",
        "the GPU or its driver does not fit this build of vLLM: update the driver, or name another one by --env",
    ),
    (r"Address already in use|Errno 98", "the port is taken: give another one by --port"),
    (
        r"gated repo|awaiting a review|401 Client Error|403 Client Error",
        "the hub refuses this model: accept its licence there and log in (hf auth login), or name a local folder",
    ),
    (
        r"RepositoryNotFound|Repository Not Found|not a valid model identifier|Invalid repository ID|404 Client Error"
        r"|is not a local folder|OfflineModeIsEnabled|LocalEntryNotFound|couldn't connect to|Cannot find the requested",
        "unknown model: neither a folder here nor found on the hub; check its name, and the network where it is right",
    ),
    (
        r"Model architectures .*(not supported|failed to be inspected)|does not recognize this architecture",
        "this version of vLLM does not know the model's architecture; name a newer environment by --env",
    ),
    (r"unrecognized arguments?: *(?P<rest>.+)", "vLLM does not know the option"),
    (r"api_server\.py: error: (?P<rest>.+)", "vLLM refuses its options"),
    (r"No module named (?P<rest>\S+)", "the environment is not whole: remove its folder, or name another by --env; no"),
    (r"No space left on device", "the disk is full"),
    (
        r"CPU Generator does not use offset",
        "this CPU build fails on requests with a seed while it reads prompts in pieces: give -- "
        "--no-enable-chunked-prefill",
    ),
)
ERROR = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception): .+")
MAX_CHARS = 300  # of vLLM's own words


def explain(log: str) -> str:
    """The first cause that the log names, else the last error line of it."""
    for pattern, words in CAUSES:
        found = re.search(pattern, log, re.IGNORECASE)
        if found is not None:
            rest = found.groupdict().get("rest")
            return f"{words} {rest.strip()}"[:MAX_CHARS] if rest else words
    told = [line for line in log.splitlines() if line.strip() and " WARNING " not in line]
    errors = [found[0] for line in told if (found := ERROR.search(line))]
    lines = errors or told
    return " ".join(lines[-1].split())[:MAX_CHARS] if lines else "it ended without a word"


STAGES: tuple[tuple[str, str], ...] = (
    (r"Initializing a V1 LLM engine", "starting the engine"),
    (r"Downloading|Fetching \d+ files", "fetching the model"),
    (r"Starting to load model|Loading weights|Loading safetensors", "loading the weights"),
    (r"Dynamo bytecode|Compiling a graph|torch\.compile takes|Warming up model", "compiling"),
    (r"Capturing CUDA graph", "capturing graphs"),
    (r"Application startup complete", "up"),
)
"""In their order."""


def stage(log: str) -> str:
    """How far the start has come: the last stage that the log names."""
    return next((name for pattern, name in reversed(STAGES) if re.search(pattern, log)), "importing vLLM")
