"""Discovery recovers a known graph from many rows, and is compared with the drawn one edge by edge."""

from dataclasses import replace

import numpy as np
import pytest
from tests.graph.worlds import EDGES, graph_of

from balanza.graph.discover import Pair, Rows, Search, discover, rows_of, sentence
from balanza.graph.measures import Measures
from balanza.graph.model import CausalGraph, Node

NODES = {"A": "before", "C": "before", "D": "now", "E": "after"}
TRUE = ("A>D", "C>D", "D>E")


def rows(n_rows: int = 2000, seed: int = 0, hidden: float = 0.0) -> Rows:
    """A and C cause D, D causes E; `hidden` joins C and E by something unmeasured."""
    rng = np.random.default_rng(seed)
    a, c, d, e, latent = rng.normal(size=(5, n_rows))
    c = c + hidden * latent
    d = d + a - c
    e = e + d + hidden * latent
    return Rows(("A", "C", "D", "E"), np.column_stack([a, c, d, e]))


def pairs(search: Search) -> dict[tuple[str, str], Pair]:
    return {(pair.left, pair.right): pair for pair in search.pairs}


@pytest.mark.parametrize("algorithm", ["PC", "FCI", "GES"])
def test_a_true_graph_is_found_whole(algorithm: str) -> None:
    found = {s.algorithm: s for s in discover(graph_of(TRUE, NODES, "", ""), rows(), level=0.01)}[algorithm]
    assert {(p.left, p.right, p.verdict, p.drawn) for p in found.pairs} == {
        (edge[0], edge[2], "drawn and found", "-->") for edge in TRUE
    }
    assert all(p.agrees in (True, None) and not p.against_time and p.by_edge for p in found.pairs)


@pytest.mark.parametrize("algorithm", ["PC", "FCI", "GES"])
def test_an_edge_too_many_and_an_edge_too_few_are_named(algorithm: str) -> None:
    graph = graph_of(("A>D", "D>E", "A>C"), NODES, "", "")
    found = pairs({s.algorithm: s for s in discover(graph, rows(), level=0.01)}[algorithm])
    assert found["A", "C"].verdict == "drawn, not found"
    assert found["C", "D"].verdict == "found, not drawn"
    assert found["C", "D"].found == "-->"


def test_fci_draws_a_common_cause_where_the_graph_has_a_latent() -> None:
    graph = graph_of((*TRUE, "L>C", "L>E"), NODES | {"L": "before"}, latent="L", shocks="")
    fci = pairs(discover(graph, rows(hidden=1.5), level=0.01)[1])
    assert fci["C", "E"].verdict == "drawn and found"
    assert not fci["C", "E"].by_edge
    assert fci["A", "D"].found in ("o->", "-->")


def test_time_runs_as_the_graph_says_and_what_runs_against_it_is_named() -> None:
    """A collider of causes later than itself: PC and FCI may not point back in time, GES does and is reported."""
    nodes = {"A": "after", "C": "after", "D": "before", "E": "after"}
    graph = graph_of(("D>A", "D>C", "D>E"), nodes, "", "")
    given = rows()
    order = [2, 0, 1, 3]
    turned = Rows(("D", "A", "C", "E"), given.values[:, order])
    found = {s.algorithm: pairs(s) for s in discover(graph, turned, level=0.01)}
    for algorithm in ("PC", "FCI"):
        assert not any(pair.against_time for pair in found[algorithm].values())
    assert found["GES"]["D", "A"].against_time
    assert found["GES"]["D", "A"].agrees is False


def test_too_few_rows_collinear_columns_and_too_many_nodes_are_declined() -> None:
    graph = graph_of(TRUE, NODES, "", "")
    few = discover(graph, rows(12))
    assert {search.reason for search in few} == {"12 complete rows do not carry 4 nodes"}
    assert sentence(rows(12), few) == "No search could be made: 12 complete rows do not carry 4 nodes."
    twin = rows(100)
    twin.values[:, 3] = 2 * twin.values[:, 2] + 1
    assert discover(graph, twin)[0].reason == "the columns are collinear"
    still = rows(100)
    still.values[:, 1] = 3
    assert discover(graph, still)[0].reason == "C is the same in all rows"
    many = Rows(tuple(str(i) for i in range(16)), np.random.default_rng(0).normal(size=(200, 16)))
    assert discover(graph, many)[0].reason == "takes 2 to 15 measured nodes, not 16"


def test_the_sentence_counts_links() -> None:
    graph = graph_of(("A>D", "D>E", "A>C"), NODES, "", "")
    said = sentence(rows(), discover(graph, rows(), level=0.01)[:1])
    assert said.startswith("On 2000 states, PC finds 2 of the 3 links that the graph implies, and 1 that it does not.")


def test_rows_are_means_before_and_from_the_start_of_treatment_on() -> None:
    nodes = {
        "PAST": Node("PAST", "p", "context", "t-1", True, "p"),
        "DOSE": Node("DOSE", "d", "context", "t", True, "d"),
        "GONE": Node("GONE", "g", "context", "t", True, "g"),
    }
    graph = CausalGraph("g", "g", nodes, (), ("t-1", "t"))
    years = tuple(range(2010, 2022))
    calendar = np.tile(np.array(years, dtype=float), (3, 1))
    dose = np.where(calendar < 2021, calendar, np.nan)
    gone = np.where(calendar < 2019, calendar, np.nan)
    # A node of t-1 is stored one year later: the row of 2019 holds the value of 2018.
    table = Measures("state", ("01", "02", "03"), years, {"PAST": calendar - 1, "DOSE": dose, "GONE": gone})
    made = rows_of(graph, table, 2019)
    assert made.nodes == ("PAST", "DOSE")
    assert made.values.tolist() == [[2016.0, 2019.5]] * 3  # means of 2014-18 and of 2019-20
    assert made.left_out == {"GONE": "has no value from 2019 on"}


def test_without_times_before_all_years_count_and_incomplete_units_are_left_out() -> None:
    graph = graph_of(EDGES)
    values = {name: np.arange(8.0).reshape(2, 4) for name in "BPWQXMY"}
    values["P"] = values["P"].copy()
    values["P"][1] = np.nan
    table = Measures("state", ("01", "02"), (1, 2, 3, 4), values)
    assert rows_of(graph, table, 3).values.tolist() == [[1.5] * 7]
    assert rows_of(graph, replace(table, left_out={"Z": "why"}), 3).left_out == {"Z": "why"}
