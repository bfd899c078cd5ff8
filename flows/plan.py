"""Resolves a config into what will be run: recipes, settings, and all that affects rows."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import corpus
from corpus.attempts import SAME_RUN
from corpus.errors import CorpusError
from corpus.previous import PreviousSeeds
from curation.screens import NOTHING, ScreenRules, Screens
from curation.selection import Selection
from flows.config import RecipeChoice, RunConfig
from flows.config_errors import describe
from flows.errors import ConfigError
from flows.rounds import Previous, previous_of
from flows.run_folder import RunFolder
from flows.seed_plan import SeedPlan
from flows.version import VERSION
from generators import RECIPES
from generators.recipe import Recipe, Settings
from records.limits import Limits
from records.schema import SCHEMA_VERSION
from records.types import Drop, Seed, stable_hash


@dataclass(frozen=True)
class RecipePlan:
    """One recipe of the run, resolved."""

    choice: RecipeChoice
    recipe: Recipe
    settings: Settings
    slug: str  # orders and names its files: "00-math-solve"
    code_hash: str  # of its prompts, or of the user's file
    upstream: int | None = None  # index of the recipe of the same run whose attempts are its corpus
    previous: Previous | None = None  # what it reads of the round before, where that is its corpus
    curation: ScreenRules = NOTHING  # shared by all recipes of the run

    @property
    def pattern(self) -> str:
        """What its corpus reader is given."""
        return pattern_of(self.choice, self.recipe)

    def selection(self) -> Selection:
        """Nothing chosen yet: the target, the balance that the recipe asks for, and the run's curation."""
        limits = self.recipe.limits
        screens = Screens(self.curation) if self.curation else None
        return Selection(self.choice.target, limits(self.settings) if limits else Limits(), screens)

    def inputs(self) -> dict[str, Any]:
        """What of it affects rows. Reads the whole corpus once. Raises ConfigError."""
        return {
            "use": self.recipe.name,
            "code": self.code_hash,
            "settings": self.settings.model_dump(mode="json"),
            "corpus": self.pattern,
            "corpus_sha256": self._corpus_hash(),
            "licence": self.choice.licence,
            "seeds": self.choice.seeds,  # the last shard is cut short by it
        }

    def _corpus_hash(self) -> str | None:
        """None where the corpus is made in the run: what it is made from stands in the run's inputs itself."""
        if self.upstream is not None:
            return None
        if self.previous is not None:
            return self.previous.fingerprint()
        try:
            return corpus.READERS[self.recipe.seeds].fingerprint(self.pattern)
        except CorpusError as error:
            raise ConfigError(f"recipes ({self.choice.use}): {error}") from error

    def seed_plan(
        self, config: RunConfig, folder: RunFolder, size: int, upstream: Sequence[Path] | None = None
    ) -> SeedPlan:
        """How its corpus is cut into shards of `size` seeds; `upstream` are the shards that it is made from."""
        where = self.pattern, config.sandbox, upstream, self._previous_seeds
        return SeedPlan(self.slug, self.choice, self.recipe, config.seed, size, folder, *where)

    @property
    def _previous_seeds(self) -> Iterable[Seed | Drop] | None:
        """What it reads of the round before. Raises ConfigError."""
        if self.previous is None:
            return None
        name = self.previous.recipe
        kinds = (RECIPES[name].seeds if name in RECIPES else self.recipe.seeds, self.recipe.seeds)
        return PreviousSeeds(tuple(self.previous.shards()), name, self.previous.which, kinds)


@dataclass(frozen=True)
class RunPlan:
    """A whole run, resolved: every name looked up, every setting valid."""

    config: RunConfig
    recipes: tuple[RecipePlan, ...]

    def inputs(self) -> dict[str, Any]:
        """All that affects rows, for the fingerprint. Concurrency, endpoints, budget and target are not among it."""
        rehearsal, own = self.config.rehearsal, {"safety": self.config.safety, "quality": self.config.quality}
        return {
            "seed": self.config.seed,
            "models": {role: settings.name for role, settings in self.config.models.items()},
            "recipes": [plan.inputs() | self._upstream_inputs(plan) for plan in self.recipes],
            "schema": SCHEMA_VERSION,
            "software": VERSION,
            "rehearsal": rehearsal.model_dump(mode="json") if rehearsal else None,
            **({"round": self.config.round} if self.config.round else {}),
            **{name: one.model_dump(mode="json") for name, one in own.items() if one is not None},
        }

    def _upstream_inputs(self, plan: RecipePlan) -> dict[str, Any]:
        """A target and curation decide which attempts there are: for those who read them they cannot change later."""
        if plan.upstream is None:
            return {}
        curation = {"upstream_curation": plan.curation.to_json()} if plan.curation else {}
        return {"upstream": plan.upstream, "upstream_target": self.recipes[plan.upstream].choice.target, **curation}


