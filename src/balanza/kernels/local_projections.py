"""Local projections difference-in-differences of Dube, Girardi, Jorda and Taylor (2025).

For each window of horizons, the outcome there less that before treatment is regressed on entering treatment, with
period effects, among the newly treated and clean controls: units still untreated at the window's end. Without further
weights the regression weighs cohorts by their variance of treatment; reweighted, by their number of treated units.
Periods of entry are gone through one by one, on running sums: what the regression needs of each is a sum by unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

from balanza.kernels.within import SINGULAR, small_sample

Control = Literal["not_yet", "never"]


@dataclass(frozen=True)
class Paths:
    """Outcomes as running sums over periods, and what goes with them; a period's units lie side by side.

    total, count : shape (n_periods + 1, n_units), of the outcomes seen before a period
    seen : shape (n_periods, n_units)
    cohort, cluster : shape (n_units,), clusters as codes from 0 without gaps
    weights : shape (n_periods, n_units), of the period of entry
    covariates : shape (n_periods, n_covariates, n_units)
    """

    total: np.ndarray
    count: np.ndarray
    seen: np.ndarray
    cohort: np.ndarray
    cluster: np.ndarray
    weights: np.ndarray
    covariates: np.ndarray

    @property
    def n_covariates(self) -> int:
        return int(self.covariates.shape[1])


@dataclass(frozen=True)
class Projection:
    """The effect in one window.

    influence : shape (n_clusters,), with the small-sample factor; its norm is the standard error
    level : mean outcome of the treated in the window
    treated, used : shape (n_units,), the treated units of the regression, and all its units
    """

    value: float
    influence: np.ndarray
    level: float
    treated: np.ndarray
    used: np.ndarray


@dataclass(frozen=True)
class _Window:
    """Horizons from `first` to `last` against `base` periods before entry (None for all), and who may be a control."""

    first: int
    last: int
    base: int | None
    control: Control

    def entries(self, n_periods: int) -> range:
        return range(max(1, -self.first), min(n_periods, n_periods - self.last))

    def start(self, entry: int) -> int:
        return 0 if self.base is None else max(entry - self.base, 0)


@dataclass(frozen=True)
class _Rows:
    """Long differences of one period of entry; all but `units`, which numbers them, have one value a row.

    covariates : shape (n_covariates, n_rows)
    """

    units: np.ndarray
    treated: np.ndarray
    weight: np.ndarray
    change: np.ndarray
    covariates: np.ndarray


def paths(
    outcome: np.ndarray,
    cohort: np.ndarray,
    cluster: np.ndarray,
    weights: np.ndarray | None = None,
    covariates: np.ndarray | None = None,
) -> Paths:
    """Prepare a panel for `project`.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row.
    cohort : ndarray of int, shape (n_units,)
        Code of the first treated period, beyond all periods for never.
    cluster : ndarray of int, shape (n_units,)
    weights : ndarray, shape (n_units, n_periods), optional
        That of the period of entry counts.
    covariates : ndarray, shape (n_covariates, n_units, n_periods), optional
        Those of the period before entry count.
    """
    by_period = np.ascontiguousarray(outcome.T)
    seen = ~np.isnan(by_period)
    start = np.zeros((1, len(outcome)))
    return Paths(
        total=np.vstack([start, np.cumsum(np.where(seen, by_period, 0.0), axis=0)]),
        count=np.vstack([start.astype(np.int64), np.cumsum(seen, axis=0)]),
        seen=seen,
        cohort=cohort,
        cluster=np.unique(cluster, return_inverse=True)[1],
        weights=seen.astype(float) if weights is None else np.where(seen, weights.T, 0.0),
        covariates=np.zeros((len(seen), 0, len(outcome)))
        if covariates is None
        else np.ascontiguousarray(covariates.transpose(2, 0, 1)),
    )


def project(
    data: Paths,
    first: int,
    last: int,
    *,
    base: int | None = 1,
    control: Control = "not_yet",
    reweight: bool = False,
) -> Projection | None:
    """The effect on the mean outcome from `first` to `last` periods after entry, against that before it.

    Parameters
    ----------
    data : Paths
    first, last : int
        Horizons; negative ones lie before entry, 0 is the period of entry.
    base : int or None
        Number of periods just before entry whose mean is subtracted, fewer at the panel's start; all where None.
    control : {"not_yet", "never"}
        Units untreated at the window's end (at entry, for windows before it), or only those never treated.
    reweight : bool
        Weigh cohorts by their treated units; with covariates by regression adjustment: the treated are compared with
        what the controls' regression predicts for them.

    Returns
    -------
    Projection or None
        None where no cohort has both treated units and controls, or covariates are collinear.
    """
    window, n_units = _Window(first, last, base, control), len(data.cohort)
    method = _Adjustment if reweight and data.n_covariates else _Regression
    sums = method(n_units, data.n_covariates)
    used, own = np.zeros(n_units, bool), np.zeros(n_units, bool)
    n_rows, n_entries, level, mass = 0, 0, 0.0, 0.0
    for entry in window.entries(len(data.seen)):
        units = _units(data, window, entry)
        treated = data.cohort[units] == entry
        n_treated = int(treated.sum())
        both = 0 < n_treated < len(units)
        # Entries without treated units say nothing of the effect, but count as rows, and carry covariates' slopes.
        if not (both or (n_treated < len(units) if method is _Adjustment else len(units) and not reweight)):
            continue
        n_rows, n_entries = n_rows + len(units), n_entries + 1
        used[units] = True
        if both or data.n_covariates:
            rows = _rows(data, window, entry, units, treated)
            sums.add(rows, reweight)
        if both:
            weight, chosen = rows.weight[treated], units[treated]
            own[chosen] = True
            level += float(weight @ _mean(data, chosen, entry + first, entry + last + 1))
            mass += float(weight.sum())
    found = sums.solve() if own.any() else None
    if found is None:
        return None
    value, influence = found
    n_clusters = int(np.count_nonzero(np.bincount(data.cluster[used])))
    factor = small_sample(n_clusters, n_rows, 1 + data.n_covariates + n_entries)
    return Projection(
        value=value,
        influence=factor * np.bincount(data.cluster, influence),
        level=level / mass,
        treated=own,
        used=used,
    )


def _units(data: Paths, window: _Window, entry: int) -> np.ndarray:
    """Those entering then and their clean controls, with all rows of the window, of the base, and that of entry."""
    start, begin, end = window.start(entry), entry + window.first, entry + window.last + 1
    clean = data.cohort > (entry + max(window.last, 0) if window.control == "not_yet" else len(data.seen))
    before = data.count[entry] - data.count[start]
    use = (clean | (data.cohort == entry)) & data.seen[entry]
    use &= data.count[end] - data.count[begin] == end - begin
    use &= before > 0 if window.base is None else before == entry - start
    if data.n_covariates:
        use &= np.isfinite(data.covariates[entry - 1]).all(axis=0)
    return np.flatnonzero(use)


def _mean(data: Paths, units: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Means of the outcomes of units that are seen from `start` to before `stop`."""
    count = data.count[stop, units] - data.count[start, units]
    return np.asarray((data.total[stop, units] - data.total[start, units]) / count)


