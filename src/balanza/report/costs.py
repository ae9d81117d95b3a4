"""The page of costs: what each job of a run took, from its benchmarks. It differs between two equal runs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from balanza.config import load_study_file
from balanza.errors import ConfigError
from balanza.report.language import LANGUAGES, N_, speaking
from balanza.report.pages import environment, publish
from balanza.report.validation import Frame

ALL = N_("all jobs")
COSTS = ("wall_seconds", "cpu_seconds", "peak_mib")


def read(folder: Path) -> list[dict[str, Any]]:
    """Each job with its seconds and its peak of memory, the dearest first.

    Parameters
    ----------
    folder : Path
        One file a job, as `python -m balanza.warm --cost` writes it.

    Raises
    ------
    ConfigError
        If a file is something else.
    """
    rows = [_read(path, path.relative_to(folder).with_suffix("").as_posix()) for path in sorted(folder.rglob("*.tsv"))]
    return sorted(rows, key=lambda row: (-row["cpu_seconds"], row["job"]))


def _read(path: Path, job: str) -> dict[str, Any]:
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream, delimiter="\t"))
    try:
        (line,) = lines
        return {"job": job, **{key: float(line[key]) for key in COSTS}}
    except (KeyError, TypeError, ValueError):
        cure = "Delete it, and run the job again"
        raise ConfigError("not the cost of one job", where=str(path), cure=cure) from None


def summed(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same by the first part of the jobs' names, and over all: count, sums of seconds, highest peak."""
    groups: dict[str, list[Mapping[str, Any]]] = {ALL: []}
    for row in rows:
        groups[ALL].append(row)
        groups.setdefault(row["job"].partition("/")[0], []).append(row)
    return [
        {
            "job": name,
            "n": len(members),
            "wall_seconds": sum(row["wall_seconds"] for row in members),
            "cpu_seconds": sum(row["cpu_seconds"] for row in members),
            "peak_mib": max((row["peak_mib"] for row in members), default=0.0),
        }
        for name, members in groups.items()
    ]


def write(results: Path, study_files: Sequence[Path]) -> None:
    """Write results/<world>/costs.html, in every language.

    Parameters
    ----------
    results : Path
        results/<world>
    study_files : sequence of Path
        The studies of the menu, in its order.
    """
    config = yaml.safe_load((results / "config.yaml").read_text("utf-8"))
    menu = [(file.name, file.title) for file in map(load_study_file, study_files)]
    rows = read(results / "benchmarks")
    for spoken in LANGUAGES:
        with speaking(spoken):
            page = environment(Frame(config), menu, "costs").get_template("costs.html.j2")
            publish(page, results / spoken.folder / "costs.html", rows=rows, groups=summed(rows))
