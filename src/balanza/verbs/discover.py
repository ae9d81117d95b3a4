"""Search for a causal graph in a world's panel, and write how it differs from the drawn one.

`discovery.json` holds
    graph, title, graph_digest, world, code_digest, data_digest, level
    start      first year of the treatments: doses and outcomes are means from then on, the rest of five years before
    sentence   in words
    nodes      the measured nodes, from the earliest on; n_rows: states with all of them
    left_out   node: why it is not among them
    searches   one an algorithm (PC, FCI, GES): algorithm, ran, reason (why not), counts (verdict: number) and pairs:
               left, right, drawn and found (the edge from left to right: -->, <--, <->, ---, with o where an end is
               open; null where there is none), by_edge (the graph has the edge itself, not only a way through something
               unmeasured), verdict (drawn and found | drawn, not found | found, not drawn), agrees (in direction; null
               where that is open), against_time
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import get_args

from balanza.graph.discover import Verdict, discover, rows_of, sentence
from balanza.graph.load import load
from balanza.graph.measures import origin, read
from balanza.provenance import write_json

START = 2019
"""The Guard, and Jovenes Construyendo el Futuro, began in 2019."""


def run(
    graph_file: Path,
    panel: Path,
    out: Path,
    start: int = START,
    world: str = "own panel",
    level: float = 0.95,
) -> None:
    """Challenge a graph.

    Parameters
    ----------
    graph_file : Path
        The graph.
    panel : Path
        Folder of the world's panels.
    out : Path
        The JSON file.
    start : int
        First year of the treatments.
    world : str
        Name of the world, for the record.
    level : float
        Confidence level; the tests' level is what it leaves.

    Raises
    ------
    BalanzaError
        If the graph or the panel cannot be used.
    """
    graph = load(graph_file)
    rows = rows_of(graph, read(graph, panel)["state"], start)
    alpha = round(1 - level, 10)
    searches = discover(graph, rows, level=alpha)
    counted = [
        asdict(search) | {"counts": {verdict: search.count(verdict) for verdict in get_args(Verdict)}}
        for search in searches
    ]
    write_json(
        out,
        origin(graph, "balanza.verbs.discover", [graph_file], panel)
        | {"world": world, "level": alpha, "start": start, "sentence": sentence(rows, searches)}
        | {"nodes": rows.nodes, "n_rows": len(rows.values), "left_out": rows.left_out, "searches": counted},
    )
