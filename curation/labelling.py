"""Labels rows by asking served models: a guard, a judge, a reward model (Q1-Q4, D1-D4, G1).

Each answer is a request of its own, so that a label that is added later costs only itself. What cannot be read is None,
with the problem beside it: never a low score, never an easy rating. Rationales stand before scores (Q4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.dataset_rows import DatasetRow
from curation.label_settings import DifficultySettings, LabelSettings, QualitySettings
from curation.mix import value_at
from records.types import JSON, Message, Verdict, canonical_json, stable_seed
from served_model.prompts import load_prompt
from served_model.quoting import quote_tags
from served_model.reward import read_rows, reward_request
from served_model.types import ChatRequest, Model, RequestRefused, Sampling, UnreadableReply
from verifiers.base import Resources
from verifiers.guard import turns_of
from verifiers.judging import TAG, Criterion, Panel, Rubric, ask_panel, decide_value
from verifiers.quality import exchange, grade
from verifiers.safety import judge
from verifiers.safety_settings import says_yes

RATINGS = (1, 2, 3)
RATING = Rubric("curation/difficulty", (Criterion("difficulty", RATINGS, RATINGS),))
OTHER = "other"
THIRDS = ((1 / 3, "hard"), (2 / 3, "medium"), (1.0, "easy"))  # KodCode's thirds of the pass rate
HARD_FOR_MODEL = 0.3  # OpenMathReasoning keeps what is solved at most so often
MAX_TAGS = 20
MAX_TOKENS = 512
_NOT_A_WORD = re.compile(r"[\W_]+")
_TEXT = {"type": "string"}
TAGS_SCHEMA = {
    "type": "object",
    "properties": {"tags": {"type": "array", "items": _TEXT}},
    "required": ["tags"],
    "additionalProperties": False,
}
TOPIC_SCHEMA = {
    "type": "object",
    "properties": {"topic": _TEXT, "subtopic": _TEXT},
    "required": ["topic", "subtopic"],
    "additionalProperties": False,
}
NOBODY: Any = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A row as what is asked and what is replied; a text that is no dialogue is a reply to nothing."""

    request: str
    reply: str

    @classmethod
    def of(cls, row: DatasetRow) -> Exchange:
        """Everything before the last assistant's turn is the request."""
        return cls(*exchange(messages_of(row)))


def messages_of(row: DatasetRow) -> tuple[Message, ...]:
    """The row's turns as messages; of a row that is no dialogue, its prompts and then its other texts."""
    if any(turn.role for turn in row.turns):
        return tuple(Message(_role(turn.role), turn.content) for turn in row.turns)
    texts = [turn.content for turn in row.turns]
    prompts = list(row.prompts) if len(texts) > len(row.prompts) else []
    replies = [text for text in texts if text not in prompts]
    return (*(Message("user", text) for text in prompts), *(Message("assistant", text) for text in replies))


def _role(name: str) -> Any:
    return {"human": "user", "gpt": "assistant", "function": "tool", "observation": "tool"}.get(name, name)


async def guard_row(row: DatasetRow, settings: LabelSettings, model: Model) -> Verdict | None:
    """What the guard finds; None where it is not asked."""
    if settings.safety is None:
        return None
    path = settings.safety.known_safe
    check = settings.safety.check(path is not None and says_yes(value_at(row.values, path)))
    return await judge(check, turns_of(messages_of(row)), Resources(NOBODY, NOBODY, model))


async def label_row(row: DatasetRow, settings: LabelSettings, model: Model) -> dict[str, JSON]:
    """The labels that the settings ask for, by section."""
    said = Exchange.of(row)
    labels: dict[str, JSON] = {}
    if settings.quality:
        labels["quality"] = await _quality(said, settings.quality, model)
    if settings.difficulty:
        labels["difficulty"] = await _difficulty(row, said, settings.difficulty, model)
    if settings.topic:
        labels["topic"] = await _topic(said, settings.topic.topics, model)
    return labels


async def _quality(exchange: Exchange, settings: QualitySettings, model: Model) -> dict[str, JSON]:
    labels: dict[str, JSON] = {}
    if settings.by != "reward":
        labels |= await _criteria(exchange, settings, model)
    if settings.by != "judge":
        labels |= await _reward(exchange, model)
    return labels


async def _criteria(exchange: Exchange, settings: QualitySettings, model: Model) -> dict[str, JSON]:
    """Rationales, then each criterion, then how many hold; `good` is the most there can be (Llama 3)."""
    found = await grade(exchange.request, exchange.reply, (settings.rubric, settings.votes), model)
    score = found.score
    return {
        "rubric": found.rubric.prompt,
        "models": sorted({ballot.model for ballot in found.ballots if ballot.model}),
        "rationales": [dict(ballot.rationales) for ballot in found.ballots if ballot.rationales],
        "criteria": {name: str(outcome) for name, outcome in found.outcomes.items()},
        "score": score,
        "good": None if score is None else score == len(found.outcomes),
    }


