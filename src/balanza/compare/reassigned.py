"""Randomization of both arms at once: could chance have made one arm look that much better than the other?

The doses of the two arms are handed on together, as pairs, to other clusters (of the same stratum of the outcome before
treatment, as in the check `randomization`). The hypothesis is the edge of "the second arm buys no more": both arms buy
the same, as much as the data say if that is imposed. Outcomes without the arms follow from it, and the draws say how
far the difference would then scatter. The statistic is studentised, so that unequal clusters and an effect that is not
the same everywhere do not drive the test (Wu and Ding 2021, JASA 116(536); DiCiccio and Romano 2017, JASA 112(519)).
No one assigned either arm at random: the assignment is hypothetical.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balanza.checks import _null, _twoway
from balanza.checks._reassign import AUTO, all_paths, strata
from balanza.checks._twoway import Design
from balanza.compare.outcomes import SPEC
from balanza.contract import Panel, Study
from balanza.errors import BalanzaError, Unsupported
from balanza.kernels import permutation, within

BATCH_CELLS = 4_000_000
TIE = 1e-9


@dataclass(frozen=True)
class Lottery:
    """What all hypotheses share.

    design : of the study, without units and periods that tell nothing
    paths : shape (2, n_clusters, n_periods), by all clusters of the panel
    orders : shape (1 + n_draws, n_clusters), the observed order first
    cluster : shape (n_units,), of the design's units among all clusters
    strata, when : number of strata, and of which time their rate is
    """

    design: Design
    paths: np.ndarray
    orders: np.ndarray
    cluster: np.ndarray
    strata: int
    when: str


def lottery(study: Study, panel: Panel, names: tuple[str, str], rng: np.random.Generator) -> Lottery | str:
    """Draw the reassignments, or say why there are none.

    Parameters
    ----------
    study, panel : as in the contract
        A count with doses of clusters.
    names : (str, str)
        Of the arms.
    rng : Generator
        Draws `study.draws` orders of the clusters.
    """
    try:
        by_name = all_paths(study, panel, SPEC.name)
        groups = strata(study, panel, by_name, AUTO, SPEC.name)
        whole = _twoway.whole(SPEC, study, panel)
        design = _twoway.trimmed(whole)
    except BalanzaError as refusal:
        return str(refusal)
    units, periods = _twoway.told(whole)
    return Lottery(
        design=design,
        paths=np.stack([by_name[name][:, periods] for name in names]),
        orders=permutation.reorder(groups.codes, study.draws, rng),
        cluster=whole.cluster[units],
        strata=groups.count,
        when=groups.when,
    )


def test(given: Lottery | str, slope: np.ndarray) -> dict[str, Any]:
    """How often chance favours the second arm as much as the data do, if both buy the same.

    Parameters
    ----------
    given : Lottery, or str
        From `lottery`.
    slope : ndarray, shape (2,)
        Events avoided for each unit by which an effect is lower, from `pesos.slopes`.

    Returns
    -------
    dict
        `p_one_sided` of the second arm buying no more than the first, `statistic`, `draws`, `strata`, `when`, and
        `reason` (null where it ran; else all others are null).
    """
    blank: dict[str, Any] = dict.fromkeys(("p_one_sided", "statistic", "draws", "strata", "when"))
    if isinstance(given, str):
        return blank | {"reason": given}
    try:
        statistic = _statistics(given, np.asarray(slope, float))
    except Unsupported as refusal:
        return blank | {"reason": refusal.problem}
    observed, drawn = float(statistic[0]), statistic[1:]
    larger = int((drawn >= observed - TIE * max(1.0, abs(observed))).sum())
    facts = {"statistic": observed, "draws": len(drawn), "strata": given.strata, "when": given.when, "reason": None}
    return {"p_one_sided": (1 + larger) / (1 + len(drawn))} | facts


def _statistics(given: Lottery, slope: np.ndarray) -> np.ndarray:
    """Studentised difference of what both arms avoid, of each order, shape (1 + n_draws,)."""
    design = given.design
    same = np.tensordot(1 / slope, given.paths, axes=1)[given.cluster]  # what both arms do if they buy the same
    restricted = replace(design, treatments=same[None], names=("both arms, buying the same",))
    shared = float(_null.fit_of(restricted).coefficients[0])
    with np.errstate(over="ignore"):
        untreated = replace(design, outcome=design.outcome * np.exp(-shared * same), treatments=same[None][:0])
    null = _null.fit_of(untreated)
    others = _net(untreated.covariates, null.mass, design.baseline)
    weights = np.array([slope[0], -slope[1]])
    size = max(1, BATCH_CELLS // (2 * null.mass.size))
    batches = (given.orders[start : start + size] for start in range(0, len(given.orders), size))
    return np.concatenate([_batch(given, orders, null, others, weights) for orders in batches])


def _net(values: np.ndarray, mass: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    return within.within(values, mass, baseline) if len(values) else values


def _batch(given: Lottery, orders: np.ndarray, null: _null.Fit, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    doses = given.paths[:, orders[:, given.cluster]].swapaxes(0, 1)  # draws x arms x units x periods
    net = _net(doses.reshape(-1, *null.mass.shape), null.mass, given.design.baseline).reshape(doses.shape)
    if len(others):
        gram = np.einsum("kit,lit,it->kl", others, others, null.mass)
        moments = np.einsum("bait,kit,it->bak", net, others, null.mass, optimize=True)
        net = net - np.einsum("bak,kit->bait", moments @ np.linalg.inv(gram), others, optimize=True)
    information = np.einsum("bait,bcit,it->bac", net, net, null.mass, optimize=True)
    by_unit = np.einsum("bait,it->bai", net, null.residual, optimize=True)
    scores = np.zeros((given.paths.shape[1], len(orders), 2))
    np.add.at(scores, given.cluster, np.moveaxis(by_unit, 2, 0))
    pinned = np.linalg.pinv(information, rcond=1e-10, hermitian=True)
    influence = np.einsum("a,bac,gbc->bg", weights, pinned, scores, optimize=True)
    spread = np.sqrt((influence**2).sum(axis=1))
    return np.asarray(np.divide(influence.sum(axis=1), spread, out=np.zeros(len(orders)), where=spread > 0))
