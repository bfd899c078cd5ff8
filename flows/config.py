"""The run configuration: one TOML file, validated, unknown keys refused, every default documented here."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from flows.config_errors import describe
from flows.config_section import Section
from flows.curation_settings import CurationSettings
from flows.engine_settings import EngineSettings
from flows.errors import ConfigError
from flows.export_settings import ExportSettings
from flows.run_settings import JudgingSettings as JudgingSettings
from flows.run_settings import ObserveSettings as ObserveSettings
from flows.run_settings import RehearsalSettings as RehearsalSettings
from sandbox.engine import IMAGE
from served_model.reward import Api
from verifiers.quality import QualityRule
from verifiers.safety_settings import SafetySettings

ROLES = ("default", "writer", "solver", "judge", "jury", "guard", "reward", "embedder")
"""Roles that a config may map to models; a role that is absent falls back to `default`. Several judges of one jury
are told apart by a number: `jury-2`."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ModelSettings(Section):
    """A served model: where it answers and under which name."""

    base_url: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)] = Field(
        title="Base URLs",
        description="Base URLs of OpenAI-compatible endpoints that serve this model, each ending in /v1.",
    )
    name: str | None = Field(
        None, min_length=1, description="Model name as the endpoint knows it; none: the only one it serves."
    )
    api_key_env: str | None = Field(
        None,
        title="API key: environment variable",
        description="Environment variable that holds the API key; none: no key.",
    )
    api_key_block: str | None = Field(
        None,
        title="API key: Secret block",
        description="Prefect Secret block that holds the API key, where it is not in the environment.",
    )
    max_in_flight: int | None = Field(
        None,
        ge=1,
        title="Requests in flight",
        description="Most requests in flight to this model at a time; none: as many as the server bears.",
    )
    timeout_s: float = Field(
        600, gt=0, title="Timeout (s)", description="Seconds after which one attempt at a request is given up."
    )
    deadline_s: float = Field(
        3600, gt=0, title="Deadline (s)", description="Seconds after which a request with all its retries is given up."
    )
    api: Api = Field(
        "chat",
        description="How it is asked; guard: also how sure; score, classify, pooling: a reward model.",
    )
    price_in: float = Field(
        0, ge=0, title="Price of prompt tokens", description="Money per million prompt tokens, for the budget."
    )
    price_out: float = Field(
        0, ge=0, title="Price of completion tokens", description="Money per million completion tokens, for the budget."
    )

    @model_validator(mode="after")
    def _one_key(self) -> ModelSettings:
        if self.api_key_env is not None and self.api_key_block is not None:
            raise ValueError("api_key_env and api_key_block: give one of them")
        return self


class RecipeChoice(Section):
    """One recipe of the run, how much of it, and from which corpus."""

    use: str = Field(description='Recipe name such as "math/solve", or "path/to/file.py:NAME".')
    target: int | None = Field(None, ge=1, description="Accepted records to make; none: all that the seeds give.")
    seeds: int | None = Field(None, ge=1, description="Most seeds to try; none: as many as the target needs.")
    corpus: str | None = Field(None, description="File, folder or glob to read seeds from; none: the recipe's default.")
    licence: str = Field("unknown", description="Licence of the corpus where its rows do not name one.")
    settings: dict[str, Any] = Field(default_factory=dict, description="The recipe's own settings.")


class RoundSettings(Section):
    """What a further round does otherwise than the one before it, whose records it may read: `previous:RECIPE`."""

    models: dict[str, ModelSettings] = Field(
        default_factory=dict, description="Models by role in place of those of the round before."
    )
    recipes: list[RecipeChoice] = Field(
        default_factory=list, description="What to make; none: the same as in the round before."
    )
    seed: int | None = Field(None, ge=0, description="Seed of the round; none: one of its own, made from the run's.")


