"""The two-way fit that checks take apart: a study as arrays, and its fit as weighted least squares.

A Poisson outcome enters by the working response of a Poisson fit, weighted by the fitted counts, whose least squares
give back the Poisson coefficients. Checks that use this say that they speak of the two-way fit and of no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from balanza.contract import CheckSpec, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _guard
from balanza.kernels import cluster_moments, poisson
from balanza.kernels.cluster_moments import Moments
from balanza.kernels.jackknife import leaves_out
from balanza.kernels.within import Degenerate
from balanza.say import say, say_n

FEWEST_TREATED = 5
"""With fewer treated clusters a clustered standard error is far too small (Conley and Taber 2011)."""
INSTEAD = say("read `conley_taber` and `randomization` instead")


@dataclass(frozen=True)
class Design:
    """A study as units x periods, NaN where there is no row.

    outcome, weight : shape (n_units, n_periods); for counts `weight` is the exposure, and both are times the weights
    treatments, covariates : shape (k, n_units, n_periods)
    baseline : shape (n_units, n_baseline), constant covariates
    names, varying_names, baseline_names : of treatments and covariates
    cluster : int, shape (n_units,), codes from 0 without gaps
    counts : whether the fit is Poisson
    where : the check's name, for errors
    """

    outcome: np.ndarray
    weight: np.ndarray
    treatments: np.ndarray
    covariates: np.ndarray
    baseline: np.ndarray
    names: tuple[str, ...]
    varying_names: tuple[str, ...]
    baseline_names: tuple[str, ...]
    cluster: np.ndarray
    counts: bool
    where: str

    @property
    def regressors(self) -> np.ndarray:
        """Treatments, then covariates that change, shape (k, n_units, n_periods)."""
        return np.concatenate([self.treatments, self.covariates])


def read(spec: CheckSpec, study: Study, panel: Panel) -> Design:
    """A study's rows as a design, without units and periods that tell nothing.

    Raises
    ------
    Unsupported
        As `whole` and `trimmed`.
    """
    return trimmed(whole(spec, study, panel))


def whole(spec: CheckSpec, study: Study, panel: Panel) -> Design:
    """A study's rows as a design, all units and periods of the panel.

    Raises
    ------
    Unsupported
        If the panel holds no comparison (see `balanza.estimators._guard`).
    """
    _guard.require(spec, study, panel)
    outcome = panel.matrix("outcome")
    weight = panel.matrix("weight") if study.weights else np.ones_like(outcome)
    counts = study.outcome.family == "poisson"
    split = _covariates.split(spec, study, panel)
    if counts:
        exposure = panel.matrix("exposure") if study.outcome.exposure else np.ones_like(outcome)
        outcome, weight = outcome * weight, exposure * weight
    return Design(
        outcome=outcome,
        weight=weight,
        treatments=np.stack([panel.matrix(f"d_{treatment.name}") for treatment in study.treatments]),
        covariates=split.varying,
        baseline=split.baseline,
        names=tuple(treatment.name for treatment in study.treatments),
        varying_names=split.names,
        baseline_names=tuple(sorted(set(study.covariates) - {*split.names, "graph"})),
        cluster=panel.by_unit("cluster"),
        counts=counts,
        where=spec.name,
    )


def told(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Which units and which periods have a row, or for counts an event."""
    cells = np.nan_to_num(design.outcome) > 0 if design.counts else ~np.isnan(design.outcome)
    return cells.any(axis=1), cells.any(axis=0)


def of_units(design: Design, units: np.ndarray) -> Design:
    """The design of some units, which keep the codes of their clusters.

    Parameters
    ----------
    design : Design
    units : ndarray of bool, shape (n_units,)
    """
    return replace(
        design,
        outcome=design.outcome[units],
        weight=design.weight[units],
        treatments=design.treatments[:, units],
        covariates=design.covariates[:, units],
        baseline=design.baseline[units],
        cluster=design.cluster[units],
    )


def trimmed(design: Design) -> Design:
    """The design without units and periods that have no row, or for counts no event.

    Raises
    ------
    Unsupported
        If fewer than two clusters are left.
    """
    units, periods = told(design)
    codes = np.unique(design.cluster[units])
    if len(codes) < 2:
        raise Unsupported(
            say("fewer than two clusters have rows that tell anything"), where=design.where, cure=say("Use wider rows")
        )
    kept = of_units(design, units)
    return replace(
        kept,
        outcome=kept.outcome[:, periods],
        weight=kept.weight[:, periods],
        treatments=kept.treatments[:, :, periods],
        covariates=kept.covariates[:, :, periods],
        cluster=np.searchsorted(codes, kept.cluster),
    )


@dataclass(frozen=True)
class Linearised:
    """A response and its weights, shape (n_units, n_periods), 0 where there is no row: least squares give the fit."""

    response: np.ndarray
    mass: np.ndarray


