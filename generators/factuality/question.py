"""factuality/question: one factual question per snippet, with answer and paraphrases, past rules and a judge (F1, F2).

A record's messages, for a snippet from "The river Aa" that says that its source lies at 412 metres:
  user       At what height does the river Aa rise?
  assistant  412 metres
  checks     QuestionForm(reference=snippet, paraphrases=(...)), Judged("generators.factuality/question_gates", ...)

It is what `factuality/knowledge_probe` asks, and no training example itself: a model that does not know the answer
would learn from it to state what it does not know. So its metadata says that no export takes it.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from generators.factuality.asking import call, passage_of, request
from generators.factuality.panel import PanelSettings
from generators.recipe import Recipe, Resources, SeedRefused
from records.limits import Limits
from records.types import Candidate, Message, Seed, stable_hash, stable_seed
from served_model.types import Sampling
from verifiers.judged import Judged
from verifiers.judging import Criterion
from verifiers.question_form import QuestionForm
from verifiers.wording import content_words

NAME = "factuality/question"
GATES = tuple(map(Criterion, ("answerable", "self_contained", "single_answer", "same_question")))
_TEXT = {"type": "string", "maxLength": 2000}


class QuestionSettings(PanelSettings):
    """What a user may vary."""

    paraphrases: int = Field(2, ge=0, le=8, description="wordings besides the question, each probed as well")
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(1024, ge=1)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One question. Raises SeedRefused("no_question") where the writer finds nothing to ask, and ModelError."""
    settings: QuestionSettings = resources.settings
    title, passage = passage_of(seed)
    origin = (str(resources.run_seed), NAME, str(resources.round), seed.id)
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens, stable_seed(*origin))
    fields = {"title": title, "passage": passage, "paraphrases": str(settings.paraphrases)}
    asked = request("question", "writer", fields, sampling, _schema(settings.paraphrases))
    reply = await resources.model.ask(asked)
    data: dict[str, Any] = reply.data
    question, answer = data["question"].strip(), data["answer"].strip()
    if not question or not answer:
        raise SeedRefused("no_question", key=reply.key)
    paraphrases = tuple(text.strip() for text in data["paraphrases"])
    identity = stable_hash(*origin, reply.key)
    return [
        Candidate(
            id=identity,
            chain_id=identity,
            seed=seed,
            recipe=NAME,
            messages=(Message("user", question), Message("assistant", answer)),
            parts={
                "question": question,
                "answer": answer,
                "paraphrases": "\n".join(paraphrases),
                "quote": data["quote"].strip(),
            },
            checks=(QuestionForm(passage, paraphrases), _gates(passage, settings)),
            calls=(call("question", asked, reply),),
            metadata={
                "exports": [],
                "question_key": " ".join(sorted(content_words(question))),
                "paraphrases": list(paraphrases),
                "round": resources.round,
            },
        )
    ]


def _gates(passage: str, settings: QuestionSettings) -> Judged:
    return Judged(
        "generators.factuality/question_gates", GATES, {"passage": passage}, settings.panel(), settings.probe_share
    )


def _schema(paraphrases: int) -> dict[str, Any]:
    wordings = {"type": "array", "items": _TEXT, "maxItems": paraphrases}
    properties = {"question": _TEXT, "paraphrases": wordings, "answer": _TEXT, "quote": _TEXT}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def limits(settings: QuestionSettings) -> Limits:
    """No question stands twice, in whatever order its words are."""
    return Limits(repeats={"question_key": 1})


RECIPE = Recipe(name=NAME, seeds="documents", settings=QuestionSettings, propose=propose, limits=limits)