class Budget(Section):
    """Limits that end a run cleanly. They are looked at before each request and after each candidate."""

    tokens: int | None = Field(None, ge=1, description="Prompt and completion tokens of all models.")
    money: float | None = Field(None, gt=0, description="Sum over models of tokens times price.")
    hours: float | None = Field(None, gt=0, description="Wall-clock hours of this start of the run.")
    candidates_per_record: float | None = Field(
        None,
        gt=0,
        title="Candidates per accepted record",
        description="Candidates per accepted record above which a recipe is ended.",
    )


class SandboxSettings(Section):
    """Where programs that a model wrote are run."""

    backend: Literal["auto", "docker", "namespaces"] = Field(
        "auto", description="auto takes the first of namespaces and docker that works here, and the run says which."
    )
    image: str = Field(IMAGE, min_length=1, description="Image of the docker backend, from provender sandbox build.")
    runtime: str | None = Field(None, min_length=1, description="Runtime of the docker backend, e.g. runsc (gVisor).")
    slots: int | None = Field(None, ge=1, description="Programs run at a time; none: one per core.")
    unsafe_no_isolation: bool = Field(
        False, description="Run programs without isolation where nothing can isolate; only by --unsafe-no-isolation."
    )
    site: str | None = Field(
        None, description="Virtual environment or folder whose packages (numpy, pandas) programs may import, read-only."
    )


def _without_none(value: Any) -> Any:
    """A form sends null for a role that is left out."""
    return {role: model for role, model in value.items() if model is not None} if isinstance(value, dict) else value


def _role_properties(schema: dict[str, Any]) -> None:
    """Say the roles by name, so that a form can draw a section for each; the same configs stay valid."""
    model = schema.pop("additionalProperties")
    absent = {"anyOf": [model, {"type": "null"}], "default": None}
    schema["properties"] = {role: model if role == "default" else absent | {"title": role.title()} for role in ROLES}
    schema |= {"required": ["default"], "additionalProperties": False}


_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


class RunConfig(Section):
    """All that a run is told. What affects rows enters the run's fingerprint, the rest does not."""

    name: _Name = Field(description="Name of the run: letters, digits, dot, dash, underscore.")
    seed: int = Field(0, ge=0, description="Seed of everything random in the run.")
    models: Annotated[dict[str, ModelSettings], BeforeValidator(_without_none)] = Field(
        description=f"Models by role: {', '.join(ROLES)}. A role that is left out falls back to default.",
        json_schema_extra=_role_properties,
    )
    recipes: list[RecipeChoice] = Field(min_length=1, description="What to make.")
    budget: Budget = Budget()
    engine: EngineSettings = EngineSettings()
    sandbox: SandboxSettings = SandboxSettings()
    observe: ObserveSettings = ObserveSettings()
    judging: JudgingSettings = JudgingSettings()
    curation: CurationSettings = CurationSettings()
    exports: ExportSettings = ExportSettings()
    safety: SafetySettings | None = Field(None, description="What a guard must find of each record; none: not asked.")
    quality: QualityRule | None = Field(None, description="What a judge must find of each record; none: not asked.")
    rehearsal: RehearsalSettings | None = Field(None, description="Set by provender rehearse; no model is asked then.")
    heldout_tools: float = Field(
        0, ge=0, lt=1, description="Share of tools kept out of the training split: their rows form a split `test`."
    )
    batch: bool = Field(False, description="Write requests as OpenAI batch files below the run folder; see --batch.")
    review: bool = Field(False, description="Pause before publishing until a person approves a sample in the UI.")
    rounds: list[RoundSettings] = Field(
        default_factory=list, description="Further rounds after the first, each a run of its own in the folder."
    )
    round: int = Field(0, ge=0, description="Number of the round; set by a config with rounds.")
    previous: str | None = Field(None, description="Folder of the round before; set by a config with rounds.")
    shard_size: int = Field(200, ge=1, description="Seeds per shard; a shard is the unit of work and of resume.")
    lookahead: int = Field(16, ge=1, le=256, description="Most shards of one recipe in work at a time.")

    @model_validator(mode="after")
    def _roles(self) -> RunConfig:
        for role in self.models:
            if re.sub(r"-[1-9]\d?$", "", role) not in ROLES:
                raise ValueError(f"models.{role}: unknown role; use one of {', '.join(ROLES)}")
        if "default" not in self.models:
            raise ValueError("models.default is missing: roles without a model of their own fall back to it")
        guard = self.models.get("guard", self.models["default"])
        if self.safety is not None and self.safety.threshold is not None and guard.api != "guard":
            raise ValueError('safety.threshold: a guard is asked for its certainty where models.guard.api = "guard"')
        if self.safety is not None and self.safety.form == "template" and "guard" not in self.models:
            raise ValueError("safety: name [models.guard], a guard model, or set safety.form to policy for any other")
        return self


