"""No hostile program of the rehearsal gets past the real sandbox, whatever kind of value its function should return."""

from __future__ import annotations

import random

import pytest

from sandbox import open_sandbox
from sandbox.types import Limits, Request, SandboxUnavailable, TestSource
from served_model.rehearsal.attacks import fill_attack, load_attacks
from served_model.rehearsal.bank import load_families
from served_model.rehearsal.tests_writer import write_tests

FAMILIES = {family.name: family for family in load_families()}
LIMITS = Limits(cpu_s=1.0, wall_s=10.0)
RETURNS = ["pair_distance", "write_in_base", "window_sums", "keep_stock"]  # int, str, list, dict


@pytest.fixture
async def sandbox():
    try:
        opened = open_sandbox()
    except SandboxUnavailable as error:
        pytest.skip(f"no sandbox here: {error}")
    yield opened
    await opened.aclose()


@pytest.mark.heavy
@pytest.mark.parametrize("name", RETURNS)
async def test_hostile_programs_do_not_pass(name, sandbox, make_task):
    task = make_task(FAMILIES[name], 1)
    tests = TestSource(write_tests(task, random.Random(1)))
    right = await sandbox.run(Request("python", task.solution, tests=tests, limits=LIMITS))
    assert right.tests is not None and right.tests.passed
    for attack in load_attacks():
        seen = await sandbox.run(Request("python", fill_attack(attack, task), tests=tests, limits=LIMITS))
        assert seen.tests is None or not seen.tests.passed, attack.variant
    again = await sandbox.run(Request("python", task.solution, tests=tests, limits=LIMITS))
    assert again.tests is not None and again.tests.passed, "the slots must survive"
