"""Judges under watch: their known answers counted shard by shard, and a run that ends where one is not good enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from audit.intervals import Share
from flows.config import RunConfig
from flows.errors import ConfigError, UserError
from records.types import Record
from served_model.config import DEFAULT_ROLE

JUDGING = ("judge", "jury")
GENERATING = ("writer", "solver")
LEAST_PROBES = 10  # known answers before a judge is called weak: of fewer, two bad draws would end a run
Counts = Mapping[str, Mapping[str, tuple[int, int]]]
"""By rubric and model: known answers that were judged rightly, and all that gave a readable verdict."""


def count_probes(chains: Iterable[Sequence[Record]]) -> dict[str, dict[str, tuple[int, int]]]:
    """The known answers in the evidence of a shard; one that two attempts share counts once."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for chain in chains:
        probes = {
            probe["key"]: probe
            for record in chain
            for verdict in record.verdicts
            for probe in verdict.evidence.get("probes", ())
            if probe["finding"] != "unreadable"
        }
        for probe in probes.values():
            models = counts.setdefault(probe["prompt"], {})
            right, total = models.get(probe["model"], (0, 0))
            models[probe["model"]] = (right + (probe["finding"] == "right"), total + 1)
    return counts


class JudgeWatch:
    """The known answers of a recipe so far, in the order of its shards."""

    def __init__(self, least_accuracy: float) -> None:
        self._least = least_accuracy
        self._shares: dict[tuple[str, str], Share] = {}

    def add(self, counts: Counts) -> None:
        """Take in a shard. Raises UserError where a judge's accuracy is below the configured one beyond doubt."""
        for prompt, models in counts.items():
            for model, (right, total) in models.items():
                before = self._shares.get((prompt, model), Share(0, 0))
                share = self._shares[prompt, model] = Share(before.part + right, before.total + total)
                if share.total >= LEAST_PROBES and share.interval[1] < self._least:
                    raise UserError(
                        f"the judge {model} gave {share.part} of {share.total} known answers of {prompt} the right "
                        f"verdict: {share}, below judging.min_accuracy = {self._least:g}; configure another judge, or "
                        "lower min_accuracy and run again: what was paid for is kept"
                    )


def require_other_judge(config: RunConfig) -> None:
    """Raises ConfigError where judges must differ from generators and one does not."""
    if not config.judging.other_than_generator:
        return
    names = {role: settings.name for role, settings in config.models.items()}
    generators = {role: names.get(role) or names.get(DEFAULT_ROLE) for role in GENERATING}
    judges = {role: names.get(role) or names.get(DEFAULT_ROLE) for role in ("judge", *names) if _judges(role)}
    for role, name in judges.items():
        for generator, other in generators.items():
            if name is not None and name == other:
                raise ConfigError(
                    f"models.{role}: {name} is also the {generator}, and judging.other_than_generator forbids that; "
                    f"give [models.{role}] another model"
                )


def _judges(role: str) -> bool:
    return role.partition("-")[0] in JUDGING
