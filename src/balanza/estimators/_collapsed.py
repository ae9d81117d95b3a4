"""A panel collapsed to one row a unit: its change at treatment, its level before, and its traits before.

One rule for all: outcomes are taken net of the controls' mean of their period (of all units' mean, for a dose), so that
common shocks are out whatever the window. A treated unit's level is its mean before its own treatment, its change the
mean from treatment on less that level. A never-treated unit has as many windows as there are cohorts; it gets their
mean, weighted by the size of the cohorts. With a dose, the window is the common start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.contract import EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard, _rates, _staggered
from balanza.kernels.group_time import NEVER

FLAT = 1e-10


@dataclass(frozen=True)
class Collapsed:
    """One row a unit, shape (n,) each.

    units : positions in the panel
    treatment : 0 or 1, or the mean dose after the start
    change, before : of the outcome, net of common shocks
    traits : shape (n, n_traits), baseline values of `names`, those that do not vary left out
    moderators : shape (n, n_moderators), baseline values in the order of the study
    untreated : mean outcome of treated rows, to which an effect relates, before the effect is taken off
    dose : mean treatment of these rows
    """

    units: np.ndarray
    treatment: np.ndarray
    change: np.ndarray
    before: np.ndarray
    traits: np.ndarray
    names: tuple[str, ...]
    moderators: np.ndarray
    cluster: np.ndarray
    n_observations: int
    lowest: float
    treated_level: float
    treated_dose: float
    warnings: tuple[str, ...]


def collapse(spec: EstimatorSpec, study: Study, panel: Panel) -> Collapsed:
    """Collapse the panel of a study with one absorbing treatment, or with one dose that has a common start.

    Parameters
    ----------
    spec, study, panel : as in the contract

    Raises
    ------
    Unsupported
        If no unit is seen before and after treatment beside a control unit, or a dose has no common start.
    """
    treatment, values = study.treatment, _rates.outcome(study, panel)
    doses = panel.matrix(f"d_{treatment.name}")
    if treatment.kind == "binary":
        design = _staggered.design(spec, study, panel, np.ones(panel.n_units, bool), 0)
        units, last, warnings = design.units, design.n_periods, design.warnings
        after, before, start = _windows(design.cohort, units, last)
        amount = (design.cohort != NEVER).astype(float)
        reference = units & (design.cohort == NEVER)
        warnings += _guard.cohorts_of_few(study, panel, units)
    else:
        start, last, units, warnings = _start(spec, study, panel), panel.n_periods, np.ones(panel.n_units, bool), ()
        late = np.arange(last) >= start
        after, before = np.tile(late * 1.0, (panel.n_units, 1)), np.tile(~late * 1.0, (panel.n_units, 1))
        amount = _mean(doses, after)
        reference = units
    values = values[:, :last]
    level, later = (_mean(values - _mean(values[reference].T, 1.0), weight) for weight in (before, after))
    names = [name for name in study.covariates if name != "graph"]
    traits, moderators = (
        np.array([_mean(panel.matrix(name)[:, :start], 1.0) for name in group]).reshape(-1, panel.n_units).T
        for group in (names, study.moderators)
    )
    whole = np.isfinite(np.column_stack([level, later, amount, traits, moderators])).all(axis=1)
    if (units & ~whole).any():
        warnings += (f"{(units & ~whole).sum()} units lack rows before or after the start and are left out",)
    units = units & whole
    _require_contrast(spec, amount[units])
    seen = np.isfinite(values[units])
    treated = seen & (np.nan_to_num(doses[units, :last]) != 0)
    return Collapsed(
        units=np.flatnonzero(units),
        treatment=amount[units],
        change=(later - level)[units],
        before=level[units],
        traits=traits[units],
        names=tuple(names),
        moderators=moderators[units],
        cluster=panel.by_unit("cluster")[units],
        n_observations=int(seen.sum()),
        lowest=float(np.nanmin(values[units])),
        treated_level=float(values[units][treated].mean()),
        treated_dose=float(doses[units, :last][treated].mean()),
        warnings=warnings,
    )


def varying(columns: np.ndarray, names: tuple[str, ...], size: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns that vary, in standard units, and their names; `size` is what counts as large for the first one."""
    largest = np.abs(columns).max(axis=0, initial=0.0)
    if len(largest):
        largest[0] = max(largest[0], size)
    spread = columns.std(axis=0)
    kept = spread > FLAT * largest
    scaled = (columns[:, kept] - columns[:, kept].mean(axis=0)) / spread[kept]
    return scaled, tuple(name for name, keep in zip(names, kept, strict=True) if keep)


def no_weights(spec: EstimatorSpec, study: Study) -> None:
    """Refuse a study with weights.

    Raises
    ------
    Unsupported
    """
    if study.weights:
        raise Unsupported("takes no weights", where=spec.name, cure="Remove `weights`, or choose another estimator")


def _windows(cohort: np.ndarray, units: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Weights of the periods after and before, shape (n_units, last) each, and the first treated period of all."""
    codes, size = np.unique(cohort[units & (cohort != NEVER)], return_counts=True)
    late = np.arange(last) >= codes[:, None]
    after, before = late / late.sum(axis=1, keepdims=True), ~late / (~late).sum(axis=1, keepdims=True)
    place = np.searchsorted(codes, np.where(np.isin(cohort, codes), cohort, codes[0]))
    never = (cohort == NEVER)[:, None]
    share = size / size.sum()
    return np.where(never, share @ after, after[place]), np.where(never, share @ before, before[place]), int(codes[0])


def _start(spec: EstimatorSpec, study: Study, panel: Panel) -> int:
    treatment = study.treatment
    if treatment.kind != "dose" or treatment.name not in panel.start:
        raise Unsupported(
            "needs an absorbing treatment, or a dose with a common start",
            where=spec.name,
            cure="Give the treatment `first_treated`, or `start` and `dose: mean_post`",
        )
    return panel.start[treatment.name]


def _mean(values: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Weighted row means over what is seen; NaN where nothing is."""
    mass = np.where(np.isfinite(values), weight, 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((mass * np.nan_to_num(values)).sum(axis=1) / mass.sum(axis=1))


def _require_contrast(spec: EstimatorSpec, treatment: np.ndarray) -> None:
    if not len(treatment) or treatment.min() == treatment.max():
        raise Unsupported(
            "no treated and untreated units are seen both before and after the start",
            where=spec.name,
            cure="Widen the window, or choose rows with fewer gaps",
        )
