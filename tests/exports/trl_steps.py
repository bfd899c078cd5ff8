"""Run by `test_tool_training` in a process of its own: one SFT and one DPO step with TRL, on a model made here.

Arguments: the dataset folder, a work folder, and the function of the dataset card. The last line of its output is JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import IterableDataset, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

DATASET, WORK, CODE = sys.argv[1:]
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
MAX_TOKENS = 4_096


def rows(name: str) -> IterableDataset:
    """Rows as the card says to read them."""
    scope: dict[str, Any] = {}
    exec(CODE, scope)
    return load_dataset(DATASET, name, split="train", streaming=True).map(scope["with_objects"])


def tokenizer(template: str) -> PreTrainedTokenizerFast:
    """Bytes as tokens, and a chat template of a real model."""
    bytes_only = Tokenizer(models.BPE())
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bytes_only.train_from_iterator([], trainers.BpeTrainer(initial_alphabet=alphabet, special_tokens=special))
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return PreTrainedTokenizerFast(tokenizer_object=bytes_only, chat_template=text, **names)


def model(words: int) -> Qwen2ForCausalLM:
    """Random weights, the same each time."""
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=words, num_key_value_heads=1, **size))


def train(trainer: Any) -> float:
    """The loss of one step that changed the weights."""
    before = [one.detach().clone() for one in trainer.model.parameters()]
    loss = trainer.train().training_loss
    after = trainer.model.parameters()
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    return float(loss)


def main() -> None:
    """Both steps, what is learnt in them, and the dialogues in the templates of three families of models."""
    words = tokenizer("qwen2_5_training.jinja")
    common = {
        "output_dir": WORK, "max_steps": 1, "per_device_train_batch_size": 2, "max_length": MAX_TOKENS, "use_cpu": True,
        "bf16": False, "report_to": [], "save_strategy": "no", "learning_rate": 0.01,
    }  # fmt: skip
    arguments = trl.SFTConfig(assistant_only_loss=True, **common)
    sft = trl.SFTTrainer(model(len(words)), args=arguments, train_dataset=rows("sft"), processing_class=words)
    learnt = [
        words.decode([token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100])
        for row in sft.train_dataset
    ]
    pair = {"model": model(len(words)), "ref_model": model(len(words)), "args": trl.DPOConfig(**common)}
    dpo = trl.DPOTrainer(**pair, train_dataset=rows("preference"), processing_class=words)
    pairs = [[words.decode(row[name]) for name in ("chosen_ids", "rejected_ids")] for row in dpo.train_dataset]
    shown = {
        name: [
            tokenizer(name).apply_chat_template(row["messages"], tools=row["tools"], tokenize=False)
            for row in rows("sft")
        ]
        for name in ("qwen2_5.jinja", "qwen3.jinja", "llama3_1.jinja")
    }
    made = {"learnt": learnt, "pairs": pairs, "shown": shown, "losses": [train(sft), train(dpo)]}
    sys.stdout.write(f"{json.dumps(made)}\n")
    sys.stdout.flush()
    os._exit(0)  # threads that read ahead may abort the interpreter while it ends


main()
