"""Batch files sent to a provider and fetched back: once each, whatever ends or fails in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from served_model import batch_files
from served_model.batch import BatchClient
from served_model.batch_api import BatchApi
from served_model.batch_files import Results, keys_of, model_of, request_files
from served_model.config import ModelConfig
from served_model.meter import Deferred
from served_model.types import ChatRequest, ModelUnavailable, RequestRefused
from tests.served_model.batch_service import KEY, BatchService, running

MOST_LOOKS = 5


def says(line: dict[str, Any]) -> tuple[int, Any]:
    """The model echoes its question."""
    choice = {"message": {"role": "assistant", "content": line["body"]["messages"][-1]["content"]}}
    return 200, {"choices": [choice | {"finish_reason": "stop"}], "usage": {"prompt_tokens": 2, "completion_tokens": 1}}


def config(url: str, name: str = "m") -> ModelConfig:
    return ModelConfig(name, (url,), api_key=KEY)


async def ask(models: Mapping[str, ModelConfig], folder: Path, requests: list[ChatRequest]) -> list[str]:
    """One start of a run: what each request got."""
    client, got = BatchClient(models, folder), []
    for request in requests:
        try:
            got.append((await client.complete(request)).text)
        except Deferred:
            got.append("later")
        except RequestRefused as refusal:
            got.append(f"refused: {refusal}")
    await client.close()
    return got


def until_fetched(api: BatchApi) -> None:
    for _ in range(MOST_LOOKS):
        if all(standing.status == "fetched" for standing in api.advance()):
            return
    raise AssertionError("not fetched")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("served_model.batch.SETTLE_S", 0.0)
    monkeypatch.setattr("served_model.batch_api.RETRIES", 1)


async def test_there_and_back_once(tmp_path: Path, request_of: Callable[..., ChatRequest]) -> None:
    requests = [request_of(f"n{number}", seed=number) for number in range(5)]
    service = BatchService(lambda line: (400, {"error": {"message": "too long"}}) if "n3" in str(line) else says(line))
    with running(service) as url:
        models = {"default": config(url)}
        assert await ask(models, tmp_path, requests) == ["later"] * 5
        (standing,) = BatchApi(tmp_path, models).advance()
        assert (standing.status, standing.total, standing.model) == ("validating", 5, "m")
        assert await ask(models, tmp_path, requests) == ["later"] * 5  # collected later
        until_fetched(BatchApi(tmp_path, models))
        assert "5 of 5 answered" in BatchApi(tmp_path, models).advance()[0].line
        got = await ask(models, tmp_path, requests)
    assert got[:3] + got[4:] == ["n0", "n1", "n2", "n4"] and "too long" in got[3]
    assert len(service.worked) == 5 and len(service.batches) == 1
    assert len(request_files(tmp_path)) == 1  # nothing was asked again


async def test_what_was_not_worked_in_time_is_asked_for_again_once(
    tmp_path: Path, request_of: Callable[..., ChatRequest]
) -> None:
    requests = [request_of(f"n{number}") for number in range(4)]
    tired = True
    service = BatchService(lambda line: None if tired and "n2" in str(line) else says(line), ends="expired")
    with running(service) as url:
        models = {"default": config(url)}
        await ask(models, tmp_path, requests)
        until_fetched(BatchApi(tmp_path, models))
        assert await ask(models, tmp_path, requests) == ["n0", "n1", "later", "n3"]
        assert await ask(models, tmp_path, requests) == ["n0", "n1", "later", "n3"]  # it waits: not a third time
        assert [len(keys_of(path)) for path in request_files(tmp_path)] == [4, 1]
        tired, service.ends = False, "completed"
        until_fetched(BatchApi(tmp_path, models))
        assert await ask(models, tmp_path, requests) == ["n0", "n1", "n2", "n3"]
    assert len(set(service.worked)) == len(service.worked) == 4


@pytest.mark.parametrize("breaks", ["POST /v1/batches", "POST /v1/files", "GET /v1/batches/batch-2"])
async def test_a_connection_that_ends_costs_no_second_batch(
    tmp_path: Path, request_of: Callable[..., ChatRequest], breaks: str
) -> None:
    service = BatchService(says, breaks=breaks)
    with running(service) as url:
        models = {"default": config(url)}
        await ask(models, tmp_path, [request_of("a"), request_of("b")])
        for _ in range(2):
            try:
                BatchApi(tmp_path, models).advance()
            except ModelUnavailable as error:
                assert "run again later" in str(error)
        until_fetched(BatchApi(tmp_path, models))
        assert await ask(models, tmp_path, [request_of("a"), request_of("b")]) == ["a", "b"]
    assert len(service.batches) == 1 and len(service.worked) == 2


async def test_what_somebody_else_answered_is_not_sent(tmp_path: Path, request_of: Callable[..., ChatRequest]) -> None:
    requests = [request_of(f"n{number}") for number in range(3)]
    service = BatchService(says)
    with running(service) as url:
        models = {"default": config(url)}
        await ask(models, tmp_path, requests)
        lines = [json.loads(line) for line in request_files(tmp_path)[0].read_text().splitlines()]
        body = says(lines[0])[1]
        done = {"custom_id": lines[0]["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}
        (tmp_path / "mine.results.jsonl").write_text(json.dumps(done))
        until_fetched(BatchApi(tmp_path, models))
        assert service.worked == [line["custom_id"] for line in lines[1:]]
        assert await ask(models, tmp_path, requests) == ["n0", "n1", "n2"]


async def test_a_file_for_each_model_and_none_too_large(
    tmp_path: Path, request_of: Callable[..., ChatRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_files, "MOST_REQUESTS", 2)
    service = BatchService(says)
    with running(service) as url:
        models = {"default": config(url), "judge": config(url, "j")}
        requests = [request_of(f"{role}{n}", role=role) for n in range(3) for role in ("writer", "judge")]
        await ask(models, tmp_path, requests)
        assert [(model_of(path), len(keys_of(path))) for path in request_files(tmp_path)] == [
            ("m", 2),
            ("j", 2),
            ("m", 1),
            ("j", 1),
        ]
        until_fetched(BatchApi(tmp_path, models))
        assert await ask(models, tmp_path, requests) == [request.messages[-1].content for request in requests]
    assert {batch["status"] for batch in service.batches.values()} == {"completed"}


async def test_a_batch_that_is_refused_says_why_and_is_sent_anew_when_mended(
    tmp_path: Path, request_of: Callable[..., ChatRequest]
) -> None:
    service = BatchService(says)
    with running(service) as url:
        models = {"default": config(url)}
        await ask(models, tmp_path, [request_of("a")])
        file = request_files(tmp_path)[0]
        whole = file.read_text()
        file.write_text(whole.replace("/v1/chat/completions", "/v1/elsewhere"))
        BatchApi(tmp_path, models).advance()
        with pytest.raises(ModelUnavailable, match=r"0001.requests.jsonl failed: one model, please"):
            BatchApi(tmp_path, models).advance()
        file.write_text(whole)
        until_fetched(BatchApi(tmp_path, models))
        assert await ask(models, tmp_path, [request_of("a")]) == ["a"]


async def test_no_api_and_a_wrong_key_are_one_line(tmp_path: Path, request_of: Callable[..., ChatRequest]) -> None:
    service = BatchService(says)
    with running(service) as url:
        models = {"default": config(url)}
        await ask(models, tmp_path, [request_of("a")])
        wrong = {"default": ModelConfig("m", (url,), api_key="sk-wrong-9876")}
        with pytest.raises(ModelUnavailable, match=r"wrong key Bearer \*\*\*"):
            BatchApi(tmp_path, wrong).advance()
        with pytest.raises(ModelUnavailable, match="vllm run-batch"):
            BatchApi(tmp_path, {"default": config(url.replace("/v1", "/v2"))}).advance()
        with pytest.raises(ModelUnavailable, match="does not name any more"):
            BatchApi(tmp_path, {"default": config(url, "other")}).advance()
        until_fetched(BatchApi(tmp_path, models))
    assert len(service.batches) == 1


async def test_a_copy_of_a_failure_is_one_failure(tmp_path: Path, request_of: Callable[..., ChatRequest]) -> None:
    models = {"default": config("http://127.0.0.1:9/v1")}
    await ask(models, tmp_path, [request_of("a")])
    (key,) = keys_of(request_files(tmp_path)[0])
    failure = json.dumps({"custom_id": key, "response": None, "error": {"code": "batch_expired"}})
    for name in ("one", "copy"):
        (tmp_path / f"{name}.results.jsonl").write_text(failure + "\n")
    for _ in range(2):
        assert await ask(models, tmp_path, [request_of("a")]) == ["later"]
    assert len(request_files(tmp_path)) == 2 and Results.read(tmp_path).waiting == {key}


def write_results(folder: Path, name: str, *results: tuple[str, int, Any]) -> None:
    lines = [
        {"id": name, "custom_id": key, "response": {"status_code": status, "body": None}, "error": error}
        for key, status, error in results
    ]
    (folder / f"{name}.results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


async def test_what_vllm_says_of_a_request_that_it_refused(
    tmp_path: Path, request_of: Callable[..., ChatRequest]
) -> None:
    """Its words stand beside the response, which has no body."""
    models = {"default": config("http://127.0.0.1:9/v1")}
    await ask(models, tmp_path, [request_of("a")])
    (key,) = keys_of(request_files(tmp_path)[0])
    write_results(tmp_path, "x", (key, 400, {"error": {"message": "too long by far"}}))
    assert "too long by far" in (await ask(models, tmp_path, [request_of("a")]))[0]


async def test_results_of_another_model_end_the_run_and_drop_nothing(
    tmp_path: Path, request_of: Callable[..., ChatRequest]
) -> None:
    models = {"default": config("http://127.0.0.1:9/v1")}
    await ask(models, tmp_path, [request_of("a")])
    (key,) = keys_of(request_files(tmp_path)[0])
    write_results(tmp_path, "wrong", (key, 404, {"error": {"message": "no such model"}}))
    with pytest.raises(ModelUnavailable, match=r"wrong\.results\.jsonl: HTTP 404: no such model; mend it"):
        await ask(models, tmp_path, [request_of("a")])
    (tmp_path / "wrong.results.jsonl").unlink()
    assert await ask(models, tmp_path, [request_of("a")]) == ["later"]
    assert len(request_files(tmp_path)) == 1


async def test_a_request_that_fails_each_time_is_given_up(
    tmp_path: Path, request_of: Callable[..., ChatRequest]
) -> None:
    models = {"default": config("http://127.0.0.1:9/v1")}
    for number in range(batch_files.MOST_FAILURES):
        assert await ask(models, tmp_path, [request_of("a")]) == ["later"]
        (key,) = keys_of(request_files(tmp_path)[-1])
        write_results(tmp_path, f"{number}", (key, 503, {"error": {"message": "busy"}}))
    (got,) = await ask(models, tmp_path, [request_of("a")])
    assert "failed 4 times" in got and len(request_files(tmp_path)) == batch_files.MOST_FAILURES
