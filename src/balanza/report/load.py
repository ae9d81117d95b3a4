"""Reads the results of a run for its pages; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from balanza.config import load_study
from balanza.contract import Study
from balanza.provenance import read_json
from balanza.registry import chosen
from balanza.report import said
from balanza.report.language import LANGUAGES

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True)
class StudyResults:
    """What a run found for one study.

    `identification` is the answer of its graph, None where it has no graph; `assumptions` maps the stems of the
    estimates that were tried to what each rests on. `curve` is None where the study has no variants.
    """

    study: Study
    design: Mapping[str, Any]
    comparison: Mapping[str, Any]
    claim: Mapping[str, Any]
    checks: tuple[Mapping[str, Any], ...]
    series: pd.DataFrame
    map: pd.DataFrame
    rows: Mapping[str, pd.DataFrame]
    identification: Mapping[str, Any] | None = None
    assumptions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    curve: Mapping[str, Any] | None = None
    curve_rows: pd.DataFrame | None = None


@dataclass(frozen=True)
class GraphResults:
    """A causal graph: what was drawn, by language, and what the tests of it found, None where it was not tested."""

    drawn: Mapping[str, Any]
    svg: Mapping[str, str]
    falsification: Mapping[str, Any] | None = None
    discovery: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Weighing:
    """The themes with their places; pesos and targeting with their curves, None where the weighed study did not run."""

    themes: Mapping[str, Any]
    pesos: Mapping[str, Any] | None = None
    lines: pd.DataFrame | None = None
    targeting: Mapping[str, Any] | None = None
    curves: pd.DataFrame | None = None


@dataclass(frozen=True)
class OutlookResults:
    """The outlook: what `outlook` and `scenario` wrote."""

    scores: Mapping[str, Any]
    tried: pd.DataFrame
    fan: pd.DataFrame
    scenarios: Mapping[str, Any]
    months: pd.DataFrame


@dataclass(frozen=True)
class WorldResults:
    """What a run found for a world.

    `waiting` lists the studies that lack a file of the user's; `provenance` is what `trace` wrote, None where it did
    not; `annex` is whether `make annex` has been called; `sentences` tells by its English text what each sentence was
    made of (`balanza.say`).
    """

    config: Mapping[str, Any]
    quality: Mapping[str, Any]
    national: pd.DataFrame
    municipal: pd.DataFrame
    outlines: gpd.GeoDataFrame
    states: gpd.GeoDataFrame
    studies: tuple[StudyResults, ...]
    waiting: tuple[Study, ...]
    graphs: tuple[GraphResults, ...] = ()
    weighing: Weighing | None = None
    outlook: OutlookResults | None = None
    provenance: Mapping[str, Any] | None = None
    annex: bool = False
    sentences: Mapping[str, Any] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        return bool(self.config["world"] == "synthetic")

    @property
    def blind(self) -> bool:
        """Whether the treatment was reassigned at random, in the whole run or in the rows of any study."""
        return bool(self.config.get("blind")) or any(found.design.get("blind") for found in self.studies)


def load_world(
    results: Path,
    study_files: Iterable[Path],
    waiting: Iterable[Path] = (),
    graphs: Iterable[str] = (),
    *,
    weighing: bool = False,
) -> WorldResults:
    """Read all results of a world.

    Parameters
    ----------
    results : Path
        results/<world>
    study_files, waiting : iterable of Path
        The studies that ran, and those that wait for a file of the user's, in the order of the report. What an earlier
        run found for a study that waits now is not read.
    graphs : iterable of str
        Folders of results/<world>/graph.
    weighing : bool
        Whether results/<world>/versus is of this run.
    """
    import geopandas as gpd

    config = yaml.safe_load((results / "config.yaml").read_text("utf-8"))
    ran, idle = (
        [load_study(path, config["level"], config["draws"]) for path in paths] for paths in (study_files, waiting)
    )
    read = [*(f"studies/{study.name}" for study in ran), *(f"graph/{name}" for name in graphs), "versus", "outlook"]
    return WorldResults(
        config=config,
        quality=read_json(results / "quality.json"),
        national=pd.read_parquet(results / "summary" / "national.parquet"),
        municipal=pd.read_parquet(results / "summary" / "municipal.parquet"),
        outlines=gpd.read_parquet(results / "summary" / "municipalities.parquet"),
        states=gpd.read_parquet(results / "summary" / "states.parquet"),
        studies=tuple(_load_study(results / "studies" / study.name, study) for study in ran),
        waiting=tuple(idle),
        graphs=tuple(_load_graph(results / "graph" / name) for name in graphs),
        weighing=_load_weighing(results / "versus", {study.name for study in ran}) if weighing else None,
        outlook=_load_outlook(results / "outlook"),
        provenance=read_json(traced) if (traced := results / "provenance.json").is_file() else None,
        annex=(results / "annex.html").is_file(),
        sentences=said.in_folders(results / name for name in read),
    )


def _load_study(folder: Path, study: Study) -> StudyResults:
    comparison = read_json(folder / "comparison.json")
    drawn = bool(study.variants) and (folder / "curve.json").is_file()
    stems = [row["stem"] for row in comparison["rows"] if row["status"] == "ran"]
    tried = [row["stem"] for row in comparison["rows"] if row["status"] in ("ran", "declined", "failed")]
    return StudyResults(
        study=study,
        design=read_json(folder / "design.json"),
        comparison=comparison,
        claim=read_json(folder / "claim.json"),
        checks=tuple(read_json(folder / "checks" / f"{name}.json") for name in chosen("checks", study)),
        series=pd.read_parquet(folder / "series.parquet"),
        map=pd.read_parquet(folder / "map.parquet"),
        rows={stem: pd.read_parquet(folder / "estimates" / f"{stem}.parquet") for stem in stems},
        identification=read_json(folder / "identification.json") if study.graph else None,
        assumptions={stem: read_json(folder / "estimates" / f"{stem}.json")["graph_assumptions"] for stem in tried},
        curve=read_json(folder / "curve.json") if drawn else None,
        curve_rows=pd.read_parquet(folder / "curve.parquet") if drawn else None,
    )


def _load_graph(folder: Path) -> GraphResults:
    tests = {name: folder / f"{name}.json" for name in ("falsification", "discovery")}
    return GraphResults(
        drawn=read_json(folder / "graph.json"),
        svg={spoken.code: (folder / spoken.named("graph.svg")).read_text("utf-8") for spoken in LANGUAGES},
        **{name: read_json(path) if path.is_file() else None for name, path in tests.items()},
    )


def _load_weighing(folder: Path, ran: set[str]) -> Weighing:
    """What was weighed; pesos of a study that is not in this run are of an earlier one."""
    themes = read_json(folder / "themes.json")
    if not (folder / "pesos.json").is_file() or read_json(folder / "pesos.json")["study"] not in ran:
        return Weighing(themes)
    return Weighing(
        themes=themes,
        pesos=read_json(folder / "pesos.json"),
        lines=pd.read_parquet(folder / "pesos.parquet"),
        targeting=read_json(folder / "targeting.json"),
        curves=pd.read_parquet(folder / "targeting.parquet"),
    )


def _load_outlook(folder: Path) -> OutlookResults | None:
    """None where no outlook was made."""
    if not (folder / "scenarios.json").is_file():
        return None
    return OutlookResults(
        scores=read_json(folder / "scores.json"),
        tried=pd.read_parquet(folder / "scores.parquet"),
        fan=pd.read_parquet(folder / "fan.parquet"),
        scenarios=read_json(folder / "scenarios.json"),
        months=pd.read_parquet(folder / "scenarios.parquet"),
    )