async def _reward(exchange: Exchange, model: Model) -> dict[str, JSON]:
    """The reward model's score as it comes: only the order of scores counts here."""
    try:
        rows = read_rows(await model.ask(reward_request(exchange.request, exchange.reply)))
    except (RequestRefused, UnreadableReply) as error:
        return {"reward": None, "reward_problem": str(error)[:200]}
    return {"reward": rows[-1][-1]}


async def _difficulty(
    row: DatasetRow, exchange: Exchange, settings: DifficultySettings, model: Model
) -> dict[str, JSON]:
    labels: dict[str, JSON] = {}
    asked = {"request": exchange.request or exchange.reply}
    if settings.rating:
        labels |= await _rating(asked, model)
    if settings.tags:
        said = await _ask("tags", asked, TAGS_SCHEMA, model)
        tags = None if said is None else merged_tags(said["tags"], settings.synonyms)
        labels |= {"tags": tags, "tag_count": None if tags is None else len(tags)}
    if settings.pass_rate:
        labels |= pass_rate_labels(value_at(row.values, settings.pass_rate))
    return labels


async def _rating(asked: Mapping[str, str], model: Model) -> dict[str, JSON]:
    panel = Panel()
    ballots = await ask_panel(RATING, asked, panel, model)
    rationale = next((ballot.rationales["difficulty"] for ballot in ballots if ballot.rationales), "")
    return {"rationale": rationale, "rating": decide_value(RATING.criteria[0], ballots, panel)}


def pass_rate_labels(value: Any) -> dict[str, JSON]:
    """How hard a problem is by how often it is solved (D4): in thirds, and hard for the model that tried."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return {"pass_rate": None, "band": None, "hard_for_model": None}
    band = next(name for limit, name in THIRDS if value <= limit)
    return {"pass_rate": float(value), "band": band, "hard_for_model": value <= HARD_FOR_MODEL}


def merged_tags(tags: Iterable[str], synonyms: Mapping[str, str]) -> list[str]:
    """Distinct tags, sorted: without case, punctuation and plural, and with what means the same merged (InsTag)."""
    meant = {_plain_tag(one): _plain_tag(other) for one, other in synonyms.items()}
    plain = (_plain_tag(tag) for tag in tags)
    return sorted({meant.get(tag, tag)[:60] for tag in plain if tag})[:MAX_TAGS]


def _plain_tag(tag: str) -> str:
    split = _NOT_A_WORD.sub(" ", tag.casefold()).split()
    return " ".join(_singular(word) for word in split)


def _singular(word: str) -> str:
    """English plurals of the regular kind."""
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return word


async def _topic(exchange: Exchange, topics: Mapping[str, Sequence[str]], model: Model) -> dict[str, JSON]:
    listing = "\n".join(f"- {name}: {', '.join(fine)}" for name, fine in topics.items())
    said = await _ask("topic", {"request": exchange.request or exchange.reply, "topics": listing}, TOPIC_SCHEMA, model)
    if said is None:
        return {"coarse": None, "fine": None}
    coarse, fine = listed_topic(said["topic"], said["subtopic"], topics)
    return {"coarse": coarse, "fine": fine}


def listed_topic(topic: str, subtopic: str, topics: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """The topics of the list that are meant; `other` for what is not on it, and for a subtopic of another topic."""
    coarse = {_plain_tag(name): name for name in topics}.get(_plain_tag(topic), OTHER)
    fine = {_plain_tag(name): name for name in topics.get(coarse, ())}.get(_plain_tag(subtopic), OTHER)
    return coarse, fine


async def _ask(name: str, fields: Mapping[str, str], schema: Mapping[str, Any], model: Model) -> Any:
    """The data of one reply; None where there is none that can be read."""
    prompt = load_prompt(__package__, name)
    tags = {tag for section in prompt.sections for tag in TAG.findall(section.template)}
    messages = prompt.render(**{key: quote_tags(value, tags) for key, value in fields.items()})
    seed = stable_seed(name, canonical_json([message.content for message in messages]))
    sampling = Sampling(0.0, 1.0, MAX_TOKENS, seed)
    try:
        reply = await model.ask(ChatRequest("judge", messages, sampling, prompt.name, prompt.sha256, schema))
    except (RequestRefused, UnreadableReply):
        return None
    return reply.data
