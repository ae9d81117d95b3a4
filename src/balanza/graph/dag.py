"""Directed acyclic graphs as bit masks: ancestors, d-connection and open paths of small graphs in microseconds.

A set of nodes is an integer whose bit `i` stands for node `i`. Rules for walks after Shachter (1998), "Bayes-Ball".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Step = tuple[int, bool]


def bits(mask: int) -> Iterator[int]:
    """Positions of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(frozen=True)
class Dag:
    """Nodes by position, and for each the masks of its parents and children."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    children: tuple[int, ...]

    @classmethod
    def of(cls, names: Sequence[str], edges: Iterable[tuple[str, str]]) -> Dag:
        """A graph from names and (cause, effect) pairs, which must form no cycle."""
        position = {name: index for index, name in enumerate(names)}
        parents, children = [0] * len(names), [0] * len(names)
        for cause, effect in edges:
            parents[position[effect]] |= 1 << position[cause]
            children[position[cause]] |= 1 << position[effect]
        return cls(tuple(names), tuple(parents), tuple(children))

    def mask(self, names: Iterable[str]) -> int:
        """Names as a mask."""
        return sum({1 << self.names.index(name) for name in names})

    def members(self, mask: int) -> tuple[str, ...]:
        """The names in a mask, in alphabetical order."""
        return tuple(sorted(self.names[index] for index in bits(mask)))

    def ancestors(self, start: int, avoiding: int = 0) -> int:
        """`start` and all with a directed path into it; paths do not enter `avoiding`."""
        return _spread(self.parents, start, avoiding)

    def descendants(self, start: int, avoiding: int = 0) -> int:
        """`start` and all with a directed path from it; paths do not enter `avoiding`."""
        return _spread(self.children, start, avoiding)

    def without(self, causes: int, effects: int) -> Dag:
        """The graph without the arrows from `causes` into `effects`."""
        return Dag(
            self.names,
            tuple(p & ~causes if effects >> i & 1 else p for i, p in enumerate(self.parents)),
            tuple(c & ~effects if causes >> i & 1 else c for i, c in enumerate(self.children)),
        )

    def connected(self, start: int, given: int) -> int:
        """Nodes outside `given` that are d-connected to `start` given `given` (disjoint from `start`)."""
        return sum({1 << node for node, _ in self._walk(start, given)} - {1 << node for node in bits(given)})

    def separated(self, a: int, b: int, given: int) -> bool:
        """Whether `given` d-separates two sets."""
        return not self.connected(a, given) & b

    def open_path(self, start: int, end: int, given: int) -> tuple[int, ...]:
        """A shortest path from `start` to `end` that `given` leaves open; empty where there is none.

        Two walks that pass a node can always be joined there into a shorter open one, so a shortest walk is a path.
        """
        came_from = self._walk(start, given)
        last = next((step for step in came_from if end >> step[0] & 1), None)
        path: list[int] = []
        while last is not None:
            path.append(last[0])
            last = came_from[last]
        return tuple(reversed(path))

    def directed_path(self, start: int, end: int, avoiding: int = 0) -> tuple[int, ...]:
        """A shortest directed path from `start` to `end` that does not enter `avoiding`; empty where there is none."""
        came_from: dict[int, int | None] = dict.fromkeys(bits(start))
        todo = deque(came_from)
        while todo:
            node = todo.popleft()
            if end >> node & 1:
                path = [node]
                while (before := came_from[path[-1]]) is not None:
                    path.append(before)
                return tuple(reversed(path))
            for other in bits(self.children[node] & ~avoiding):
                if other not in came_from:
                    came_from[other] = node
                    todo.append(other)
        return ()

    def written(self, path: Sequence[int]) -> str:
        """A path in words and arrows: `GN ← CRIM0 → VIOL`."""
        words = [self.names[path[0]]] if path else []
        for here, there in pairwise(path):
            words += ["→" if self.children[here] >> there & 1 else "←", self.names[there]]
        return " ".join(words)

    def _walk(self, start: int, given: int) -> dict[Step, Step | None]:
        """All (node, reached through an arrow into it) that open walks reach, in order, each with the step before."""
        above_given = self.ancestors(given)
        came_from: dict[Step, Step | None] = {(node, False): None for node in bits(start)}
        todo = deque(came_from)
        while todo:
            step = todo.popleft()
            node, into = step
            passes = not given >> node & 1
            to_parents = self.parents[node] if (above_given >> node & 1 if into else passes) else 0
            to_children = self.children[node] if passes else 0
            for mask, arrow in ((to_parents, False), (to_children, True)):
                for other in bits(mask):
                    if (other, arrow) not in came_from:
                        came_from[other, arrow] = step
                        todo.append((other, arrow))
        return came_from


def _spread(neighbours: Sequence[int], start: int, avoiding: int) -> int:
    seen = todo = start
    while todo:
        low = todo & -todo
        new = neighbours[low.bit_length() - 1] & ~seen & ~avoiding
        seen |= new
        todo = (todo ^ low) | new
    return seen
