"""Who judges in the factuality recipes: the part of their settings that makes a panel."""

from __future__ import annotations

from pydantic import Field, model_validator

from generators.recipe import Settings
from verifiers.judging import Panel, Rule


class PanelSettings(Settings):
    """Judges, and how their votes are counted; the roles are those of the config's models."""

    judges: tuple[str, ...] = Field(("judge",), min_length=1, description='roles: "judge", "jury", "jury-2", ...')
    votes: int = Field(1, ge=1, le=25, description="of each judge")
    rule: Rule = Field("majority", description="majority, unanimous, or weighted")
    weights: tuple[float, ...] = Field((), description="of the judges, with the rule weighted")
    retries: int = Field(1, ge=0, le=10, description="further tries where a judgement cannot be read or repaired")
    judge_max_tokens: int = Field(1024, ge=1)
    probe_share: float = Field(0.1, ge=0, le=1, description="share of the judgements with a known-answer probe beside")

    @model_validator(mode="after")
    def _is_a_panel(self) -> PanelSettings:
        self.panel()
        return self

    def panel(self) -> Panel:
        """The panel. Raises ValueError where it could decide nothing."""
        return Panel(self.judges, self.votes, self.rule, self.weights, self.retries, max_tokens=self.judge_max_tokens)
