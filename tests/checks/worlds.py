"""Panels in which the truth is known, for the tests of checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import Panel, Study

UNITS, PERIODS, START = 30, 48, 36
DOSE = np.linspace(0.2, 2.0, UNITS)


def panel_of(outcome: np.ndarray, paths: dict[str, np.ndarray], family: str = "gaussian", **changes: Any) -> Panel:
    """A monthly panel of units that are clusters of their own."""
    exposure = np.full(outcome.shape, 1e5) if family == "poisson" else None
    start = {name: START for name, path in paths.items() if path.ndim == 2}
    values = {"exposure": exposure, "cluster": np.arange(len(outcome)), "start": start}
    return make_panel(outcome, paths, **{**values, **changes})


def dose_world(
    seed: int, effect: float = 0.0, family: str = "gaussian", anticipation: float = 0.0, hidden: float = 0.0
) -> tuple[Study, Panel]:
    """A dose with a common start and an effect on the log of the outcome.

    `anticipation` is an effect in the two years before the start; `hidden` the strength of a cause that goes with dose
    and outcome from the start on, and is in the panel as `cause`.
    """
    rng = np.random.default_rng(seed)
    after = np.arange(PERIODS) >= START
    cause = hidden * (rng.normal(size=(UNITS, 1)) * after)
    dose = (DOSE[rng.permutation(UNITS)][:, None] + np.abs(cause).max(axis=1, keepdims=True)) * after
    log_rate = 3 + rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(1, PERIODS)) + effect * dose + cause
    log_rate += anticipation * dose.max(axis=1, keepdims=True) * (np.arange(PERIODS) >= START - 24)
    log_rate += 0.1 * rng.normal(size=(UNITS, PERIODS))
    outcome = rng.poisson(np.exp(log_rate)).astype(float) if family == "poisson" else log_rate
    return make_study([treatment("dose")], family, draws=199), panel_of(outcome, {"guard": dose}, family)
