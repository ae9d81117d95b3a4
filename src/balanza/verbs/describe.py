"""What a study's data look like before any estimate: the outcome over time by treatment, and the treatment on a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from balanza.cohorts import NEVER
from balanza.config import load_study
from balanza.contract import Panel, Study, Treatment
from balanza.preparation import read_panel
from balanza.provenance import write_parquet

PER = 100_000
THIRDS = ("low", "middle", "high")


def run(study_file: Path, rows: Path, out: Path) -> None:
    """Write `series.parquet` and `map.parquet`.

    Parameters
    ----------
    study_file : Path
        The study.
    rows : Path
        The study's rows.
    out : Path
        Folder of the study's results. `series.parquet` holds treatment, group, period, outcome, exposure, value
        (a yearly rate per 100,000 for counts with exposure, else the mean) and n_units; `map.parquet` holds
        treatment, unit, group and dose (the largest of the window, in the treatment's stated unit).
    """
    study = load_study(study_file)
    panel = read_panel(study_file, study, rows)
    groups = {treatment.name: _groups(treatment, panel) for treatment in study.treatments}
    series = [_series(study, panel, name, group) for name, group in groups.items()]
    write_parquet(out / "series.parquet", pd.concat(series, ignore_index=True))
    maps = [_map(panel, name, group) for name, group in groups.items()]
    write_parquet(out / "map.parquet", pd.concat(maps, ignore_index=True))


def _doses(panel: Panel, name: str) -> np.ndarray:
    return np.asarray(panel.frame.groupby("unit", sort=True)[f"d_{name}"].max())


def _groups(treatment: Treatment, panel: Panel) -> np.ndarray:
    """A label for each unit: thirds of the dose, or when an absorbing treatment began."""
    doses = _doses(panel, treatment.name)
    if treatment.kind == "dose":
        rank = pd.Series(doses).rank(method="first").to_numpy()
        return np.asarray(np.array(THIRDS)[np.minimum((3 * (rank - 1) / len(rank)).astype(int), 2)])
    if treatment.kind == "reversible":
        return np.where(doses > 0, "treated", "never")
    cohorts = panel.by_unit(f"g_{treatment.name}")
    seen = (cohorts != NEVER) & (cohorts < panel.n_periods)
    return np.where(seen, "treated", np.where(cohorts == NEVER, "never", "later"))


def _series(study: Study, panel: Panel, name: str, groups: np.ndarray) -> pd.DataFrame:
    frame = panel.frame.assign(group=groups[panel.frame["unit"].to_numpy()])
    if "exposure" not in frame:
        frame["exposure"] = 1.0
    total = frame.groupby(["group", "period"], sort=True).agg(
        outcome=("outcome", "sum"), exposure=("exposure", "sum"), n_units=("unit", "nunique")
    )
    scale = PER * (panel.periods_per_year or 1) if study.outcome.exposure else 1
    total["value"] = scale * total["outcome"] / total["exposure"]
    total = total.reset_index()
    total["period"] = panel.period_labels[total["period"].to_numpy()].astype(str)
    return total.assign(treatment=name)[["treatment", "group", "period", "outcome", "exposure", "value", "n_units"]]


def _map(panel: Panel, name: str, groups: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {"treatment": name, "unit": panel.unit_labels.astype(str), "group": groups, "dose": _doses(panel, name)}
    )
