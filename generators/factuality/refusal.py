"""Refusals: written from the question alone, in a style that is drawn anew each time, and what must prove them."""

from __future__ import annotations

from random import Random

from generators.factuality.asking import call, request
from generators.recipe import Resources
from records.types import Call, Check, stable_seed
from served_model.types import Sampling
from verifiers.refusal import Refusal
from verifiers.refusal_quality import RefusalQuality
from verifiers.wording import skeleton

STYLES = (
    "one short, plain sentence",
    "one sentence, warm and personal",
    "two sentences; the second says where such a thing could be looked up",
    "formal, as in a letter, in one or two sentences",
    "casual, as among colleagues",
    "begin with what is asked about, and end with not knowing it",
    "say that you would have to guess, and that you would rather not",
    "say that this is beyond what you know, without an apology",
    "with a short apology",
    "two sentences; the second asks whether something else about the subject would help",
    "say that you have no reliable information on it",
    "say that you cannot say for certain, so you will not name anything",
)
FEEDBACK = {
    "answer": "Your last reply was no refusal: it did not say that you do not know.",
    "hedge": "Your last reply gave an answer under doubt. Give none.",
    "empty": "Your last reply was empty.",
    "leaks_answer": "Your last reply held the answer, or a hint at it. Name nothing that could be the answer.",
    "quotes_document": "Your last reply quoted a document. Use the words of the question only.",
    "names_nothing": "Your last reply did not name what it does not know. Use the words of the question.",
    "lectures": "Your last reply lectured, or spoke about itself as a machine. Leave that out.",
    "too_long": "Your last reply was too long.",
}
MAX_TOKENS = 256
TEMPERATURE = 1.0


async def write_refusal(
    question: str, identity: str, faults: tuple[str, ...], resources: Resources
) -> tuple[str, Call]:
    """A refusal and the call that wrote it. `faults` are what was wrong with the earlier ones. Raises ModelError."""
    seed = stable_seed(str(resources.run_seed), "refusal", identity, str(len(faults)))
    style = Random(seed).choice(STYLES)
    feedback = FEEDBACK.get(faults[-1], "Your last reply could not be used.") if faults else ""
    fields = {"question": question, "style": style, "feedback": feedback}
    asked = request("refusal", "writer", fields, Sampling(TEMPERATURE, 1.0, MAX_TOKENS, seed))
    reply = await resources.model.ask(asked)
    return reply.text.strip(), call("response", asked, reply)


def refusal_checks(question: str, answer: str, passage: str) -> tuple[Check, ...]:
    """What proves that a reply is a refusal, and a good one."""
    return Refusal("refusal"), RefusalQuality(question, answer, passage)


def wording_of(text: str, question: str) -> str:
    """What two fillings of one template have in common."""
    return skeleton(text, question)