def _rows(data: Paths, window: _Window, entry: int, units: np.ndarray, treated: np.ndarray) -> _Rows:
    after = _mean(data, units, entry + window.first, entry + window.last + 1)
    return _Rows(
        units=units,
        treated=treated,
        weight=data.weights[entry, units],
        change=after - _mean(data, units, window.start(entry), entry),
        covariates=data.covariates[entry - 1][:, units],
    )


class _Regression:
    """Weighted least squares on treatment, covariates and period effects, from sums by unit."""

    def __init__(self, n_units: int, n_covariates: int) -> None:
        self.gram = np.zeros((n_units, 1 + n_covariates, 1 + n_covariates))
        self.product = np.zeros((n_units, 1 + n_covariates))

    def add(self, rows: _Rows, reweight: bool) -> None:
        """Take the rows of one entry in, `reweight` by one over the share of controls."""
        weight = rows.weight
        if reweight:
            weight = weight / (1 - weight[rows.treated].sum() / weight.sum())
        total = weight.sum()
        x = np.vstack([rows.treated, rows.covariates])
        x -= (x @ weight / total)[:, None]
        y = rows.change - weight @ rows.change / total
        weighted = weight * x
        self.product[rows.units] += (weighted * y).T
        self.gram[rows.units] += np.einsum("ji,ki->ijk", weighted, x)

    def solve(self) -> tuple[float, np.ndarray] | None:
        """The coefficient of treatment, and units' influence; None where the covariates are collinear."""
        bread = _inverse(self.gram.sum(axis=0))
        if bread is None:
            return None
        coefficients = bread @ self.product.sum(axis=0)
        return float(coefficients[0]), (self.product - self.gram @ coefficients) @ bread[0]


class _Adjustment:
    """Regression adjustment: the treated's mean less what the controls' regression predicts, from sums by unit."""

    def __init__(self, n_units: int, n_covariates: int) -> None:
        self.gram = np.zeros((n_units, n_covariates, n_covariates))
        self.product = np.zeros((n_units, n_covariates))
        self.treated = np.zeros(n_units)
        self.gap = np.zeros(n_units)
        self.shift = np.zeros((n_units, n_covariates))

    def add(self, rows: _Rows, reweight: bool) -> None:
        """Take the rows of one entry in; cohorts weigh by their treated units always."""
        treated, control = rows.weight * rows.treated, rows.weight * ~rows.treated
        total = control.sum()
        x = rows.covariates - (rows.covariates @ control / total)[:, None]
        y = rows.change - control @ rows.change / total
        contrast = treated - control * (treated.sum() / total)
        self.gram[rows.units] += np.einsum("i,ji,ki->ijk", control, x, x)
        self.product[rows.units] += (control * y * x).T
        self.treated[rows.units] += treated
        self.gap[rows.units] += contrast * y
        self.shift[rows.units] += (contrast * x).T

    def solve(self) -> tuple[float, np.ndarray] | None:
        """The effect and units' influence; None where the covariates are collinear."""
        bread = _inverse(self.gram.sum(axis=0))
        if bread is None:
            return None
        slopes = bread @ self.product.sum(axis=0)
        net, mass = self.gap - self.shift @ slopes, self.treated.sum()
        value = float(net.sum() / mass)
        predicted = (self.product - self.gram @ slopes) @ (bread @ self.shift.sum(axis=0))
        return value, (net - value * self.treated - predicted) / mass


def _inverse(gram: np.ndarray) -> np.ndarray | None:
    """The inverse, or None where the matrix is singular."""
    size = np.sqrt(np.diag(gram))
    if not size.all() or linalg.eigvalsh(gram / np.outer(size, size))[0] < SINGULAR:
        return None
    return np.asarray(linalg.inv(gram))
