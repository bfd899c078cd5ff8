"""The server in its own process: it starts, answers the same everywhere, and never outlives whoever started it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from served_model.rehearsal.launch import RehearsalServer
from served_model.types import ModelUnavailable

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60
PARENT = """
import sys, time
from served_model.rehearsal.launch import RehearsalServer
server = RehearsalServer()
print(server.start(), server.process.pid, flush=True)
time.sleep(600)
"""


def post(base_url: str, body: bytes) -> bytes:
    request = urllib.request.Request(f"{base_url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return response.read()


def listens(base_url: str) -> bool:
    address = urlsplit(base_url)
    with socket.socket() as line:
        return line.connect_ex((address.hostname, address.port)) == 0


def wait_until_silent(base_url: str) -> bool:
    end = time.monotonic() + PATIENCE_S
    while listens(base_url) and time.monotonic() < end:
        time.sleep(0.1)
    return not listens(base_url)


def test_replies_are_the_same_in_every_process(tmp_path, monkeypatch, make_body, snippet):
    bodies = [make_body(f"<snippet>\n{snippet}\n</snippet>", seed) for seed in range(30)]
    answers, keys = [], []
    for hash_seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", hash_seed)
        path = tmp_path / f"{hash_seed}.jsonl"
        with RehearsalServer(seed=9, fault_rate=0.4, wire_fault_rate=0.0, answer_key=path) as base_url:
            answers.append([post(base_url, body) for body in bodies])
        keys.append(path.read_bytes())
    assert answers[0] == answers[1] and keys[0] == keys[1]
    assert 0 < sum(json.loads(line)["fault"] is not None for line in keys[0].splitlines()) < 30


async def test_the_async_form_answers_and_ends(tmp_path, make_body):
    knowledge = tmp_path / "facts.jsonl"
    knowledge.write_text(json.dumps({"question": "Why?", "answer": "7"}))
    server = RehearsalServer(knowledge=knowledge, slots=3)
    async with server as base_url:
        answer = json.loads(post(base_url, make_body("<question>Why?</question>")))
        assert r"\boxed" in answer["choices"][0]["message"]["content"]
    assert not listens(base_url)
    assert server.process.returncode == 0


def test_it_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    base_url, pid = parent.stdout.readline().split()
    assert listens(base_url) and int(pid) != parent.pid
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until_silent(base_url)


def test_it_ends_when_its_parent_is_killed_though_its_input_stays_open():
    """A forked sibling may hold the other end of the pipe: then only the change of parent tells."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "served_model.rehearsal"]
    program = f"import subprocess; subprocess.Popen({command!r}, stdin={reader}).wait()"
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, pass_fds=[reader]
    )
    base_url = json.loads(parent.stdout.readline())["base_url"]
    assert listens(base_url)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until_silent(base_url)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("how", ["sigterm", "stdin"])
def test_it_ends_cleanly_when_told(how):
    server = RehearsalServer()
    base_url = server.start()
    if how == "sigterm":
        server.process.terminate()
    else:
        server.process.stdin.close()
    assert server.process.wait(PATIENCE_S) == 0
    assert not listens(base_url)
    server.stop()


def test_what_it_cannot_start_with_is_an_error(tmp_path, capfd):
    (tmp_path / "bad.jsonl").write_text("no json\n")
    for server in (
        RehearsalServer(knowledge=tmp_path / "bad.jsonl"),
        RehearsalServer(answer_key=tmp_path / "no" / "such" / "folder.jsonl"),
        RehearsalServer(fault_rate=1.5),
    ):
        with pytest.raises(ModelUnavailable, match="exit 2"):
            server.start()
    errors = capfd.readouterr().err
    assert "bad.jsonl, line 1: not JSON" in errors and "between 0 and 1" in errors and "Traceback" not in errors
