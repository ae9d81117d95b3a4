"""A toy study with variants on every axis, and its table, for the tests of the specification curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from balanza.config import load_study
from balanza.contract import Study

PLACES, YEARS = 24, range(2008, 2020)
STUDY: dict[str, Any] = {
    "name": "toy",
    "title": "Toy",
    "question": "Does it work?",
    "panel": {"file": "toy.csv", "unit": "place", "period": "year"},
    "outcome": {"column": "deaths", "family": "poisson", "exposure": "people"},
    "treatment": {"column": "money", "kind": "dose", "start": 2014, "unit": "money"},
    "cluster": "state",
    "headline": "poisson",
}
VARIANTS: dict[str, Any] = {
    "outcome": {"files": {"column": "files"}},
    "treatment": {"last dose": {"dose": "last"}},
    "scale": ["rate", "log1p"],
    "covariates": {"poverty": ["poverty"]},
    "window": {"late": [2010, 2019]},
    "cluster": {"place": "place"},
    "estimator": ["poisson", "twfe"],
}


def table(seed: int = 1, effect: float = 0.0) -> pd.DataFrame:
    """Twelve states of two places; the dose is the state's, zero before 2014, and acts on the log rate."""
    rng = np.random.default_rng(seed)
    state = np.repeat(np.arange(PLACES // 2), 2)
    dose = rng.permutation(np.linspace(0.2, 2.0, PLACES // 2))[state]
    frame = pd.DataFrame(
        {
            "place": [f"p{place:02d}" for place in range(PLACES) for _ in YEARS],
            "state": [f"s{state[place]:02d}" for place in range(PLACES) for _ in YEARS],
            "year": [year for _ in range(PLACES) for year in YEARS],
            "people": np.repeat(1000.0 * (1 + np.arange(PLACES) % 3), len(YEARS)),
            "poverty": np.repeat(rng.normal(size=PLACES), len(YEARS)),
        }
    )
    after = frame["year"] >= 2014
    frame["money"] = np.repeat(dose, len(YEARS)) * after * (1 + 0.1 * (frame["year"] - 2014))
    shock = np.repeat(rng.normal(size=(PLACES // 2, len(YEARS))), 2, axis=0).ravel()
    rate = 0.05 * np.exp(0.1 * shock + effect * frame["money"])
    frame["deaths"] = rng.poisson(frame["people"] * rate)
    frame["files"] = rng.poisson(frame["people"] * rate).astype(float)
    frame.loc[frame["year"] == 2008, "files"] = np.nan
    return frame


def write(folder: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Path:
    """The study's file, with its table beside it; a key that is None is left out."""
    (table() if frame is None else frame).to_csv(folder / "toy.csv", index=False)
    path = folder / "toy.yaml"
    given = {**STUDY, "variants": VARIANTS, **changes}
    kept = {key: value for key, value in given.items() if value is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False))
    return path


def load(folder: Path, **changes: Any) -> tuple[Study, Path]:
    path = write(folder, **changes)
    return load_study(path), path
