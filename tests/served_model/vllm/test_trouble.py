"""Lines that vLLM 0.32 really wrote (CPU) or that stand in its source (GPU), and the words that they become."""

from __future__ import annotations

import pytest

from served_model.vllm.trouble import explain, stage

ULIMIT = (
    "(APIServer pid=1) WARNING 11-25 14:10:18 [system_utils.py:255] Found ulimit of 20000 and failed to automatically "
    "increase. This can cause fd limit errors like `OSError: [Errno 24] Too many open files`.\n"
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "out of memory"),
        (
            "ValueError: Free memory on device cuda:0 (3.1/79.2 GiB) on startup is less than desired GPU memory "
            "utilization (0.92, 72.9 GiB).",
            "out of memory",
        ),
        (
            "ValueError: To serve at least one request with the model's max seq len (4096), (0.0 GiB KV cache is "
            "needed, which is larger than the available KV cache memory (0.0 GiB).",
            "--max-model-len",
        ),
        ("RuntimeError: Failed to infer device type, please set VLLM_LOGGING_LEVEL=DEBUG", "--device cpu"),
        ("RuntimeError: No CUDA GPUs are available", "no GPU"),
        ("OSError: nosuch/model is not a local folder and is not a valid model identifier listed", "unknown model"),
        ("huggingface_hub.errors.OfflineModeIsEnabled: Cannot reach the hub: offline mode", "unknown model"),
        ("OSError: You are trying to access a gated repo.", "licence"),
        ("OSError: [Errno 98] error while attempting to bind on address: Address already in use", "--port"),
        ("ValueError: Model architectures ['FooForCausalLM'] are not supported for now.", "architecture"),
        ("RuntimeError: Worker failed with error 'CPU Generator does not use offset'", "--no-enable-chunked-prefill"),
        ("api_server.py: error: unrecognized arguments: --no-such-option", "--no-such-option"),
        ("api_server.py: error: argument --max-num-seqs: invalid int value: 'x'", "invalid int value: 'x'"),
    ],
)
def test_causes(line: str, words: str) -> None:
    explained = explain(f"{ULIMIT}INFO fine\nTraceback\n{line}\n")
    assert words in explained
    assert "\n" not in explained


def test_an_unknown_cause_is_quoted_and_a_warning_is_none() -> None:
    assert explain(ULIMIT + "ValueError: something new\n  at exit\n") == "ValueError: something new"
    assert "Errno 24" not in explain(ULIMIT)
    assert explain("") == "it ended without a word"
    assert len(explain("x" * 10_000)) <= 300


def test_stages_in_their_order() -> None:
    log = ""
    for line, name in (
        ("", "importing vLLM"),
        ("INFO [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config", "starting the engine"),
        ("INFO Starting to load model tiny...", "loading the weights"),
        ("INFO Application startup complete.", "up"),
    ):
        log += line + "\n"
        assert stage(log) == name
