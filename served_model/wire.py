"""Bytes on the wire: the body of a request to a chat or a reward model, and what an HTTP answer to it means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from records.messages import openai_message
from served_model import guard_scores
from served_model.retry import Failure, Fault, fault_of_status, retry_after_seconds
from served_model.reward import CHAT_APIS, NotScores, read_scoring, scoring_body
from served_model.types import ChatRequest, Usage

MAX_MESSAGE_CHARS = 300  # of a server's own words in an error of ours
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Completion:
    """The parts of a chat completion that we use."""

    text: str
    finish_reason: str
    usage: Usage


class Malformed(Exception):
    """The answer is not a chat completion; the text says why."""


def request_body(model_name: str, request: ChatRequest, api: str = "chat") -> bytes:
    """The JSON body. `max_tokens` is the length field that all servers of this protocol take together with sampling."""
    if api not in CHAT_APIS:
        return dump_json(scoring_body(model_name, api, request))
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model_name,
        "messages": [openai_message(message) for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        **(guard_scores.FIELDS if api == guard_scores.API else {}),
    }
    if request.schema is not None:
        json_schema = {"name": "reply", "strict": True, "schema": dict(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
    return dump_json(body)


def dump_json(value: Any) -> bytes:
    """JSON on one line, with escapes for what orjson does not write (unpaired surrogates, very large integers)."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def load_json(data: bytes) -> Any:
    """Any JSON, also with unpaired surrogate escapes. Raises Malformed."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON ({type(error).__name__}, {len(data)} bytes)") from None


def read_answer(status: int, headers: Mapping[str, str], body: bytes, api: str = "chat") -> Completion | Failure:
    """What an HTTP answer means. Everything in it may be malformed."""
    if status != 200:
        return _failure_of_status(status, headers, body)
    content_type = headers.get("Content-Type", "")
    if "json" not in content_type.lower():
        return Failure(Fault.BROKEN, f"the answer is not JSON but {one_line(content_type) or 'untyped'}", status)
    try:
        return _completion(load_json(body), api) if api in CHAT_APIS else _scores(api, load_json(body))
    except (Malformed, NotScores) as error:
        return Failure(Fault.BROKEN, str(error), status)
    except _ModelRefusal as refusal:
        return Failure(Fault.REFUSED, f"the model refused: {one_line(str(refusal))}", status)


def _scores(api: str, body: Any) -> Completion:
    text, usage = read_scoring(api, body)
    return Completion(text, "stop", usage)


class _ModelRefusal(Exception):
    """The `refusal` field that stands in place of content."""


def _completion(body: Any, api: str) -> Completion:
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        raise Malformed(f"the answer holds no choices{said(body)}")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise Malformed("the first choice holds no message")
    finish_reason = choice.get("finish_reason")
    if not isinstance(finish_reason, str) or not finish_reason:
        raise Malformed("the first choice holds no finish_reason")
    text = _content(message)
    text = guard_scores.with_score(text, choice) if api == guard_scores.API else text
    return Completion(text, one_line(finish_reason), _usage(body.get("usage")))


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            raise _ModelRefusal(refusal)
        return ""  # a reasoning model that ran out of tokens before its answer
    if not isinstance(content, str):
        raise Malformed("the message's content is not text")
    return content if content.isascii() else SURROGATE.sub("\N{REPLACEMENT CHARACTER}", content)


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Usage(_count(prompt), _count(completion))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _failure_of_status(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    try:
        answer = load_json(body)
    except Malformed:
        answer = body[: 4 * MAX_MESSAGE_CHARS].decode("utf-8", "replace")
    fault = fault_of_status(status)
    if fault is Fault.OVERLOADED and _error_code(answer) == "insufficient_quota":
        fault = Fault.PERMANENT  # OpenAI's way to say that the account is empty: patience does not help
    retry_after = retry_after_seconds(headers.get("Retry-After"))
    return Failure(fault, f"HTTP {status}{said(answer)}", status, retry_after)


def _error_code(answer: Any) -> Any:
    error = answer.get("error") if isinstance(answer, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def said(answer: Any) -> str:
    """The server's own words as the end of a sentence, from the shapes that OpenAI, vLLM and FastAPI use."""
    if isinstance(answer, dict):
        error = answer.get("error", answer)
        answer = error.get("message", error.get("detail", "")) if isinstance(error, dict) else error
    words = one_line(answer) if isinstance(answer, str) else ""
    return f": {words}" if words else ""


def one_line(text: str) -> str:
    """Foreign text made fit for one line of a log: printable, bounded."""
    words = "".join(char if char.isprintable() else " " for char in text[: 4 * MAX_MESSAGE_CHARS])
    words = " ".join(words.split())
    return words if len(words) <= MAX_MESSAGE_CHARS else words[: MAX_MESSAGE_CHARS - 3] + "..."
