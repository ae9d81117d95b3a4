"""Minimal and cheapest separators of two sets of nodes in a directed acyclic graph.

Sets that d-separate within the ancestors of what they separate are the vertex separators of the moral graph (Lauritzen
et al., 1990); so they are found there, as in van der Zander, Liskiewicz and Textor (2014; 2019, Artificial Intelligence
270). Nodes that may not enter are eliminated first, their neighbours joined. Minimal separators are listed by moving
from one to the next (Shen and Liang, 1997, Theoretical Computer Science 180), with polynomial delay.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from balanza.graph.dag import Dag, bits

Cost = Callable[[int], int]
_BEYOND_ANY_COST = 1 << 62


def moral_graph(dag: Dag, relevant: int) -> list[int]:
    """Neighbours of each node when the ancestral set `relevant` is moralised; none for all others."""
    neighbours = [0] * len(dag.names)
    for node in bits(relevant):
        family = dag.parents[node] | 1 << node
        for member in bits(family):
            neighbours[member] |= family & ~(1 << member)
    return neighbours


def minimal_separators(dag: Dag, a: int, b: int, allowed: int, cost: Cost, given: int = 0) -> Iterator[int]:
    """All minimal sets of allowed nodes that d-separate `a` and `b`, each once, cheap ones first as far as seen.

    What is given is conditioned on in any case: a set is minimal beside it, and does not name it. Its ancestors are
    relevant too, since a given collider joins its parents.

    Parameters
    ----------
    dag : Dag
    a, b : int
        Two disjoint masks, neither empty.
    allowed : int
        Nodes that may enter.
    cost : callable
        Mask to cost; decides which of the known separators comes next.
    given : int
        Nodes other than `a` and `b` that every set holds.

    Yields
    ------
    int
        A separator; nothing where there is none, the empty set where none is needed.
    """
    relevant = dag.ancestors(a | b | given)
    neighbours = _eliminate(_given_out(moral_graph(dag, relevant), given), relevant & ~allowed & ~a & ~b)
    first = _beside(neighbours, a)
    if first & b:
        return
    first = _beside(neighbours, _flood(neighbours, b, first))
    known, todo = {first}, [(cost(first), first)]
    while todo:
        separator = heapq.heappop(todo)[1]
        yield separator
        side = _flood(neighbours, a, separator)
        for node in bits(separator):
            if neighbours[node] & b:
                continue
            edge = _beside(neighbours, side | 1 << node)
            further = _beside(neighbours, _flood(neighbours, b, edge))
            if further not in known:
                known.add(further)
                heapq.heappush(todo, (cost(further), further))


def cheapest_separator(dag: Dag, a: int, b: int, allowed: int, cost: Cost, given: int = 0) -> int | None:
    """The allowed set of least cost that, beside `given`, d-separates `a` and `b`, or None.

    It is a minimum cut of the moral graph, from which what is given is taken out.

    Costs must be positive and add up over nodes. Of equal cuts it is the one nearest to `b`.
    """
    import networkx as nx

    neighbours = _given_out(moral_graph(dag, dag.ancestors(a | b | given)), given)
    network = nx.DiGraph()
    for node, beside in enumerate(neighbours):
        capacity = cost(1 << node) if allowed & ~a & ~b & 1 << node else _BEYOND_ANY_COST
        network.add_edge((node, "in"), (node, "out"), capacity=capacity)
        for other in bits(beside):
            network.add_edge((node, "out"), (other, "in"), capacity=_BEYOND_ANY_COST)
    for node in bits(a):
        network.add_edge("a", (node, "in"), capacity=_BEYOND_ANY_COST)
    for node in bits(b):
        network.add_edge((node, "out"), "b", capacity=_BEYOND_ANY_COST)
    value, (near, _) = nx.minimum_cut(network, "a", "b")
    if value >= _BEYOND_ANY_COST:
        return None
    return sum(1 << node for node in range(len(neighbours)) if (node, "in") in near and (node, "out") not in near)


def _given_out(neighbours: list[int], given: int) -> list[int]:
    """The moral graph without what is conditioned on: it lets nothing pass."""
    return [0 if given >> node & 1 else beside & ~given for node, beside in enumerate(neighbours)]


def _eliminate(neighbours: list[int], unwanted: int) -> list[int]:
    """The graph without some nodes, the neighbours of each joined, so that they cannot block what ran through it."""
    left = list(neighbours)
    for node in bits(unwanted):
        around = left[node]
        for other in bits(around):
            left[other] = (left[other] | around) & ~(1 << other) & ~(1 << node)
        left[node] = 0
    return left


def _beside(neighbours: Sequence[int], inside: int) -> int:
    around = 0
    for node in bits(inside):
        around |= neighbours[node]
    return around & ~inside


def _flood(neighbours: Sequence[int], start: int, walls: int) -> int:
    seen = todo = start
    while todo:
        low = todo & -todo
        new = neighbours[low.bit_length() - 1] & ~seen & ~walls
        seen |= new
        todo = (todo ^ low) | new
    return seen
