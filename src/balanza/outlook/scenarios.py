"""Lays a scenario over the baseline's paths: effects of its doses, displacement to neighbours, and fans by source.

With N the baseline's victims, L = sum over arms of effect x dose as felt, D the displaced share and W the weights of
neighbours (each row sums to 1), victims become

    N + A - D A W,     A = N (exp(L) - 1)

so that all that leaves a state arrives next door when D = 1, and the country's sum is that of N + A when D = 0. A
negative D lets neighbours move alike. Scenario and status quo share the baseline's paths, so that their difference has
no noise of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanza.outlook.doses import Country, Plan, felt, plan
from balanza.outlook.effects import EffectSet
from balanza.outlook.scenario_file import Scenario
from balanza.outlook.settings import Settings

Floats = NDArray[np.float64]
LAYERS = ("all", "noise", "effect", "displacement", "cost")
COSTS = 9
"""Costs of an element that are tried, evenly from the low to the high one."""


@dataclass(frozen=True)
class World:
    """What scenarios are laid over: `paths` of victims, shape (n_draws, n_months, n_states), and `neighbours`, weights
    whose rows sum to 1, or 0 where a state has none."""

    paths: Floats
    country: Country
    neighbours: Floats
    settings: Settings


@dataclass(frozen=True)
class Laid:
    """A scenario laid over a world: the country's victims by layer, each (n_draws, n_months); `floored` is the share of
    state-months of layer `all` in which victims would have fallen below zero; `ends` are the country's typical months
    at the corners of the set of all that is uncertain but chance, (n_corners, n_months)."""

    country: Mapping[str, Floats]
    plans: Sequence[Plan]
    floored: float
    ends: Floats


def weights(touching: NDArray[np.bool_], size: Floats) -> Floats:
    """Weights of each state's neighbours, by their size: victims of the last year, since violence moves to where groups
    fight already, and cannot leave where there is none.

    Parameters
    ----------
    touching : ndarray of bool, shape (n, n)
    size : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n, n)
        Rows sum to 1, or to 0 where a state has no neighbour.
    """
    raw = np.where(touching & ~np.eye(len(size), dtype=bool), size, 0.0)
    sums = raw.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(raw, sums, out=np.zeros_like(raw), where=sums > 0))


def typical_path(paths: Floats) -> Floats:
    """The states' medians, scaled to the median of their sum in each month, shape (n_months, n_states)."""
    middle = np.median(paths, axis=0)
    sums = middle.sum(axis=1, keepdims=True)
    total = np.median(paths.sum(axis=2), axis=0)[:, None]
    return np.asarray(middle * np.divide(total, sums, out=np.ones_like(sums), where=sums > 0))


def displaced(paths: Floats, change: Floats, share: Floats, neighbours: Floats) -> Floats:
    """Victims after a change and what of it the neighbours see.

    Parameters
    ----------
    paths, change : ndarray, shape (..., n_states)
    share : ndarray, broadcast over states
    neighbours : ndarray, shape (n_states, n_states)

    Returns
    -------
    ndarray, shape (..., n_states)
        May lie below zero, where neighbours would lose more than there is.
    """
    return np.asarray(paths + change - (share * change) @ neighbours)


def lay(
    scenario: Scenario,
    effects: Mapping[str, EffectSet],
    world: World,
    start: int,
    rng: np.random.Generator,
    correlation: Floats | None = None,
) -> Laid:
    """Lay a scenario over the baseline.

    Parameters
    ----------
    scenario : Scenario
    effects : mapping
        By arm.
    world : World
    start : int
        The month of the outlook in which it begins.
    rng : Generator
    correlation : ndarray, shape (n_arms, n_arms), optional
        Of the effects, in the order of the interventions, from `effects.correlations`; independent without it.
    """
    n_draws, n_months, _ = world.paths.shape
    guard = world.settings.guard
    costs = np.linspace(guard.cost_low, guard.cost_high, COSTS)
    plans = [plan(scenario, world.country, world.settings, n_months, start, cost) for cost in costs]
    doses: dict[str, Floats] = {
        item.arm: _felt(plans, item.arm, item.course, item.effect.per) for item in scenario.interventions
    }
    shares = _shares(n_draws, np.eye(len(doses)) if correlation is None else correlation, rng)
    drawn = {arm: effects[arm].quantile(own) for arm, own in zip(doses, shares.T, strict=True)}
    middle = {arm: np.full(n_draws, effects[arm].middle) for arm in doses}
    above = {arm: np.full(n_draws, effects[arm].above) for arm in doses}
    low, high = (scenario.displacement.low, scenario.displacement.high) if scenario.displacement else (0.0, 0.0)
    share, fixed = np.asarray(rng.uniform(low, high, n_draws)), np.full(n_draws, (low + high) / 2)
    cost, usual = np.asarray(rng.integers(0, COSTS, n_draws)), np.full(n_draws, COSTS // 2)
    typical = np.broadcast_to(typical_path(world.paths), world.paths.shape)
    inputs: dict[str, tuple[Floats, dict[str, Floats], Floats, NDArray[np.int64]]] = {
        "all": (world.paths, drawn, share, cost),
        "noise": (world.paths, middle, fixed, usual),
        "effect": (typical, drawn, fixed, usual),
        "displacement": (typical, above, share, usual),
        "cost": (typical, above, fixed, cost),
    }
    victims = {layer: _victims(doses, *given, world.neighbours) for layer, given in inputs.items()}
    country = {layer: np.maximum(values, 0.0).sum(axis=2) for layer, values in victims.items()}
    return Laid(country, plans, float((victims["all"] < 0).mean()), _ends(doses, effects, typical, (low, high), world))


def _shares(n_draws: int, correlation: Floats, rng: np.random.Generator) -> Floats:
    """Shares of draws below each effect, uniform each and joined as normals of that correlation, (n_draws, n_arms)."""
    from scipy.special import ndtr

    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(ndtr(rng.standard_normal((n_draws, len(correlation))) @ root.T))


def _felt(plans: Sequence[Plan], arm: str, course: Any, per: float) -> Floats:
    """The dose of an arm as felt, in units of its effect, shape (n_costs, n_months, n_states)."""
    return np.array([felt(item.doses[arm], course) / per for item in plans])


def _victims(
    doses: Mapping[str, Floats],
    paths: Floats,
    effects: Mapping[str, Floats],
    share: Floats,
    cost: NDArray[np.int64],
    neighbours: Floats,
) -> Floats:
    if not doses:
        return paths
    log_change = sum(effects[arm][:, None, None] * dose[cost] for arm, dose in doses.items())
    change = paths * np.expm1(np.asarray(log_change))
    return displaced(paths, change, share[:, None, None], neighbours)


def _ends(
    doses: Mapping[str, Floats],
    effects: Mapping[str, EffectSet],
    typical: Floats,
    shares: Sequence[float],
    world: World,
) -> Floats:
    """The country's typical months at every corner of the set: all ends of effects, displaced share and cost of an
    element, shape (n_corners, n_months)."""
    arms = list(doses)
    found = []
    for corner in product(*((effects[arm].low, effects[arm].high) for arm in arms), shares, (0, COSTS - 1)):
        *values, share, cost = corner
        at = {arm: np.full(1, value) for arm, value in zip(arms, values, strict=True)}
        found.append(_victims(doses, typical[:1], at, np.full(1, share), np.full(1, int(cost)), world.neighbours)[0])
    return np.asarray(np.maximum(found, 0.0).sum(axis=2))
