"""What a user may have rows labelled with: safety, quality, difficulty, topic; and which phrases are balanced.

A labels file (`provender curate --labels labels.toml`); a section that is left out is not asked about:

    [safety]                       # as in a run's config: form, action, actions, prompt_action, known_safe
    form = "policy"
    [quality]
    by = "union"                   # judge, reward, union or intersection
    capability = "recipe"          # column whose values are ranked apart
    [difficulty]
    pass_rate = "metadata.pass_rate"
    [topic]
    [phrases]
    share = 0.02
    [classifier]                   # trains one from the judge's labels; file = "..." uses one in place of asking
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curation.errors import CurationError
from verifiers.safety_settings import SafetySettings

PHRASES: Mapping[str, str] = {
    "apology": r"(?i)\b(?:i(?:'m| am) (?:so |very |really )?sorry|i apologi[sz]e|my apologies)\b",
    "exclamation": r"!(?=\s|$)",
    "emoji": "[\U0001f300-\U0001faff\u2600-\u27bf]",
    "eager opening": r"(?i)\A\s*(?:certainly|absolutely|of course|sure|great question)\b",
    "as an AI": r"(?i)\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    "important to note": r"(?i)\bit(?:'s| is) (?:important|worth) (?:to note|noting)\b",
    "hope this helps": r"(?i)\b(?:hope (?:this|that) helps|let me know if you)\b",
}
"""Phrases that Llama 3's makers name (emoji, exclamation marks, apologies; arXiv 2407.21783, 4.2.3), and the like."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QualitySettings(_Section):
    """A judge answers each criterion, a reward model gives a score; rows that are not good by the rule are dropped."""

    by: Literal["judge", "reward", "union", "intersection"] = Field(
        "judge",
        description="Good is: the most that a judge can give; a score in the top share; either (Llama 3 found the two "
        "to disagree often, and most of what is good in their union); or both.",
    )
    rubric: Literal["auto", "general", "code"] = Field(
        "auto",
        description="General: accuracy, instruction following, presentation. Code: no bugs, the user's intention.",
    )
    top: float = Field(0.25, gt=0, le=1, title="Top share", description="Share of scores that is good, ties included.")
    capability: str | None = Field(None, description="Column whose values are ranked apart; none: all rows together.")
    votes: int = Field(1, ge=1, description="Votes of the judge; more than half decide.")
    drop: bool = Field(True, description="Drop what is not good; off: label only.")


class DifficultySettings(_Section):
    """How hard the request of a row is, in up to three ways."""

    rating: bool = Field(True, description="Ask a judge for a rating from 1 to 3.")
    tags: bool = Field(True, description="Ask for intention tags; their number is a difficulty, too (InsTag).")
    synonyms: dict[str, str] = Field(default_factory=dict, description="Tags that mean another one.")
    pass_rate: str | None = Field(None, description="Column of the share of right solutions: hard below a third.")


class TopicSettings(_Section):
    """Topic and subtopic from a closed list."""

    topics: dict[str, list[str]] = Field(
        default_factory=lambda: default_topics(), min_length=1, description="Subtopics by topic; default: own list."
    )


class PhraseSettings(_Section):
    """Overused phrases are balanced: their share falls to a target, not to zero."""

    share: float = Field(0.02, gt=0, lt=1, description="Share of rows that may hold a phrase.")
    phrases: dict[str, str] = Field(
        default_factory=lambda: dict(PHRASES), min_length=1, max_length=64, description="Regular expressions by name."
    )
    shares: dict[str, float] = Field(default_factory=dict, description="Other shares by name.")

    @field_validator("phrases")
    @classmethod
    def _expressions(cls, phrases: dict[str, str]) -> dict[str, str]:
        for name, pattern in phrases.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{name}: not a regular expression: {error}") from error
        return phrases

    @field_validator("shares")
    @classmethod
    def _positive(cls, shares: dict[str, float]) -> dict[str, float]:
        for name, share in shares.items():
            if not 0 < share < 1:
                raise ValueError(f"{name}: must be between 0 and 1")
        return shares


class ClassifierSettings(_Section):
    """A light classifier learns what the judge calls good; another time it filters rows before anybody is asked."""

    file: str | None = Field(
        None, description="A classifier.json of an earlier curation: rows below its threshold are dropped; none: train."
    )
    recall: float = Field(
        0.95, gt=0, le=1, description="Share of good rows that a classifier in training must find; sets its threshold."
    )


class LabelSettings(_Section):
    """What is asked of each row, and what is made of the answers."""

    safety: SafetySettings | None = Field(None, description="What a guard finds; none: it is not asked.")
    quality: QualitySettings | None = Field(None, description="Criteria and scores; none: not asked.")
    difficulty: DifficultySettings | None = Field(None, description="How hard; none: not asked.")
    topic: TopicSettings | None = Field(None, description="What about; none: not asked.")
    phrases: PhraseSettings | None = Field(None, description="Overused phrases; none: not balanced.")
    classifier: ClassifierSettings | None = Field(None, description="Distilled from the judge; none: neither.")

    @model_validator(mode="after")
    def _has_a_teacher(self) -> LabelSettings:
        if self.trains and (self.quality is None or self.quality.by == "reward"):
            raise ValueError("classifier: it learns from a judge; add [quality] with one, or name the file of another")
        return self

    @property
    def trains(self) -> bool:
        """Whether a classifier is made."""
        return self.classifier is not None and self.classifier.file is None

    @property
    def asks(self) -> bool:
        """Whether a model is needed."""
        return any((self.safety, self.quality, self.difficulty, self.topic))


def default_topics() -> dict[str, list[str]]:
    """The list that comes with the product."""
    text = files(__package__).joinpath("topics.toml").read_text(encoding="utf-8")
    return {name: list(fine) for name, fine in tomllib.loads(text).items()}


def read_label_settings(path: Path) -> LabelSettings:
    """Read a labels file. Raises CurationError with the field and what is wrong with it."""
    try:
        return LabelSettings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CurationError(path, None, f"cannot be read as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise CurationError(path, None, f"{place}: {said}" if place else said) from error
