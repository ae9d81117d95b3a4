"""Runs of estimators for absorbing treatments on small panels, for their tests."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from tests.contract.panels import FIRST, PERIODS, UNITS, make_panel, make_study, treatment

from balanza.contract import Estimate


def on(first: np.ndarray = FIRST) -> np.ndarray:
    """Treated rows, shape (UNITS, PERIODS)."""
    return (first >= 0)[:, None] & (np.arange(PERIODS) >= first[:, None])


def smooth() -> np.ndarray:
    """Unit levels and common shocks, and nothing else."""
    return np.linspace(3, 9, UNITS)[:, None] + 2 * np.sin(np.arange(PERIODS))


def noisy(seed: int = 0, effect: float = 0.5, first: np.ndarray = FIRST) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 5 + rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(UNITS, PERIODS)) + effect * on(first)


def run(
    estimator: ModuleType,
    outcome: np.ndarray,
    first: np.ndarray = FIRST,
    *,
    study: dict | None = None,
    panel: dict | None = None,
    **options,
) -> Estimate:
    """Estimate on a panel from arrays; covariates, weights and exposure in `panel` enter the study too."""
    panel, study = dict(panel or {}), dict(study or {})
    study.setdefault("covariates", tuple(panel.get("covariates", ())))
    if "weight" in panel:
        study["weights"] = "weight"
    family = "poisson" if "exposure" in panel else "gaussian"
    asked = make_study([treatment("binary")], family, options={estimator.SPEC.name: options}, **study)
    found = estimator.estimate(asked, make_panel(outcome, {"guard": first}, **panel), np.random.default_rng(0))
    assert isinstance(found, Estimate)
    return found


def by_time(found: Estimate) -> dict[float, float]:
    """Values of the event study by event time."""
    return dict(zip(found.rows["event_time"], found.rows["value"], strict=True))
