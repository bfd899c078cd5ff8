"""The dataset card: README.md with the front matter that Hugging Face `datasets` reads, and what a reader must know.

It holds no date and no path of the machine, so that the same dataset has the same card.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from exports import EXPORTS
from exports.contents import Contents
from exports.file_series import TEST, TRAIN
from exports.markdown import code_span
from exports.pair_bias import HEADERS, NOTE
from exports.pair_rules import PairCounts, PairRules
from exports.strength import ORDER
from served_model.rehearsal.asking import MODEL as REHEARSAL

HUB_LICENCES = frozenset(
    {
        "apache-2.0",
        "mit",
        "bsd-2-clause",
        "bsd-3-clause",
        "isc",
        "zlib",
        "unlicense",
        "cc0-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "odc-by",
        "odbl",
        "gpl-2.0",
        "gpl-3.0",
        "lgpl-2.1",
        "lgpl-3.0",
        "agpl-3.0",
        "mpl-2.0",
        "epl-2.0",
    }
)
"""Usual licences that have an identifier for the front matter (Hugging Face Hub documentation, "Licenses"); any other
is "other" there and stands by its name in the text."""

SIZES: tuple[tuple[int, str], ...] = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
LARGEST_SIZE = "100M<n<1B"

REHEARSAL_WARNING = (
    "> **This is rehearsal output.** A test double that ships with provender made it, to try the pipeline out. "
    "No language model wrote it, and it is no training data."
)

PROVENANCE = (
    "Every row names its seed, the seed's source and licence, the models and the software. Its `id` is that of a "
    "record in the run's shards, which hold the seed's text and hash, every attempt, prompt hashes, sampling, checks "
    "and verdicts. `provender trace RUN --id ID` follows a row to its seed; `provender verify records --in RUN` proves "
    "the records again."
)

LIMITATIONS = (
    "Passing its checks proves what the checks test, no more: code that passes its tests may be wrong where they do "
    "not look, and the tests may themselves be written by a model.",
    "Where a majority of samples stands in for a reference answer, the answer is likely, not proved.",
    "The seeds keep their licences; whether they bind what was made from them is for the user to judge.",
)


@dataclass(frozen=True)
class CardFacts:
    """What the card says beyond what the rows hold.

    `yield_table` is Markdown and goes in as it is; every other text is shown literally. `root` is a folder above the
    dataset that gets the same card, with data files named from there.
    """

    name: str
    fingerprint: str
    model: str = ""  # names of the models that the run may ask, joined by a comma
    yield_table: str = ""
    ended: Mapping[str, str] = field(default_factory=dict)  # recipe -> why it ended: the target or limit it met
    notes: tuple[str, ...] = ()  # further limitations
    root: Path | None = None
    heldout_tools: float = 0.0  # share of tools whose rows form the test split
    pairs: PairRules = PairRules()  # noqa: RUF009 - frozen
    url: str = ""  # for the Croissant metadata, as the next two
    creator: str = ""
    published: str = ""  # a date; without one the same dataset has the same bytes


def dataset_card(contents: Contents, facts: CardFacts, prefix: str = "") -> str:
    """README.md for a dataset; data files are named as `prefix` + "sft/train-*.parquet"."""
    sections = [
        _front_matter(contents, facts, prefix),
        f"# Dataset {code_span(facts.name)}",
        *([REHEARSAL_WARNING] if is_rehearsal(contents, facts) else []),
        "Synthetic training data. Every record was proved by the checks listed below before it was accepted; whatever "
        "was not is counted under *Yield* with its reason.",
        "## Contents",
        "\n".join(_contents_lines(contents, facts)),
        "## Statistics",
        "\n".join(contents.statistics()),
        *(["## Train on the tool calls", _about_tool_calls()] if contents.tools else []),
        *(["## Preference pairs", *_pair_parts(contents.pairs)] if contents.pairs.levels else []),
        "## How it was proved",
        "\n".join(_proof_lines(contents)),
        *(["## Yield", facts.yield_table.strip()] if facts.yield_table.strip() else []),
        "## Provenance",
        PROVENANCE,
        "## Models and prompts",
        "\n".join(_model_lines(contents)),
        "## Licences of the seeds",
        "\n".join(_count_lines(contents.licences, "records")) or "No seeds.",
        "## Limitations",
        "\n".join([*(f"- {text}" for text in LIMITATIONS), *(f"- {code_span(note)}" for note in facts.notes)]),
    ]
    return "\n\n".join(sections) + "\n"


def is_rehearsal(contents: Contents, facts: CardFacts) -> bool:
    """Whether the double made any of it, or could have."""
    return REHEARSAL in {*contents.models, *facts.model.split(",")}


def _front_matter(contents: Contents, facts: CardFacts, prefix: str) -> str:
    licences = hub_licences(contents)
    lines = ["---", f"pretty_name: {_yaml(facts.name)}"]
    if licences:
        lines += ["license:", *(f"- {name}" for name in licences)]
    lines += ["task_categories:", "- text-generation", "tags:", "- synthetic", "- provender"]
    lines += ["- rehearsal"] if is_rehearsal(contents, facts) else []
    lines += ["size_categories:", f"- {_size(sum(contents.rows.values()))}", "configs:"]
    for index, name in enumerate(contents.rows):
        lines += [f"- config_name: {name}", *(["  default: true"] if index == 0 else [])]
        lines += ["  data_files:"]
        for split in (TRAIN, TEST) if contents.test_rows.get(name) else (TRAIN,):
            lines += [f"  - split: {split}", f"    path: {_yaml(f'{prefix}{name}/{split}-*.parquet')}"]
    return "\n".join([*lines, "---"])


def _yaml(text: str) -> str:
    """A YAML double-quoted scalar; JSON's is one once what YAML calls not printable is gone (YAML 1.2, 5.1)."""
    return json.dumps("".join(one for one in text if one.isprintable()), ensure_ascii=False)


