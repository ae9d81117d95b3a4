"""Bootstraps over clusters against a slow twin: dense dummies, and everything fitted anew for each draw."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from balanza.checks import _null
from balanza.kernels.inversion import p_value, statistics
from balanza.kernels.wild_bootstrap import Scores, collect, draw, signs, wald

CLUSTERS, PER_CLUSTER, PERIODS = 7, 2, 5
UNITS = CLUSTERS * PER_CLUSTER
CLUSTER = np.arange(UNITS) % CLUSTERS
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def data(counts: bool) -> Data:
    """Outcome with two gaps, weights, two regressors and a baseline covariate."""
    rng = np.random.default_rng(8)
    weight = rng.uniform(0.5, 2.0, (UNITS, PERIODS))
    x = np.stack([rng.random((UNITS, 1)) * (np.arange(PERIODS) >= 2), rng.normal(size=(UNITS, PERIODS))])
    linear = 0.5 * rng.normal(size=(UNITS, 1)) + 0.4 * x[0] + rng.normal(size=(CLUSTERS, PERIODS))[CLUSTER] / 2
    outcome = rng.poisson(8 * weight * np.exp(linear)).astype(float) if counts else linear
    outcome[2, 3] = outcome[5, 0] = np.nan
    return outcome, weight, x, rng.normal(size=(UNITS, 1))


def dense(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Regressors and dummies of units, periods and period x baseline, a row for each unit and period."""
    unit = np.kron(np.eye(UNITS), np.ones((PERIODS, 1)))
    period = np.kron(np.ones((UNITS, 1)), np.eye(PERIODS)[:, 1:])
    return np.hstack([x.reshape(len(x), -1).T, unit, period, period * np.repeat(z, PERIODS)[:, None]])


def kernel(given: Data, counts: bool, tested: list[int], tau: list[float]) -> Scores:
    outcome, weight, x, z = given
    fixed = np.tensordot(tau, x[tested], axes=1)
    free = np.delete(x, tested, axis=0)
    asked = (outcome, weight * np.exp(fixed)) if counts else (outcome - fixed, weight)
    null = _null.fit(*asked, free, z, counts, "test")
    return collect(null.residual, null.mass, x, np.array(tested), CLUSTER, z)


def naive(given: Data, counts: bool, tested: list[int], tau: list[float], sign: np.ndarray) -> np.ndarray:
    """The draw's statistic (t with one coefficient, else the root of Wald's) from the rows themselves."""
    outcome, weight, x, z = given
    seen = ~np.isnan(outcome.ravel())
    design, y, w = dense(x, z)[seen], outcome.ravel()[seen], weight.ravel()[seen]
    cluster = np.repeat(CLUSTER, PERIODS)[seen]
    free = [k for k in range(design.shape[1]) if k not in tested]
    offset = design[:, tested] @ tau
    if counts:
        model = sm.GLM(y, design[:, free], sm.families.Poisson(), offset=offset + np.log(w))
        fitted = model.fit(tol=1e-15, maxiter=300).fittedvalues
        drawn, w = sign[cluster] * (y / fitted - 1), fitted
    else:
        model = sm.WLS(y - offset, design[:, free], w).fit()
        drawn = model.fittedvalues + sign[cluster] * (y - offset - model.fittedvalues)
    refit = sm.WLS(drawn, design, w).fit()  # for counts the Newton step from the null
    errors = sm.WLS(drawn, design, w).fit(cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False})
    change, covariance = refit.params[tested], errors.cov_params()[np.ix_(tested, tested)]
    if len(tested) == 1:
        return change[0] / np.sqrt(covariance[0, 0])
    return np.sqrt(change @ np.linalg.solve(covariance, change))


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_all_signs_give_what_refits_give(counts: bool, tau: float) -> None:
    given, flips = data(counts), signs(CLUSTERS, 200, np.random.default_rng(0))
    assert flips.exhaustive and len(flips.packed) == 2**CLUSTERS
    sums, variances = draw(kernel(given, counts, [0], [tau]), flips)
    fast = statistics(sums[:, 0], variances[:, 0, 0])
    all_signs = np.array([turned[::-1] for turned in itertools.product([1.0, -1.0], repeat=CLUSTERS)])
    slow = np.array([naive(given, counts, [0], [tau], sign) for sign in all_signs])
    np.testing.assert_allclose(fast, slow, rtol=1e-7 if counts else 1e-10, atol=1e-10)
    assert p_value(fast) == np.mean(np.abs(slow) >= abs(slow[0]) * (1 - 1e-9))


@pytest.mark.parametrize("counts", [False, True])
def test_random_signs_give_what_refits_give_jointly(counts: bool) -> None:
    given, flips = data(counts), signs(CLUSTERS, 40, np.random.default_rng(0))
    assert not flips.exhaustive and len(flips.packed) == 41
    fast = wald(*draw(kernel(given, counts, [0, 1], [0.0, 0.0]), flips))
    slow = [naive(given, counts, [0, 1], [0.0, 0.0], sign) for sign in flips.batch(0, 41)]
    np.testing.assert_allclose(fast, slow, rtol=1e-7 if counts else 1e-10)


def test_the_first_draw_is_the_observed_one_and_the_others_are_even() -> None:
    flips = signs(19, 2000, np.random.default_rng(1))
    drawn = flips.batch(0, 2001)
    assert drawn.shape == (2001, 19) and (drawn[0] == 1).all() and (np.abs(drawn) == 1).all()
    assert np.abs(drawn[1:].mean(axis=0)).max() < 4 / np.sqrt(2000)
    np.testing.assert_array_equal(flips.batch(7, 9), drawn[7:9])
    some = replace(flips, only=np.array([2, 17]))
    np.testing.assert_array_equal(some.batch(7, 9), drawn[7:9][:, [2, 17]])


@pytest.mark.parametrize(("clusters", "draws", "listed"), [(7, 128, True), (7, 127, False), (3000, 99, False)])
def test_signs_are_listed_where_there_are_no_more_than_draws(clusters: int, draws: int, listed: bool) -> None:
    flips = signs(clusters, draws, np.random.default_rng(0))
    assert flips.exhaustive is listed and len(flips.packed) == (2**clusters if listed else draws + 1)
    assert flips.batch(0, 2).shape == (2, clusters)


def test_many_clusters_are_summed_in_another_order_with_the_same_result() -> None:
    # More clusters than terms: 14 clusters of one unit, one regressor and five periods without a baseline.
    outcome, weight, x, _ = data(counts=False)
    null = _null.fit(outcome, weight, x[:0], np.empty((UNITS, 0)), False, "test")
    scores = collect(null.residual, null.mass, x[:1], np.array([0]), np.arange(UNITS))
    assert scores.residual.shape[0] > scores.residual.shape[1]
    flips = signs(UNITS, 50, np.random.default_rng(2))
    sums, variances = draw(scores, flips)
    refit = scores.residual @ scores.solve @ scores.net[0].T
    sign = flips.batch(0, 51)
    np.testing.assert_allclose(variances[:, 0, 0], ((sign * scores.own[:, 0] - sign @ refit) ** 2).sum(axis=1))
    np.testing.assert_allclose(sums[:, 0], sign @ scores.own[:, 0])
