"""The negative binomial kernel against statsmodels, against the Poisson kernel in the limit, and its invariances."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels import poisson
from balanza.kernels.negative_binomial import NegativeBinomialFit, Rows, fit, influence, jackknife
from balanza.kernels.within import Degenerate

UNITS, PERIODS, GROUPS = 60, 8, 6


def rows(seed: int = 0, dispersion: float = 0.5) -> Rows:
    rng = np.random.default_rng(seed)
    unit, period = np.indices((UNITS, PERIODS)).reshape(2, -1)
    group, exposure = unit % GROUPS, np.exp(rng.normal(9.5, 1, UNITS))[unit]
    x = np.stack([((unit % 4 == 0) & (period >= 4)).astype(float), rng.normal(size=len(unit))])
    mean = exposure * np.exp(-8 + rng.normal(0, 0.5, GROUPS)[group] + rng.normal(0, 0.2, PERIODS)[period] + 0.2 * x[0])
    y = rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, len(unit)))
    return Rows(y.astype(float), exposure, x, group, period, np.ones(len(unit)))


def by_cluster(data: Rows, found: NegativeBinomialFit, cluster: np.ndarray) -> np.ndarray:
    sums = [np.bincount(cluster, values) for values in influence(data, found).T]
    return np.linalg.norm(np.column_stack(sums), axis=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_statsmodels(seed) -> None:
    """Coefficients, dispersion and clustered errors (without small-sample factor) to its convergence."""
    from statsmodels.discrete.discrete_model import NegativeBinomial

    data = rows(seed)
    dummies = [data.group == code for code in range(GROUPS)] + [data.period == code for code in range(1, PERIODS)]
    design = np.column_stack([*data.regressors, *dummies]).astype(float)
    start = np.append(np.zeros(design.shape[1]), 0.1)
    start[2 : 2 + GROUPS] = np.log(data.outcome.sum() / data.exposure.sum())
    theirs = NegativeBinomial(data.outcome, design, offset=np.log(data.exposure)).fit(
        method="newton",
        start_params=start,
        maxiter=200,
        tol=1e-14,
        disp=0,
        cov_type="cluster",
        cov_kwds={"groups": data.group, "use_correction": False},
    )
    ours = fit(data)
    np.testing.assert_allclose(ours.coefficients, theirs.params[:2], atol=1e-8)
    assert ours.dispersion == pytest.approx(theirs.params[-1], rel=1e-7)
    np.testing.assert_allclose(by_cluster(data, ours, data.group), theirs.bse[:2], rtol=1e-6)
    np.testing.assert_allclose(ours.fitted, theirs.predict(), rtol=1e-6)


def test_without_excess_variance_it_is_poisson() -> None:
    data = rows()
    data = dataclasses.replace(data, outcome=np.round(fit(data).fitted), group=np.repeat(np.arange(UNITS), PERIODS))
    ours = fit(data)
    shape = (UNITS, PERIODS)
    expected = poisson.fit(
        data.outcome.reshape(shape), data.exposure.reshape(shape), data.regressors.reshape(-1, *shape)
    )
    assert ours.dispersion == 0
    np.testing.assert_allclose(ours.coefficients, expected.coefficients, atol=1e-9)
    cluster = np.arange(UNITS)
    theirs = poisson.influence(expected, cluster)
    factor = np.sqrt(UNITS / (UNITS - 1) * (data.outcome.size - 1) / (data.outcome.size - 2))
    np.testing.assert_allclose(by_cluster(data, ours, data.group) * factor, np.linalg.norm(theirs, axis=0), rtol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100.0))
def test_order_of_rows_labels_and_units_of_exposure_are_irrelevant(seed: int, scale: float) -> None:
    data, rng = rows(seed), np.random.default_rng(seed)
    order, groups, periods = rng.permutation(len(data.outcome)), rng.permutation(GROUPS), rng.permutation(PERIODS)
    other = Rows(
        outcome=data.outcome[order],
        exposure=scale * data.exposure[order],
        regressors=2 * data.regressors[:, order] + 1,
        group=groups[data.group[order]],
        period=periods[data.period[order]],
        weights=3 * data.weights[order],
    )
    one, two = fit(data), fit(other)
    np.testing.assert_allclose(2 * two.coefficients, one.coefficients, atol=1e-8)
    assert two.dispersion == pytest.approx(one.dispersion, rel=1e-8)
    np.testing.assert_allclose(2 * influence(other, two), influence(data, one)[order], atol=1e-8)


def test_a_weight_of_two_is_a_row_twice() -> None:
    data = rows()
    twice = np.arange(len(data.outcome)) % 3 == 0
    copied = np.concatenate([np.arange(len(twice)), np.flatnonzero(twice)])
    heavier = dataclasses.replace(data, weights=1.0 + twice)
    longer = Rows(
        data.outcome[copied],
        data.exposure[copied],
        data.regressors[:, copied],
        data.group[copied],
        data.period[copied],
        np.ones(len(copied)),
    )
    weighted, repeated = fit(heavier), fit(longer)
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-9)
    assert weighted.dispersion == pytest.approx(repeated.dispersion, rel=1e-9)
    errors = by_cluster(heavier, weighted, data.group), by_cluster(longer, repeated, data.group[copied])
    np.testing.assert_allclose(*errors, rtol=1e-8)


def test_what_the_data_do_not_pin_down_is_refused() -> None:
    data = rows()
    collinear = np.stack([data.regressors[1], (data.period == 3) + (data.group == 2).astype(float)])
    with pytest.raises(Degenerate) as problem:
        fit(dataclasses.replace(data, regressors=collinear))
    assert (problem.value.reason, problem.value.index) == ("collinear", 1)
    nothing = np.where(data.regressors[0] == 1, 0.0, data.outcome)
    with pytest.raises(Degenerate) as problem:
        fit(dataclasses.replace(data, outcome=nothing))
    assert (problem.value.reason, problem.value.index) == ("separated", 0)


def test_rows_with_the_same_regressors_may_enter_by_their_sums() -> None:
    """Oracle: the same rows with a regressor of tiny differences, which keep every row apart."""
    data = rows(4)
    alike = dataclasses.replace(data, regressors=((data.group % 2 == 0) & (data.period >= 4)).astype(float)[None])
    apart = dataclasses.replace(alike, regressors=alike.regressors + 1e-13 * data.regressors[1])
    assert (alike.cells.of_row is None, apart.cells.of_row is None) == (False, True)
    together, alone = fit(alike), fit(apart)
    np.testing.assert_allclose(together.coefficients, alone.coefficients, rtol=1e-9)
    assert together.dispersion == pytest.approx(alone.dispersion, rel=1e-9)
    np.testing.assert_allclose(influence(alike, together), influence(apart, alone), atol=1e-9)
    np.testing.assert_allclose(
        jackknife(alike, together, data.group), jackknife(apart, alone, data.group), rtol=1e-6, atol=1e-9
    )


def without(data: Rows, left_out: np.ndarray) -> Rows:
    kept = ~left_out
    return Rows(
        outcome=data.outcome[kept],
        exposure=data.exposure[kept],
        regressors=data.regressors[:, kept],
        group=np.unique(data.group[kept], return_inverse=True)[1],
        period=data.period[kept],
        weights=data.weights[kept],
    )


@pytest.mark.parametrize("n_groups", [20, 40])
def test_jackknife_is_the_newton_step_of_statsmodels_without_each_cluster(n_groups: int) -> None:
    """Oracle: score and second derivatives of its likelihood on dummies, at our maximum, without each cluster."""
    from statsmodels.discrete.discrete_model import NegativeBinomial

    data, unit = rows(3), np.repeat(np.arange(UNITS), PERIODS)
    data, cluster = dataclasses.replace(data, group=unit % n_groups), unit % 20
    found = fit(data)
    fast = jackknife(data, found, cluster)
    assert fast is not None
    linear = np.log(found.fitted / data.exposure) - found.coefficients @ data.regressors
    dummies = np.column_stack([np.eye(n_groups)[data.group], np.eye(PERIODS)[data.period][:, 1:]])
    effects = np.linalg.lstsq(dummies, linear, rcond=None)[0]
    for code in range(0, 20, 4):
        kept = cluster != code
        design = np.column_stack([data.regressors.T, dummies])[kept]
        used = design.any(axis=0)
        at = np.concatenate([found.coefficients, effects])[used]
        model = NegativeBinomial(data.outcome[kept], design[:, used], offset=np.log(data.exposure[kept]))
        model._transparams = False  # the last parameter is the dispersion itself, as in its Newton fit
        at = np.append(at, found.dispersion)
        step = -np.linalg.solve(model.hessian(at), model.score(at))[:2]
        np.testing.assert_allclose(fast[code], np.sqrt(19 / 20) * step, rtol=1e-5, atol=1e-9)


def test_jackknife_is_nearly_what_refitting_without_each_cluster_gives() -> None:
    """Oracle: twenty refits; one Newton step leaves a remainder of second order in a cluster's share."""
    data, cluster = rows(3), np.repeat(np.arange(UNITS) % 20, PERIODS)
    data = dataclasses.replace(data, group=cluster)
    found = fit(data)
    slow = [fit(without(data, cluster == code)).coefficients - found.coefficients for code in range(20)]
    fast, expected = jackknife(data, found, cluster), np.sqrt(19 / 20) * np.array(slow)
    assert fast is not None
    np.testing.assert_allclose(fast, expected, atol=0.05 * np.abs(expected).max())


def test_jackknife_declines_where_a_coefficient_hangs_on_one_cluster() -> None:
    data = rows()
    only = ((data.group == 2) & (data.period >= 4)).astype(float)[None]
    data = dataclasses.replace(data, regressors=only)
    assert jackknife(data, fit(data), data.group) is None
