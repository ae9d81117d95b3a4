"""How estimates and checks are written and read back: the keys of the contract, always all of them.

`messages` tells by English text what each sentence among the values was made of (`balanza.say`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.contract import ROW_COLUMNS, CheckResult, Estimate, Study
from balanza.provenance import read_json, write_json, write_parquet

VOLATILE = ("seconds",)
"""Keys that differ between two runs of the same code on the same data."""
UNSTEADY = ("logs", "benchmarks", "costs.html", "costs", "annex.html")
"""Files and folders of results/<world> that hold times, and so differ between two such runs: nothing else does."""

KEYS = (
    "study",
    "world",
    "outcome",
    "treatment",
    "estimator",
    "estimand",
    "scale",
    "value",
    "standard_error",
    "interval",
    "level",
    "p_value",
    "n_observations",
    "n_units",
    "n_treated",
    "n_clusters",
    "standard_error_type",
    "engine",
    "seed",
    "code_digest",
    "data_digest",
    "seconds",
    "percent_change",
    "rate_change",
    "warnings",
    "graph_assumptions",
    "status",
    "reason",
    "messages",
)
FRAMES = ("rows", "covariance")


def file_names(estimator: str, study: Study) -> dict[str, str]:
    """The stem of the result files of an estimator, by treatment of the study."""
    if len(study.treatments) == 1:
        return {study.treatment.name: estimator}
    return {treatment.name: f"{estimator}.{treatment.name}" for treatment in study.treatments}


def write_estimate(folder: Path, stem: str, estimate: Estimate, meta: Mapping[str, Any]) -> None:
    """Write one estimate: `<stem>.json`, its rows `<stem>.parquet`, and their covariance where there is one.

    Parameters
    ----------
    folder : Path
        results/<world>/studies/<study>/estimates
    stem : str
        From `file_names`.
    estimate : Estimate
        What the estimator returned.
    meta : mapping
        What the run knows: study, world, outcome, estimator, level, seed, code_digest, data_digest, seconds,
        graph_assumptions.
    """
    own = {item.name: getattr(estimate, item.name) for item in fields(estimate) if item.name not in FRAMES}
    values = {"graph_assumptions": [], **meta, **own, "status": "ran", "reason": None, "messages": {}}
    rows = estimate.rows if estimate.rows is not None else pd.DataFrame(columns=list(ROW_COLUMNS))
    write_parquet(folder / f"{stem}.parquet", rows[list(ROW_COLUMNS)])
    covariance = estimate.covariance if estimate.covariance is not None else pd.DataFrame()
    write_parquet(folder / f"{stem}.covariance.parquet", covariance)
    write_json(folder / f"{stem}.json", {key: values[key] for key in KEYS})


def write_no_estimate(
    folder: Path, stem: str, treatment: str, status: str, reason: str, meta: Mapping[str, Any]
) -> None:
    """Write that an estimator declined or failed: all keys are there, the numbers are null, the reason is given."""
    values: dict[str, Any] = dict.fromkeys(KEYS) | {"graph_assumptions": []} | dict(meta)
    values |= {"treatment": treatment, "warnings": [], "status": status, "reason": reason, "messages": {}}
    write_parquet(folder / f"{stem}.parquet", pd.DataFrame(columns=list(ROW_COLUMNS)))
    write_parquet(folder / f"{stem}.covariance.parquet", pd.DataFrame())
    write_json(folder / f"{stem}.json", {key: values[key] for key in KEYS})


def read_estimate(folder: Path, stem: str) -> Estimate | None:
    """Read an estimate back into the contract's form, or None where it declined or failed.

    A bound that was not finite reads NaN.
    """
    values = read_json(folder / f"{stem}.json")
    return _restored(folder, stem, values) if values["status"] == "ran" else None


class StoredEstimates(Mapping[str, Estimate]):
    """The estimates of a folder that ran, by stem; an estimate's tables are read when it is asked for, most never are.

    Parameters
    ----------
    folder : Path
    stems : iterable of str
    """

    def __init__(self, folder: Path, stems: Iterable[str]) -> None:
        told = {stem: read_json(folder / f"{stem}.json") for stem in stems}
        self._folder = folder
        self._values = {stem: values for stem, values in told.items() if values["status"] == "ran"}
        self._known: dict[str, Estimate] = {}

    def __getitem__(self, stem: str) -> Estimate:
        if stem not in self._known:
            self._known[stem] = _restored(self._folder, stem, self._values[stem])
        return self._known[stem]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _restored(folder: Path, stem: str, values: Mapping[str, Any]) -> Estimate:
    own = {item.name: values[item.name] for item in fields(Estimate) if item.name not in FRAMES}
    for key in ("interval", "percent_change", "rate_change", "warnings"):
        own[key] = tuple(math.nan if item is None else item for item in own[key]) if own[key] is not None else None
    covariance = pd.read_parquet(folder / f"{stem}.covariance.parquet")
    return Estimate(
        **own,
        rows=pd.read_parquet(folder / f"{stem}.parquet"),
        covariance=None if covariance.empty else covariance.set_axis(covariance.columns, axis=0),
    )


def write_check(folder: Path, result: CheckResult | None, meta: Mapping[str, Any]) -> None:
    """Write one check: `<name>.json` with its sentence, values, table and figure; empty where it did not run.

    Parameters
    ----------
    folder : Path
        results/<world>/studies/<study>/checks
    result : CheckResult or None
        What the check returned, None where it declined or failed.
    meta : mapping
        What the run knows, with `name`, `status` and `reason`.
    """
    found = {
        "passed": result.passed if result else None,
        "sentence": result.sentence if result else None,
        "values": dict(result.values) if result else {},
        "table": _records(result.table if result else None),
        "figure": _records(result.figure if result else None),
        "messages": {},
    }
    write_json(folder / f"{meta['name']}.json", {**meta, **found})


def _records(frame: pd.DataFrame | None) -> list[dict[str, Any]]:
    return [] if frame is None else [{str(key): row[key] for key in row} for row in frame.to_dict("records")]
