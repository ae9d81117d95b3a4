"""What a causal graph implies among the variables that a panel measures: which pairs are independent, given what.

A pair of measured nodes without an edge is testable if some measured nodes d-separate it in the full graph, latents
included; a minimal such set is found after van der Zander and Liskiewicz (2020). Pairs that no measured set separates
are adjacent in the graph's marginal over the measured nodes, and an end of such a pair is a cause of the other end
where it is its ancestor in the full graph (the maximal ancestral graph of Richardson and Spirtes, 2002).

Nodes that effects absorb (period effects: common shocks; unit effects: what does not move) are always conditioned on,
never tested. A pair with a column that is constant within units is compared across units at one time, where unit
effects absorb nothing: its separating set must do without the nodes that only they absorb.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanza.errors import ConfigError
from balanza.graph.model import CausalGraph
from balanza.say import joined, say, say_n

if TYPE_CHECKING:
    import networkx as nx

PERIOD, UNIT = say("period effects"), say("unit effects")


@dataclass(frozen=True)
class Implication:
    """`left` and `right` are independent given `given`, besides the nodes that effects absorb.

    `left` comes no later than `right`. `reading` says what a failure would mean; `stated` marks an implication that
    the authors of the graph wrote down themselves.
    """

    left: str
    right: str
    given: tuple[str, ...]
    absorbed: tuple[str, ...]
    reading: str
    stated: bool = False


@dataclass(frozen=True)
class Adjacency:
    """Two nodes that no measured set separates: `cause` and `effect`, or neither where only a latent joins them.

    `drawn`: the graph has the edge itself; otherwise unmeasured nodes lie between or behind the two.
    """

    left: str
    right: str
    directed: bool
    drawn: bool


@dataclass(frozen=True)
class Marginal:
    """The graph as the measured nodes show it: the implications, and the pairs that nothing measured separates."""

    nodes: tuple[str, ...]
    implications: tuple[Implication, ...]
    adjacencies: tuple[Adjacency, ...]


def measured(graph: CausalGraph) -> tuple[str, ...]:
    """Nodes with a panel column that no effect absorbs, from the earliest on."""
    named = [node for node in graph.nodes.values() if node.observed and node.column and not node.absorbed]
    return tuple(node.name for node in sorted(named, key=lambda node: graph.times.index(node.time)))


def absorbed(graph: CausalGraph, *, unit_effects: bool = True) -> tuple[str, ...]:
    """Nodes that effects take out: those of period effects, and of unit effects where there are any."""
    by = {PERIOD, UNIT} if unit_effects else {PERIOD}
    return tuple(name for name, node in graph.nodes.items() if node.absorbed in by)


def marginal(
    graph: CausalGraph,
    nodes: Collection[str] | None = None,
    constant: Collection[str] = frozenset(),
    fixed: Collection[str] = frozenset(),
) -> Marginal:
    """Every testable implication among measured nodes, one a pair, and the pairs that have none.

    Parameters
    ----------
    graph : CausalGraph
    nodes : collection of str, optional
        The measured nodes; those with a column if left out.
    constant : collection of str
        Measured nodes that do not move within units.
    fixed : collection of str
        Further nodes that are always conditioned on.

    Returns
    -------
    Marginal
        Pairs in order of time, then of the file.
    """
    kept = tuple(name for name in measured(graph) if nodes is None or name in nodes)
    drawn = graph.digraph()
    implications, adjacencies = [], []
    for left, right in combinations(kept, 2):
        unit_effects = left not in constant and right not in constant
        taken = absorbed(graph, unit_effects=unit_effects)
        given = separator(drawn, left, right, kept, {*taken, *fixed})
        if given is None:
            adjacencies.append(_adjacency(drawn, left, right))
        else:
            ordered = tuple(name for name in kept if name in given)
            implications.append(Implication(left, right, ordered, taken, reading(graph, left, right, ordered)))
    return Marginal(kept, tuple(implications), tuple(adjacencies))


def separator(
    graph: nx.DiGraph, left: str, right: str, allowed: Collection[str], always: Collection[str] = ()
) -> frozenset[str] | None:
    """A minimal set of allowed nodes that d-separates two nodes together with `always`; None if there is none.

    Of the two minimal sets that lie closest to either node, the smaller one.
    """
    import networkx as nx

    included = set(always) - {left, right}
    restricted = (set(allowed) | included) - {left, right}
    found = []
    for start, end in ((left, right), (right, left)):
        nodes = nx.find_minimal_d_separator(graph, start, end, included=included, restricted=restricted)
        if nodes is None:
            return None
        found.append(frozenset(nodes - included))
    return found[1] if len(found[1]) < len(found[0]) else found[0]


def reading(graph: CausalGraph, left: str, right: str, given: Collection[str]) -> str:
    """What a failure of an implication would mean, in words."""
    names = [graph.nodes[name].title for name in given]
    beside = (
        say_n(" beyond what {listing} explains", " beyond what {listing} explain", len(names), listing=_listing(names))
        if names
        else ""
    )
    return say(
        "{one} and {other} move together{beside}: the graph lacks an edge or a common cause between them.",
        one=graph.nodes[left].title,
        other=graph.nodes[right].title,
        beside=beside,
    )


def load_stated(path: str | Path, graph: CausalGraph) -> tuple[Implication, ...]:
    """Read the implications that the authors of a graph wrote down beside it.

    Parameters
    ----------
    path : path
        YAML with one key, `implications`: a list of mappings with `left` and `right` (a node or a list of nodes),
        `given` (a list) and `reading` (what a failure would mean).
    graph : CausalGraph

    Returns
    -------
    tuple of Implication
        One for each pair of a left and a right node.

    Raises
    ------
    ConfigError
        If an entry has other keys, names no node of the graph, or is no d-separation of the graph.
    """
    from balanza.strict import read_yaml

    entries = read_yaml(path).get("implications")
    if not isinstance(entries, list):
        raise ConfigError("has no list `implications`", where=str(path), cure="Write one, or remove the file")
    return tuple(
        implication
        for number, entry in enumerate(entries, 1)
        for implication in _stated(entry, graph, f"{path}, implication {number}")
    )


def holds(graph: CausalGraph, implication: Implication) -> bool:
    """Whether an implication is a d-separation of the graph, given what effects absorb besides."""
    import networkx as nx

    given = {*implication.given, *implication.absorbed} - {implication.left, implication.right}
    return bool(nx.is_d_separator(graph.digraph(), implication.left, implication.right, given))


def _stated(entry: Any, graph: CausalGraph, where: str) -> list[Implication]:
    keys = {"left", "right", "given", "reading"}
    if not isinstance(entry, dict) or set(entry) != keys:
        raise ConfigError("needs just the keys left, right, given and reading", where=where, cure="Correct it")
    nodes = [entry[key] for key in ("left", "right", "given")]
    if not all(isinstance(side, str | list) and all(isinstance(name, str) for name in side) for side in nodes):
        raise ConfigError("left, right and given are names of nodes or lists of them", where=where, cure="Correct it")
    sides = [[side] if isinstance(side, str) else side for side in nodes]
    unknown = [name for side in sides for name in side if name not in graph.nodes]
    if unknown:
        raise ConfigError(f"{unknown[0]!r} is no node of graph {graph.name}", where=where, cure="Name a node")
    found = []
    for left in sides[0]:
        for right in sides[1]:
            if left == right:
                raise ConfigError(f"{left!r} stands on both sides", where=where, cure="Name two nodes")
            implication = Implication(left, right, tuple(sides[2]), (), str(entry["reading"]), stated=True)
            if not holds(graph, implication):
                raise ConfigError(
                    f"graph {graph.name} does not imply that {left} and {right} are independent given "
                    f"{_listing(sides[2]) or say('nothing')}",
                    where=where,
                    cure="Mend `given`, or the graph",
                )
            found.append(_in_order(implication, graph))
    return found


def _in_order(implication: Implication, graph: CausalGraph) -> Implication:
    times = [graph.times.index(graph.nodes[name].time) for name in (implication.left, implication.right)]
    if times[0] <= times[1]:
        return implication
    return replace(implication, left=implication.right, right=implication.left)


def _adjacency(graph: nx.DiGraph, left: str, right: str) -> Adjacency:
    import networkx as nx

    drawn = graph.has_edge(left, right) or graph.has_edge(right, left)
    if left in nx.ancestors(graph, right):
        return Adjacency(left, right, True, drawn)
    if right in nx.ancestors(graph, left):
        return Adjacency(right, left, True, drawn)
    return Adjacency(left, right, False, drawn)


def _listing(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return say("{names} and {last}", names=joined(names[:-1], ", "), last=names[-1])
