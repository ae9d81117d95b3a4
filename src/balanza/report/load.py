"""Reads the results of a run for its pages; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from balanza.config import load_study
from balanza.contract import Study
from balanza.provenance import read_json
from balanza.registry import chosen

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True)
class StudyResults:
    """What a run found for one study."""

    study: Study
    design: Mapping[str, Any]
    comparison: Mapping[str, Any]
    checks: tuple[Mapping[str, Any], ...]
    series: pd.DataFrame
    map: pd.DataFrame
    rows: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class WorldResults:
    """What a run found for a world. `waiting` lists the studies that lack a file of the user's."""

    config: Mapping[str, Any]
    quality: Mapping[str, Any]
    national: pd.DataFrame
    municipal: pd.DataFrame
    outlines: gpd.GeoDataFrame
    states: gpd.GeoDataFrame
    studies: tuple[StudyResults, ...]
    waiting: tuple[Study, ...]

    @property
    def synthetic(self) -> bool:
        return bool(self.config["world"] == "synthetic")


def load_world(results: Path, study_files: Iterable[Path], waiting: Iterable[Path] = ()) -> WorldResults:
    """Read all results of a world.

    Parameters
    ----------
    results : Path
        results/<world>
    study_files, waiting : iterable of Path
        The studies that ran, and those that wait for a file of the user's, in the order of the report. What an earlier
        run found for a study that waits now is not read.
    """
    import geopandas as gpd

    config = yaml.safe_load((results / "config.yaml").read_text("utf-8"))
    ran, idle = (
        [load_study(path, config["level"], config["draws"]) for path in paths] for paths in (study_files, waiting)
    )
    return WorldResults(
        config=config,
        quality=read_json(results / "quality.json"),
        national=pd.read_parquet(results / "summary" / "national.parquet"),
        municipal=pd.read_parquet(results / "summary" / "municipal.parquet"),
        outlines=gpd.read_parquet(results / "summary" / "municipalities.parquet"),
        states=gpd.read_parquet(results / "summary" / "states.parquet"),
        studies=tuple(_load_study(results / "studies" / study.name, study) for study in ran),
        waiting=tuple(idle),
    )


def _load_study(folder: Path, study: Study) -> StudyResults:
    comparison = read_json(folder / "comparison.json")
    stems = [row["stem"] for row in comparison["rows"] if row["status"] == "ran"]
    return StudyResults(
        study=study,
        design=read_json(folder / "design.json"),
        comparison=comparison,
        checks=tuple(read_json(folder / "checks" / f"{name}.json") for name in chosen("checks", study)),
        series=pd.read_parquet(folder / "series.parquet"),
        map=pd.read_parquet(folder / "map.parquet"),
        rows={stem: pd.read_parquet(folder / "estimates" / f"{stem}.parquet") for stem in stems},
    )
