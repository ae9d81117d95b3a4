"""Test what a causal graph implies on a world's panel, and write what was found.

`falsification.json` holds
    graph, title, graph_digest, world, seed, level, draws, code_digest, data_digest
    passed        true, false, or null where nothing could be tested
    sentence      the verdict in words
    n_implications, n_tested, n_failed
    implications  one a pair of measured nodes that some measured set separates, and those stated beside the graph:
                  left, right, left_title, right_title, given (nodes), absorbed (nodes that effects take out), stated,
                  reading (what a failure means), tested, reason (why not), failed (null where not tested),
                  level (state | municipality), design (unit and period effects | across units), correlation, statistic,
                  p_value, adjusted_p_value, rows, units, clusters, years ([first, last])
    adjacencies   pairs of measured nodes that nothing measured separates, hence not testable: left, right, directed
                  (left causes right; else only something unmeasured joins them), drawn (the graph has the edge)
    columns       node: panel column, of the measured nodes
    left_out      node: why it has a column but no values
    node_permutation
                  the whole graph against its relabellings by DoWhy: ran, reason, sentence, nodes, edges, left_out,
                  falsifiable, falsified, violations, tests, p_value, equivalent, permutations
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from balanza.graph.falsify import Result, falsify
from balanza.graph.implications import load_stated, measured
from balanza.graph.load import load
from balanza.graph.measures import origin, read
from balanza.graph.model import CausalGraph
from balanza.graph.node_permutation import permute_nodes
from balanza.provenance import derive_seed, write_json


def run(
    graph_file: Path,
    panel: Path,
    out: Path,
    stated: Path | None = None,
    world: str = "own panel",
    seed: int = 20190701,
    level: float = 0.95,
    draws: int = 999,
) -> None:
    """Test a graph.

    Parameters
    ----------
    graph_file : Path
        The graph.
    panel : Path
        Folder of the world's panels.
    out : Path
        The JSON file.
    stated : Path, optional
        Implications that the authors of the graph wrote down.
    world, seed : as in `balanza.verbs.estimate`
    level : float
        Confidence level; the tests' level is what it leaves.
    draws : int
        Permutations of each test, at least.

    Raises
    ------
    BalanzaError
        If the graph, its implications or the panel cannot be used.
    """
    graph = load(graph_file)
    written = load_stated(stated, graph) if stated else ()
    measures = read(graph, panel)
    job_seed = derive_seed(seed, graph.name, "falsify")
    alpha = round(1 - level, 10)
    rng = np.random.default_rng(job_seed)
    found = falsify(graph, measures, written, draws=draws, level=alpha, rng=rng)
    whole = permute_nodes(graph, measures, level=alpha, rng=rng)
    rows = [_row(graph, result, alpha) for result in found.results]
    counts = {"n_tested": sum(row["tested"] for row in rows), "n_failed": sum(row["failed"] is True for row in rows)}
    write_json(
        out,
        origin(graph, "balanza.verbs.falsify", [graph_file, *([stated] if stated else [])], panel)
        | {"world": world, "seed": job_seed, "level": alpha, "draws": found.draws}
        | {"passed": found.passed, "sentence": found.sentence, "n_implications": len(rows), **counts}
        | {"implications": rows, "adjacencies": [asdict(adjacency) for adjacency in found.adjacencies]}
        | {"columns": {name: graph.nodes[name].column for name in measured(graph)}}
        | {"left_out": {name: reason for table in measures.values() for name, reason in table.left_out.items()}}
        | {"node_permutation": asdict(whole) | {"sentence": whole.sentence}},
    )


def _row(graph: CausalGraph, result: Result, level: float) -> dict[str, Any]:
    """A result flat, with the titles of its nodes and the verdict."""
    values = asdict(result)
    implication: dict[str, Any] = values.pop("implication")
    titles = {f"{side}_title": graph.nodes[implication[side]].title for side in ("left", "right")}
    adjusted = result.adjusted_p_value
    return implication | titles | values | {"failed": None if adjusted is None else adjusted < level}
