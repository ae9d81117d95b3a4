"""Small panels whose true effects are known, one design for each set of assumptions that estimators rest on.

A design draws all that is random anew each time: unit levels, period shocks, noise, and doses. Who is treated when,
places and people at risk stay the same. Noise follows a stationary first-order autoregression with a spread of its own
for each unit, so that only errors clustered by unit (or by site or state, where these share shocks) are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from tests.contract.panels import make_panel, treatment

from balanza.contract import Panel, Treatment

PERIODS = 10
COHORTS = (3, 5, 7, -1)  # first treated periods, -1: never
EFFECT = 0.5
PERSISTENCE = 0.5
GROWTH = 0.1  # of the effect, by period since treatment, as a share
SCALE = {3: 1.0, 5: 1.6, 7: 0.6}  # of the effect, by cohort


@dataclass(frozen=True)
class Drawn:
    """One panel of a design, and what is true in it by estimand."""

    panel: Panel
    treatment: Treatment
    family: str
    truth: Mapping[str, float]


@dataclass(frozen=True)
class Design:
    """How panels are drawn, in words for the page and as a function."""

    words: str
    draw: Callable[[np.random.Generator], Drawn]


def noise(rng: np.random.Generator, n_units: int, n_periods: int, spread: float = 0.3) -> np.ndarray:
    """Autoregressive noise, shape (n_units, n_periods), whose standard deviation differs by unit around 1."""
    shocks = rng.normal(size=(n_units, n_periods))
    shocks[:, 1:] *= np.sqrt(1 - PERSISTENCE**2)
    for period in range(1, n_periods):
        shocks[:, period] += PERSISTENCE * shocks[:, period - 1]
    return shocks * rng.lognormal(-(spread**2), spread, (n_units, 1))


def untreated(rng: np.random.Generator, n_units: int, n_periods: int) -> np.ndarray:
    """Unit level, period shock and noise."""
    return rng.normal(size=(n_units, 1)) + rng.normal(size=n_periods) + noise(rng, n_units, n_periods)


def since(first: np.ndarray, n_periods: int) -> np.ndarray:
    """Periods since treatment, -1 for untreated rows, shape (n_units, n_periods)."""
    started = np.arange(n_periods) - first[:, None]
    return np.where((first >= 0)[:, None] & (started >= 0), started, -1)


def effects(first: np.ndarray, n_periods: int, varying: bool) -> np.ndarray:
    """The effect of each row: the same for all, or growing from a start that differs by cohort."""
    started = since(first, n_periods)
    if not varying:
        return np.where(started >= 0, EFFECT, 0.0)
    scale = np.array([SCALE.get(int(code), 0.0) for code in first])
    return np.where(started >= 0, EFFECT * scale[:, None] * (1 + GROWTH * started), 0.0)


def staggered(size: int, varying: bool, rng: np.random.Generator) -> Drawn:
    """Three cohorts and as many never-treated units, `size` units each; parallel trends in levels."""
    first = np.repeat(COHORTS, size)
    effect = effects(first, PERIODS, varying)
    panel = make_panel(untreated(rng, len(first), PERIODS) + effect, {"guard": first})
    return Drawn(panel, treatment("binary"), "gaussian", _truths(first, effect))


def _truths(first: np.ndarray, effect: np.ndarray) -> dict[str, float]:
    """What staggered estimators average: all treated rows, or the periods that every cohort shows.

    `variance` weighs cohorts by n_g n_c / (n_g + n_c), where n_c units are untreated to the end of the cohort's window:
    the implicit weights of the pooled regression (Dube, Girardi, Jorda and Taylor 2025, section 3).
    """
    started, cohorts = since(first, effect.shape[1]), np.unique(first[first >= 0])
    horizon = effect.shape[1] - 1 - cohorts.max()
    window = np.array([effect[(first == g)[:, None] & (started >= 0) & (started <= horizon)].mean() for g in cohorts])
    own = np.array([(first == g).sum() for g in cohorts])
    clean = np.array([((first < 0) | (first > g + horizon)).sum() for g in cohorts])
    return {
        "treated rows": float(effect[started >= 0].mean()),
        "window": float(np.average(window, weights=own)),
        "window, variance weights": float(np.average(window, weights=own * clean / (own + clean))),
    }


def reversible(size: int, rng: np.random.Generator) -> Drawn:
    """Units that switch on, some of them off again, beside units that never do; the effect lasts while it is on."""
    on = np.zeros((4 * size, PERIODS))
    for group, (start, end) in enumerate([(3, 6), (4, PERIODS), (6, 9)]):
        on[group * size : (group + 1) * size, start:end] = 1
    panel = make_panel(untreated(rng, len(on), PERIODS) + EFFECT * on, {"guard": on})
    return Drawn(panel, treatment("reversible"), "gaussian", {"constant": EFFECT})


def doses(n_units: int, curved: bool, rng: np.random.Generator) -> Drawn:
    """Half of the units get a dose, uniform from 0.5 to 2.5, from the middle on; the response is linear or curved."""
    start, bend = PERIODS // 2, 0.15 if curved else 0.0
    dose = np.where(np.arange(n_units) < n_units // 2, rng.uniform(0.5, 2.5, n_units), 0.0)
    path = dose[:, None] * (np.arange(PERIODS) >= start)
    outcome = untreated(rng, n_units, PERIODS) + EFFECT * path - bend * path**2
    # Of the uniform distribution: mean 3/2, mean square 31/12.
    truth = {"slope": EFFECT - 2 * bend * 1.5, "level": EFFECT * 1.5 - bend * 31 / 12}
    return Drawn(make_panel(outcome, {"guard": path}, start={"guard": start}), _dose(), "gaussian", truth)


def _dose() -> Treatment:
    return treatment("dose")


def eligibility(size: int, rng: np.random.Generator) -> Drawn:
    """Areas of two cohorts and without the policy, each with eligible units and others, `size` units in each group."""
    starts = np.repeat([3, 7, -1], 2 * size)
    eligible = np.tile(np.repeat([True, False], size), 3)
    effect = effects(starts, PERIODS, True) * eligible[:, None]
    own = rng.normal(size=PERIODS) * eligible[:, None]
    by_area = np.repeat(rng.normal(size=(3, PERIODS)), 2 * size, axis=0)
    outcome = untreated(rng, len(starts), PERIODS) + own + by_area + effect
    panel = make_panel(outcome, {"guard": starts}, covariates={"eligible": eligible})
    reached = (since(starts, PERIODS) >= 0) & eligible[:, None]
    return Drawn(panel, treatment("binary"), "gaussian", {"eligible rows": float(effect[reached].mean())})


def places(size: int, rng: np.random.Generator) -> Drawn:
    """Sites 220 km apart with three units each: one that may be treated, others 11 and 44 km away; sites are clusters.

    Neighbours have half and a fifth of the effect on the treated unit.
    """
    site = np.repeat(np.arange(4 * size), 3)
    first = np.repeat(COHORTS, size)
    own = effects(first, PERIODS, True)
    shares = np.tile([1.0, 0.5, 0.2], 4 * size)[:, None]
    shared = noise(rng, 4 * size, PERIODS)[site]
    outcome = untreated(rng, len(site), PERIODS) + shared + own[site] * shares
    panel = make_panel(
        outcome,
        {"guard": np.where(np.arange(len(site)) % 3 == 0, first[site], -1)},
        cluster=site,
        covariates={
            "latitude": (site % 25) * 2.0 + np.tile([0.0, 0.1, -0.4], 4 * size),
            "longitude": -(site // 25) * 6.0,
        },
    )
    treated = float(own[since(first, PERIODS) >= 0].mean())
    return Drawn(panel, treatment("binary"), "gaussian", {"treated rows": treated, "total": 1.7 * treated})


def counts(size: int, varying: bool, inequality: float, rng: np.random.Generator) -> Drawn:
    """Counts with people at risk, three cohorts and never-treated units; parallel trends in ratios.

    `inequality` is the standard deviation of the logarithm of people, who are drawn once and for all.
    """
    first = np.repeat(COHORTS, size)
    people = np.exp(10 + inequality * np.random.default_rng(size).normal(size=(len(first), 1))) * np.ones(PERIODS)
    drift, level = 0.2 * rng.normal(size=PERIODS), 0.5 * rng.normal(size=(len(first), 1))
    shocks = 0.4 * noise(rng, len(first), PERIODS)
    effect = -effects(first, PERIODS, varying)
    outcome = rng.poisson(people * 3e-4 * np.exp(level + drift + shocks + effect)).astype(float)
    panel = make_panel(outcome, {"guard": first}, exposure=people)
    on = since(first, PERIODS) >= 0
    without = (people * np.exp(drift))[on]
    ratio = float(np.log(without @ np.exp(effect[on]) / without.sum()))
    return Drawn(panel, treatment("binary"), "poisson", {"treated rows": ratio})


def count_doses(n_units: int, rng: np.random.Generator) -> Drawn:
    """Counts of states that all get doses of different size in the middle: no unit is untreated."""
    start = PERIODS // 2
    dose = np.linspace(0.2, 2.0, n_units)
    path = dose[:, None] * (np.arange(PERIODS) >= start)
    people = np.exp(14 + 0.8 * np.random.default_rng(n_units).normal(size=(n_units, 1))) * np.ones(PERIODS)
    drift, level = 0.2 * rng.normal(size=PERIODS), 0.5 * rng.normal(size=(n_units, 1))
    mean = people * 2e-5 * np.exp(level + drift + 0.3 * noise(rng, n_units, PERIODS) - 0.2 * path)
    panel = make_panel(rng.poisson(mean).astype(float), {"guard": path}, exposure=people, start={"guard": start})
    return Drawn(panel, _dose(), "poisson", {"constant": -0.2})


def state_counts(first: np.ndarray, rng: np.random.Generator) -> Drawn:
    """Counts of three units in each state, whose expected rate is that of their state; dispersed in rows."""
    state = np.repeat(np.arange(len(first)), 3)
    shape = (len(state), PERIODS)
    people = np.exp(10 + 0.5 * np.random.default_rng(len(first)).normal(size=(len(state), 1))) * np.ones(PERIODS)
    drift, level = 0.2 * rng.normal(size=PERIODS), 0.5 * rng.normal(size=(len(first), 1))
    rate = 3e-4 * np.exp(level + drift + 0.2 * noise(rng, len(first), PERIODS) - effects(first, PERIODS, False))
    outcome = rng.poisson(people * rate[state] * rng.gamma(4, 1 / 4, shape)).astype(float)
    panel = make_panel(outcome, {"guard": first[state]}, exposure=people, cluster=state)
    return Drawn(panel, treatment("binary"), "poisson", {"constant": -EFFECT})


def factors(n_units: int, rng: np.random.Generator) -> Drawn:
    """Unit and period effects, one common factor and noise; one unit is treated, and it is like all others."""
    before, n_periods = 12, 15
    factor = noise(rng, 1, n_periods, 0.0)
    outcome = untreated(rng, n_units, n_periods) + rng.normal(1, 0.5, (n_units, 1)) * factor
    first = np.where(np.arange(n_units) == 0, before, -1)
    outcome += EFFECT * (since(first, n_periods) >= 0)
    return Drawn(make_panel(outcome, {"guard": first}), treatment("binary"), "gaussian", {"treated rows": EFFECT})


STATES, PER_STATE = 32, 4
FEW = (2, 3, 4, 4, 5, 6, 6, 7)  # first treated periods of eight states: cohorts of one or two


def few_states(family: str, rng: np.random.Generator) -> Drawn:
    """Four units in each of 32 states that share shocks; eight states are treated, in cohorts of one or two."""
    state = np.repeat(np.arange(STATES), PER_STATE)
    first = np.concatenate([FEW, np.repeat(-1, STATES - len(FEW))])[state]
    effect = effects(first, PERIODS, False)
    shared = noise(rng, STATES, PERIODS)[state]
    if family == "gaussian":
        outcome, people = untreated(rng, len(state), PERIODS) + shared + effect, None
        truth = EFFECT
    else:
        people = np.full((len(state), PERIODS), 3e4)
        level, drift = 0.5 * rng.normal(size=(len(state), 1)), 0.2 * rng.normal(size=PERIODS)
        own = 0.3 * noise(rng, len(state), PERIODS)
        outcome = rng.poisson(people * 3e-4 * np.exp(level + drift + 0.3 * shared + own - effect)).astype(float)
        truth = -EFFECT
    panel = make_panel(outcome, {"guard": first}, exposure=people, cluster=state)
    truths = {"treated rows": truth, "window": truth, "window, variance weights": truth, "constant": truth}
    return Drawn(panel, treatment("binary"), family, truths)


DESIGNS: dict[str, Design] = {
    "staggered, 80 units": Design(
        "20 units in each of three cohorts and 20 never treated; the effect differs by cohort and grows",
        partial(staggered, 20, True),
    ),
    "staggered, 240 units": Design("The same with 60 units in each", partial(staggered, 60, True)),
    "staggered, constant effect": Design(
        "80 units as above, one effect for all units and periods", partial(staggered, 20, False)
    ),
    "switching on and off, 80 units": Design(
        "Three groups of 20 units switch on, two of them off again, 20 never do; the effect lasts while it is on",
        partial(reversible, 20),
    ),
    "switching on and off, 240 units": Design("The same with 60 units in each group", partial(reversible, 60)),
    "linear dose, 80 units": Design(
        "40 units get a dose from the middle on, uniform from 0.5 to 2.5; the response is linear",
        partial(doses, 80, False),
    ),
    "curved dose, 80 units": Design("The same with a quadratic response", partial(doses, 80, True)),
    "curved dose, 240 units": Design("The same with 240 units", partial(doses, 240, True)),
    "eligibility, 90 units": Design(
        "15 eligible and 15 other units in areas of two cohorts and in areas without the policy; the eligible and the"
        " areas have shocks of their own, which triple differences remove",
        partial(eligibility, 15),
    ),
    "eligibility, 360 units": Design("The same with 60 units in each of the six groups", partial(eligibility, 60)),
    "places, 80 sites": Design(
        "80 sites of three units 0, 11 and 44 km from a unit that may be treated, with shared shocks, clustered by"
        " site; 20 sites in each of three cohorts, neighbours have half and a fifth of the effect",
        partial(places, 20),
    ),
    "places, 240 sites": Design("The same with 240 sites", partial(places, 60)),
    "counts, 80 units": Design(
        "Counts with people at risk (logarithm's standard deviation 0.5), staggered as above, more dispersed than"
        " Poisson; the log ratio differs by cohort and grows",
        partial(counts, 20, True, 0.5),
    ),
    "counts, 240 units": Design("The same with 240 units", partial(counts, 60, True, 0.5)),
    "unequal counts, 80 units": Design(
        "As counts, 80 units, with populations as unequal as municipalities (1.3)", partial(counts, 20, True, 1.3)
    ),
    "counts, constant effect": Design(
        "80 units as above, one log ratio for all units and periods", partial(counts, 20, False, 0.5)
    ),
    "unequal counts, constant effect": Design(
        "The same with populations as unequal as municipalities (1.3)", partial(counts, 20, False, 1.3)
    ),
    "count doses, 32 states": Design(
        "Counts of 32 states of unequal size that all get a dose in the middle, each another one",
        partial(count_doses, 32),
    ),
    "state counts, 80 states": Design(
        "Three units in each of 80 states with one expected rate per state, staggered by state, dispersed in rows and"
        " by shocks that a state's units share",
        partial(state_counts, np.repeat(COHORTS, 20)),
    ),
    "state counts, 32 states": Design(
        "The same with 32 states, eight in each group", partial(state_counts, np.repeat(COHORTS, 8))
    ),
    "state counts, 4 of 32 states treated": Design(
        "The same with 32 states of which four are treated, together",
        partial(state_counts, np.repeat([5, -1], [4, 28])),
    ),
    "factors, 1 of 41 treated": Design(
        "12 periods before and 3 after; unit and period effects, one common factor, noise; the treated unit is drawn"
        " like all others, as if chance had chosen it",
        partial(factors, 41),
    ),
    "few states a cohort": Design(
        "Four units in each of 32 states with shared shocks, clustered by state; eight states are treated, in cohorts"
        " of one or two",
        partial(few_states, "gaussian"),
    ),
    "few states a cohort, counts": Design("The same for counts", partial(few_states, "poisson")),
}
