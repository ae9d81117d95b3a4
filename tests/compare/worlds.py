"""States in which both arms have known effects: 32 of them, unlike in size, with shocks that last."""

from __future__ import annotations

import numpy as np
from tests.contract.panels import make_panel

from balanza.config import load_study
from balanza.contract import Panel, Study

STATES, MONTHS = 32, 79
STARTS = {"guard": 54, "prevention": 48}  # July and January 2019, counted from January 2015


def study(root: object) -> Study:
    return load_study(f"{root}/config/studies/versus.yaml")


def panel(seed: int, effects: dict[str, float]) -> Panel:
    """A panel of months. Doses, sizes and shocks are of the spread that the real ones have."""
    rng = np.random.default_rng(seed)
    people = np.exp(rng.normal(15, 0.7, STATES))[:, None] * np.ones(MONTHS)
    dose = {"guard": rng.uniform(0.25, 1.5, STATES), "prevention": rng.uniform(0.04, 0.45, STATES)}
    paths = {name: dose[name][:, None] * (np.arange(MONTHS) >= start) for name, start in STARTS.items()}
    shocks = np.zeros((STATES, MONTHS))
    for month in range(1, MONTHS):
        shocks[:, month] = 0.9 * shocks[:, month - 1] + 0.08 * rng.normal(size=STATES)
    log_rate = rng.normal(-10.9, 0.6, (STATES, 1)) + 0.1 * rng.normal(size=MONTHS) + shocks
    log_rate += sum(effects[name] * path for name, path in paths.items())
    outcome = rng.poisson(people * np.exp(log_rate)).astype(float)
    return make_panel(outcome, paths, exposure=people, start=STARTS)
