"""A causal graph with latents: what its file says, and nothing computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Node:
    """A variable. `observed`: it can be measured in principle; `column`: the panel column that measures it here.

    `theme` colours it, `time` orders it from left to right (the earliest first in `CausalGraph.times`), and `line` is
    where the file states it. `absorbed`: the panel's effects (unit effects, period effects) that take it up.
    """

    name: str
    title: str
    theme: str
    time: str
    observed: bool
    column: str | None = None
    line: int = 0
    absorbed: str | None = None


@dataclass(frozen=True)
class Edge:
    """A direct cause, with the reason to draw it and where that comes from."""

    cause: str
    effect: str
    reason: str
    source: str
    line: int = 0


@dataclass(frozen=True)
class CausalGraph:
    """A directed acyclic graph. `digest` is the sha256 of its file."""

    name: str
    title: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    times: tuple[str, ...]
    digest: str = ""

    @property
    def latent(self) -> frozenset[str]:
        """Nodes that cannot be measured."""
        return frozenset(name for name, node in self.nodes.items() if not node.observed)

    def node_of(self, column: str) -> str | None:
        """The node that a panel column measures, if any."""
        return next((name for name, node in self.nodes.items() if node.column == column), None)

    def digraph(self) -> nx.DiGraph:
        """The bare graph, nodes and edges in the order of the file."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from((edge.cause, edge.effect) for edge in self.edges)
        return graph
