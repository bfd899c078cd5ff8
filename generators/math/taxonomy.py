"""The taxonomy of mathematical skills (M3): a closed list in areas, and the way from a free tag to a skill on it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

OTHER = "other"
MAX_TAG = 60  # characters of a tag that a model wrote
SEPARATORS = re.compile(r"[\s_&/-]+")


@cache
def areas() -> Mapping[str, tuple[str, ...]]:
    """The skills of every area, in the order of the list."""
    text = resources.files("generators.math").joinpath("skills.toml").read_text(encoding="utf-8")
    return {area: tuple(entry["skills"]) for area, entry in tomllib.loads(text).items()}


@cache
def _by_key() -> Mapping[str, str]:
    return {_key(skill): skill for skills in areas().values() for skill in skills}


def skill_of(tag: str) -> str:
    """The skill on the list that a tag names, whatever its case, separators and plural; "other" for anything else."""
    return _by_key().get(_key(tag[:MAX_TAG]), OTHER)


def area_of(skill: str) -> str:
    """The area of a skill on the list; "other" for one that is not."""
    return next((area for area, skills in areas().items() if skill in skills), OTHER)


def listing() -> str:
    """The list as it stands in prompts, one line per area."""
    return "\n".join(f"{area}: {', '.join(skills)}" for area, skills in areas().items())


def _key(tag: str) -> str:
    words = [word for word in SEPARATORS.split(tag.strip().casefold()) if word and word != "and"]
    return " ".join(word.removesuffix("s") for word in words)
