"""`provender audit` on files: what is outside the limits fails it by name; only what passes becomes the baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from audit.findings import Limits
from audit.survey import Document
from flows.__main__ import run_command
from flows.audit_dataset import audit_dataset, parse_limits
from flows.errors import ConfigError
from tests.audit.planted import sound, with_line_numbers


def write(path: Path, documents: list[Document]) -> Path:
    rows = [
        {"id": one.id, "source": one.slice, "text": one.text, "outcome": "pass" if one.good else "fail"}
        for one in documents
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_command_passes_sound_data_and_names_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "web.jsonl", tmp_path / "audit"
    command = ["audit", str(data), "--out", str(out)]
    write(data, sound(120))
    assert run_command(command) == 0
    assert "nothing is outside the limits" in capsys.readouterr().out
    baseline = (out / "baseline.json").read_bytes()
    assert (out / "audit.json").read_bytes() == baseline

    write(data, [*sound(120), *with_line_numbers(4)])
    assert run_command(command) == 1
    printed = capsys.readouterr()
    assert "line_number_run in web" in printed.err
    assert (out / "baseline.json").read_bytes() == baseline, "what failed is no baseline"
    found = [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]
    assert {one["name"] for one in found} == {"line_number_run", "artefact_drift"}
    assert all(one["at"] and one["dataset"] == str(data) for one in found)
    page = (out / "index.html").read_text()
    assert "line_number_run" in page and "lines-91-00000" in page

    assert run_command([*command, "--limit", "artefacts=0.1", "--limit", "artefact_drift=0.1", "--quiet"]) == 0


def test_drift_against_the_last_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "web.jsonl", tmp_path / "audit"
    write(data, sound(120))
    assert run_command(["audit", str(data), "--out", str(out), "--quiet"]) == 0
    write(data, sound(120, 3, words=500))
    assert run_command(["audit", str(data), "--out", str(out), "--json"]) == 1
    printed = capsys.readouterr()
    assert "length_drift" in printed.err
    assert json.loads(printed.out)["findings"][0]["name"] == "length_drift"


def test_what_cannot_be_audited_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", str(tmp_path / "none.jsonl")]) == 2
    (tmp_path / "empty.jsonl").write_text("")
    assert run_command(["audit", str(tmp_path / "empty.jsonl"), "--out", str(tmp_path / "o")]) == 2
    data = write(tmp_path / "web.jsonl", sound(3))
    assert run_command(["audit", str(data), "--limit", "artefact=0"]) == 2
    assert run_command(["audit", str(data), "--limit", "artefacts=2"]) == 2
    (tmp_path / "o").mkdir(exist_ok=True)
    (tmp_path / "o" / "baseline.json").write_text("{}")
    assert run_command(["audit", str(data), "--out", str(tmp_path / "o")]) == 2
    assert "baseline.json" in capsys.readouterr().err


def test_limits_are_parsed() -> None:
    assert parse_limits([]) == Limits()
    assert parse_limits(["phrase=0.5"]).phrase == 0.5
    with pytest.raises(ConfigError, match="did you mean phrase"):
        parse_limits(["phrases=0.5"])


@pytest.mark.usefixtures("prefect_server")
async def test_the_flow_fails_with_a_named_finding(tmp_path: Path) -> None:
    data = write(tmp_path / "web.jsonl", sound(60))
    state = await audit_dataset(str(data), str(tmp_path / "out"), return_state=True)
    assert state.is_completed()
    write(data, [*sound(60), *with_line_numbers(4)])
    state = await audit_dataset(str(data), str(tmp_path / "out"), return_state=True)
    assert state.type is StateType.FAILED
    assert "line_number_run" in (state.message or "")
