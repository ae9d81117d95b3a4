"""Implications of small graphs by brute force, and those that the authors of the security graph wrote down."""

import csv
from itertools import chain, combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from tests.conftest import ROOT, _folder
from tests.graph.worlds import EDGES, graph_of

from balanza.errors import ConfigError
from balanza.graph.implications import Implication, holds, load_stated, marginal
from balanza.graph.model import CausalGraph, Edge, Node

STATED = ROOT / "config" / "graphs" / "security.implications.yaml"


def subsets(names: list[str]) -> list[set[str]]:
    return [set(s) for s in chain.from_iterable(combinations(names, n) for n in range(len(names) + 1))]


def random_graph(seed: int) -> CausalGraph:
    """Eight nodes in causal order, the third of them common shocks, two latent."""
    rng = np.random.default_rng(seed)
    names = list("ABCDEFGH")
    nodes = dict.fromkeys(names, "now")
    latent = "".join(rng.choice(names[:2] + names[3:], 2, replace=False))
    edges = [f"{a}>{b}" for a, b in combinations(names, 2) if rng.random() < 0.35]
    return graph_of(edges, nodes, latent=latent, shocks="C")


@pytest.mark.parametrize("seed", range(40))
def test_pairs_are_testable_just_where_some_measured_set_separates_them(seed: int) -> None:
    graph = random_graph(seed)
    drawn = graph.digraph()
    found = marginal(graph)
    for implication in found.implications:
        pair = implication.left, implication.right
        assert nx.is_d_separator(drawn, *pair, {*implication.given, *implication.absorbed})
        for name in implication.given:
            assert not nx.is_d_separator(drawn, *pair, {*implication.given, "C"} - {name})
    for adjacency in found.adjacencies:
        left, right = adjacency.left, adjacency.right
        others = [name for name in found.nodes if name not in (left, right)]
        assert not any(nx.is_d_separator(drawn, left, right, given | {"C"}) for given in subsets(others))
        assert adjacency.directed == (left in nx.ancestors(drawn, right))
        assert not adjacency.drawn or drawn.has_edge(left, right)
    n = len(found.nodes)
    assert len(found.implications) + len(found.adjacencies) == n * (n - 1) // 2


def test_a_latent_makes_two_measured_nodes_inseparable() -> None:
    found = marginal(graph_of(EDGES))
    assert ("W", "Y") in {(a.left, a.right) for a in found.adjacencies if not a.drawn}
    assert "L" not in found.nodes
    assert all("L" not in i.given for i in found.implications)


def test_across_units_nothing_is_absorbed_by_unit_effects() -> None:
    """G is absorbed by unit effects only: it opens the pair with the column that does not move."""
    nodes = {name: Node(name, name, "context", "now", True, name.lower()) for name in "AB"}
    nodes["G"] = Node("G", "G", "context", "now", True, absorbed="unit effects")
    graph = CausalGraph("g", "g", nodes, (Edge("G", "A", "", ""), Edge("G", "B", "", "")), ("now",))
    assert [i.absorbed for i in marginal(graph).implications] == [("G",)]
    still = marginal(graph, constant={"A"})
    assert still.implications == ()
    assert not still.adjacencies[0].directed


def test_a_failure_is_put_into_words() -> None:
    words = {(i.left, i.right): i.reading for i in marginal(graph_of(EDGES)).implications}
    assert words["B", "P"] == (
        "Variable B and Variable P move together: the graph lacks an edge or a common cause between them."
    )
    assert "beyond what Variable W explains" in words["B", "X"]


def security() -> CausalGraph:
    """The security graph from the tables behind it."""
    folder = _folder("BALANZA_BACKGROUND", "background")

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / name).open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    nodes = {
        row["node"]: Node(row["node"], row["meaning"], row["theme"], row["time"], row["observed"] != "latent")
        for row in rows("dag_nodes.csv")
    }
    edges = tuple(Edge(row["from"], row["to"], "", "") for row in rows("dag_edges.csv"))
    return CausalGraph("security", "Security", nodes, edges, ("pre-2019", "t-1", "2019-21", "t", "t+"))


def test_all_stated_implications_are_separations_of_the_security_graph() -> None:
    """Section C.5 of the domain notes lists them: nine lines, twelve pairs."""
    graph = security()
    stated = load_stated(STATED, graph)
    assert len(stated) == 12
    for implication in stated:
        assert nx.is_d_separator(graph.digraph(), implication.left, implication.right, set(implication.given))
    assert ("GN", "SOCPROG") in {(i.left, i.right) for i in stated}


def test_a_graph_with_one_edge_more_refuses_what_it_does_not_imply() -> None:
    graph = security()
    more = CausalGraph(graph.name, graph.title, graph.nodes, (*graph.edges, Edge("ARMS", "GN", "", "")), graph.times)
    with pytest.raises(ConfigError, match="ARMS and GN are independent given GEO and USX"):
        load_stated(STATED, more)


def test_an_edge_left_out_shows_in_the_implications() -> None:
    implication = Implication("P", "Y", ("W", "M"), ("T",), "")
    assert holds(graph_of(EDGES), implication)
    assert not holds(graph_of((*EDGES, "P>Y")), implication)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("implications: [{left: B, right: P, given: []}]", "just the keys"),
        ("implications: [{left: B, right: Z, given: [], reading: r}]", "'Z' is no node"),
        ("implications: [{left: X, right: M, given: [], reading: r}]", "does not imply that X and M"),
        ("implication: []", "no list"),
    ],
)
def test_a_bad_list_of_implications_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "small.implications.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_stated(path, graph_of(EDGES))
    assert str(path) in str(caught.value)
