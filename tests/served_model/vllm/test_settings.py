"""Our settings of vLLM, what overrides them, and what is refused before a minute is lost."""

from __future__ import annotations

import json
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from served_model.vllm.environment import VllmEnvironment
from served_model.vllm.errors import ServeError
from served_model.vllm.parsers import Parsers, parsers_for
from served_model.vllm.server import require_free_port
from served_model.vllm.settings import ServeSettings, check_settings, command, variables

ENVIRONMENT = VllmEnvironment(Path("/env"), "0.32.0", "cpu")


def model_folder(folder: Path, model_type: str = "llama", template: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def test_what_synthetic_data_needs_is_on() -> None:
    words = command(ENVIRONMENT, ServeSettings("Qwen/Qwen3-8B", port=9000))
    assert words[:3] == ["/env/bin/python", "-m", "vllm.entrypoints.openai.api_server"]
    given = dict(pairwise(words))
    assert given["--model"] == given["--served-model-name"] == "Qwen/Qwen3-8B"
    assert given["--port"] == "9000"
    assert "--enable-prefix-caching" in words and "--enable-auto-tool-choice" in words
    assert (given["--tool-call-parser"], given["--reasoning-parser"]) == ("hermes", "qwen3")
    assert json.loads(given["--structured-outputs-config"])["disable_any_whitespace"] is True
    assert given["--generation-config"] == "vllm"
    assert "--no-enable-chunked-prefill" in words  # of the CPU build only
    gpu = VllmEnvironment(Path("/env"), "0.32.0", "gpu")
    assert "--no-enable-chunked-prefill" not in command(gpu, ServeSettings("Qwen/Qwen3-8B"))


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        (("--no-enable-prefix-caching",), "--enable-prefix-caching"),
        (("--generation_config", "auto"), "--generation-config"),
        (("--served-model-name=other",), "--served-model-name"),
        (("--tool-call-parser", "pythonic"), "hermes"),
    ],
)
def test_what_the_user_says_stands(options: tuple[str, ...], gone: str) -> None:
    words = command(ENVIRONMENT, ServeSettings("Qwen/Qwen3-8B", options=options))
    assert gone not in words
    assert tuple(words[-len(options) :]) == options


@pytest.mark.parametrize("option", ["--model", "--host=0.0.0.0", "--port"])
def test_what_is_ours_is_refused_among_the_options(option: str) -> None:
    with pytest.raises(ServeError, match="not after --"):
        check_settings(ServeSettings("m/x", options=(option, "1")))


def test_a_folder_without_a_model_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"no config\.json"):
        check_settings(ServeSettings(str(tmp_path)))
    with pytest.raises(ServeError, match="no such model folder"):
        check_settings(ServeSettings(str(tmp_path / "absent")))
    check_settings(ServeSettings(str(model_folder(tmp_path / "m"))))
    check_settings(ServeSettings("org/name"))


def test_a_folder_is_served_under_its_name_and_without_the_hub(tmp_path: Path) -> None:
    settings = ServeSettings(f"{model_folder(tmp_path / 'mine')}/", host="0.0.0.0", threads=2)
    assert (settings.name, settings.root) == ("mine", "http://127.0.0.1:8000")
    given = variables("cpu", settings, {"PYTHONPATH": "/ours", "PATH": "/bin", "HF_HUB_OFFLINE": "0"})
    assert "PYTHONPATH" not in given
    assert (given["PATH"], given["HF_HUB_OFFLINE"], given["OMP_NUM_THREADS"]) == ("/bin", "0", "2")
    assert 1 <= int(given["VLLM_CPU_KVCACHE_SPACE"]) <= 4
    assert "VLLM_CPU_KVCACHE_SPACE" not in variables("gpu", settings, {})
    assert ServeSettings("m", host="::1").root == "http://[::1]:8000"


@pytest.mark.parametrize(
    ("name", "parsers"),
    [
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", Parsers("qwen3_coder")),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", Parsers("hermes")),
        ("Qwen/Qwen2.5-7B-Instruct", Parsers("hermes")),
        ("openai/gpt-oss-120b", Parsers("openai", "openai_gptoss")),
        ("meta-llama/Llama-3.1-8B-Instruct", Parsers("llama3_json")),
        ("deepseek-ai/DeepSeek-R1-0528", Parsers("deepseek_v3", "deepseek_r1")),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", Parsers("mistral")),
        ("somebody/unheard-of", Parsers()),
    ],
)
def test_parsers_by_name(name: str, parsers: Parsers) -> None:
    assert parsers_for(name) == parsers


def test_parsers_of_a_folder(tmp_path: Path) -> None:
    assert parsers_for(str(model_folder(tmp_path / "a", "qwen3_moe"))) == Parsers("hermes", "qwen3")
    assert parsers_for(str(model_folder(tmp_path / "b", "own", "say <tool_call>{}</tool_call>"))) == Parsers("hermes")
    assert parsers_for(str(model_folder(tmp_path / "c", "own"))) == Parsers()
    (tmp_path / "c" / "config.json").write_text("[")
    assert parsers_for(str(tmp_path / "c")) == Parsers()


def test_a_taken_port_is_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=r"port \d+ .* taken"):
            require_free_port("127.0.0.1", port)
    require_free_port("127.0.0.1", port)
