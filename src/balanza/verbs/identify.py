"""Ask the causal graph of a study what it identifies, and write the answer (`balanza.graph.identify`)."""

from __future__ import annotations

from pathlib import Path

from balanza.config import graph_file, load_study
from balanza.errors import GraphError
from balanza.graph.identify import identify
from balanza.graph.load import load
from balanza.panel.codebook import load_codebook
from balanza.provenance import write_json

CODEBOOK = Path("data/variables.yaml")


def run(study_file: Path, out: Path, graph: Path | None = None, codebook: Path = CODEBOOK) -> None:
    """Write identification.json.

    Parameters
    ----------
    study_file : Path
        The study.
    out : Path
        Where the answer goes.
    graph : Path, optional
        Another graph than the one that the study names.
    codebook : Path
        The panel's columns, against which the graph's are checked; not read for a study with a panel of its own.

    Raises
    ------
    BalanzaError
        If the study names no graph, or study and graph do not fit.
    """
    study = load_study(study_file)
    if graph is None and study.graph is None:
        raise GraphError("names no graph", where=f"study {study.name}", cure="Add `graph:` to it, or give --graph FILE")
    path = graph or graph_file(study_file, study.graph or "")
    if study.rows == "panel":
        write_json(out, identify(study, load(path)))
        return
    if not codebook.is_file():
        raise GraphError("the panel's codebook is not there", where=str(codebook), cure="Run in the project's folder")
    variables = load_codebook(codebook)
    drawn = load(path, {variable.name for variable in variables})
    write_json(out, identify(study, drawn, {item.name for item in variables if study.rows in item.tables}))