def resolve(config: RunConfig) -> RunPlan:
    """Look up recipes and validate their settings. Raises ConfigError with one line."""
    curation = config.curation.rules()
    recipes = (resolve_recipe(config, index) for index in range(len(config.recipes)))
    return RunPlan(config, tuple(replace(recipe, curation=curation) for recipe in recipes))


def resolve_recipe(config: RunConfig, index: int) -> RecipePlan:
    """Look up one recipe of the config and validate its settings. Raises ConfigError with one line."""
    choice = config.recipes[index]
    where = f"recipes.{index} ({choice.use})"
    recipe, code_hash = _load_recipe(choice.use)
    try:
        settings = recipe.settings.model_validate(choice.settings)
    except ValidationError as error:
        raise ConfigError(f"{where}: settings: {describe(error, recipe.settings)}") from error
    if corpus.READERS[recipe.seeds].endless and choice.target is None and choice.seeds is None:
        raise ConfigError(f"{where}: set target or seeds: its corpus gives ever new seeds and has no end of its own")
    pattern = pattern_of(choice, recipe)
    upstream, previous = _upstream(config, index, pattern), previous_of(config, pattern)
    slug = f"{index:02d}-{re.sub(r'[^A-Za-z0-9_]+', '-', recipe.name).strip('-')}"
    return RecipePlan(choice, recipe, settings, slug, code_hash, upstream, previous)


def pattern_of(choice: RecipeChoice, recipe: Recipe) -> str:
    """The corpus that the config names, else the recipe's own default, else its format's."""
    return choice.corpus or recipe.corpus or corpus.READERS[recipe.seeds].default


def _upstream(config: RunConfig, index: int, pattern: str) -> int | None:
    """The recipe that "run:RECIPE" names: one that stands earlier in the config, so that none waits for itself."""
    if not pattern.startswith(SAME_RUN):
        return None
    name = pattern.removeprefix(SAME_RUN)
    for earlier in range(index):
        if config.recipes[earlier].use == name:
            return earlier
    raise ConfigError(
        f"recipes.{index} ({config.recipes[index].use}): corpus {pattern}: no recipe {name} stands before it in this "
        "config; add it, or name the folder of a finished run"
    )


def _load_recipe(use: str) -> tuple[Recipe, str]:
    """The recipe and a hash of its prompts (ours) or of its file (from outside the tree)."""
    path, colon, name = use.rpartition(":")
    if colon and path.endswith(".py"):
        return _load_from_file(Path(path), name)
    if use not in RECIPES:
        raise ConfigError(f"recipes: no recipe {use}; known: {', '.join(RECIPES)}; or path/to/file.py:NAME")
    package = f"generators.{use.partition('/')[0]}"
    return RECIPES[use], _hash_prompts(package, "verifiers")


def _load_from_file(path: Path, name: str) -> tuple[Recipe, str]:
    if not path.is_file():
        raise ConfigError(f"recipes: {path}: no such file")
    text = path.read_bytes()
    module_name = f"provender_recipe_{stable_hash(str(path.resolve()))}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"recipes: {path}: not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError, NameError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"recipes: {path}: cannot be imported: {type(error).__name__}: {error}") from error
    recipe = getattr(module, name, None)
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"recipes: {path}: {name} is not a Recipe; write NAME = Recipe(name=..., ...) there")
    return recipe, hashlib.sha256(text).hexdigest()


def _hash_prompts(*packages: str) -> str:
    """Of the prompts and the judges' probes beside them; those of the verifiers may judge any recipe's records."""
    digest = hashlib.sha256()
    for package in packages:
        for file in sorted(resources.files(package).joinpath("prompts").iterdir(), key=lambda item: item.name):
            if file.name.endswith((".md", ".jsonl")):
                digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
