"""A panel collapsed to one row a unit: its change at treatment, its level before, and its traits before.

One rule for all: outcomes are taken net of the controls' mean of their period (of all units' mean, for a dose), so that
common shocks are out whatever the window. A treated unit's level is its mean before its own treatment, its change the
mean from treatment on less that level. A never-treated unit has as many windows as there are cohorts; it gets their
mean, weighted by the size of the cohorts. With a dose, the window is the common start.

All this is of units with a row in each period. Were the mean of a period that of whoever is seen in it, units of a high
level that leave would pass for an effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.contract import EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _guard, _rates, _staggered
from balanza.kernels.group_time import NEVER
from balanza.say import joined, say, say_n

FLAT = 1e-10


@dataclass(frozen=True)
class Collapsed:
    """One row a unit, shape (n,) each.

    units : positions in the panel
    treatment : 0 or 1, or the mean dose after the start
    change, before : of the outcome, net of common shocks
    traits : shape (n, n_traits), means of `names` over the periods before any unit is treated
    moderators : shape (n, n_moderators), the same of the study's moderators, in their order
    lowest : the smallest outcome
    treated_level, treated_dose : mean outcome and mean treatment of treated rows
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


@dataclass(frozen=True)
class _Windows:
    """Weights of periods before and after, (n_units, last) each, and who is compared with whom.

    amount : shape (n_units,), treatment of a unit
    reference : shape (n_units,), units whose mean is a period's common shock
    start : the first treated period of all
    """

    before: np.ndarray
    after: np.ndarray
    amount: np.ndarray
    units: np.ndarray
    reference: np.ndarray
    start: int
    warnings: tuple[str, ...]


def collapse(spec: EstimatorSpec, study: Study, panel: Panel, unbalanced: str) -> Collapsed:
    """Collapse the panel of a study with one absorbing treatment, or with one dose that has a common start.

    Parameters
    ----------
    spec, study, panel : as in the contract
    unbalanced : {"refuse", "drop"}
        What becomes of units that lack rows.

    Raises
    ------
    Unsupported
        If units lack rows and may not be left out, no unit is seen before and after treatment beside a control unit, or
        a dose has no common start.
    """
    values = _rates.outcome(study, panel)
    full, lost = _balanced.full_units(spec, values, unbalanced)
    find = _of_cohorts if study.treatment.kind == "binary" else _of_a_dose
    windows = find(spec, study, panel, full)
    units, last = windows.units, windows.before.shape[1]
    _require_contrast(spec, windows.amount[units])
    values = values[:, :last]
    net = values - _mean(values[windows.reference].T, 1.0)
    before, after = _mean(net, windows.before), _mean(net, windows.after)
    names = tuple(name for name in study.covariates if name != "graph")
    traits, moderators = (_traits(panel, group, windows.start) for group in (names, study.moderators))
    doses = panel.matrix(f"d_{study.treatment.name}")[units, :last]
    treated = doses != 0
    return Collapsed(
        units=np.flatnonzero(units),
        treatment=windows.amount[units],
        change=(after - before)[units],
        before=before[units],
        traits=traits[units],
        names=names,
        moderators=moderators[units],
        cluster=panel.by_unit("cluster")[units],
        n_observations=doses.size,
        lowest=float(values[units].min()),
        treated_level=float(values[units][treated].mean()),
        treated_dose=float(doses[treated].mean()),
        warnings=lost + windows.warnings,
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


def constant(asked: tuple[str, ...], kept: tuple[str, ...], when: str) -> tuple[str, ...]:
    """A sentence on columns that a study asked for and `varying` did not keep."""
    flat = [name for name in dict.fromkeys(asked) if name not in kept]
    if not flat:
        return ()
    return (
        say_n(
            "{names} is the same in all units{when}: left out, and not adjusted for",
            "{names} are the same in all units{when}: left out, and not adjusted for",
            len(flat),
            names=joined(flat, ", "),
            when=when,
        ),
    )


def no_weights(spec: EstimatorSpec, study: Study) -> None:
    """Refuse a study with weights.

    Raises
    ------
    Unsupported
    """
    if study.weights:
        raise Unsupported(
            say("takes no weights"), where=spec.name, cure=say("Remove `weights`, or choose another estimator")
        )


def _of_cohorts(spec: EstimatorSpec, study: Study, panel: Panel, full: np.ndarray) -> _Windows:
    """Each treated unit its own window; a never-treated one those of all cohorts, by their size."""
    design = _staggered.design(spec, study, panel, full, 0)
    cohort, units = design.cohort, design.units
    codes, size = np.unique(cohort[units & (cohort != NEVER)], return_counts=True)
    late = np.arange(design.n_periods) >= codes[:, None]
    after, before = late / late.sum(axis=1, keepdims=True), ~late / (~late).sum(axis=1, keepdims=True)
    place = np.searchsorted(codes, np.where(np.isin(cohort, codes), cohort, codes[0]))
    never, share = cohort == NEVER, size / size.sum()
    return _Windows(
        before=np.where(never[:, None], share @ before, before[place]),
        after=np.where(never[:, None], share @ after, after[place]),
        amount=(~never).astype(float),
        units=units,
        reference=units & never,
        start=int(codes[0]),
        warnings=design.warnings + _guard.cohorts_of_few(study, panel, units),
    )


def _of_a_dose(spec: EstimatorSpec, study: Study, panel: Panel, full: np.ndarray) -> _Windows:
    treatment = study.treatment
    if treatment.kind != "dose" or treatment.name not in panel.start:
        raise Unsupported(
            say("needs an absorbing treatment, or a dose with a common start"),
            where=spec.name,
            cure=say("Give the treatment `first_treated`, or `start` and `dose: mean_post`"),
        )
    start = panel.start[treatment.name]
    late = np.tile(np.arange(panel.n_periods) >= start, (panel.n_units, 1))
    amount = _mean(panel.matrix(f"d_{treatment.name}"), late * 1.0)
    return _Windows(~late * 1.0, late * 1.0, amount, full, full, start, ())


def _traits(panel: Panel, names: tuple[str, ...], start: int) -> np.ndarray:
    """Means before any unit is treated, shape (n_units, n_names)."""
    return np.array([_mean(panel.matrix(name)[:, :start], 1.0) for name in names]).reshape(-1, panel.n_units).T


def _mean(values: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Weighted row means over what is seen; NaN where nothing is."""
    mass = np.where(np.isfinite(values), weight, 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((mass * np.nan_to_num(values)).sum(axis=1) / mass.sum(axis=1))


def _require_contrast(spec: EstimatorSpec, treatment: np.ndarray) -> None:
    if not len(treatment) or treatment.min() == treatment.max():
        raise Unsupported(
            say("no treated and untreated units are seen in all periods"),
            where=spec.name,
            cure=say("Widen the window, or choose rows with fewer gaps"),
        )
