"""The steps of curation and what a user may say about them."""

from __future__ import annotations

from dataclasses import dataclass

from curation import paraphrases, semantic_duplicates
from curation.label_settings import LabelSettings
from curation.paraphrases import ParaphraseRule
from curation.semantic_duplicates import SemanticRule
from curation.served import Served
from served_model.embedder import Embedder

REPETITION, CONTAMINATION, EXACT, NEAR = "repetition", "contamination", "exact_duplicates", "near_duplicates"
PARAPHRASED, SEMANTIC = "paraphrases", "semantic_duplicates"
CLASSIFIER, SAFETY, QUALITY, PHRASES = "classifier", "safety", "quality", "phrases"
STEPS = (REPETITION, CONTAMINATION, PARAPHRASED, CLASSIFIER, SAFETY, EXACT, NEAR, SEMANTIC, QUALITY, PHRASES)
BY_MEANING = (PARAPHRASED, SEMANTIC)
BY_LABELS = (SAFETY, QUALITY, PHRASES)
NO_LABELS = LabelSettings()


@dataclass(frozen=True, slots=True)
class CurateOptions:
    """What to look at and which steps to take; the order of steps is fixed."""

    field: str | None = None  # the one text column of the dataset; None: guessed, see dataset_rows
    benchmark_field: str | None = None
    steps: tuple[str, ...] = STEPS
    embedder: Embedder | None = None  # without one the steps that compare meanings are left out
    semantic: SemanticRule = semantic_duplicates.DEFAULT
    paraphrase: ParaphraseRule = paraphrases.DEFAULT
    quality: str | None = None  # column or path of a number; more is better, 1 where a row has none
    difficulty: str | None = None
    labels: LabelSettings = NO_LABELS  # the steps it says nothing about are left out
    served: Served | None = None  # who is asked for labels

    @property
    def taken(self) -> list[str]:
        """The steps that are taken, in their order."""
        return [step for step in STEPS if step in self.steps and self.lacks(step) is None]

    def lacks(self, step: str) -> str | None:
        """What a step needs and has not got; None where it can be taken."""
        if step in BY_MEANING and self.embedder is None:
            return "an embedder; name one with --embedder"
        if step == PARAPHRASED and self.paraphrase.judge and self.served is None:
            return "a model; name one with --judge or --config"
        if step == CLASSIFIER and (self.labels.classifier is None or self.labels.trains):
            return "a section [classifier] with a file in the file of --labels"
        if step in BY_LABELS and getattr(self.labels, step) is None:
            return f"a section [{step}] in the file of --labels"
        if step in BY_LABELS and step != PHRASES and self.served is None:
            return "a model; name one with --judge or --config"
        return None

    @property
    def priority(self) -> tuple[str | None, str | None]:
        """The columns by which semantic duplicates are ranked: those that are named, else labels that are asked for."""
        quality = "labels.quality.score" if self.served and self.labels.quality else None
        difficulty = "labels.difficulty.rating" if self.served and self.labels.difficulty else None
        return self.quality or quality, self.difficulty or difficulty
