"""Write the tables of studies as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.config import load_study
from balanza.provenance import read_json, write_text
from balanza.publish import latex
from balanza.registry import chosen
from balanza.strict import read_yaml


def run(results: Path, study_files: Iterable[Path]) -> list[Path]:
    """Write results/<world>/tables/<study>.{estimates,checks}.tex.

    Parameters
    ----------
    results : Path
        results/<world>
    study_files : iterable of Path
        The studies that ran.

    Returns
    -------
    list of Path
        What was written.
    """
    config = read_yaml(results / "config.yaml")
    written = []
    for path in study_files:
        study = load_study(path, config["level"], config["draws"])
        folder = results / "studies" / study.name
        design = read_json(folder / "design.json")
        stamp = latex.stamp(config, blind=bool(design.get("blind")), own=study.rows == "panel")
        found = [read_json(folder / "checks" / f"{name}.json") for name in chosen("checks", study)]
        tables = {
            "estimates": latex.estimates(study, design, read_json(folder / "comparison.json"), stamp),
            "checks": latex.checks(study, design, found, stamp),
        }
        for name, text in tables.items():
            written.append(results / "tables" / f"{study.name}.{name}.tex")
            write_text(written[-1], text)
    return written
