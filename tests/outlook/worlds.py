"""Invented series whose law is known: a national random walk, and shares that wander around their means."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza.outlook.series import Series, of_panel

SEASON = 0.08 * np.sin(2 * np.pi * (np.arange(12) - 3) / 12)


def series(seed: int, n_months: int = 109, n_states: int = 10, phi: float = 0.98) -> Series:
    """Counts with a mean of a hundred or so a state and month, from January 2015 on."""
    rng = np.random.default_rng(seed)
    months = pd.date_range("2015-01-01", periods=n_months, freq="MS")
    level = np.log(100 * n_states / 30.4) + np.cumsum(0.03 * rng.standard_normal(n_months))
    level += 0.02 * rng.standard_normal(n_months) + SEASON[months.month - 1]
    mean, moving = 0.6 * rng.standard_normal(n_states), np.zeros(n_states)
    shares = np.empty((n_months, n_states))
    for month in range(n_months):
        moving = phi * moving + 0.09 * rng.standard_normal(n_states)
        shares[month] = np.exp(mean + moving + 0.1 * rng.standard_normal(n_states))
    shares /= shares.sum(axis=1, keepdims=True)
    counts = np.rint(np.exp(level)[:, None] * shares * months.days_in_month.to_numpy()[:, None])
    states = [f"{code:02}" for code in range(1, n_states + 1)]
    return of_panel(frame(states, months, counts))


def frame(states: list[str], months: pd.DatetimeIndex, counts: np.ndarray) -> pd.DataFrame:
    """The rows of a panel."""
    return pd.DataFrame(
        {
            "state": np.tile(states, len(months)),
            "period": np.repeat(months, len(states)),
            "sesnsp_homicide_victims": counts.ravel(),
        }
    )
