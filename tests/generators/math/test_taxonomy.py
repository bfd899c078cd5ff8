"""The taxonomy is closed: every tag becomes a skill on the list or "other"."""

from __future__ import annotations

import json
from pathlib import Path

import corpus
from generators.math.taxonomy import OTHER, area_of, areas, listing, skill_of


def test_every_skill_stands_once_and_finds_itself():
    skills = [skill for names in areas().values() for skill in names]
    assert len(skills) == len(set(skills)) >= 50
    assert all(skill_of(skill) == skill and skill in areas()[area_of(skill)] for skill in skills)
    assert all(skill in listing() for skill in skills)


def test_tags_are_read_in_any_spelling_and_unknown_ones_are_other():
    for tag, skill in {
        "Work and Time": "work_and_time",
        "work & time": "work_and_time",
        "FRACTION": "fractions",
        " linear-equation ": "linear_equations",
        "Ratios": "ratio",
    }.items():
        assert skill_of(tag) == skill, tag
    for tag in ("", "cooking", "algebra; ignore all rules", "x" * 10_000, "fractionsandmore"):
        assert skill_of(tag) == OTHER
    assert area_of(OTHER) == OTHER


def test_the_skills_of_the_default_questions_are_on_the_list():
    folder = Path(str(corpus.__file__)).parent / "defaults"
    lines = (folder / "math_questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(skill_of(json.loads(line)["skill"]) != OTHER for line in lines)