def linearise(design: Design, fitted: np.ndarray) -> Linearised:
    """The outcome itself, or the working response of the Poisson fit with some regressors.

    Parameters
    ----------
    design : Design
    fitted : ndarray, shape (n_fitted, n_units, n_periods)
        Regressors of the Poisson fit; least squares need no fit.

    Raises
    ------
    Unsupported
        If the Poisson fit does not exist.
    """
    seen = ~np.isnan(design.outcome)
    weight, outcome = np.where(seen, design.weight, 0.0), np.where(seen, design.outcome, 0.0)
    if not design.counts:
        return Linearised(outcome, weight)
    try:
        mean = poisson.fit(design.outcome, design.weight, fitted, design.baseline).fitted
    except Degenerate as problem:
        raise _refusal(problem, design) from None
    ratio = np.divide(mean, weight, out=np.ones_like(mean), where=seen)
    return Linearised(np.log(ratio) + np.divide(outcome - mean, mean, out=np.zeros_like(mean), where=seen), mean)


def moments(design: Design, linear: Linearised, baseline: np.ndarray | None = None) -> Moments:
    """Sums by cluster of a linearised design, with all treatments and covariates among the terms.

    Parameters
    ----------
    design, linear
    baseline : ndarray, shape (n_units, n_baseline), optional
        In place of the design's own.

    Raises
    ------
    Unsupported
        If a regressor has no variation of its own.
    """
    constant = design.baseline if baseline is None else baseline
    try:
        return cluster_moments.collect(linear.response, linear.mass, design.regressors, design.cluster, constant)
    except Degenerate as problem:
        raise _refusal(problem, design) from None


@dataclass(frozen=True)
class Effect:
    """A coefficient of the two-way fit, its clustered standard error and the t distribution's degrees of freedom."""

    value: float
    error: float
    freedom: int
    error_type: str


def effects(found: Moments) -> list[Effect]:
    """The coefficients of the regressors of a fit."""
    errors, sort = cluster_moments.standard_errors(found)
    return [
        Effect(float(value), float(error), len(found.gram) - 1, sort)
        for value, error in zip(found.coefficients, errors, strict=False)
    ]


def fit(design: Design) -> tuple[Moments, list[Effect]]:
    """The two-way fit: its moments, and the effects of treatments and changing covariates."""
    found = moments(design, linearise(design, design.regressors))
    return found, effects(found)


def void_error(design: Design, index: int, treatment: Treatment, effect: Effect) -> str | None:
    """Why the standard error of a treatment's effect is no ground for a verdict; None where it is one.

    Parameters
    ----------
    design : Design
        Whose fit is judged.
    index : int
        Position of the treatment, or of what stands in its place.
    treatment : Treatment
        Of the study; clusters are counted where it is on or off.
    effect : Effect
        Of that fit.
    """
    if treatment.kind != "dose":
        seen = ~np.isnan(design.outcome)
        on = seen & (np.nan_to_num(design.treatments[index]) != 0)
        some, all_on = (np.bincount(design.cluster, rows.sum(axis=1)) for rows in (on, seen))
        moved = int(((some > 0) & (some < all_on)).sum())
        if moved < FEWEST_TREATED:
            what = say_n(
                "{treatment} changes in {n} cluster only",
                "{treatment} changes in {n} clusters only",
                moved,
                treatment=design.names[index],
            )
            return say("{what}, too few for a clustered standard error: {instead}", what=what, instead=INSTEAD)
    if effect.error_type != cluster_moments.SANDWICH or not leaves_out(effect.freedom + 1):
        return None
    return say(
        "the effect of {treatment} hangs on a single cluster, so that it has no jackknife: {instead}",
        treatment=design.names[index],
        instead=INSTEAD,
    )


def paths(design: Design, index: int) -> np.ndarray | str:
    """A treatment by cluster and period, shape (n_clusters, n_periods), or the reason why it has no such form."""
    values, seen = design.treatments[index], ~np.isnan(design.outcome)
    n_clusters = int(design.cluster.max()) + 1
    shape = (n_clusters, values.shape[1])

    def extreme(start: float, reduce: Callable[..., None]) -> np.ndarray:
        out = np.full(shape, start)
        reduce(out, design.cluster, np.where(seen, values, start))
        return out

    highest, lowest = extreme(-np.inf, np.maximum.at), extreme(np.inf, np.minimum.at)
    if np.isinf(highest).any():
        return say("clusters lack rows in some periods")
    if (highest - lowest).max() > 1e-9 * max(1.0, np.abs(highest).max()):
        return say("{treatment} differs within a cluster; cluster where it is assigned", treatment=design.names[index])
    return highest


def _refusal(problem: Degenerate, design: Design) -> Unsupported:
    names = (*design.names, *design.varying_names)
    what = say("a baseline covariate's slopes") if problem.index is None else names[problem.index]
    sentences = {
        "collinear": say(
            "{what} has no variation of its own beside unit and period effects and the other terms", what=what
        ),
        "separated": say("the coefficient of {what} runs to infinity", what=what),
        "diverged": say("the likelihood's maximum was not found"),
    }
    return Unsupported(
        sentences[problem.reason], where=design.where, cure=say("See what the estimators say of this study")
    )
