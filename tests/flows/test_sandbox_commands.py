"""The sandbox on the command line: what is refused, what is unsafe, `provender sandbox`, and which backend is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.config import load_config
from flows.errors import ConfigError
from sandbox.build import Plan, packages_of, recipe
from sandbox.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
Provender = Callable[..., subprocess.CompletedProcess[str]]
CONFIG = 'name = "n"\n[models.default]\nbase_url = "http://a/v1"\n[[recipes]]\nuse = "math/solve"\n'
ROW = json.dumps({"id": 1, "language": "python", "program": "print(open('/proc/self/status').read())"}) + "\n"
NO_ENGINE = {"DOCKER_HOST": "unix:///no/engine.sock"}


@pytest.fixture
def where_nothing_isolates(prefect_home: Path, tmp_path: Path) -> Provender:
    """The command line in a user namespace that may not make another one, like a default container, and no engine."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        words = " ".join(map(str, arguments))
        command = f"echo 0 > /proc/sys/user/max_user_namespaces && exec {sys.executable} -m flows {words}"
        result = subprocess.run(
            ["unshare", "--user", "--map-root-user", "sh", "-c", command],
            cwd=tmp_path,
            env={**os.environ, **NO_ENGINE, "PREFECT_HOME": str(prefect_home), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.stderr.startswith(("unshare:", "sh:")):
            pytest.skip("this machine does not let us make a user namespace")
        return result

    return run


def test_where_nothing_can_isolate_nothing_is_paid(where_nothing_isolates: Provender, tmp_path: Path) -> None:
    result = where_nothing_isolates("rehearse", "--out", "run")
    assert result.returncode == 1, result.stderr
    for part in ("nothing here can isolate programs", "namespaces", "start a Docker engine"):
        assert part in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "journal").exists()


def test_only_the_command_line_runs_programs_without_isolation(
    where_nothing_isolates: Provender, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text(ROW)
    refused = where_nothing_isolates("verify", "code", "--in", "rows.jsonl", "--out", "a.jsonl")
    assert refused.returncode in (0, 1)
    assert not (tmp_path / "a.jsonl").exists() or '"unjudged"' in (tmp_path / "a.jsonl").read_text()
    done = where_nothing_isolates("verify", "code", "--in", "rows.jsonl", "--out", "b.jsonl", "--unsafe-no-isolation")
    assert done.returncode == 0, done.stderr
    verdict = json.loads((tmp_path / "b.jsonl").read_text())
    assert (verdict["outcome"], verdict["evidence"]["backend"]) == ("pass", "none")


def test_the_unsafe_flag_changes_nothing_where_something_isolates(provender: Provender, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROW)
    done = provender("verify", "code", "--in", "rows.jsonl", "--out", "v.jsonl", "--unsafe-no-isolation")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "v.jsonl").read_text())["evidence"]["backend"] in ("namespaces", "docker")


def test_a_config_cannot_switch_isolation_off(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(CONFIG + "[sandbox]\nunsafe_no_isolation = true\n")
    with pytest.raises(ConfigError, match="--unsafe-no-isolation"):
        load_config(path)
    path.write_text(CONFIG)
    with pytest.raises(ConfigError, match="--unsafe-no-isolation"):
        load_config(path, ["sandbox.unsafe_no_isolation=true"])
    assert not load_config(path).sandbox.unsafe_no_isolation
    assert load_config(path, unsafe=True).sandbox.unsafe_no_isolation
    with pytest.raises(ConfigError, match=r"sandbox\.backend"):
        load_config(path, ["sandbox.backend=none"])
    settings = load_config(path, ["sandbox.backend=docker", "sandbox.runtime=runsc"]).sandbox
    assert (settings.backend, settings.runtime) == ("docker", "runsc")


def test_check_says_what_each_backend_can_run(provender: Provender) -> None:
    result = provender("sandbox", "check", "--languages", "python")
    assert result.returncode == 0, result.stderr
    assert "python  works" in result.stdout
    assert {line for line in result.stdout.splitlines() if line.startswith("docker:")}


def test_check_fails_where_nothing_isolates(where_nothing_isolates: Provender) -> None:
    result = where_nothing_isolates("sandbox", "check")
    assert result.returncode == 1
    assert result.stdout.count("not usable") == 2
    assert result.stderr == "provender: nothing here can isolate programs\n"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("build", "--from", "thin air"), 2, "--from thin air: base or packages"),
        (("build", "--languages", "klingon"), 2, "--languages klingon: no such language"),
        (("check", "--backend", "none"), 2, "--backend none: namespaces or docker"),
        (("build",), 1, "start a Docker engine"),
    ],
)
def test_what_cannot_be_built_or_checked_is_one_line(
    provender: Provender, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int, says: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE["DOCKER_HOST"])
    result = provender("sandbox", *arguments)
    assert (result.returncode, result.stdout) == (status, "")
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_image_is_made_of_what_the_languages_name() -> None:
    assert set(packages_of(("python",))) == set(LANGUAGES["python"].packages)
    assert set(packages_of()) == {package for language in LANGUAGES.values() for package in language.packages}
    for language in LANGUAGES.values():
        assert language.packages, language.name
    assert recipe(("a", "b")) != recipe(("a",)) and recipe(Plan(("a",)).packages) == recipe(("a",))
