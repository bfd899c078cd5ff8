"""The tree search: visit counts by the formula, the optimum found, the budget kept, the same tree after SIGKILL."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.math.search import SearchSettings, Tree, search
from served_model.scripted import ScriptedModel

TOY = Path(__file__).with_name("toy_search.py")


def load_toy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("toy_search", TOY)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_search"] = module
    spec.loader.exec_module(module)
    return module


toy = load_toy()


class Arms:
    """One choice among arms with given rewards; proposals come as often as their prior says."""

    def __init__(self, rewards: Mapping[str, float], proposals: list[str]) -> None:
        self.rewards, self.proposals = rewards, proposals

    async def propose(self, path: tuple[str, ...], count: int) -> list[str]:
        return self.proposals

    async def score(self, path: tuple[str, ...]) -> float:
        return self.rewards[path[-1]]

    def is_end(self, path: tuple[str, ...]) -> bool:
        return len(path) == 1


def expected_visits(rewards: list[float], priors: list[float], iterations: int, w: float) -> list[int]:
    """The formula played out by itself: Q is constant, N_parent is the number of earlier iterations."""
    visits = [0] * len(rewards)
    for earlier in range(iterations):
        values = [q + w * p * math.sqrt(earlier) / (1 + n) for q, p, n in zip(rewards, priors, visits, strict=True)]
        visits[values.index(max(values))] += 1
    return visits


async def visits_of(rewards: list[float], counts: list[int], iterations: int, w: float) -> list[int]:
    names = [f"arm {index}" for index in range(len(rewards))]
    proposals = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    arms = Arms(dict(zip(names, rewards, strict=True)), proposals)
    tree = await search(arms, SearchSettings(iterations, 1, len(proposals), 1000, exploration=w))
    assert tree.root.visits == tree.iterations
    return [child.visits for child in tree.root.children]


async def test_visits_by_hand():
    # N=0: no exploration, best Q (a). N=1: a 0.5+0.5*1/2=0.75, b 0.4+0.5*1=0.9 -> b.
    # N=2: a 0.5+0.5*1.414/2=0.854, b 0.4+0.5*1.414/2=0.754 -> a. N=3: a 0.5+0.5*1.732/3=0.789, b 0.833 -> b.
    assert await visits_of([0.5, 0.4], [1, 1], 4, 1.0) == [2, 2]
    assert await visits_of([0.5, 0.4], [1, 1], 3, 1.0) == [2, 1]
    assert await visits_of([0.5, 0.4], [1, 1], 9, 0.0) == [9, 0]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), min_size=1, max_size=6),
    st.integers(1, 60),
    st.sampled_from([0.0, 0.5, 1.0, 3.0]),
)
@settings(deadline=None)
async def test_visits_are_what_the_formula_says(arms, iterations, w):
    rewards, counts = [value / 20 for value, _ in arms], [count for _, count in arms]
    priors = [count / sum(counts) for count in counts]
    assert await visits_of(rewards, counts, iterations, w) == expected_visits(rewards, priors, iterations, w)


def q_by_definition(node) -> float:
    total = sum(child.visits for child in node.children)
    return sum(child.visits * q_by_definition(child) for child in node.children) / total if total else node.reward


async def toy_tree(**changes: object) -> tuple[Tree, int]:
    domain = toy.Digits(ScriptedModel(toy.reply))
    tree = await search(domain, SearchSettings(**{**vars_of(toy.SETTINGS), **changes}))
    return tree, domain.calls


def vars_of(values: SearchSettings) -> dict[str, object]:
    return {name: getattr(values, name) for name in SearchSettings.__dataclass_fields__}


async def test_the_optimum_is_found_and_the_sums_are_right():
    tree, calls = await toy_tree()
    best, score = tree.traces()[0]
    assert ("".join(best), score) == (toy.SECRET, 1.0)
    assert calls == tree.calls <= toy.SETTINGS.calls
    for _, node in tree.walk():
        assert math.isclose(node.q, q_by_definition(node), abs_tol=1e-9)
        if node.children:
            as_leaf = node.visits - sum(child.visits for child in node.children)
            assert (
                as_leaf == 0 if node is tree.root else as_leaf in (0, 1)
            )  # 1: as the best of its siblings, unexpanded
        assert len({" ".join(child.step.split()) for child in node.children}) == len(node.children)


async def test_greedy_descent_misses_what_the_search_finds():
    greedy, _ = await toy_tree(iterations=5, exploration=0.0)
    assert not greedy.traces() or greedy.traces()[0][1] < 1.0


@pytest.mark.parametrize("budget", [0, 11, 12, 50, 100, 333])
async def test_the_budget_is_kept_and_named(budget):
    tree, calls = await toy_tree(calls=budget)
    assert calls == tree.calls <= budget
    assert tree.stopped == "calls" and budget - tree.calls < 2 * toy.SETTINGS.breadth
    assert tree.root.visits == tree.iterations


async def test_siblings_that_say_the_same_are_one_with_a_larger_prior():
    tree = await search(Arms({"a": 0.5, "b": 0.2}, ["a", "b", " a "]), SearchSettings(50, 1, 3, 100))
    assert (tree.stopped, tree.calls) == ("iterations", 5) and [child.step for child in tree.root.children] == [
        "a",
        "b",
    ]
    assert [child.prior for child in tree.root.children] == [2 / 3, 1 / 3]


async def test_nothing_proposed_is_an_end_without_traces():
    for proposals in ([], ["  "]):
        tree = await search(Arms({}, proposals), SearchSettings(50, 3, 3, 100))
        assert tree.stopped == "iterations" and tree.traces() == [] and tree.pairs(0.0) == []


async def test_step_pairs_are_visited_siblings_far_apart():
    tree, _ = await toy_tree()
    pairs = tree.pairs(0.2)
    nodes = dict(tree.walk())
    assert pairs
    for pair in pairs:
        chosen, rejected = (nodes[(*pair.path, step)] for step in (pair.chosen, pair.rejected))
        assert chosen.visits and rejected.visits and chosen.q - rejected.q >= 0.2
    assert len(tree.pairs(0.5)) < len(pairs)


@pytest.mark.parametrize("asked", [2, 40, 400])
def test_after_sigkill_a_rerun_gives_the_same_tree_and_asks_only_for_the_rest(asked, tmp_path):
    whole = run(tmp_path / "whole.jsonl")
    journal = tmp_path / "killed.jsonl"
    killed = subprocess.Popen([sys.executable, str(TOY), str(journal), "0.002"], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    for _ in range(asked):
        assert killed.stdout.readline() == "asked\n"
    killed.kill()
    assert killed.wait() == -9
    killed.stdout.close()
    again = run(journal)
    assert again["tree"] == whole["tree"] and again["calls"] == whole["calls"]
    assert again["asked"] <= whole["asked"] - (asked - 1)  # the last one announced may not have been stored


def run(journal: Path) -> dict:
    done = subprocess.run([sys.executable, str(TOY), str(journal), "0"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return {**json.loads(lines[-1]), "asked": lines.count("asked")}
