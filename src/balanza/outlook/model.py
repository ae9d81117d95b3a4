"""The baseline: a national level and the states' shares of it, fitted by statsmodels and drawn as joint paths.

For victims y of state s in month t, with d days and a seasonal factor g shared by all states,

    log((y + 1/2) / (d g)) = n_t + r_st,     sum over s of exp(r_st) = 1
    n_t  = level + noise, the level a random walk           (Harvey 1989, local level)
    r_st = mean_s + a_st + noise, a_st = phi a_s,t-1 + shock

The mean of each state is diffuse, so that phi is estimated by restricted likelihood and not pulled down by short
series, and paths differ in it by its posterior. phi and the two variances of the shares, in units of each state's own
month-to-month spread, are the same in all states: that is the shrinkage. Paths start from the filtered state and its
uncertainty; shocks are drawn from the one-step errors of whole months, all states and the country together, so that
states stay correlated and tails heavy. States are the country's path times shares: sums agree by construction (top-down
reconciliation).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanza.errors import PanelError
from balanza.outlook.naive import YEAR, fill
from balanza.outlook.series import Series, days_in, months_after

Floats = NDArray[np.float64]
HALF = 0.5
START = (0.4, 0.15, 0.98)
"""Where the search starts: variance of the noise and of the shocks, and phi."""
GRID = 1 - np.geomspace(0.2, 0.0005, 14)
"""Values of phi that are weighed by their likelihood."""
RARE = 0.005
"""Weight below which a value is left out."""
BURN = 12
"""Months after which one-step errors no longer depend on the diffuse start."""


@dataclass(frozen=True)
class Component:
    """A fitted component: persistence, deviations of its shocks, and what is known of it at the last month.

    phi : 1 for a random walk
    noise, shock : standard deviations, shape (n,)
    mean, mean_spread, now, now_spread : what is constant and what moves, and their standard deviations, shape (n,)
    correlation : of the errors in `mean` and `now`, shape (n,)
    errors : standardised one-step errors, shape (n_months - BURN, n)
    """

    phi: float
    noise: Floats
    shock: Floats
    mean: Floats
    mean_spread: Floats
    now: Floats
    now_spread: Floats
    correlation: Floats
    errors: Floats


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: `shares` for values of phi with their `weights`; `season` is in logarithms by calendar month,
    shape (12,); `last` is its last month."""

    nation: Component
    shares: tuple[Component, ...]
    weights: Floats
    season: Floats
    last: np.datetime64

    @property
    def facts(self) -> dict[str, float]:
        """What was estimated, for the record."""
        return {
            "share_persistence": float(self.weights @ [part.phi for part in self.shares]),
            "national_noise": float(self.nation.noise[0]),
            "national_shock": float(self.nation.shock[0]),
            "share_noise_median": float(np.median(self.shares[0].noise)),
            "share_shock_median": float(np.median(self.shares[0].shock)),
        }


def fit(series: Series) -> Baseline:
    """Fit the baseline.

    Parameters
    ----------
    series : Series
        Three years at least.

    Raises
    ------
    PanelError
        If no state's share ever changes. A single state that never does is taken to be as steady as the steadiest.
    """
    days = days_in(series.periods)[:, None]
    rates = np.log((series.counts + HALF) / days)
    whole = np.log((fill(series.counts) + HALF) / days)
    months = series.periods.astype("datetime64[M]").astype(int) % YEAR
    nation = np.log(np.exp(whole).sum(axis=1))
    season = seasonal_factors(nation, months)
    shares = rates - nation[:, None]
    spread = np.nanstd(np.diff(shares, axis=0), axis=0)
    if not (spread > 0).any():
        raise PanelError("no state's share of the country ever changes, so that nothing can be learnt of it")
    spread = np.where(spread > 0, spread, spread[spread > 0].min(initial=np.inf))
    parts, weights = _shares(shares, spread)
    return Baseline(_level(nation - season[months]), parts, weights, season, series.periods[-1])


