"""Small panels and studies in the contract's form, built from arrays, for the tests of estimators and kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from balanza.contract import Outcome, Panel, Study, Treatment

UNITS, PERIODS = 24, 12
FIRST = np.repeat([4, 7, -1, -1], 6)
START = 6
DOSE = np.where(np.arange(UNITS) < 18, np.linspace(0.2, 2.0, UNITS), 0.0)


def make_panel(
    outcome: np.ndarray,
    treatments: Mapping[str, np.ndarray],
    *,
    exposure: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    covariates: Mapping[str, np.ndarray] | None = None,
    start: Mapping[str, int] | None = None,
    periods_per_year: float | None = 12.0,
) -> Panel:
    """A Panel from units x periods arrays; NaN in the outcome means no row.

    A treatment given as one number per unit is the code of the first treated period (-1: never), otherwise it is the
    treatment itself, units x periods. Covariates and weights may be one number per unit.
    """
    n_units, n_periods = outcome.shape
    unit, period = np.indices(outcome.shape)
    codes = np.arange(n_units) if cluster is None else cluster
    columns: dict[str, np.ndarray] = {
        "unit": unit,
        "period": period,
        "outcome": outcome,
        "cluster": _wide(codes, outcome),
    }
    for name, values in {"exposure": exposure, "weight": weight, **(covariates or {})}.items():
        if values is not None:
            columns[name] = _wide(values, outcome).astype(float)
    for name, values in treatments.items():
        if values.ndim == 1:
            columns[f"g_{name}"] = _wide(values, outcome)
            columns[f"d_{name}"] = ((values >= 0)[:, None] & (period >= values[:, None])).astype(float)
        else:
            columns[f"d_{name}"] = values
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    return Panel(
        frame=frame[frame["outcome"].notna()].reset_index(drop=True),
        unit_labels=np.array([f"unit {code:03d}" for code in range(n_units)]),
        period_labels=np.array([f"{2015 + code // 12}-{code % 12 + 1:02d}" for code in range(n_periods)]),
        cluster_labels=np.array([f"cluster {code}" for code in range(int(codes.max()) + 1)]),
        start=dict(start or {}),
        periods_per_year=periods_per_year,
        digest="test",
    )


def make_study(treatments: Sequence[Treatment], family: str = "gaussian", **changes: Any) -> Study:
    """A Study on such a panel; a Poisson outcome has an exposure."""
    values: dict[str, Any] = {
        "name": "test",
        "title": "Test",
        "question": "What is the effect?",
        "outcome": Outcome("homicides", family, "population" if family == "poisson" else None),
        "treatments": tuple(treatments),
        "cluster": "cluster",
        "event_bins": 3,
    }
    return Study(**{**values, **changes})


def treatment(kind: str, name: str = "guard") -> Treatment:
    """A treatment of one kind; the dose is a mean after the common start."""
    if kind == "dose":
        return Treatment(name, "dose", column=name, unit="unit", start="2015-07", dose="mean_post")
    if kind == "binary":
        return Treatment(name, "binary", first_treated=name)
    return Treatment(name, "reversible", column=name)


def treated(kind: str) -> np.ndarray:
    """What `make_panel` takes for a treatment of that kind, for UNITS units and PERIODS periods."""
    if kind == "binary":
        return FIRST
    if kind == "dose":
        return DOSE[:, None] * (np.arange(PERIODS) >= START)
    unit, period = np.indices((UNITS, PERIODS))
    return ((unit % 3 > 0) & ((period + unit) % 6 >= 4)).astype(float)


def path(kind: str) -> np.ndarray:
    """The treatment of that kind as units x periods."""
    given = treated(kind)
    if given.ndim == 2:
        return given
    return ((given >= 0)[:, None] & (np.arange(PERIODS) >= given[:, None])).astype(float)


def _wide(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(values[:, None] if values.ndim == 1 else values, like.shape)
