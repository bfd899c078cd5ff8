"""Every mistake in a config is one line that names the field and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.config import api_key, load_config, validate_config
from flows.errors import ConfigError

GOOD: dict[str, Any] = {
    "name": "nightly",
    "models": {"default": {"base_url": "http://127.0.0.1:1/v1", "name": "m"}},
    "recipes": [{"use": "math/solve", "target": 5}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """A copy of GOOD with one dotted key set, or removed where value is ...."""
    data: dict[str, Any] = {
        "name": GOOD["name"],
        "models": {"default": dict(GOOD["models"]["default"])},
        "recipes": [dict(GOOD["recipes"][0])],
    }
    *parents, last = path.split(".")
    place: Any = data
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


REFUSED = [
    ("sed", 1, "sed: unknown key; did you mean seed?"),
    ("models.default.base_ulr", "x", "models.default.base_ulr: unknown key; did you mean base_url?"),
    ("recipes.0.targte", 3, "recipes.0.targte: unknown key; did you mean target?"),
    ("budget.tokes", 3, "budget.tokes: unknown key; did you mean tokens?"),
    ("seed", "seven", "seed: "),
    ("seed", -1, "seed: "),
    ("name", ..., "name: Field required"),
    ("name", "../escape", "name: "),
    ("recipes", [], "recipes: "),
    ("models.writter", {"base_url": "http://x/v1", "name": "m"}, "models.writter: unknown role"),
    ("models.default", ..., "models.default is missing"),
    ("models.default.base_url", [], "models.default.base_url: "),
    ("recipes.0.target", 0, "recipes.0.target: "),
    ("shard_size", 0, "shard_size: "),
]


@pytest.mark.parametrize(("path", "value", "line"), REFUSED)
def test_refused(path: str, value: Any, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate_config(changed(path, value), "run.toml")
    assert str(caught.value).startswith(f"run.toml: {line}")
    assert "\n" not in str(caught.value)


def test_the_least_config_works_and_a_single_url_may_be_text() -> None:
    config = validate_config(GOOD, "run.toml")
    assert config.models["default"].base_url == ["http://127.0.0.1:1/v1"]
    assert config.budget.tokens is None


def test_overrides(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        'name = "n"\n[models.default]\nbase_url = "http://a/v1"\nname = "m"\n[[recipes]]\nuse = "math/solve"\n'
    )
    config = load_config(path, ["models.default.base_url=http://b/v1", "recipes.0.target=9", "budget.tokens=10"])
    assert config.models["default"].base_url == ["http://b/v1"]
    assert config.recipes[0].target == 9
    assert config.budget.tokens == 10
    for wrong in ("nonsense", "=3", "recipes.7.target=1", "name.x=1", "recipes.target=1"):
        with pytest.raises(ConfigError, match="--set"):
            load_config(path, [wrong])


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the config"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(tmp_path / "latin.toml")


def test_keys_come_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = validate_config(changed("models.default.api_key_env", "MY_KEY"), "run.toml").models["default"]
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        api_key(settings)
    monkeypatch.setenv("MY_KEY", "secret")
    assert api_key(settings) == "secret"
    assert "secret" not in settings.model_dump_json()


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "examples").glob("*.toml")), ids=lambda f: f.name)
def test_examples_are_valid(file: Path) -> None:
    assert load_config(file).recipes
