"""Which of vLLM's parsers reads a model's tool calls and its thoughts: by name and by `model_type` of its config.

Names of vLLM 0.32 (`vllm.tool_parsers`, `vllm.reasoning`). First match wins, so special ones stand first. A model that
is in no row is served without: plain chat and structured outputs need no parser.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Parsers:
    """Names that vLLM knows; "" for none."""

    tool_calls: str = ""
    reasoning: str = ""


TABLE: tuple[tuple[str, Parsers], ...] = (
    (r"qwen3[._-]?coder", Parsers("qwen3_coder")),
    (r"qwen3.*instruct", Parsers("hermes")),
    (r"qwen[_-]?3\.[5-9]|qwen3_5", Parsers("qwen3_coder", "qwen3")),
    (r"qwq|qwen[_-]?3", Parsers("hermes", "qwen3")),
    (r"qwen[_-]?2|hermes", Parsers("hermes")),
    (r"gpt[_-]?oss", Parsers("openai", "openai_gptoss")),
    (r"deepseek[_-]?r1", Parsers("deepseek_v3", "deepseek_r1")),
    (r"deepseek[_-]?v3\.1", Parsers("deepseek_v31", "deepseek_v3")),
    (r"deepseek[_-]?v3\.2", Parsers("deepseek_v32", "deepseek_v3")),
    (r"deepseek[_-]?v3", Parsers("deepseek_v3")),
    (r"kimi[_-]?k2", Parsers("kimi_k2", "kimi_k2")),
    (r"glm[_-]?4\.[56]|glm4_moe", Parsers("glm45", "glm45")),
    (r"minimax[_-]?m2", Parsers("minimax_m2", "minimax_m2")),
    (r"seed[_-]?oss", Parsers("seed_oss", "seed_oss")),
    (r"llama[_-]?4", Parsers("llama4_pythonic")),
    (r"llama[_-]?3\.[1-3]", Parsers("llama3_json")),
    (r"magistral", Parsers("mistral", "mistral")),
    (r"mistral|mixtral|ministral|devstral", Parsers("mistral")),
    (r"granite[_-]?4", Parsers("granite4")),
    (r"granite", Parsers("granite")),
    (r"phi[_-]?4[_-]?mini", Parsers("phi4_mini_json")),
    (r"olmo[_-]?3", Parsers("olmo3", "olmo3")),
)
TAG = "<tool_call>"  # a chat template that teaches it makes calls as Hermes does


def parsers_for(model: str) -> Parsers:
    """What fits a model folder or a model's name on a hub."""
    folder = Path(model)
    known = f"{folder.name or model} {_model_type(folder)}".lower()
    for pattern, parsers in TABLE:
        if re.search(pattern, known):
            return parsers
    return Parsers("hermes") if TAG in _template(folder) else Parsers()


def _model_type(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""


def _template(folder: Path) -> str:
    """The chat template, in either of the files that may hold it."""
    texts = []
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        with suppress(OSError, ValueError):
            texts.append((folder / name).read_text(encoding="utf-8"))
    return "\n".join(texts)
