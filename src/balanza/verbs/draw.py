"""Draw a causal graph, whole and for each effect that a study asks of it.

`graph.svg` is the whole graph. `graph.json` holds
    graph, title, graph_digest, times
    nodes     name, title, theme, time, observed, column, proxy, absorbed, measures, threat, note
    edges     cause, effect, reason, source
    effects   one an arm of a study, and before them the joint one of a study with several treatments: study, treatment,
              nodes (of the treatments), outcome, shown (nodes of the picture), roles (node: treatment | outcome |
              mediator | adjust | open), svg
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from balanza.errors import GraphError
from balanza.graph.load import load
from balanza.graph.model import CausalGraph, Edge, Node
from balanza.provenance import read_json, write_json, write_text
from balanza.report.graph import draw, draw_effect
from balanza.report.language import LANGUAGES, speaking


def run(graph_file: Path, out: Path, identifications: Iterable[Path] = ()) -> None:
    """Write graph.svg and graph.json.

    Parameters
    ----------
    graph_file : Path
        The graph.
    out : Path
        Folder of the two files.
    identifications : iterable of Path
        What `identify` wrote on studies of this graph.

    Raises
    ------
    GraphError
        If the graph cannot be read, or an answer is of another graph or of this one as it stood before.
    """
    graph = load(graph_file)
    answers = [_read(path, graph) for path in identifications]
    effects = [_effect(graph, answer, arm) for answer in answers for arm in (answer["joint"], *answer["arms"]) if arm]
    for language in LANGUAGES:
        with speaking(language):
            write_text(out / language.named("graph.svg"), draw(graph, answers).svg)
    write_json(
        out / "graph.json",
        {"graph": graph.name, "title": graph.title, "graph_digest": graph.digest, "times": graph.times}
        | {"nodes": [_stated(node) for node in graph.nodes.values()]}
        | {"edges": [_stated(edge) for edge in graph.edges], "effects": effects},
    )


def _read(path: Path, graph: CausalGraph) -> dict[str, Any]:
    answer: dict[str, Any] = read_json(path)
    if answer["graph_digest"] != graph.digest:
        raise GraphError(
            f"was made of graph {answer['graph']} as it stood then, not of {graph.name} as it stands now",
            where=str(path),
            cure=f"Run `python -m balanza identify` on study {answer['study']} again",
        )
    return answer


def _effect(graph: CausalGraph, answer: Mapping[str, Any], arm: Mapping[str, Any]) -> dict[str, Any]:
    outcome = answer["outcome"]["node"]
    names = {"study": answer["study"], "treatment": arm["treatment"], "nodes": arm["nodes"], "outcome": outcome}
    conditioned = [item["node"] for item in answer["conditioned"]]
    drawn = {}
    for language in LANGUAGES:
        with speaking(language):
            drawn[language.code] = draw_effect(graph, arm, outcome, conditioned)
    return names | asdict(drawn["en"]) | {"svg": {code: drawing.svg for code, drawing in drawn.items()}}


def _stated(part: Node | Edge) -> dict[str, Any]:
    """A node or an edge as the file states it, without its line."""
    return {key: value for key, value in asdict(part).items() if key != "line"}
