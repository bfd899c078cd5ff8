"""Writes Llamas with random weights and a tokenizer trained on the spot: `python tiny_model.py FOLDER KIND ...`.

Run by the interpreter of vLLM's environment, which has transformers and tokenizers; nothing is downloaded. Takes any
number of folders with their kinds: "chat" and "score" are whole models of 1.3 M parameters, "1b" and "8b" have the
shape of Llama 3.2 1B and Llama 3.1 8B and no weights, for vLLM's `--load-format dummy`, which makes them up.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

VOCABULARY = 2048
CONTEXT = 4096
LARGE_VOCABULARY = 32_768
SHAPES = {
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
}
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
TEMPLATE = (
    "{% if tools %}<|system|>{{ tools | tojson }} Call as <tool_call>{}</tool_call><|end|>{% endif %}"
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] or '' }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_tokenizer(folder: Path, vocabulary: int = VOCABULARY) -> None:
    """A byte-level BPE over this repository's own Markdown: any text can be written with it.

    A larger vocabulary has made-up words besides: every token that a random model says must have a text.
    """
    root = Path(__file__).resolve().parents[2]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(path) for path in sorted((root / "docs").glob("*.md"))], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>", model_max_length=CONTEXT
    )
    fast.add_tokens([f" word{number}" for number in range(vocabulary - VOCABULARY)])
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)


def write_model(folder: Path, kind: str) -> None:
    """Two layers; `kind` is "chat" or "score" (one number for a text, as reward models and cross-encoders give)."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        eos_token_id=0,
        pad_token_id=0,
        bos_token_id=0,
        **({"num_labels": 1} if kind == "score" else {}),
    )
    model = (LlamaForSequenceClassification if kind == "score" else LlamaForCausalLM)(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    write_tokenizer(folder)


def write_shape(folder: Path, size: str) -> None:
    """Config and tokenizer of a model of realistic size."""
    config = LlamaConfig(
        vocab_size=LARGE_VOCABULARY,
        max_position_embeddings=16_384,
        eos_token_id=0,
        pad_token_id=0,
        bos_token_id=0,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
        **SHAPES[size],
    )
    config.save_pretrained(folder)
    write_tokenizer(folder, LARGE_VOCABULARY)


if __name__ == "__main__":
    for target, kind in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        (write_shape if kind in SHAPES else write_model)(Path(target), kind)
