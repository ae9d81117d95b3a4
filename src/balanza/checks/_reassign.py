"""What reassignments over clusters need: paths to hand on, and clusters of like outcome among which they stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from balanza.contract import Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.kernels import permutation
from balanza.say import say

AUTO = "auto"
MOST = 4
FEWEST_CLUSTERS = 8


@dataclass(frozen=True)
class Strata:
    """`codes` of the clusters, shape (n_clusters,), `count` of them, and in words the time that the rate is of."""

    codes: np.ndarray
    count: int
    when: str


def known_paths(treatment: Treatment, panel: Panel, where: str) -> np.ndarray:
    """The treatment of each cluster in all periods, shape (n_clusters, n_periods).

    Parameters
    ----------
    treatment, panel : as in the contract
    where : str
        The check's name, for errors.

    Raises
    ------
    Unsupported
        If units of a cluster differ, or a path is not known where its cluster has no rows.
    """
    by_unit = _unit_paths(treatment, panel)
    low = np.full((panel.n_clusters, panel.n_periods), np.nan)
    high, cluster = low.copy(), panel.by_unit("cluster")
    np.fmin.at(low, cluster, by_unit)
    np.fmax.at(high, cluster, by_unit)
    if np.nanmax(high - low) > 1e-9 * max(1.0, np.nanmax(np.abs(high))):
        raise Unsupported(
            say("{treatment} differs within a cluster", treatment=treatment.name),
            where=where,
            cure=say("Cluster where it is assigned"),
        )
    if np.isnan(low).any():
        raise Unsupported(
            say(
                "{name} is not known where a cluster lacks rows, so that its path cannot be handed on",
                name=treatment.name,
            ),
            where=where,
            cure=say("Fill the rows, or choose a window in which each cluster has a row in each period"),
        )
    return low


def all_paths(study: Study, panel: Panel, where: str) -> dict[str, np.ndarray]:
    """`known_paths` of each treatment, by name."""
    return {treatment.name: known_paths(treatment, panel, where) for treatment in study.treatments}


def _unit_paths(treatment: Treatment, panel: Panel) -> np.ndarray:
    """The treatment as units x periods: in all periods where it follows from its start, else NaN without a row."""
    period = np.arange(panel.n_periods)
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")[:, None]
        return np.asarray((cohort >= 0) & (period >= cohort), float)
    values = panel.matrix(f"d_{treatment.name}")
    start = panel.start.get(treatment.name)
    if start is None or not treatment.steady:
        return values
    return np.asarray(np.nanmean(values[:, start:], axis=1)[:, None] * (period >= start))


def strata(study: Study, panel: Panel, paths: Mapping[str, np.ndarray], wanted: object, where: str) -> Strata:
    """Quantiles of the clusters' outcome rate in the last full year before treatment.

    Parameters
    ----------
    study, panel : as in the contract
    paths : mapping
        Each treatment by cluster and period, shape (n_clusters, n_periods).
    wanted : object
        A number of strata; or `auto`: the most, up to four, that leave eight clusters in each on average and as many
        different assignments as draws.
    where : str
        The check's name, for errors.

    Raises
    ------
    Unsupported
        If `wanted` is neither, or more than half of the clusters, or there is no time before the treatment.
    """
    whole = isinstance(wanted, int | np.integer) and not isinstance(wanted, bool)
    if wanted != AUTO and (not whole or not 1 <= int(str(wanted)) <= panel.n_clusters // 2):
        most = panel.n_clusters // 2
        raise Unsupported(
            say("option strata is {wanted!r}", wanted=wanted),
            where=where,
            cure=say("Give a whole number from 1 to {most}, or {auto}", most=most, auto=AUTO),
        )
    none = Strata(np.zeros(panel.n_clusters, int), 1, "")
    before, when = _last_year(panel, min(_begin(study, panel), *(_moves(path) for path in paths.values())))
    if not len(before):
        if wanted in (AUTO, 1):
            return none
        raise Unsupported(
            say("there is no time before the treatment to stratify by"),
            where=where,
            cure=say("Set `strata: 1` in `options`"),
        )
    rate = _rates(study, panel, before)
    if wanted != AUTO:
        return Strata(*_cut(rate, int(str(wanted))), when)
    for count in range(min(MOST, panel.n_clusters // FEWEST_CLUSTERS), 1, -1):
        codes, found = _cut(rate, count)
        fewest = min(permutation.log_assignments(path, codes) for path in paths.values())
        if fewest >= np.log(study.draws + 1):
            return Strata(codes, found, when)
    return none


def _begin(study: Study, panel: Panel) -> int:
    """The stated start of the first treatment, or the number of periods where none is stated."""
    return min([panel.n_periods, *(panel.start[item.name] for item in study.treatments if item.name in panel.start)])


def _moves(path: np.ndarray) -> int:
    """The first period in which a path is not nil for all; the number of periods where it never is."""
    on = path.any(axis=0)
    return int(on.argmax()) if on.any() else path.shape[1]


def _last_year(panel: Panel, begin: int) -> tuple[np.ndarray, str]:
    """Periods of the last full year before `begin`, and how to call it."""
    length = round(panel.periods_per_year or 1)
    labels = np.array([str(label) for label in panel.period_labels])
    if length > 1:
        years = np.array([label[:4] for label in labels[:begin]])
        full = [year for year in np.unique(years) if (years == year).sum() == length]
        if full:
            return np.flatnonzero(years == full[-1]), say("in {period}", period=full[-1])
    before = np.arange(max(0, begin - length), begin)
    if len(before) < 2:
        return before, say("in {period}", period=labels[before[0]]) if len(before) else ""
    return before, say("from {first} to {last}", first=labels[before[0]], last=labels[before[-1]])


def _rates(study: Study, panel: Panel, periods: np.ndarray) -> np.ndarray:
    """Outcome of each cluster per exposure, or its mean, in some periods; NaN where it has no row."""
    frame = panel.frame[panel.frame["period"].isin(periods)]
    weight = frame["weight"].to_numpy() if study.weights else np.ones(len(frame))
    exposed = study.outcome.family == "poisson" and study.outcome.exposure
    size = frame["exposure"].to_numpy() * weight if exposed else weight
    code = frame["cluster"].to_numpy()
    total = np.bincount(code, frame["outcome"].to_numpy() * weight, panel.n_clusters)
    at_risk = np.bincount(code, size, panel.n_clusters)
    return np.where(at_risk > 0, total / np.where(at_risk > 0, at_risk, 1.0), np.nan)


def _cut(rate: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Quantile strata, equal rates together, clusters without a rate last; their codes and how many there are."""
    known = rate[~np.isnan(rate)]
    edges = np.quantile(known, np.arange(1, count) / count, method="inverted_cdf") if len(known) else np.empty(0)
    codes = np.where(np.isnan(rate), count, np.searchsorted(edges, rate, side="left"))
    found, codes = np.unique(codes, return_inverse=True)
    return codes, len(found)
