"""The graph as a whole against graphs of the same shape with their nodes exchanged, by DoWhy.

After Eulig et al. (2023), arXiv 2305.09565 (`dowhy.gcm.falsify.falsify_graph`): a graph that violates no fewer local
Markov conditions than most of its relabellings tells no more about the data than a random one.

DoWhy takes a graph without latents and rows without clusters. The graph is therefore its marginal over the measured
nodes that move within states, given what the effects take out, where that is a directed graph; nodes that share an
unmeasured cause with another are left out, the latest first, until it is one. The rows are states by years with the
effects taken out, and each conditional independence is a t test of the partial correlation with errors clustered by
state: quick enough for thousands of tests, where DoWhy's own kernel test takes minutes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.graph.falsify import FREE_CLUSTERS, complete
from balanza.graph.implications import Marginal, absorbed, marginal, measured
from balanza.graph.measures import Level, Measures
from balanza.graph.model import CausalGraph
from balanza.kernels import conditional_independence as kernel
from balanza.say import joined, say

if TYPE_CHECKING:
    import networkx as nx

MOST_NODES, FEWEST_NODES = 12, 3
EXACT_NODES = 6
"""Up to so many nodes all relabellings are compared, 720 at most."""


@dataclass(frozen=True)
class NodePermutation:
    """What DoWhy found. `ran` is False where the graph or the panel does not allow it, for the `reason`.

    `violations` of `tests` local Markov conditions fail at the level; `p_value` is the share of relabelled graphs that
    violate no larger a share, `equivalent` the share that imply the same independences. The graph is `falsifiable`
    where that does not exceed the level, and then `falsified` where `p_value` exceeds it. `left_out` maps nodes to the
    reason.
    """

    ran: bool
    reason: str | None = None
    nodes: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    falsifiable: bool | None = None
    falsified: bool | None = None
    violations: int | None = None
    tests: int | None = None
    p_value: float | None = None
    equivalent: float | None = None
    permutations: int | None = None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if not self.ran:
            return say("The graph was not compared with its relabellings: {reason}.", reason=self.reason)
        start = say(
            "Among {nodes}, {violations} of {tests} independences of the graph fail",
            nodes=joined(self.nodes, ", "),
            violations=self.violations,
            tests=self.tests,
        )
        if not self.falsifiable:
            return say(
                "{start}; too many of its relabellings imply the same, so that this says nothing for or against it.",
                start=start,
            )
        others = say(
            "{share:.0%} of the {permutations} graphs with its nodes exchanged do no worse",
            share=self.p_value,
            permutations=self.permutations,
        )
        verdict = (
            say("the data do not prefer it to these") if self.falsified else say("the data prefer it to the others")
        )
        return joined([start, "; ", others, ": ", verdict, "."])


def permute_nodes(
    graph: CausalGraph,
    measures: Mapping[Level, Measures],
    *,
    level: float = 0.05,
    permutations: int = 100,
    rng: np.random.Generator,
) -> NodePermutation:
    """Compare a graph with its relabellings.

    Parameters
    ----------
    graph : CausalGraph
    measures : mapping
        From `balanza.graph.measures.read`.
    level : float
        Of each independence test and of the verdict.
    permutations : int
        Relabellings drawn where there are too many to take them all.
    rng : Generator

    Returns
    -------
    NodePermutation
    """
    state = measures["state"]
    still = state.constant() & graph.nodes.keys()
    left_out = {name: say("does not move within states") for name in state.values if name in still}
    kept = [name for name in measured(graph) if name in state.values and name not in still]
    taken = absorbed(graph)
    fixed = _closed(graph, {*taken, *still})
    odd = sorted(set(taken) - fixed)
    if odd:
        return NodePermutation(
            False, say("{node}, which effects take out, has causes which they do not take out", node=odd[0])
        )
    found, hidden = _without_common_causes(graph, kept, fixed)
    left_out |= hidden
    nodes, edges = found.nodes, tuple((a.left, a.right) for a in found.adjacencies)
    reason = _unfit(found)
    if reason:
        return NodePermutation(False, reason, nodes, edges, left_out)
    sample = complete(state, nodes)
    n_units = sample.values.shape[1]
    if len(sample.years) < 2 or n_units < len(nodes) + FREE_CLUSTERS:
        reason = say(
            "{n_units} states and {n_years} years in which all columns are known",
            n_units=n_units,
            n_years=len(sample.years),
        )
        return NodePermutation(
            False,
            say("{reason} do not carry {n_nodes} nodes", reason=reason, n_nodes=len(nodes)),
            nodes,
            edges,
            left_out,
        )
    values = kernel.within(sample.values)
    draws = -1 if len(nodes) <= EXACT_NODES else permutations
    summary = _falsify(_bare(nodes, edges), values, level, draws, int(rng.integers(2**32)))
    return NodePermutation(True, None, nodes, edges, left_out, **summary)


def _closed(graph: CausalGraph, nodes: set[str]) -> frozenset[str]:
    """Those of some nodes that have no cause outside them: to hold another one fixed would join its causes."""
    import networkx as nx

    drawn = graph.digraph()
    return frozenset(name for name in nodes if nx.ancestors(drawn, name) <= nodes)


def _unfit(found: Marginal) -> str | None:
    if len(found.nodes) > MOST_NODES:
        return say("takes {most_nodes} nodes at most, not {n_nodes}", most_nodes=MOST_NODES, n_nodes=len(found.nodes))
    if len(found.nodes) < FEWEST_NODES or not found.implications:
        return say(
            "the graph implies nothing among the nodes that are left: {nodes}",
            nodes=joined(found.nodes, ", ") or say("none"),
        )
    return None


def _without_common_causes(
    graph: CausalGraph, nodes: list[str], fixed: frozenset[str]
) -> tuple[Marginal, dict[str, str]]:
    """The marginal graph over as many nodes as leave no pair that only an unmeasured cause joins."""
    left_out: dict[str, str] = {}
    kept = list(nodes)
    while True:
        found = marginal(graph, kept, fixed=fixed)
        linked = [(a.left, a.right) for a in found.adjacencies if not a.directed]
        if not linked:
            return found, left_out
        count = {name: sum(name in pair for pair in linked) for name in kept}
        worst = max(kept, key=lambda name: (count[name], kept.index(name)))
        others = sorted({name for pair in linked if worst in pair for name in pair} - {worst})
        left_out[worst] = say("shares an unmeasured cause with {others}", others=joined(others, ", "))
        kept.remove(worst)


def _bare(nodes: tuple[str, ...], edges: tuple[tuple[str, str], ...]) -> nx.DiGraph:
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return graph


def _falsify(graph: nx.DiGraph, values: np.ndarray, level: float, permutations: int, seed: int) -> dict[str, Any]:
    import pandas as pd
    from dowhy.gcm.falsify import FalsifyConst, falsify_graph

    shape = values.shape[1:]

    def test(left: np.ndarray, right: np.ndarray, given: np.ndarray | None = None) -> float:
        controls = np.empty((0, *shape)) if given is None else given.reshape(left.size, -1).T.reshape(-1, *shape)
        return kernel.clustered_p_value(left.reshape(shape), right.reshape(shape), controls)

    with _borrowed(seed):
        found = falsify_graph(
            graph,
            pd.DataFrame({name: values[i].ravel() for i, name in enumerate(graph)}),
            independence_test=test,
            conditional_independence_test=test,
            significance_level=level,
            significance_ci=level,
            n_permutations=permutations,
            show_progress_bar=False,
            n_jobs=1,
        )
    markov, same = (found.summary[method] for method in (FalsifyConst.VALIDATE_LMC, FalsifyConst.VALIDATE_TPA))
    p_value, equivalent = float(markov[FalsifyConst.P_VALUE]), float(same[FalsifyConst.P_VALUE])
    return {
        "falsifiable": equivalent <= level,
        "falsified": equivalent <= level < p_value,
        "violations": int(markov[FalsifyConst.GIVEN_VIOLATIONS]),
        "tests": int(markov[FalsifyConst.N_TESTS]),
        "p_value": p_value,
        "equivalent": equivalent,
        "permutations": len(markov[FalsifyConst.PERM_VIOLATIONS]),
    }


@contextmanager
def _borrowed(seed: int) -> Iterator[None]:
    """Seed the global generators, from which DoWhy draws, and give them back as they were."""
    before, other = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
        random.setstate(other)
