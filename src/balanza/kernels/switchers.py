"""Effects of switching treatment by horizon, after de Chaisemartin and D'Haultfoeuille (2024).

"Difference-in-Differences Estimators of Intertemporal Treatment Effects", as in the authors' `did_multiplegt_dyn`. A
switcher is compared, from the period before its first change of treatment on, with the units that began with the same
treatment and have not changed it yet. Treatment may be any number and may go up and down; all that it takes is that
some units stay. All switchers of one date form one matrix block, and influence is kept by unit and horizon only, so
that memory does not grow with the number of dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from balanza.say import say


class NoStayers(ValueError):
    """No switcher has a unit with the same first treatment that stays."""


@dataclass(frozen=True)
class Horizons:
    """Effects by horizon 1, 2, ...; those without a switcher are NaN, with weight 0.

    All of shape (n_horizons,) but `influence`, (n_clusters, n_horizons), whose column norms are the standard errors.
    `weight` is the (weighted) number of switchers behind an effect, `change` their mean change of treatment in that
    period against their first treatment, and `cumulated` the mean sum of these changes from the switch on. A decrease
    counts as positive, since its effect is counted with the opposite sign.
    """

    effect: np.ndarray
    influence: np.ndarray
    weight: np.ndarray
    change: np.ndarray
    cumulated: np.ndarray

    def mean(self, chosen: np.ndarray, per: Literal["change", "cumulated"] | None = None) -> tuple[float, np.ndarray]:
        """Effect of several horizons together, weighted by switchers, and its influence, shape (n_clusters,).

        Parameters
        ----------
        chosen : ndarray of bool, shape (n_horizons,)
        per : {"change", "cumulated"}, optional
            What it is divided by: with all horizons, "change" makes it the average total effect per unit of
            treatment; "cumulated" makes it the normalised effect.
        """
        use = chosen & (self.weight > 0)
        weight = self.weight[use]
        size = weight.sum() if per is None else weight @ getattr(self, per)[use]
        return float(weight @ self.effect[use] / size), self.influence[:, use] @ weight / size


@dataclass(frozen=True)
class Switching:
    """Effects after the switch, and placebos before it.

    `used` are the switchers with a comparison and `controls` the units that they are compared with, both (n_units,);
    `status_quo` is the mean outcome that switchers would have had with their first treatment, over all effects.
    """

    effects: Horizons
    placebos: Horizons
    used: np.ndarray
    controls: np.ndarray
    status_quo: float


@dataclass(frozen=True)
class Paths:
    """What the treatment of each unit does, in period codes, all of shape (n_units,).

    `first` is the first period with another treatment than that of period 0 (n_periods: none), `sign` the direction,
    and `until` the first period with a treatment on the other side of that of period 0 (n_periods: none).
    """

    first: np.ndarray
    sign: np.ndarray
    until: np.ndarray


def switching(
    outcome: np.ndarray,
    treatment: np.ndarray,
    weights: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    *,
    effects: int | None = None,
    placebos: int | None = None,
) -> Switching:
    """Estimate effects and placebos by horizon on a balanced panel.

    Parameters
    ----------
    outcome, treatment : ndarray, shape (n_units, n_periods)
        Without missing values.
    weights : ndarray, shape (n_units,), optional
    cluster : ndarray of int, shape (n_units,), optional
        The units themselves by default.
    effects, placebos : int, optional
        Most horizons to estimate, by default all that the panel allows. The placebo of horizon h compares the h
        periods before the switch, with the controls of the effect of horizon h.

    Returns
    -------
    Switching
        Without horizons after the last one that has a switcher.

    Raises
    ------
    NoStayers
        If no switcher has a comparison.
    """
    n_units, n_periods = outcome.shape
    mass = np.ones(n_units) if weights is None else weights / weights.mean()
    codes = np.arange(n_units) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    after = _Sums(n_units, _most(effects, n_periods - 1))
    before = _Sums(n_units, _most(placebos, n_periods - 2))
    used, controls = np.zeros((2, n_units), bool)
    for block in _blocks(treatment, mass, codes):
        used[block.switchers] = True
        controls[block.units[len(block.switchers) :]] = True
        base = outcome[block.units, block.first - 1, None]
        length = min(block.seen.shape[1], len(after.effect))
        after.add(block, outcome[block.units, block.first : block.first + length] - base, base)
        length = min(block.seen.shape[1], len(before.effect), block.first - 1)
        before.add(block, outcome[block.units][:, block.first - 2 - np.arange(length)] - base, base)
    if not used.any():
        raise NoStayers(say("no switcher has a comparison"))
    status_quo = after.status_quo / float(after.weight.sum())
    return Switching(after.horizons(codes), before.horizons(codes), used, controls, status_quo)


def paths(treatment: np.ndarray) -> Paths:
    """First change of each unit's treatment, its direction, and when it comes to lie on the other side.

    Parameters
    ----------
    treatment : ndarray, shape (n_units, n_periods)

    Returns
    -------
    Paths
    """
    n_periods = treatment.shape[1]
    change = treatment - treatment[:, :1]
    first = _first(change != 0, n_periods)
    sign = np.sign(change[np.arange(len(change)), np.minimum(first, n_periods - 1)])
    return Paths(first, sign, _first(change * sign[:, None] < 0, n_periods))


def _first(hit: np.ndarray, otherwise: int) -> np.ndarray:
    return np.where(hit.any(axis=1), hit.argmax(axis=1), otherwise)


def _most(wanted: int | None, possible: int) -> int:
    return max(possible if wanted is None else min(wanted, possible), 0)


@dataclass(frozen=True)
class _Block:
    """Switchers of one date, direction and first treatment, with their controls, by horizon from 1 on.

    `seen` is (n_switchers, n_horizons): not yet on the other side of the first treatment; `stays` is
    (n_controls, n_horizons): not yet switched; `change` is the switchers' change of treatment, counted as positive;
    `cohort` numbers the treatments that they switch to; `units` are the switchers, then the controls.
    """

    first: int
    sign: float
    switchers: np.ndarray
    units: np.ndarray
    seen: np.ndarray
    stays: np.ndarray
    change: np.ndarray
    cohort: np.ndarray
    mass: np.ndarray
    cluster: np.ndarray


def _blocks(treatment: np.ndarray, mass: np.ndarray, cluster: np.ndarray) -> Iterator[_Block]:
    """All comparisons that the treatment paths allow."""
    path = paths(treatment)
    for start in np.unique(treatment[:, 0]):
        alike = np.flatnonzero(treatment[:, 0] == start)
        last = path.first[alike].max()
        dates = np.unique(np.column_stack([path.first[alike], path.sign[alike]]), axis=0)
        for first, sign in dates[dates[:, 0] < last]:
            period = np.arange(int(first), last)
            switchers = alike[(path.first[alike] == first) & (path.sign[alike] == sign)]
            controls = alike[path.first[alike] > first]
            units = np.concatenate([switchers, controls])
            yield _Block(
                first=int(first),
                sign=float(sign),
                switchers=switchers,
                units=units,
                seen=period < path.until[switchers, None],
                stays=period < path.first[controls, None],
                change=sign * (treatment[np.ix_(switchers, period)] - start),
                cohort=np.unique(treatment[switchers, int(first)], return_inverse=True)[1],
                mass=mass[units, None],
                cluster=cluster[units],
            )


class _Sums:
    """Sums by horizon: of effects, of treatments, and of influence by unit."""

    def __init__(self, n_units: int, n_horizons: int) -> None:
        self.effect, self.weight, self.change, self.cumulated = np.zeros((4, n_horizons))
        self.influence = np.zeros((n_units, n_horizons))
        self.status_quo = 0.0

    def add(self, block: _Block, move: np.ndarray, base: np.ndarray) -> None:
        """Add the comparisons of a block: `move` is the change of the outcome, (n_block_units, n_horizons)."""
        size, split = move.shape[1], len(block.switchers)
        seen = np.concatenate([block.seen[:, :size], block.stays[:, :size]])
        weight = block.mass * seen
        own, others = weight[:split], weight[split:]
        drift = (others * move[split:]).sum(axis=0) / others.sum(axis=0)
        count = own.sum(axis=0)
        self.effect[:size] += block.sign * (own * (move[:split] - drift)).sum(axis=0)
        self.weight[:size] += count
        self.change[:size] += (own * block.change[:, :size]).sum(axis=0)
        self.cumulated[:size] += (own * block.change[:, :size].cumsum(axis=1)).sum(axis=0)
        self.status_quo += float((own * (base[:split] + drift)).sum())
        sharing = np.concatenate([own, -others * count / others.sum(axis=0)])
        self.influence[block.units, :size] += block.sign * sharing * _deviations(block, move, weight, seen)

    def horizons(self, cluster: np.ndarray) -> Horizons:
        """Means by horizon, with influence summed within clusters; without horizons at the end that are empty."""
        end = int(np.flatnonzero(self.weight).max(initial=-1)) + 1
        order = np.argsort(cluster, kind="stable")
        starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
        influence = np.add.reduceat(self.influence[order, :end], starts, axis=0)
        weight = self.weight[:end]
        with np.errstate(invalid="ignore"):
            means = [part[:end] / weight for part in (self.effect, self.change, self.cumulated)]
            return Horizons(means[0], influence / weight, weight, means[1], means[2])


def _deviations(block: _Block, move: np.ndarray, weight: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Deviations of the outcome's change from its mean among alike units, scaled by (n / (n - 1))^1/2.

    Alike are switchers to the same treatment, and controls. Where they lie in one cluster, its deviation is that from
    the mean of switchers and controls together, as the authors do.
    """
    split = len(block.switchers)
    kinds = np.concatenate([block.cohort, np.full(len(block.units) - split, block.cohort.max() + 1)])
    deviation, n = _centred(move, weight, seen, kinds, block.cluster)
    if (n[seen] < 2).any():
        together, _ = _centred(move, weight, seen, np.zeros(len(kinds), np.int64), block.cluster)
        deviation = np.where(n < 2, together, deviation)
    return deviation


def _centred(
    values: np.ndarray, weight: np.ndarray, seen: np.ndarray, group: np.ndarray, cluster: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled deviations from group means, and the number of clusters in the group, by unit and horizon."""
    order = np.lexsort((cluster, group))
    pairs = np.column_stack([group, cluster])[order]
    new = np.flatnonzero((np.diff(pairs, axis=0, prepend=-1) != 0).any(axis=1))
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    sums, sizes = (np.add.reduceat(part[order], starts, axis=0) for part in (weight * values, weight))
    inside = np.logical_or.reduceat(seen[order], new, axis=0).astype(float)
    count = np.add.reduceat(inside, np.flatnonzero(np.diff(pairs[new, 0], prepend=-1)), axis=0)
    mean = sums / np.where(sizes > 0, sizes, 1.0)
    scale = np.sqrt(count / np.maximum(count - 1, 1.0))
    return np.where(seen, scale[group] * (values - mean[group]), 0.0), count[group]