def seasonal_factors(log_total: Floats, months: NDArray[np.integer[Any]]) -> Floats:
    """The log factor of each calendar month, with mean zero: mean deviations from a centred moving year.

    Parameters
    ----------
    log_total : ndarray, shape (n_months,)
        Two years at least.
    months : ndarray of int, shape (n_months,)
        0 for January.

    Returns
    -------
    ndarray, shape (12,)
    """
    weights = np.r_[0.5, np.ones(YEAR - 1), 0.5] / YEAR
    inner = slice(YEAR // 2, len(log_total) - YEAR // 2)
    deviation = log_total[inner] - np.convolve(log_total, weights, mode="valid")
    sums = np.bincount(months[inner], deviation, YEAR)
    factors = sums / np.maximum(np.bincount(months[inner], minlength=YEAR), 1)
    return np.asarray(factors - factors.mean())


def _structure(values: Floats, **parts: Any) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return UnobservedComponents(values, irregular=True, **parts)


def _level(nation: Floats) -> Component:
    """The country: a local level by maximum likelihood."""
    model = _structure(nation, level="llevel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.fit(disp=0)
    noise, shock = np.sqrt(np.maximum(found.params, 0.0))
    filtered = found.filter_results
    one = np.ones(1)
    return Component(
        phi=1.0,
        noise=noise * one,
        shock=shock * one,
        mean=0 * one,
        mean_spread=0 * one,
        now=filtered.filtered_state[0, -1] * one,
        now_spread=np.sqrt(filtered.filtered_state_cov[0, 0, -1]) * one,
        correlation=0 * one,
        errors=filtered.standardized_forecasts_error[0, BURN:, None],
    )


def _shares(shares: Floats, spread: Floats) -> tuple[tuple[Component, ...], Floats]:
    """The states: one persistence and two variances for all, in units of each state's spread.

    The variances are those of greatest likelihood. The persistence has the posterior of a flat prior over GRID: a
    component for each value that has some weight.
    """
    from scipy.optimize import minimize

    models = [
        _structure(column, level=True, stochastic_level=False, autoregressive=1) for column in (shares / spread).T
    ]

    def fitness(parameters: Floats) -> float:
        return float(sum(model.loglike(parameters) for model in models))

    noise, shock, phi = START
    start = np.array([np.log(noise), np.log(shock), np.log(phi / (1 - phi))])
    best = minimize(
        lambda free: -fitness(_legal(free)),
        start,
        method="Nelder-Mead",
        options={"maxfev": 200, "xatol": 0.01, "fatol": 0.01},
    )
    noise, shock, _ = _legal(best.x)
    values = np.array([fitness(np.array([noise, shock, phi])) for phi in GRID])
    weights = np.exp(values - values.max()) * np.gradient(GRID)
    weights /= weights.sum()
    kept = weights > RARE
    found = tuple(_component(models, np.array([noise, shock, phi]), spread) for phi in GRID[kept])
    return found, np.asarray(weights[kept] / weights[kept].sum())


def _component(models: list[Any], parameters: Floats, spread: Floats) -> Component:
    filtered = [model.filter(parameters, return_ssm=True) for model in models]
    states = np.array([item.filtered_state[:, -1] for item in filtered])
    cov = np.array([item.filtered_state_cov[:, :, -1] for item in filtered])
    deviations = np.sqrt(np.maximum(np.diagonal(cov, axis1=1, axis2=2), 0.0))
    errors = np.array([item.standardized_forecasts_error[0, BURN:] for item in filtered]).T
    return Component(
        phi=float(parameters[2]),
        noise=np.sqrt(parameters[0]) * spread,
        shock=np.sqrt(parameters[1]) * spread,
        mean=states[:, 0] * spread,
        mean_spread=deviations[:, 0] * spread,
        now=states[:, 1] * spread,
        now_spread=deviations[:, 1] * spread,
        correlation=cov[:, 0, 1] / np.maximum(deviations.prod(axis=1), 1e-12),
        errors=np.nan_to_num(errors),
    )


def _legal(free: Floats) -> Floats:
    """Free numbers as statsmodels takes them: noise, shock, phi."""
    return np.array([np.exp(free[0]), np.exp(free[1]), min(1 / (1 + np.exp(-free[2])), 0.9999)])


def simulate(model: Baseline, horizon: int, draws: int, rng: np.random.Generator) -> Floats:
    """Draw joint paths of counts.

    Parameters
    ----------
    model : Baseline
    horizon, draws : int
        Months ahead, and number of paths.
    rng : Generator

    Returns
    -------
    ndarray, shape (draws, horizon, n_states)
        Whole numbers, none negative; national counts are their sums.
    """
    noise, shock = (rng.integers(0, len(model.nation.errors), (draws, horizon)) for _ in range(2))
    nation = _paths(model.nation, noise, shock, rng)[..., 0]
    which = rng.permutation(np.repeat(np.arange(len(model.weights)), rng.multinomial(draws, model.weights)))
    shares = np.empty((draws, horizon, len(model.shares[0].now)))
    for number, part in enumerate(model.shares):
        own = which == number
        shares[own] = _paths(part, noise[own], shock[own], rng)
    shares -= np.log(np.exp(shares).sum(axis=2, keepdims=True))
    ahead = months_after(model.last, horizon)
    known = model.season[ahead.astype(int) % YEAR] + np.log(days_in(ahead))
    counts = np.exp(nation[..., None] + shares + known[:, None]) - HALF
    return np.asarray(np.rint(np.maximum(counts, 0.0)))


def _paths(part: Component, noise: NDArray[np.intp], shock: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    """Paths of a component, shape (draws, horizon, n), by the months of the past whose errors are drawn."""
    draws, horizon = noise.shape
    n = len(part.now)
    centred = part.errors - part.errors.mean(axis=0)
    first, second = rng.standard_normal((2, draws, n))
    mean = part.mean + part.mean_spread * first
    moving = part.now + part.now_spread * (
        part.correlation * first + np.sqrt(np.maximum(1 - part.correlation**2, 0)) * second
    )
    out = np.empty((draws, horizon, n))
    for ahead in range(horizon):
        moving = part.phi * moving + part.shock * centred[shock[:, ahead]]
        out[:, ahead] = mean + moving + part.noise * centred[noise[:, ahead]]
    return out