def hub_licences(contents: Contents) -> list[str]:
    """The seeds' licences by their identifiers; "other" for those without one."""
    names = {licence.strip().lower() for licence in contents.licences}
    known = sorted(names & HUB_LICENCES)
    return [*known, "other"] if names - HUB_LICENCES else known


def _size(rows: int) -> str:
    return next((name for bound, name in SIZES if rows < bound), LARGEST_SIZE)


def _contents_lines(contents: Contents, facts: CardFacts) -> Iterator[str]:
    for name, rows in contents.rows.items():
        test = contents.test_rows.get(name)
        heldout = f", of which {test} in the split `test` of held-out tools" if test else ""
        yield f"- {code_span(name)}: {rows} rows{heldout}; {EXPORTS[name].about}"
    yield from _count_lines(contents.records, "kept records")
    software = ", ".join(code_span(name) for name in sorted(contents.software))
    yield f"- Run {code_span(facts.fingerprint)}" + (f", made with {software}" if software else "")
    for recipe, why in sorted(facts.ended.items()):
        yield f"- {code_span(recipe)} ended: {code_span(why)}"


def _about_tool_calls() -> str:
    return resources.files("exports").joinpath("tool_calls.md").read_text(encoding="utf-8").strip()


def _pair_parts(pairs: PairCounts) -> Iterator[str]:
    """Levels, what was left out, and the table of biases."""
    rules = pairs.rules
    levels = ", ".join(f"{pairs.levels[level]} {code_span(level)}" for level in reversed(ORDER) if pairs.levels[level])
    left = ", ".join(f"{count} {why}" for why, count in sorted(pairs.left_out.items())) or "none"
    yield (
        f"{levels}. At most {rules.per_prompt} of one prompt, {code_span(rules.least)} at least; left out: {left}. "
        "`margin` is the difference on the scale of the check, from 0 to 1."
    )
    rows = [[code_span(name), *cells] for name, *cells in pairs.bias.table()]
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in (HEADERS, ["---"] * len(HEADERS), *rows))
    yield NOTE


def _count_lines(counts: Mapping[str, int], what: str) -> Iterator[str]:
    for name, count in sorted(counts.items()):
        yield f"- {code_span(name)}: {count} {what}"


def _proof_lines(contents: Contents) -> Iterator[str]:
    if not contents.records:
        yield "No record was accepted."
    for recipe, checks in sorted(contents.checks.items()):
        passed = ", ".join(f"{code_span(kind)} ({count})" for kind, count in sorted(checks.items()))
        yield f"- {code_span(recipe)}: of {contents.records[recipe]} records, passed: {passed}"


def _model_lines(contents: Contents) -> Iterator[str]:
    if not contents.models and not contents.prompts:
        yield "None."
    yield from _count_lines(contents.models, "records")
    for name, sha256 in sorted(contents.prompts):
        yield f"- prompt {code_span(name)}, SHA-256 {code_span(sha256)}"
