"""Makes the baseline forecast, and tries it at earlier months against what came, beside seasonal-naive and drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balanza.errors import PanelError
from balanza.outlook import model, naive
from balanza.outlook.scores import LEVELS, bounds, covered, crps
from balanza.outlook.series import Series, labels
from balanza.outlook.settings import Forecast
from balanza.provenance import derive_seed

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Method = Callable[[Series, int, int, np.random.Generator], Floats]
COUNTRY = "00"
"""The code under which the sum of the states stands."""
LEAST_AHEAD = 6
"""Months that must have come after a rolling origin, for it to be tried."""


def _baseline(series: Series, horizon: int, draws: int, rng: np.random.Generator) -> Floats:
    return model.simulate(model.fit(series), horizon, draws, rng)


METHODS: Mapping[str, Method] = {
    "baseline": _baseline,
    "seasonal_naive": lambda series, *rest: naive.seasonal_naive(series.counts, *rest),
    "drift": lambda series, *rest: naive.drift(series.counts, *rest),
}


def origins(series: Series, plan: Forecast) -> list[str]:
    """The rolling origins: last months that a forecast knows.

    Raises
    ------
    PanelError
        If the series is too short for one.
    """
    known = labels(series.periods)
    position = {period: index for index, period in enumerate(known)}
    first = position.get(plan.first_origin)
    if first is None:
        raise PanelError(f"the series from {known[0]} to {known[-1]} does not hold the origin {plan.first_origin}")
    found = [known[at] for at in range(first, len(known) - LEAST_AHEAD, plan.every)]
    if not found:
        raise PanelError(
            f"no {LEAST_AHEAD} months came after {plan.first_origin}", cure="Set an earlier `first_origin`"
        )
    return found


def tried(series: Series, origin: str, ahead: int, draws: int, seed: int, window: str) -> pd.DataFrame:
    """Forecast by every method as of a month, and score it on what came.

    Parameters
    ----------
    series : Series
        With the values to come.
    origin : str
        The last month that the methods know.
    ahead : int
        Months to forecast; fewer where fewer came.
    draws, seed : int
    window : str
        Its name in the scores.

    Returns
    -------
    DataFrame
        window, origin, method, state (`00` is the country), period, horizon, value, crps, median, and for 50, 80 and
        95 per cent low_, high_ and covered_.
    """
    import pandas as pd

    past = series.until(origin)
    start = len(past.periods)
    horizon = min(ahead, len(series.periods) - start)
    values = series.counts[start : start + horizon]
    parts = []
    for name, method in METHODS.items():
        rng = np.random.default_rng(derive_seed(seed, "outlook", name, origin))
        parts.append(scored(method(past, horizon, draws, rng), values, series, start).assign(method=name))
    table = pd.concat(parts, ignore_index=True).assign(window=window, origin=origin)
    return table[
        ["window", "origin", "method", *[name for name in table if name not in ("window", "origin", "method")]]
    ]


def scored(draws: Floats, values: Floats, series: Series, start: int) -> pd.DataFrame:
    """Scores of draws, shape (n_draws, horizon, n_states), by state and for the sum of the states."""
    import pandas as pd

    with_sum = np.concatenate([draws.sum(axis=2, keepdims=True), draws], axis=2)
    truth = np.concatenate([values.sum(axis=1, keepdims=True), values], axis=1)
    horizon = len(truth)
    columns: dict[str, Any] = {
        "value": truth,
        "crps": crps(with_sum, truth),
        "median": np.median(with_sum, axis=0),
    }
    for level in LEVELS:
        name = f"{100 * level:.0f}"
        columns[f"low_{name}"], columns[f"high_{name}"] = bounds(with_sum, level)
        columns[f"covered_{name}"] = covered(with_sum, truth, level)
    states = [COUNTRY, *series.states]
    table = pd.DataFrame({name: column.T.ravel() for name, column in columns.items()})
    table.insert(0, "horizon", np.tile(np.arange(1, horizon + 1), len(states)))
    table.insert(0, "period", labels(series.periods[start : start + horizon]) * len(states))
    table.insert(0, "state", np.repeat(states, horizon))
    return table


def summary(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean score and share of values in each interval, by window, states or country, and method.

    `wins` counts the origins at which a method has the lowest mean score.
    """
    known = rows[rows["crps"].notna()].assign(
        scope=lambda frame: np.where(frame["state"] == COUNTRY, "country", "states")
    )
    covers = [name for name in rows if str(name).startswith("covered_")]
    out: list[dict[str, Any]] = []
    for (window, scope), part in known.groupby(["window", "scope"], sort=False):
        by_origin = part.groupby(["origin", "method"])["crps"].mean().unstack()  # noqa: PD010 - labels are unique
        best = by_origin.idxmin(axis=1)
        for name in dict.fromkeys(part["method"]):
            own = part[part["method"] == name]
            out.append(
                {"window": window, "scope": scope, "method": name, "crps": float(own["crps"].mean())}
                | {str(column): float(own[column].mean()) for column in covers}
                | {"n": len(own), "origins": len(by_origin), "wins": int((best == name).sum())}
            )
    return out


def verdicts(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Whether the baseline beats every other method, by window and scope; `skill` is the share of the best one's score
    that it saves."""
    out = []
    for window, scope in dict.fromkeys((row["window"], row["scope"]) for row in table):
        rows = [row for row in table if (row["window"], row["scope"]) == (window, scope)]
        own = next(row for row in rows if row["method"] == "baseline")
        rival = min((row for row in rows if row["method"] != "baseline"), key=lambda row: float(row["crps"]))
        out.append(
            {
                "window": window,
                "scope": scope,
                "beats_all": own["crps"] < rival["crps"],
                "best_rival": rival["method"],
                "skill": 1 - own["crps"] / rival["crps"] if rival["crps"] else None,
            }
        )
    return out
