"""d-separation, held to networkx and to the definition."""

from itertools import combinations

import networkx as nx
import pytest
from tests.graph import oracle

from balanza.graph.dag import Dag


@pytest.mark.parametrize("seed", range(30))
def test_separation_agrees_with_networkx(seed: int) -> None:
    names, edges = oracle.random_graph(seed, 8)
    dag, graph = Dag.of(names, edges), oracle.digraph(names, edges)
    for a, b in combinations(names, 2):
        rest = [name for name in names if name not in (a, b)]
        for given in list(oracle.subsets(rest))[:: 3 + seed % 4]:
            expected = nx.is_d_separator(graph, a, b, given)
            assert dag.separated(dag.mask([a]), dag.mask([b]), dag.mask(given)) == expected


@pytest.mark.parametrize("seed", range(60))
def test_an_open_path_is_a_path_that_is_open(seed: int) -> None:
    names, edges = oracle.random_graph(seed, 9, degree=3.5)
    dag, graph = Dag.of(names, edges), oracle.digraph(names, edges)
    given = set(names[2 : 2 + seed % 5]) - {"v3", "v6"}
    path = [names[node] for node in dag.open_path(dag.mask(["v3"]), dag.mask(["v6"]), dag.mask(given))]
    every = [way for way in oracle.paths(graph, {"v3"}, "v6") if not oracle.blocked(graph, way, given)]
    assert path in every if every else not path
    assert len(path) == min((len(way) for way in every), default=0)


def test_a_path_is_written_with_its_arrows() -> None:
    dag = Dag.of(["a", "b", "c"], [("b", "a"), ("b", "c")])
    assert dag.written(dag.open_path(dag.mask("a"), dag.mask("c"), 0)) == "a ← b → c"
    assert dag.written(()) == ""


def test_ancestors_and_descendants_stop_where_they_are_told() -> None:
    dag = Dag.of(["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("c", "d")])
    assert dag.members(dag.descendants(dag.mask("a"), avoiding=dag.mask("c"))) == ("a", "b")
    assert dag.members(dag.ancestors(dag.mask("d"))) == ("a", "b", "c", "d")
    assert [dag.names[node] for node in dag.directed_path(dag.mask("a"), dag.mask("d"))] == ["a", "b", "c", "d"]
    assert dag.directed_path(dag.mask("a"), dag.mask("d"), avoiding=dag.mask("b")) == ()
