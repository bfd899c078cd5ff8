"""Monte Carlo tree search over reasoning steps (M11): PUCT, step rewards, a budget of calls, no clock and no dice.

Q of a node is its own reward until something below it was visited, then `gamma` times the visit-weighted mean of its
children's Q. A child is chosen by Q + w * p * sqrt(N_parent) / (1 + N_child), where its prior p is the share of its
siblings' proposals that said the same (Xie et al., "Monte Carlo Tree Search Boosts Reasoning via Iterative Preference
Learning", whose defaults for w, depth and breadth are used; a reward that judges the whole path so far takes the place
of their sum of step rewards, which telescopes to it).

The tree depends on nothing but what the domain answers. With a domain whose answers are journaled, a search that was
killed and started again gives the same tree and pays for no answer twice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from generators.math.asking import all_of

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How far a search goes. `calls` bounds the domain's answers: a search never starts what it could not finish."""

    iterations: int = 40  # 10 for each step, 4 times as many at the root, where the whole search starts here
    depth: int = 5
    breadth: int = 8
    calls: int = 400
    exploration: float = 1.0
    gamma: float = 1.0


class Domain(Protocol):
    """What is searched. Both methods may cost calls; equal arguments must get equal answers."""

    async def propose(self, path: Path, count: int) -> Sequence[str]:
        """Up to `count` next steps; equal ones are merged by the search."""
        ...

    async def score(self, path: Path) -> float | None:
        """How promising the path is, 0 to 1; None where that cannot be said, which leaves the step out."""
        ...

    def is_end(self, path: Path) -> bool:
        """Whether the path is a whole answer."""
        ...


@dataclass(slots=True)
class Node:
    """A step, and what the search knows of the path that ends with it."""

    step: str = ""
    prior: float = 1.0
    reward: float = 0.0
    is_end: bool = False
    visits: int = 0
    expanded: bool = False
    q: float = 0.0
    children: list[Node] = field(default_factory=list)

    def update(self, gamma: float) -> None:
        """Q from the children, where any of them was visited."""
        visits = sum(child.visits for child in self.children)
        self.q = gamma * sum(child.visits * child.q for child in self.children) / visits if visits else self.reward


@dataclass(frozen=True, slots=True)
class StepPair:
    """Two siblings of which the search thinks very differently: a step-level preference."""

    path: Path
    chosen: str
    rejected: str
    margin: float


@dataclass(slots=True)
class Tree:
    """A finished search. `calls` is what it cost, `stopped` why it ended: iterations or calls."""

    root: Node
    calls: int = 0
    iterations: int = 0
    stopped: str = ""

    def traces(self) -> list[tuple[Path, float]]:
        """All whole answers with their scores, best first; of equal scores the most visited, then the first found."""
        found = [(path, node) for path, node in self.walk() if node.is_end]
        order = sorted(range(len(found)), key=lambda at: (-found[at][1].reward, -found[at][1].visits, at))
        return [(found[at][0], found[at][1].reward) for at in order]

    def pairs(self, margin: float) -> list[StepPair]:
        """For every node the best and the worst visited child, where their Q differ by `margin` at least."""
        pairs = []
        for path, node in self.walk():
            visited = [child for child in node.children if child.visits]
            if len(visited) > 1:
                best = max(visited, key=lambda child: child.q)
                worst = min(visited, key=lambda child: child.q)
                if best.q - worst.q >= margin:
                    pairs.append(StepPair(path, best.step, worst.step, best.q - worst.q))
        return pairs

    def walk(self) -> Iterator[tuple[Path, Node]]:
        """Every node with its path, parents first."""
        todo: list[tuple[Path, Node]] = [((), self.root)]
        while todo:
            path, node = todo.pop()
            yield path, node
            todo += [((*path, child.step), child) for child in reversed(node.children)]


def puct(parent: Node, child: Node, exploration: float) -> float:
    """The value by which a child is chosen."""
    return child.q + exploration * child.prior * math.sqrt(parent.visits) / (1 + child.visits)


async def search(domain: Domain, settings: SearchSettings) -> Tree:
    """Search from the empty path. An end is visited again without a call. What the domain raises passes through."""
    tree = Tree(Node())
    for _ in range(settings.iterations):
        trail, path = _select(tree.root, settings)
        leaf = trail[-1]
        if not _is_closed(leaf, path, settings):
            cost = _cost(settings)
            if tree.calls + cost > settings.calls:
                tree.stopped = "calls"
                return tree
            tree.calls += await _expand(leaf, path, domain, settings)
            if leaf.children:
                trail.append(_best_child(leaf, settings))
        tree.iterations += 1
        _back_up(trail, settings)
    tree.stopped = "iterations"
    return tree


def _cost(settings: SearchSettings) -> int:
    """Calls that one expansion takes at most: every proposal, and a score for each that differs."""
    return 2 * settings.breadth


def _select(root: Node, settings: SearchSettings) -> tuple[list[Node], Path]:
    trail = [root]
    while trail[-1].children:
        trail.append(_best_child(trail[-1], settings))
    return trail, tuple(node.step for node in trail[1:])


def _best_child(node: Node, settings: SearchSettings) -> Node:
    """Of equal values the first: `max` keeps the order."""
    return max(node.children, key=lambda child: puct(node, child, settings.exploration))


def _is_closed(node: Node, path: Path, settings: SearchSettings) -> bool:
    """Whether there is nothing to expand."""
    return node.is_end or node.expanded or len(path) >= settings.depth


async def _expand(node: Node, path: Path, domain: Domain, settings: SearchSettings) -> int:
    """Give the node its children; the calls that took."""
    proposed = await domain.propose(path, settings.breadth)
    node.expanded = True
    shares = Counter(" ".join(step.split()) for step in proposed)
    first: dict[str, str] = {}
    for step in proposed:
        first.setdefault(" ".join(step.split()), step)
    steps = {key: step for key, step in first.items() if key}
    rewards = await all_of([domain.score((*path, step)) for step in steps.values()])
    for (key, step), reward in zip(steps.items(), rewards, strict=True):
        if reward is not None:
            prior, is_end = shares[key] / len(proposed), domain.is_end((*path, step))
            node.children.append(Node(step, prior, reward, is_end, q=reward))
    return settings.breadth + len(steps)


def _back_up(trail: Sequence[Node], settings: SearchSettings) -> None:
    for node in reversed(trail):
        node.visits += 1
        node.update(settings.gamma)