def sandbox_settings(backend: str, unsafe: bool, site: str | None = None) -> SandboxSettings:
    """From the command line. Raises ConfigError."""
    try:
        return SandboxSettings.model_validate({"backend": backend, "unsafe_no_isolation": unsafe, "site": site})
    except ValidationError as error:
        raise ConfigError(f"--backend {backend}: auto, docker or namespaces") from error


def load_config(path: Path, overrides: Sequence[str] = (), unsafe: bool = False) -> RunConfig:
    """Read and validate a TOML config. `overrides` are `KEY=VALUE` with dotted keys; VALUE is TOML, else text.

    Raises ConfigError with one line that names the file, the field and the remedy.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the config: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(data, override)
    if isinstance(table := data.get("sandbox"), dict) and table.get("unsafe_no_isolation"):
        raise ConfigError(f"{path}: sandbox.unsafe_no_isolation: say it on the command line, --unsafe-no-isolation")
    config = validate_config(data, str(path))
    if not unsafe:
        return config
    return config.model_copy(update={"sandbox": config.sandbox.model_copy(update={"unsafe_no_isolation": True})})


def validate_config(data: Mapping[str, Any], origin: str) -> RunConfig:
    """Validate config data; `origin` names it in the error line."""
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {describe(error, RunConfig)}") from error


def _apply(data: dict[str, Any], override: str) -> None:
    """Set one dotted key, e.g. `recipes.0.target=5`. Raises ConfigError."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override}: write KEY=VALUE, for example --set models.default.name=my-model")
    *parents, last = key.strip().split(".")
    place: Any = data
    for parent in parents:
        place = _step(place, parent, override)
    if isinstance(place, list):
        place[_index(place, last, override)] = _value(text)
    elif isinstance(place, dict):
        place[last] = _value(text)
    else:
        raise ConfigError(f"--set {override}: {'.'.join(parents)} is a value, not a table")


def _step(place: Any, name: str, override: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, name, override)]
    if isinstance(place, dict):
        return place.setdefault(name, {})
    raise ConfigError(f"--set {override}: {name} is below a value, not a table")


def _index(place: list[Any], name: str, override: str) -> int:
    if not re.fullmatch(r"\d+", name) or int(name) >= len(place):
        raise ConfigError(f"--set {override}: {name} is not an index of a list with {len(place)} items (from 0)")
    return int(name)


def _value(text: str) -> Any:
    """VALUE as TOML where it is TOML (numbers, lists, quoted text, booleans), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def api_key(settings: ModelSettings) -> str | None:
    """The API key from the environment or a Secret block. Raises ConfigError when the named one is not there."""
    if settings.api_key_block is not None:
        from flows.keys import read_secret  # Prefect takes seconds to import, and few configs need it here

        return read_secret(settings.api_key_block)
    if settings.api_key_env is None:
        return None
    key = os.environ.get(settings.api_key_env)
    if not key:
        raise ConfigError(f"api_key_env: the environment variable {settings.api_key_env} is not set")
    return key


def hub_token() -> str | None:
    """The Hub's token from the environment; a token that a login left on the disk is not looked for."""
    return os.environ.get("HF_TOKEN")
