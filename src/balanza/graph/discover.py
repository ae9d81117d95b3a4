"""Challenges a drawn graph with graphs found by causal discovery: PC, FCI and GES of causal-learn.

One row a state: nodes of the times up to `t-1` by their mean over the five years before treatments start, the others
(doses, outcomes) by their mean from then on; in a graph without such times, all years. What is drawn is the graph's
marginal over the measured nodes: two are joined where no measured set separates them, be it by an edge or through
something unmeasured. The order of times is given to PC and FCI as background knowledge; GES takes none, so that the
pairs it leaves undirected are turned along time, and arrows that run against time are named.

With some thirty states a search finds strong links only: "drawn, not found" is weak evidence against an edge, and
nothing found here changes a graph.

PC and FCI: Spirtes, Glymour and Scheines (2000), the test is Fisher's z; GES: Chickering (2002), the score is BIC.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from balanza.graph.implications import Adjacency, marginal, measured
from balanza.graph.measures import Measures, lag
from balanza.graph.model import CausalGraph
from balanza.say import joined, say

Verdict = Literal["drawn and found", "drawn, not found", "found, not drawn"]
WINDOW = 5
MOST_NODES = 15
FREE_ROWS = 10
"""Rows beyond the number of nodes that a search needs."""
DEPTH = 3
"""The largest conditioning set of PC and FCI, and the most parents of a node in GES."""
_ENDS = {-1: "--", 1: "<>", 2: "oo"}
"""How causal-learn's codes of an edge's ends (tail, arrow, circle) are drawn on the left and on the right."""


@dataclass(frozen=True)
class Rows:
    """One row a unit: values of shape (n_units, n_nodes). `left_out` maps nodes to the reason."""

    nodes: tuple[str, ...]
    values: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """Two nodes that are joined in the drawn graph, in the found one, or in both; `left` is no later than `right`.

    `drawn` and `found` draw the edge from left to right (``-->``, ``<->``, ``---``, with ``o`` where an end is open),
    None where there is none; `by_edge`: the graph has the edge itself, not only a way through something unmeasured.
    `agrees` compares the directions, None where the search leaves them open; `against_time`: the arrow found ends in an
    earlier time.
    """

    left: str
    right: str
    drawn: str | None
    by_edge: bool
    found: str | None
    verdict: Verdict
    agrees: bool | None
    against_time: bool


@dataclass(frozen=True)
class Search:
    """What one algorithm found, or the `reason` why it did not run."""

    algorithm: str
    ran: bool
    reason: str | None
    pairs: tuple[Pair, ...]

    def count(self, verdict: Verdict) -> int:
        """How many pairs have a verdict."""
        return sum(pair.verdict == verdict for pair in self.pairs)


def rows_of(graph: CausalGraph, table: Measures, start: int) -> Rows:
    """One row a unit from yearly values.

    Parameters
    ----------
    graph : CausalGraph
    table : Measures
        By state.
    start : int
        First year of the treatments.
    """
    years = np.array(table.years)
    before = [index for index, time in enumerate(graph.times) if lag(time)]
    columns: dict[str, np.ndarray] = {}
    left_out = dict(table.left_out)
    for name in measured(graph):
        if name not in table.values:
            continue
        time = graph.nodes[name].time
        known = years - lag(time)
        early = graph.times.index(time) <= max(before, default=-1)
        kept = (known < start) & (known >= start - WINDOW) if early else (known >= start) | (not before)
        values = table.values[name][:, kept]
        found = ~np.isnan(values)
        count = found.sum(axis=1)
        if 2 * (count > 0).sum() < len(values):
            left_out[name] = (
                say("has no value before {start}", start=start)
                if early
                else say("has no value from {start} on", start=start)
            )
        else:
            columns[name] = np.where(count > 0, np.where(found, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
    values = np.array(list(columns.values())).T.reshape(len(table.units), len(columns))
    return Rows(tuple(columns), values[~np.isnan(values).any(axis=1)], left_out)


def discover(graph: CausalGraph, rows: Rows, *, level: float = 0.05) -> tuple[Search, ...]:
    """Search for a graph by PC, FCI and GES, and compare each with the drawn one.

    Parameters
    ----------
    graph : CausalGraph
    rows : Rows
    level : float
        Of the independence tests of PC and FCI.

    Returns
    -------
    tuple of Search
    """
    reason = _unfit(rows)
    searches: dict[str, Callable[[], np.ndarray]] = {
        "PC": lambda: _pc(graph, rows, level),
        "FCI": lambda: _fci(graph, rows, level),
        "GES": lambda: _ges(rows),
    }
    if reason:
        return tuple(Search(name, False, reason, ()) for name in searches)
    drawn = marginal(graph, rows.nodes, constant=rows.nodes).adjacencies
    made = []
    for name, search in searches.items():
        with contextlib.redirect_stdout(io.StringIO()):
            found = search()
        pairs = _compare(graph, rows.nodes, drawn, found, latents=name == "FCI")
        made.append(Search(name, True, None, pairs))
    return tuple(made)


def sentence(rows: Rows, searches: Sequence[Search]) -> str:
    """What the searches found, in words."""
    ran = [search for search in searches if search.ran]
    if not ran:
        return say("No search could be made: {reason}.", reason=searches[0].reason)
    parts = [
        say(
            "{algorithm} finds {found} of the {drawn} links that the graph implies, and {more} that it does not",
            algorithm=search.algorithm,
            found=search.count("drawn and found"),
            drawn=search.count("drawn and found") + search.count("drawn, not found"),
            more=search.count("found, not drawn") or say("none"),
        )
        for search in ran
    ]
    return say(
        "On {n_values} states, {parts}. With so few rows, a link not found is not thereby absent.",
        n_values=len(rows.values),
        parts=joined(parts, "; "),
    )


def _unfit(rows: Rows) -> str | None:
    n_rows, n_nodes = rows.values.shape
    if not 2 <= n_nodes <= MOST_NODES:
        return say("takes 2 to {most_nodes} measured nodes, not {n_nodes}", most_nodes=MOST_NODES, n_nodes=n_nodes)
    if n_rows < n_nodes + FREE_ROWS:
        return say("{n_rows} complete rows do not carry {n_nodes} nodes", n_rows=n_rows, n_nodes=n_nodes)
    spread = rows.values.std(axis=0)
    still = [name for name, size in zip(rows.nodes, spread, strict=True) if size == 0]
    if still:
        return say("{column} is the same in all rows", column=still[0])
    if np.linalg.cond(np.corrcoef(rows.values.T)) > 1e10:
        return say("the columns are collinear")
    return None


def _pc(graph: CausalGraph, rows: Rows, level: float) -> np.ndarray:
    from causallearn.search.ConstraintBased.PC import pc

    knowledge = _knowledge(graph, rows.nodes)
    options = {"node_names": list(rows.nodes), "background_knowledge": knowledge, "show_progress": False}
    return _ends(pc(_standard(rows), level, "fisherz", max_k=DEPTH, **options).G)


def _fci(graph: CausalGraph, rows: Rows, level: float) -> np.ndarray:
    from causallearn.search.ConstraintBased.FCI import fci

    knowledge = _knowledge(graph, rows.nodes)
    options = {"node_names": list(rows.nodes), "background_knowledge": knowledge, "show_progress": False}
    found, _ = fci(_standard(rows), "fisherz", level, depth=DEPTH, max_path_length=DEPTH + 1, **options)
    return _ends(found)


def _ges(rows: Rows) -> np.ndarray:
    from causallearn.search.ScoreBased.GES import ges

    found = ges(_standard(rows), score_func="local_score_BIC", maxP=DEPTH, node_names=list(rows.nodes))
    return _ends(found["G"])


def _standard(rows: Rows) -> np.ndarray:
    standard: np.ndarray = (rows.values - rows.values.mean(axis=0)) / rows.values.std(axis=0)
    return standard


def _ends(found: Any) -> np.ndarray:
    """Codes of the ends: entry (i, j) is the end at node i of the edge between i and j, 0 where there is none."""
    return np.asarray(found.graph, dtype=int)


def _knowledge(graph: CausalGraph, nodes: Sequence[str]) -> Any:
    from causallearn.graph.GraphNode import GraphNode
    from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

    knowledge = BackgroundKnowledge()
    for name in nodes:
        knowledge.add_node_to_tier(GraphNode(name), graph.times.index(graph.nodes[name].time))
    return knowledge


def _compare(
    graph: CausalGraph, nodes: Sequence[str], drawn: Sequence[Adjacency], found: np.ndarray, *, latents: bool
) -> tuple[Pair, ...]:
    """All pairs that either graph joins; nodes are in order of time.

    Only a search that allows for latents can contradict a common cause by an arrow.
    """
    drawings: dict[tuple[int, int], tuple[str, bool]] = {}
    for edge in drawn:
        i, j = sorted((nodes.index(edge.left), nodes.index(edge.right)))
        arrow = "-->" if nodes[i] == edge.left else "<--"
        drawings[i, j] = (arrow if edge.directed else "<->", edge.drawn)
    times = [graph.times.index(graph.nodes[name].time) for name in nodes]
    pairs = []
    for i in range(len(nodes)):
        for j in range(i + 1, len(nodes)):
            mark, by_edge = drawings.get((i, j), (None, False))
            seen = _mark(found[i, j], found[j, i], ordered=times[i] < times[j])
            if mark or seen:
                against = seen == "<--" and times[i] < times[j]
                agrees = _agree(mark, seen, latents=latents)
                pairs.append(Pair(nodes[i], nodes[j], mark, by_edge, seen, _verdict(mark, seen), agrees, against))
    return tuple(pairs)


def _verdict(drawn: str | None, found: str | None) -> Verdict:
    if drawn and found:
        return "drawn and found"
    return "drawn, not found" if drawn else "found, not drawn"


def _agree(drawn: str | None, found: str | None, *, latents: bool) -> bool | None:
    if not (drawn and found) or found == "---" or "o" in found or (drawn == "<->" != found and not latents):
        return None
    return drawn == found


def _mark(left: int, right: int, *, ordered: bool) -> str | None:
    """Draw a found edge; an undirected one between nodes of different times runs along time."""
    if not (left or right):
        return None
    mark = f"{_ENDS[left][0]}-{_ENDS[right][1]}"
    return "-->" if mark == "---" and ordered else mark
