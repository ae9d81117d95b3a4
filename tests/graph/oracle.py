"""Naive answers by listing every path of a small graph, and random graphs to ask them about."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import networkx as nx
import numpy as np

Edges = list[tuple[str, str]]


def random_graph(seed: int, size: int, degree: float = 3.0) -> tuple[list[str], Edges]:
    """Names in random order, and arrows from lower to higher numbers, so that there is no cycle."""
    rng = np.random.default_rng(seed)
    order = [f"v{index}" for index in range(size)]
    chance = min(1.0, degree / (size - 1))
    return [order[index] for index in rng.permutation(size)], [
        pair for pair in combinations(order, 2) if rng.random() < chance
    ]


def digraph(names: list[str], edges: Edges) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    return graph


def paths(graph: nx.DiGraph, treatments: set[str], outcome: str) -> Iterator[list[str]]:
    """All proper paths, in any direction of the arrows, from the treatments to the outcome."""
    skeleton = graph.to_undirected()
    for treatment in sorted(treatments):
        for path in nx.all_simple_paths(skeleton, treatment, outcome):
            if not treatments & set(path[1:]):
                yield path


def causal(graph: nx.DiGraph, path: list[str]) -> bool:
    return all(graph.has_edge(*pair) for pair in pairwise(path))


def blocked(graph: nx.DiGraph, path: list[str], given: set[str]) -> bool:
    """Pearl's definition, node by node."""
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if graph.has_edge(before, node) and graph.has_edge(after, node):
            if not given & (nx.descendants(graph, node) | {node}):
                return True
        elif node in given:
            return True
    return False


def adjusts(graph: nx.DiGraph, treatments: set[str], outcome: str, given: set[str]) -> bool:
    """The adjustment criterion of Shpitser, VanderWeele and Robins (2010), word for word."""
    every = list(paths(graph, treatments, outcome))
    on_path = {node for path in every if causal(graph, path) for node in path[1:]}
    forbidden = on_path.union(*(nx.descendants(graph, node) for node in on_path))
    if given & (forbidden | treatments | {outcome}):
        return False
    return all(causal(graph, path) or blocked(graph, path, given) for path in every)


def subsets(names: list[str]) -> Iterator[set[str]]:
    for size in range(len(names) + 1):
        yield from (set(chosen) for chosen in combinations(names, size))


def minimal_sets(graph: nx.DiGraph, treatments: set[str], outcome: str, allowed: list[str]) -> set[frozenset[str]]:
    """Every allowed set that adjusts and of which no proper part does."""
    every = [frozenset(given) for given in subsets(allowed) if adjusts(graph, treatments, outcome, given)]
    return {given for given in every if not any(other < given for other in every)}
