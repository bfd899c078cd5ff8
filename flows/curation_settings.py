"""What a config says about curation in the run itself. It affects what is chosen, not what is made."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from curation.screens import ScreenRules
from flows.config_section import Section


class CurationSettings(Section):
    """What is looked for in accepted records, in seed order, before they count towards a target."""

    benchmarks: list[str] = Field(
        default_factory=list, description="Benchmark files; records that hold one of their items are dropped."
    )
    near_duplicates: bool = Field(False, description="Of near duplicates within a recipe keep the first (MinHash).")
    repetition: bool = Field(False, description="Drop replies that repeat themselves.")

    def rules(self) -> ScreenRules:
        """As the choice takes them."""
        return ScreenRules(self.repetition, self.near_duplicates, tuple(map(Path, self.benchmarks)))
