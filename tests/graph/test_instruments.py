"""Instruments and front doors, held to their definitions on every subset of small graphs."""

import networkx as nx
import pytest
from tests.graph import oracle
from tests.graph.test_adjustment import question

from balanza.graph.adjustment import Effect
from balanza.graph.dag import Dag
from balanza.graph.instruments import MOST_GIVEN, MOST_MEDIATORS, front_doors, instruments, is_instrument


def naive_instrument(graph: nx.DiGraph, treatment: str, outcome: str, node: str, given: set[str]) -> bool:
    """Related to the treatment, and every path to the outcome blocked once the causal paths are cut at their start."""
    after = nx.descendants(graph, treatment) | {treatment, outcome}
    if (given | {node}) & after or node in given:
        return False
    cut = graph.copy()
    for path in oracle.paths(graph, {treatment}, outcome):
        if oracle.causal(graph, path) and cut.has_edge(*path[:2]):
            cut.remove_edge(*path[:2])
    related = any(not oracle.blocked(cut, path, given) for path in oracle.paths(cut, {node}, treatment))
    excluded = all(oracle.blocked(cut, path, given) for path in oracle.paths(cut, {node}, outcome))
    return related and excluded


@pytest.mark.parametrize("seed", range(40))
def test_instruments_are_those_of_the_definition(seed: int) -> None:
    graph, dag, (treatment,), outcome, allowed = question(seed, 7, 1)
    effect = Effect.of(dag, dag.mask([treatment]), dag.mask([outcome]))
    found = dict(instruments(effect, dag.mask(allowed), int.bit_count))
    for node in allowed:
        others = [name for name in allowed if name != node]
        true = [given for given in oracle.subsets(others) if naive_instrument(graph, treatment, outcome, node, given)]
        here = [given for given in oracle.subsets(others) if is_instrument(effect, dag.mask([node]), dag.mask(given))]
        assert here == true
        if dag.mask([node]) in found:
            assert set(dag.members(found[dag.mask([node])])) in true
        elif effect.on_path and node in nx.ancestors(graph, treatment):
            assert not true
    assert all(given.bit_count() <= MOST_GIVEN for given in found.values())


def naive_front_door(graph: nx.DiGraph, treatment: str, outcome: str, nodes: set[str]) -> bool:
    """Pearl (1995): cuts all causal paths; no open back door from the treatment; none to the outcome given it."""
    directed = nx.all_simple_paths(graph, treatment, outcome)
    if not nodes or not all(nodes & set(path[1:-1]) for path in directed):
        return False
    for node in nodes:
        ways = [path for path in oracle.paths(graph, {treatment}, node) if graph.has_edge(path[1], path[0])]
        if not all(oracle.blocked(graph, path, set()) for path in ways):
            return False
    ways = [path for path in oracle.paths(graph, nodes, outcome) if graph.has_edge(path[1], path[0])]
    return all(oracle.blocked(graph, path, {treatment}) for path in ways)


@pytest.mark.parametrize("seed", range(80))
def test_front_doors_are_those_of_the_definition(seed: int) -> None:
    """Random graphs in which a latent, v0, is behind treatment and outcome, and no arrow joins these directly."""
    names, edges = oracle.random_graph(seed, 7)
    edges = sorted({*edges, ("v0", "v1"), ("v0", "v6")} - {("v1", "v6")})
    graph, dag = oracle.digraph(names, edges), Dag.of(names, edges)
    allowed = [name for name in names if name not in ("v0", "v1", "v6", f"v{2 + seed % 6}")]
    effect = Effect.of(dag, dag.mask(["v1"]), dag.mask(["v6"]))
    if not effect.on_path:
        pytest.skip("no causal path to cut")
    every = [given for given in oracle.subsets(allowed) if naive_front_door(graph, "v1", "v6", given)]
    minimal = {frozenset(given) for given in every if not any(other < given for other in every)}
    found = {frozenset(dag.members(nodes)) for nodes in front_doors(effect, dag.mask(allowed))}
    assert found == {nodes for nodes in minimal if len(nodes) <= MOST_MEDIATORS}


def test_pearls_own_front_door_is_found() -> None:
    """Smoking, tar and cancer with a latent genotype: Pearl (1995), figure 3."""
    dag = Dag.of(
        ["gene", "smoking", "tar", "cancer"],
        [("gene", "smoking"), ("gene", "cancer"), ("smoking", "tar"), ("tar", "cancer")],
    )
    effect = Effect.of(dag, dag.mask(["smoking"]), dag.mask(["cancer"]))
    assert [dag.members(nodes) for nodes in front_doors(effect, dag.mask(["tar"]))] == [("tar",)]
    assert effect.cheapest_set(dag.mask(["tar"]), int.bit_count) is None
