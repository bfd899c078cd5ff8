"""`vllm bench serve`, run by path with the interpreter of vLLM's environment; its options.

The command itself looks for a distribution named vllm, which the CPU build is not, and reads prompts by pandas, which
vLLM does not bring along: here they are read as they stand in the file, in their order.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vllm.benchmarks.datasets.datasets import CustomDataset
from vllm.benchmarks.serve import add_cli_args, main


def load_data(self: CustomDataset) -> None:
    """Of `--dataset-path`, JSON lines with `prompt`."""
    self.data = [json.loads(line) for line in Path(self.dataset_path).read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    CustomDataset.load_data = load_data
    parser = argparse.ArgumentParser()
    add_cli_args(parser)
    main(parser.parse_args())
