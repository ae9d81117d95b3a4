"""The Poisson kernel against a slow twin with dense dummies, against pyfixest, and its refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.jackknife import jackknife
from balanza.kernels.multiplier import critical_value
from balanza.kernels.poisson import Degenerate, fit, influence, project


def panel(seed: int = 0, n: int = 30, periods: int = 8, k: int = 2, holes: bool = True):
    """Counts, exposure, regressors, baseline covariates and clusters; some rows missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(k, n, periods))
    z = rng.normal(size=(n, 1))
    exposure = rng.uniform(1, 50, (n, periods))
    rate = np.exp(0.4 * rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=periods) + 0.2 * x.sum(axis=0))
    y = rng.poisson(exposure * rate).astype(float)
    y[:, 0] += 1
    if holes:
        y[rng.random((n, periods)) < 0.15] = np.nan
    return y, exposure, x, z, np.arange(n) // 3


def twin(y, exposure, x, z=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Iteratively reweighted least squares on dummies: coefficients, their inverse information, and row scores."""
    unit, period = np.nonzero(~np.isnan(y))
    columns = [x[:, unit, period].T, np.eye(len(y))[unit], np.eye(y.shape[1])[period][:, 1:]]
    if z is not None:
        columns += [np.eye(y.shape[1])[period][:, 1:] * value[unit, None] for value in z.T]
    design, outcome, offset = np.hstack(columns), y[unit, period], np.log(exposure[unit, period])
    eta = np.log(outcome + 0.5)
    for _ in range(200):
        mu = np.exp(eta)
        working = eta - offset + (outcome - mu) / mu
        beta = np.linalg.lstsq(design * np.sqrt(mu)[:, None], working * np.sqrt(mu), rcond=None)[0]
        eta = design @ beta + offset
    mu = np.exp(eta)
    inverse = np.linalg.inv((design.T * mu) @ design)
    return beta[: len(x)], inverse[: len(x)], (outcome - mu)[:, None] * design


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("with_baseline", [False, True])
def test_agrees_with_dense_dummies(holes: bool, with_baseline: bool) -> None:
    y, exposure, x, z, cluster = panel(holes=holes)
    z = z if with_baseline else None
    found = fit(y, exposure, x, z)
    beta, inverse, scores = twin(y, exposure, x, z)
    np.testing.assert_allclose(found.coefficients, beta, atol=1e-9)
    np.testing.assert_allclose(np.linalg.inv(found.information), inverse[:, :2], atol=1e-10)
    unit = np.nonzero(~np.isnan(y))[0]
    sums = np.array([scores[cluster[unit] == c].sum(axis=0) for c in np.unique(cluster)]) @ inverse.T
    n, k = int((~np.isnan(y)).sum()), 2 + (y.shape[1] - 1 if with_baseline else 0)
    expected = sums.T @ sums * 10 / 9 * (n - 1) / (n - k)
    each = influence(found, cluster)
    np.testing.assert_allclose(each.T @ each, expected, rtol=1e-8)


@pytest.mark.parametrize("seed", [1, 2])
def test_agrees_with_pyfixest(seed: int) -> None:
    """pyfixest 0.60 with ssc(k_adj=True, k_fixef="none", G_adj=True), the factor that does not hang on a hash seed."""
    pyfixest = pytest.importorskip("pyfixest")
    y, exposure, x, _, cluster = panel(seed)
    unit, period = np.nonzero(~np.isnan(y))
    columns = {"unit": unit, "period": period, "c": cluster[unit], "y": y[unit, period]}
    frame = pd.DataFrame({**columns, "x0": x[0][unit, period], "x1": x[1][unit, period]})
    frame["offset"] = np.log(exposure[unit, period])
    peer = pyfixest.fepois(
        "y ~ x0 + x1 | unit + period",
        frame,
        vcov={"CRV1": "c"},
        offset="offset",
        ssc=pyfixest.ssc(k_adj=True, k_fixef="none", G_adj=True, G_df="conventional"),
        fixef_rm="none",
        iwls_tol=1e-12,
        fixef_tol=1e-12,
    )
    found = fit(y, exposure, x)
    np.testing.assert_allclose(found.coefficients, peer.coef(), atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(influence(found, cluster), axis=0), peer.se(), rtol=1e-6)


def test_gradient_vanishes_and_totals_are_kept() -> None:
    y, exposure, x, z, _ = panel(3)
    found = fit(y, exposure, x, z)
    seen = ~np.isnan(y)
    residual = np.where(seen, y - found.fitted, 0)
    assert np.abs(residual.sum(axis=0)).max() < 1e-10 * np.nansum(y)
    assert np.abs(residual.sum(axis=1)).max() < 1e-10 * np.nansum(y)
    assert np.abs((residual * x).sum(axis=(1, 2))).max() < 1e-10 * np.nansum(y)
    np.testing.assert_allclose(found.scores.sum(axis=0), 0, atol=1e-9)


def test_projection_gives_the_score_of_a_new_regressor() -> None:
    """The score after projection, at a fit without the regressor, is that of the likelihood profiled over the rest."""
    y, exposure, x, z, _ = panel(4, holes=False)
    null = fit(y, exposure, x[:1], z)
    net = project(null.fitted, x[1:], z)[0]

    def likelihood(size: float) -> float:
        moved = fit(y, exposure * np.exp(size * x[1]), x[:1], z).fitted
        return float((y * np.log(moved) - moved).sum())

    numeric = (likelihood(1e-4) - likelihood(-1e-4)) / 2e-4
    assert ((y - null.fitted) * net).sum() == pytest.approx(numeric, rel=1e-5)
    np.testing.assert_allclose((null.fitted * net).sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose((null.fitted * net).sum(axis=1), 0, atol=1e-9)


def test_states_and_municipalities_agree_for_a_treatment_of_states() -> None:
    """Fixed shares of exposure within states: sums by state carry all there is to know of a state's treatment."""
    rng = np.random.default_rng(5)
    states, each, periods = 12, 7, 10
    state = np.repeat(np.arange(states), each)
    dose = rng.uniform(0, 2, states)[:, None] * (np.arange(periods) >= 4)
    people = rng.uniform(1e3, 1e5, (states * each, 1)) * np.linspace(1, 1.2, periods)
    y = rng.poisson(people * 1e-3 * np.exp(rng.normal(size=(len(people), 1)))).astype(float)
    total, exposed = (np.array([v[state == s].sum(axis=0) for s in range(states)]) for v in (y, people))
    small, large = fit(y, people, dose[state][None]), fit(total, exposed, dose[None])
    np.testing.assert_allclose(small.coefficients, large.coefficients, atol=1e-10)
    np.testing.assert_allclose(
        np.linalg.norm(influence(small, state)), np.linalg.norm(influence(large, np.arange(states))), rtol=1e-9
    )


@given(seed=st.integers(0, 1000), scale=st.floats(1e-6, 1e6), people=st.floats(1e-4, 1e5))
@settings(max_examples=15, deadline=None)
def test_invariances(seed: int, scale: float, people: float) -> None:
    """Order of units and periods, and the units of outcome, exposure and regressors, leave the effect alone."""
    y, exposure, x, z, cluster = panel(seed % 5)
    found = fit(y, exposure, x, z)
    rng = np.random.default_rng(seed)
    units, periods = rng.permutation(len(y)), rng.permutation(y.shape[1])
    at = np.ix_(units, periods)
    moved = fit(y[at] * scale, exposure[at] * people, x[:, units][:, :, periods] * 7 + 3, z[units] * 11 - 5)
    np.testing.assert_allclose(moved.coefficients * 7, found.coefficients, atol=1e-8)
    np.testing.assert_allclose(
        np.linalg.norm(influence(moved, cluster[units]), axis=0) * 7,
        np.linalg.norm(influence(found, cluster), axis=0),
        rtol=1e-6,
    )


def test_copies_of_clusters_add_information() -> None:
    y, exposure, x, _, cluster = panel(6)
    once = influence(fit(y, exposure, x), cluster)
    both = fit(np.vstack([y, y]), np.vstack([exposure, exposure]), np.concatenate([x, x], axis=1))
    twice = influence(both, np.concatenate([cluster, cluster + 10]))
    n = int((~np.isnan(y)).sum())
    factor = np.sqrt(20 / 19 * (2 * n - 1) / (2 * n - 2) / (10 / 9 * (n - 1) / (n - 2)) / 2)
    np.testing.assert_allclose(np.linalg.norm(twice, axis=0), np.linalg.norm(once, axis=0) * factor, rtol=1e-8)


def test_collinear_regressors_are_named() -> None:
    y, exposure, x, _, _ = panel(7)
    absorbed = np.broadcast_to(np.arange(y.shape[1]) > 3, y.shape).astype(float)
    with pytest.raises(Degenerate) as problem:
        fit(y, exposure, np.stack([x[0], absorbed]))
    assert (problem.value.reason, problem.value.index) == ("collinear", 1)
    with pytest.raises(Degenerate) as problem:
        fit(y, exposure, np.stack([x[0], x[1], x[0] - 2 * x[1] + absorbed]))
    assert problem.value.reason == "collinear"


def test_separation_is_named() -> None:
    """Zero counts wherever the treatment is on: its coefficient is minus infinity."""
    y, exposure, x, _, _ = panel(8, holes=False)
    on = np.zeros_like(y)
    on[:4, 5:] = 1
    y[on == 1] = 0
    with pytest.raises(Degenerate) as problem:
        fit(y, exposure, np.stack([x[0], on]))
    assert (problem.value.reason, problem.value.index) == ("separated", 1)
    y[0, 5] = 1
    assert fit(y, exposure, np.stack([x[0], on])).coefficients[1] < -1


def test_bands_cover_jointly() -> None:
    """With independent estimates the critical value is the quantile of a maximum of normals: 2.80 for ten (Sidak)."""
    rng = np.random.default_rng(0)
    each = np.zeros((2000, 10))
    for column in range(10):
        each[200 * column : 200 * (column + 1), column] = rng.normal(size=200)
    for multiplier in ("rademacher", "mammen"):
        value = critical_value(each, 20_000, 0.95, rng, multiplier)
        assert value == pytest.approx(2.80, abs=0.06)
    assert critical_value(each[:, :1], 20_000, 0.95, rng) == pytest.approx(1.96, abs=0.06)
    assert np.isnan(critical_value(np.zeros((5, 2)), 99, 0.95, rng))


def test_without_regressors_the_fit_is_the_table_of_unit_and_period_shares() -> None:
    # in a complete table without exposure the maximum is row sum x column sum / total
    outcome = np.array([[4.0, 2.0], [1.0, 5.0], [3.0, 3.0]])
    found = fit(outcome, np.ones_like(outcome), np.empty((0, 3, 2)))
    expected = np.outer(outcome.sum(axis=1), outcome.sum(axis=0)) / outcome.sum()
    np.testing.assert_allclose(found.fitted, expected, rtol=1e-10)


def test_jackknife_is_what_refitting_without_each_cluster_gives() -> None:
    # oracle: twelve refits; one Newton step leaves a remainder of second order in a cluster's share
    rng = np.random.default_rng(11)
    n_units, n_periods = 60, 8
    cluster = np.arange(n_units) % 12
    regressors = rng.random((2, n_units, 1)) * (np.arange(n_periods) >= 4)
    mean = 400 * np.exp(rng.normal(0, 0.5, (n_units, 1)) + rng.normal(0, 0.1, (n_units, n_periods)))
    outcome = rng.poisson(mean * np.exp(0.3 * regressors[0])).astype(float)
    ones = np.ones_like(outcome)
    found = fit(outcome, ones, regressors)
    fast = jackknife(outcome, found, regressors, cluster)
    slow = []
    for code in range(12):
        kept = cluster != code
        slow.append(fit(outcome[kept], ones[kept], regressors[:, kept]).coefficients - found.coefficients)
    expected = np.sqrt(11 / 12) * np.array(slow)
    assert fast is not None
    np.testing.assert_allclose(fast, expected, atol=0.02 * np.abs(expected).max())


def test_jackknife_declines_where_a_coefficient_hangs_on_one_cluster() -> None:
    outcome = np.random.default_rng(2).poisson(50.0, (10, 6)).astype(float)
    regressors = np.zeros((1, 10, 6))
    regressors[0, 0, 3:] = 1
    found = fit(outcome, np.ones_like(outcome), regressors)
    assert jackknife(outcome, found, regressors, np.arange(10)) is None
