"""The command line as outside programs see it: exit status, one clear line, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.rehearse import write_knowledge
from served_model.rehearsal.launch import RehearsalServer

ROOT = Path(__file__).resolve().parents[2]
Provender = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """
name = "t"
[models.default]
base_url = "{url}"
name = "rehearsal"
deadline_s = 3
[[recipes]]
use = "math/solve"
seeds = 5
"""


def write_config(folder: Path, url: str = "http://127.0.0.1:9/v1", text: str = CONFIG) -> Path:
    path = folder / "run.toml"
    path.write_text(text.format(url=url))
    return path


def knowing_server(folder: Path) -> RehearsalServer:
    """A model that answers the default questions and makes no mistakes."""
    write_knowledge(folder / "knowledge.jsonl")
    return RehearsalServer(knowledge=folder / "knowledge.jsonl")


def assert_one_line(result: subprocess.CompletedProcess[str], status: int, *parts: str) -> None:
    assert result.returncode == status, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("provender: ")
    for part in parts:
        assert part in lines[0]


def test_help_of_every_command(provender: Provender) -> None:
    overview = provender("--help")
    assert overview.returncode == 0
    for command in (
        "rehearse",
        "make",
        "verify",
        "curate",
        "export",
        "report",
        "inspect",
        "serve",
        "doctor",
        "sandbox",
    ):
        assert command in overview.stdout
        assert provender(command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nonsense"], "nonsense"),
        (["rehearse", "--seeds", "many"], "--seeds"),
        (["rehearse", "--fault-rate", "2"], "--fault-rate"),
        (["make"], "CONFIG"),
        (["make", "absent.toml"], "absent.toml"),
        (["verify", "poetry", "--in", "x", "--out", "y"], "unknown kind"),
        (["verify", "math", "--in", "absent.jsonl", "--out", "y"], "absent.jsonl"),
        (["report", "absent"], "not a run folder"),
        (["curate", "absent", "--out", "x"], "absent"),
        (["inspect", "absent"], "not a run folder"),
        (["export", "absent", "--out", "x"], "not a run folder"),
        (["export", "absent", "--out", "x", "--format", "csv"], "unknown export"),
        (["serve"], "MODEL"),
        (["serve", "org/model", "--device", "abacus"], "--device"),
        (["serve", "org/model", "--port", "0"], "--port"),
    ],
)
def test_usage_errors(provender: Provender, arguments: list[str], part: str) -> None:
    assert_one_line(provender(*arguments), 2, part)


def test_what_serve_refuses_in_a_moment(provender: Provender, tmp_path: Path) -> None:
    for arguments, part in (
        (["./absent"], "no such model folder"),
        ([tmp_path], "config.json"),
        (["org/model", "--env", tmp_path / "env"], "--yes"),
        (["org/model", "--", "--port", "9"], "not after --"),
    ):
        assert_one_line(provender("serve", *arguments), 1, part)
    assert not (tmp_path / "env").exists()


def test_config_errors(provender: Provender, tmp_path: Path) -> None:
    for old, new, part in (
        ("seeds = 5", "sedes = 5", "did you mean seeds?"),
        ("seeds = 5", 'seeds = "five"', "recipes.0.seeds"),
        ('use = "math/solve"', 'use = "math/sole"', "math/solve"),
        ('use = "math/solve"', 'use = "mine.py:RECIPE"', "no such file"),
        ("seeds = 5", 'seeds = 5\ncorpus = "absent/*.jsonl"', "absent/*.jsonl"),
        ("seeds = 5", "seeds = 5\n[recipes.settings]\nsampels = 3", "did you mean samples?"),
        ("[[recipes]]", 'api_key_env = "NO_SUCH_VARIABLE"\n[[recipes]]', "NO_SUCH_VARIABLE"),
    ):
        path = write_config(tmp_path, text=CONFIG.replace(old, new))
        assert_one_line(provender("make", path, "--out", tmp_path / "run"), 2, part)
        assert not (tmp_path / "run").exists()


def test_an_empty_corpus_costs_no_call(provender: Provender, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    path = write_config(tmp_path, text=CONFIG.replace("seeds = 5", 'corpus = "empty.jsonl"'))
    assert_one_line(provender("make", path, "--out", tmp_path / "run"), 2, "empty.jsonl")


def test_an_unreachable_endpoint(provender: Provender, tmp_path: Path) -> None:
    result = provender("make", write_config(tmp_path), "--out", tmp_path / "run")
    assert_one_line(result, 1, "models.default", "http://127.0.0.1:9/v1")


def test_an_unwritable_output(provender: Provender, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    result = provender("make", write_config(tmp_path), "--out", tmp_path / "file" / "run")
    assert_one_line(result, 2, "cannot write there")

    result = provender("rehearse", "--out", tmp_path / "file" / "run")
    assert_one_line(result, 2, "cannot write there")


def test_a_model_name_that_is_not_served(provender: Provender, tmp_path: Path) -> None:
    with RehearsalServer() as url:
        text = CONFIG.replace('name = "rehearsal"', 'name = "other"')
        result = provender("make", write_config(tmp_path, url, text), "--out", tmp_path / "run")
    assert_one_line(result, 1, "does not serve 'other'", "rehearsal")


@pytest.mark.parametrize("example", ["code", "math"])
def test_examples_run_unchanged(provender: Provender, tmp_path: Path, example: str) -> None:
    path = ROOT / "examples" / f"{example}.toml"
    recipes = tomllib.loads(path.read_text())["recipes"]
    with_target = [index for index, recipe in enumerate(recipes) if "target" in recipe]
    settings = [f"recipes.{index}.target=12" for index in with_target]
    with knowing_server(tmp_path) as url:
        settings.append(f"models.default.base_url={url}")
        options = [part for setting in settings for part in ("--set", setting)]
        result = provender("make", path, *options, "--out", "run", "--json")
    assert result.returncode == 0, result.stderr
    accepted = list(json.loads(result.stdout)["accepted"].values())
    assert len(accepted) == len(recipes) and all(accepted[index] == 12 for index in with_target)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["model"] == "rehearsal"


def test_make_resumes_extends_and_refuses_another_run(provender: Provender, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with knowing_server(tmp_path) as url:
        config = write_config(tmp_path, url)
        first = provender("make", config, "--out", out, "--json")
        assert first.returncode == 0, first.stderr
        made = json.loads(first.stdout)
        [kept] = made["accepted"].values()
        assert kept == made["exports"]["sft"] > 15
        files = {path: path.read_bytes() for path in sorted((out / "shards").glob("*.parquet"))}

        again = provender("make", config, "--out", out, "--quiet")
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
        assert {path: path.read_bytes() for path in sorted((out / "shards").glob("*.parquet"))} == files

        other = provender("make", config, "--out", out, "--set", "recipes.0.settings={samples = 2}")
        assert_one_line(other, 2, "different run", "samples was 4, is 2")

    shown = provender("inspect", out, "--where", "outcome=pass", "--limit", "3")
    assert shown.returncode == 0
    name = shown.stdout.strip().splitlines()[-1].split()[0]
    assert "attempt 1" in provender("inspect", out, "--id", name).stdout
    assert_one_line(provender("inspect", out, "--where", "colour=red"), 2, "colour")
    assert_one_line(provender("inspect", out, "--where", "outcome"), 2, "FIELD=VALUE")

    exported = provender("export", out, "--format", "sft,rlvr", "--out", tmp_path / "train")
    assert exported.returncode == 0, exported.stderr
    assert pq.read_table(tmp_path / "train" / "sft").num_rows == kept
    assert pq.read_table(tmp_path / "train" / "rlvr").num_rows == 5
    curated = provender("curate", tmp_path / "train" / "sft", "--out", tmp_path / "curated")
    assert curated.returncode == 0, curated.stderr
    assert 0 < pq.read_table(tmp_path / "curated" / "kept.parquet").num_rows <= kept
    named = provender("report", out).stdout.strip()
    assert Path(tmp_path / named).read_text().startswith("<!doctype html>")

    proved = provender("verify", "records", "--in", out, "--out", tmp_path / "again.jsonl", "--json")
    assert json.loads(proved.stdout) == {"pass": 20}  # duplicates that the dataset leaves out are accepted records, too
    lines = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert all(line["evidence"]["same_verdicts"] for line in lines)


def test_show_config_can_be_used_again(provender: Provender, tmp_path: Path) -> None:
    shown = provender("make", write_config(tmp_path), "--show-config", "--set", "recipes.0.target=7")
    assert shown.returncode == 0, shown.stderr
    assert "min_agreement" in shown.stdout
    (tmp_path / "again.toml").write_text(shown.stdout)
    assert provender("make", tmp_path / "again.toml", "--show-config").stdout == shown.stdout


def test_a_second_run_in_the_same_folder_is_refused(provender: Provender, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "run"
    out.mkdir()
    with RehearsalServer() as url, (out / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert_one_line(provender("make", write_config(tmp_path, url), "--out", out), 1, "another run is working")


def test_verify_answers_every_row_in_order(provender: Provender, tmp_path: Path) -> None:
    rows = [
        '{"id": 1, "response": "so \\\\boxed{4}", "expected": "4"}',
        '{"id": "two", "response": "so 5", "expected": "4"}',
        '{"id": 3, "expected": "4"}',
        "not json",
        "[1]",
        '{"id": 6, "response": {"text": "4"}, "expected": "4"}',
        "[" * 100_000,
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n")
    result = provender("verify", "math", "--in", "rows.jsonl", "--out", "verdicts.jsonl")
    assert result.returncode == 0, result.stderr
    verdicts = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert [verdict["id"] for verdict in verdicts] == [1, "two", 3, None, None, 6, None]
    assert [verdict["outcome"] for verdict in verdicts] == ["pass", "fail", *["unjudged"] * 5]
    assert "response" in verdicts[2]["reason"]


def test_doctor(provender: Provender, tmp_path: Path) -> None:
    result = provender("doctor")
    assert result.returncode == 0, result.stdout + result.stderr
    for part in ("python", "packages", "sandbox namespaces", "disk"):
        assert part in result.stdout
    with_config = provender("doctor", write_config(tmp_path))
    assert with_config.returncode == 1
    assert "models.default" in with_config.stdout


def test_secrets_reach_no_file(provender: Provender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("MY_API_KEY", secret)
    out = tmp_path / "run"
    with RehearsalServer() as url:
        text = CONFIG.replace("deadline_s = 3", 'api_key_env = "MY_API_KEY"')
        assert provender("make", write_config(tmp_path, url, text), "--out", out).returncode == 0
    for folder, _, names in os.walk(out):
        for name in names:
            assert secret.encode() not in Path(folder, name).read_bytes(), name
