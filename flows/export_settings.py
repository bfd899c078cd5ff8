"""What a config says about the training files. None of it affects what is made, only what is written of it."""

from __future__ import annotations

from pydantic import Field, field_validator

from exports.pair_rules import PER_PROMPT, PairRules
from exports.strength import Level
from flows.config_section import Section


class ExportSettings(Section):
    """What goes into the training files."""

    pairs_per_prompt: int = Field(
        PER_PROMPT, ge=1, le=16, title="Pairs per prompt", description="Most preference pairs of one prompt."
    )
    least_strength: Level = Field(
        Level.BETTER,
        title="Weakest pairs",
        description="The weakest preference that goes out: Llama 3 trains on better and significantly_better.",
    )

    url: str = Field("", title="Homepage", description="Where the dataset is at home, for its Croissant metadata.")
    creator: str = Field("", description="Who makes it, for its Croissant metadata.")
    published: str = Field(
        "",
        pattern=r"^(\d{4}-\d{2}-\d{2})?$",
        description="Date of publication for its Croissant metadata, such as 2026-05-01; none: no date.",
    )

    push: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9]*://[^?#]+$",
        description="Where a finished run's dataset is put: s3://bucket/prefix, gs://, file://, hf://datasets/OWNER/NAME.",
    )

    @field_validator("push")
    @classmethod
    def _no_secrets(cls, url: str | None) -> str | None:
        if url is not None and "@" in url and not url.startswith("hf://"):
            raise ValueError("no credentials in the URL: give them by the environment (AWS_ACCESS_KEY_ID and the like)")
        return url

    def pair_rules(self) -> PairRules:
        """As the exports take them."""
        return PairRules(self.pairs_per_prompt, self.least_strength)
