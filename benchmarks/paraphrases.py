"""What the embedding stage of contamination finds, and its false alarms, over thresholds.

    python -m benchmarks.paraphrases ORIGINALS.jsonl REPHRASED.jsonl [--embedder URL --name MODEL]

Each line of the two files has a `text`; line n of the second is a paraphrase of line n of the first. False alarms are
counted on functions of the running interpreter's standard library, which no benchmark item is about. Also counted:
what the 8-gram rule finds of the same paraphrases. Needs the extra `local-embedder`, or an endpoint.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sysconfig
from pathlib import Path

from curation.contamination import Contamination, Item
from curation.dataset_rows import DatasetRow, Turn, words
from served_model.config import ModelConfig
from served_model.embedder import Embedder, LocalEmbedder, ServedEmbedder

UNRELATED = 2000
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def main() -> None:
    """Print one line per threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("originals", type=Path)
    parser.add_argument("rephrased", type=Path)
    parser.add_argument("--embedder", help="base URL; default: the local one")
    parser.add_argument("--name", help="model at that URL")
    options = parser.parse_args()
    embedder: Embedder = LocalEmbedder(options.name)
    if options.embedder:
        embedder = ServedEmbedder(ModelConfig(options.name, (options.embedder,)))
    originals, rephrased = texts(options.originals), texts(options.rephrased)
    unrelated = functions(UNRELATED)
    items = embedder.embed(originals)
    near = (embedder.embed(rephrased) * items).sum(axis=1)
    far = (embedder.embed(unrelated) @ items.T).max(axis=1)
    print(f"{embedder.name}: {len(rephrased)} paraphrases, {len(unrelated)} unrelated functions")
    print(
        f"8-gram rule: {by_words(originals, rephrased)} paraphrases found, {by_words(originals, originals)} originals"
    )
    for threshold in THRESHOLDS:
        print(
            f"cosine {threshold:.2f}: {int((near >= threshold).sum())} found ({(near >= threshold).mean():.1%}), "
            f"{int((far >= threshold).sum())} false alarms ({(far >= threshold).mean():.2%})"
        )


def texts(path: Path) -> list[str]:
    """The `text` of each line."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def by_words(originals: list[str], others: list[str]) -> int:
    """How many of the texts the 8-gram rule finds."""
    contamination = Contamination([Item("b", str(n), tuple(words(text))) for n, text in enumerate(originals)])
    rows = (DatasetRow(str(n), (Turn("", text),), (text,), {}) for n, text in enumerate(others))
    return sum(contamination.find(row) is not None for row in rows)


def functions(count: int) -> list[str]:
    """Documented functions of the standard library, 200 to 1,500 characters long, in a fixed random order."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
                text = ast.get_source_segment(source, node) or ""
                if 200 < len(text) < 1500:
                    found.append(text)
    random.Random(0).shuffle(found)
    return found[:count]


if __name__ == "__main__":
    main()
