"""The tidy tables of a world: required ones or an error, optional ones or a note of the columns that stay missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import PanelError
from balanza.panel.quality import Quality
from balanza.provenance import read_json

REQUIRED = ("homicides_month", "population", "municipality_catalogue")
OPTIONAL = {
    "municipalities_geojson": "geometry, latitude, longitude",
    "sesnsp_json": "feminicides, kidnappings",
    "sesnsp_victims_state": "sesnsp_*_victims",
    "sesnsp_state": "sesnsp_homicide_files",
    "guard": "guard_*",
    "jcf_state_year": "jcf_*",
    "federal_accounts": "jcf_pesos_per_capita",
    "consumer_prices": "pesos of 2021",
    "efipem": "security_transfers_per_capita and its parts",
    "joint_operations": "operation, operation_city",
    "marginalization": "marginalization, marginalization_2020",
    "criminal_presence": "criminal_presence",
    "mayors": "mayor_party, mayor_aligned",
    "workforce_state": "workforce",
    "wage_state": "wage",
    "army_clashes": "army_clashes",
    "deployment": "guard_opening, guard_region, guard_tier",
    "deployment_elements": "guard_elements_municipal",
    "spending": "prevention_pesos_municipal",
}
"""Tables that make columns, to the columns that stay missing without them."""

MEASURES = {
    "army_clashes": "clashes",
    "census": "population",
    "clashes_ppd": "killed",
    "consumer_prices": "index",
    "criminal_presence": "rows",
    "efipem": "rows",
    "guard": "elements",
    "inegi_homicides_2019_2021": "homicides",
    "inegi_homicides_export": "homicides",
    "inegi_homicides_raw": "homicides",
    "homicides_month": "homicides",
    "jcf_state_year": "beneficiaries",
    "marginalization": "population",
    "municipality_catalogue": "population",
    "population": "population",
    "public_spending_state": "pesos",
    "ramo33": "pesos",
    "spending": "pesos",
    "deployment_elements": "elements",
    "sesnsp_json": "files",
    "sesnsp_municipal": "files",
    "sesnsp_municipal_names": "files",
    "sesnsp_municipal_rds": "files",
    "sesnsp_rnid_state": "files",
    "sesnsp_state": "files",
    "sesnsp_victims_state": "victims",
    "workforce_state": "workforce",
}
"""The figure of each table that its coverage is summed by; the others count rows only."""


class Tables:
    """Reads the tidy tables of a world, each once at most.

    Parameters
    ----------
    paths : iterable of Path
        results/<world>/tidy/<reader>.parquet, for the readers of this run; what else lies in the folder is not read.
    quality : Quality
        Gets what is absent, covered and left out.
    """

    def __init__(self, paths: Iterable[Path], quality: Quality) -> None:
        self._paths, self._quality = {path.stem: path for path in paths}, quality
        self._read: dict[str, Any] = {}

    def required(self, reader: str) -> pd.DataFrame:
        """A table without which there is no panel.

        Raises
        ------
        PanelError
            If it is not among the paths, or not there.
        """
        if reader not in self._paths:
            raise PanelError(
                "the panel needs this tidy table and it is not among those given",
                where=f"{reader}.parquet",
                cure=f"Make it with `python -m balanza tidy {reader}`, and name its path too",
            )
        table: pd.DataFrame = self._load(reader)
        return table

    def optional(self, reader: str) -> Any:
        """A table that makes some columns; None where it is not given (`note_absent` says so)."""
        return self._load(reader) if reader in self._paths else None

    def note_absent(self) -> None:
        """Note each optional table that is not given, with the columns that stay missing."""
        for reader, columns in OPTIONAL.items():
            if reader not in self._paths:
                self._quality.note("absent_sources", reader=reader, columns=columns)

    def _load(self, reader: str) -> Any:
        if reader not in self._read:
            self._read[reader] = self._fresh(reader)
        return self._read[reader]

    def _fresh(self, reader: str) -> Any:
        path = self._paths[reader]
        if not path.is_file():
            cure = f"Make it: python -m balanza tidy {reader}"
            raise PanelError("there is no such tidy table", where=str(path), cure=cure)
        if reader == "municipalities_geojson":
            import geopandas as gpd

            return gpd.read_parquet(path)
        return pd.read_parquet(path)

    def note_coverage(self, codes: Iterable[str]) -> dict[str, list[str]]:
        """Note what every tidy table covers by source and year, and what its reader left out.

        Parameters
        ----------
        codes : iterable of str
            Municipalities to look for on the way.

        Returns
        -------
        dict
            Each of these codes that some table holds, to the names of the tables.
        """
        wanted = set(codes)
        holders: dict[str, list[str]] = {}
        for reader in sorted(self._paths):
            frame = self._read[reader] if reader in self._read else self._fresh(reader)
            self._coverage(reader, frame)
            for code in sorted(wanted & set(frame["cvegeo"].unique())) if "cvegeo" in frame else ():
                holders.setdefault(code, []).append(reader)
            left_out = self._paths[reader].with_name(f"{reader}.left_out.json")
            for row in read_json(left_out) if left_out.is_file() else []:
                self._quality.note("dropped", source=reader, reason=row["reason"], rows=row["rows"])
        return holders

    def _coverage(self, reader: str, frame: pd.DataFrame) -> None:
        time = next((name for name in ("period", "date", "start", "opening") if name in frame), None)
        measure = MEASURES.get(reader, "rows")
        place = next((name for name in ("state", "cvegeo") if name in frame), None)
        parts = pd.DataFrame({"source": frame["source"].astype("str") if "source" in frame else reader}, frame.index)
        parts["year"] = frame["year"] if "year" in frame else (frame[time].dt.year if time else 0)
        parts["month"] = frame[time].dt.month if time else 0
        parts["state"] = frame[place].astype("str").str[:2] if place else ""
        parts["total"] = frame[measure].astype("float64") if measure in frame else 1.0
        groups = parts.groupby(["source", "year"], sort=True)
        table = groups.agg(
            rows=("total", "size"), months=("month", "nunique"), states=("state", "nunique"), total=("total", "sum")
        )
        for row in table.reset_index().to_dict("records"):
            self._quality.note(
                "coverage",
                source=row["source"],
                year=int(row["year"]) or None,
                rows=int(row["rows"]),
                months=int(row["months"]) if time else None,
                states=int(row["states"]) if place else None,
                measure=measure,
                total=round(float(row["total"]), 2),
            )
