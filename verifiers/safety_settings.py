"""What a user may say about the safety filter, in a run's config and for any dataset."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from verifiers.guard import Side
from verifiers.hazards import CATEGORIES
from verifiers.safety import Action, Safety

Sides = tuple[Side, ...]


class SafetySettings(BaseModel):
    """A guard model (role guard) looks at each dialogue; what it finds has an action by category."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action = Field(
        "drop",
        description="What is done with unsafe content: drop it, keep it as the rejected side of pairs (negative), set "
        "it apart for a person (review), or keep it and say so (tag).",
    )
    actions: dict[str, Action] = Field(default_factory=dict, description="Other actions by category, such as S6.")
    prompt_action: Action | None = Field(
        None,
        title="Action for prompts",
        description="For unsafe prompts; none: the same. tag keeps safe answers to unsafe prompts: good refusals.",
    )
    categories: dict[str, str] = Field(
        default_factory=lambda: dict(CATEGORIES),
        min_length=1,
        description="Codes that the guard may name, with what they mean; default: the 14 of Llama Guard 3.",
    )
    sides: Sides = Field(("prompt", "response"), min_length=1, description="What is looked at.")
    form: Literal["template", "policy"] = Field(
        "template",
        description="template: the guard's own chat template holds the policy (Llama Guard as it is served); policy: "
        "the policy is written out, for any other model.",
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Certainty from which a turn is unsafe, for a guard asked with its certainty (models.guard.api); "
        "none: what it says.",
    )
    retries: int = Field(1, ge=0, le=5, description="How often a reply that says neither is asked for again.")
    known_safe: str | None = Field(
        None,
        title="Known to be safe",
        description="Field of a seed, or column of a dataset, that says true or yes of harmless prompts: refusals and "
        "flags there are false.",
    )

    @model_validator(mode="after")
    def _known_categories(self) -> SafetySettings:
        for code in self.actions:
            if code not in self.categories:
                raise ValueError(f"actions.{code}: no such category; there are {', '.join(self.categories)}")
        if any(not code.strip() or "," in code or code != "".join(code.split()) for code in self.categories):
            raise ValueError("categories: a code is one word without a comma")
        if len({code.upper() for code in self.categories}) < len(self.categories):
            raise ValueError("categories: two codes differ only in case")
        return self

    def check(self, known_safe: bool = False) -> Safety:
        """The check of one dialogue."""
        actions = {code: self.actions.get(code, self.action) for code in self.categories}
        prompts = actions if self.prompt_action is None else dict.fromkeys(self.categories, self.prompt_action)
        # In an order of their own: a config that has been through JSON must ask the guard in the same words.
        named = tuple(sorted(self.categories.items(), key=lambda item: (len(item[0]), item[0])))
        return Safety(named, actions, prompts, self.sides, self.form, self.retries, known_safe, self.threshold)


def says_yes(value: object) -> bool:
    """Whether a field says that something is so."""
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes", "1"))
