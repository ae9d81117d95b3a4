"""The within-transform and its least squares against dense dummies, against pyfixest, and their invariances."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.within import Degenerate, fit, influence, within


def panel(seed: int = 0, n: int = 20, periods: int = 6, holes: bool = True):
    """Outcome, weights, two regressors, a baseline covariate and clusters; some rows missing."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n, periods)), rng.normal(size=(n, 1))
    y = x.sum(axis=0) + rng.normal(size=(n, 1)) + z * np.arange(periods) + rng.normal(size=(n, periods))
    if holes:
        y[rng.random((n, periods)) < 0.2] = np.nan
    return y, rng.uniform(0.5, 3, (n, periods)), x, z, np.arange(n) // 2


def dummies(seen: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
    unit, period = np.nonzero(seen)
    columns = [np.eye(seen.shape[0])[unit], np.eye(seen.shape[1])[period][:, 1:]]
    if z is not None:
        columns += [np.eye(seen.shape[1])[period][:, 1:] * value[unit, None] for value in z.T]
    return np.hstack(columns)


def residuals(values: np.ndarray, design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    root = np.sqrt(weights)
    return values - design @ np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]


@pytest.mark.parametrize("shape", [(20, 6), (5, 12)], ids=["periods fewer", "units fewer"])
@pytest.mark.parametrize("weighting", ["none", "by unit", "by row"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("with_baseline", [False, True])
def test_transform_is_the_residual_on_dummies(shape, weighting, holes, with_baseline) -> None:
    y, weights, x, z, _ = panel(n=shape[0], periods=shape[1], holes=holes)
    weights = {"none": np.ones_like(weights), "by unit": weights[:, :1] + 0 * weights, "by row": weights}[weighting]
    seen, z = ~np.isnan(y), z if with_baseline else None
    mass = np.where(seen, weights, 0.0)
    net = within(x, mass, z)
    design = dummies(seen, z)
    for values, found in zip(x, net, strict=True):
        np.testing.assert_allclose(found[seen], residuals(values[seen], design, weights[seen]), atol=1e-11)
    assert (net[:, ~seen] == 0).all()
    np.testing.assert_allclose(within(net, mass, z), net, atol=1e-12)


def test_a_panel_in_two_parts_without_a_common_period() -> None:
    """Period effects are then known only within parts; the residuals are what they are."""
    x = np.random.default_rng(3).normal(size=(1, 8, 6))
    mass = np.ones((8, 6))
    mass[:4, 3:] = mass[4:, :3] = 0
    seen = mass > 0
    np.testing.assert_allclose(within(x, mass)[0][seen], residuals(x[0][seen], dummies(seen), mass[seen]), atol=1e-12)


def twin(y, weights, x, z, cluster) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and clustered covariance on dummies; units nested in clusters do not count (fixest's default)."""
    seen = ~np.isnan(y)
    design, w = np.hstack([x[:, seen].T, dummies(seen, z)]), weights[seen]
    inverse = np.linalg.inv((design.T * w) @ design)
    beta = inverse @ (design.T @ (w * y[seen]))
    scores = design * (w * (y[seen] - design @ beta))[:, None]
    owner = cluster[np.nonzero(seen)[0]]
    sums = np.array([scores[owner == code].sum(axis=0) for code in np.unique(cluster)]) @ inverse
    n, k, groups = len(w), design.shape[1] - (len(y) - 1), len(sums)
    return beta[: len(x)], (sums.T @ sums)[: len(x), : len(x)] * groups / (groups - 1) * (n - 1) / (n - k)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("with_baseline", [False, True])
def test_least_squares_agree_with_dense_dummies(holes, with_baseline) -> None:
    y, weights, x, z, cluster = panel(1, holes=holes)
    z = z if with_baseline else None
    found = fit(y, weights, x, z)
    beta, covariance = twin(y, weights, x, z, cluster)
    np.testing.assert_allclose(found.coefficients, beta, atol=1e-11)
    each = influence(found, cluster)
    np.testing.assert_allclose(each.T @ each, covariance, rtol=1e-9)


def test_least_squares_agree_with_pyfixest() -> None:
    """pyfixest 0.60 with k_fixef="none", which does not hang on a hash seed: (n-1)/(n-2) for two regressors."""
    pyfixest = pytest.importorskip("pyfixest")
    y, weights, x, _, cluster = panel(2)
    unit, period = np.nonzero(~np.isnan(y))
    columns = {"unit": unit, "period": period, "c": cluster[unit], "y": y[unit, period], "w": weights[unit, period]}
    frame = pd.DataFrame({**columns, "x0": x[0][unit, period], "x1": x[1][unit, period]})
    peer = pyfixest.feols(
        "y ~ x0 + x1 | unit + period",
        frame,
        vcov={"CRV1": "c"},
        weights="w",
        ssc=pyfixest.ssc(k_adj=True, k_fixef="none", G_adj=True, G_df="conventional"),
        fixef_rm="none",
    )
    found, n = fit(y, weights, x), len(frame)
    np.testing.assert_allclose(found.coefficients, peer.coef(), atol=1e-8)
    theirs = peer.se() * np.sqrt((n - 2) / (n - found.n_coefficients))
    np.testing.assert_allclose(np.linalg.norm(influence(found, cluster), axis=0), theirs, rtol=1e-7)


@given(seed=st.integers(0, 1000), scale=st.floats(1e-6, 1e6), weight=st.floats(1e-5, 1e5))
@settings(max_examples=15, deadline=None)
def test_invariances(seed: int, scale: float, weight: float) -> None:
    """Order of units and periods, units of outcome, weights and regressors, and unit and period effects."""
    y, weights, x, z, cluster = panel(seed % 5)
    found = fit(y, weights, x, z)
    rng = np.random.default_rng(seed)
    units, periods = rng.permutation(len(y)), rng.permutation(y.shape[1])
    at = np.ix_(units, periods)
    shifted = (y + rng.normal(size=(len(y), 1)) + rng.normal(size=y.shape[1]))[at] * scale
    moved = fit(shifted, weights[at] * weight, x[:, units][:, :, periods] * 7 + 3, z[units] * 11 - 5)
    np.testing.assert_allclose(moved.coefficients * 7 / scale, found.coefficients, atol=1e-8)
    np.testing.assert_allclose(
        np.linalg.norm(influence(moved, cluster[units]), axis=0) * 7 / scale,
        np.linalg.norm(influence(found, cluster), axis=0),
        rtol=1e-7,
    )


def test_copies_of_clusters_add_information() -> None:
    y, weights, x, _, cluster = panel(6)
    once, both = fit(y, weights, x), fit(np.vstack([y, y]), np.vstack([weights, weights]), np.concatenate([x, x], 1))
    np.testing.assert_allclose(both.coefficients, once.coefficients, atol=1e-11)
    n, k = once.n_rows, once.n_coefficients
    factor = np.sqrt(20 / 19 * (2 * n - 1) / (2 * n - k) / (10 / 9 * (n - 1) / (n - k)) / 2)
    np.testing.assert_allclose(
        np.linalg.norm(influence(both, np.concatenate([cluster, cluster + 10])), axis=0),
        np.linalg.norm(influence(once, cluster), axis=0) * factor,
        rtol=1e-9,
    )


def test_collinear_regressors_are_named() -> None:
    y, weights, x, _, _ = panel(7)
    absorbed = np.broadcast_to(np.arange(y.shape[1]) > 3, y.shape).astype(float)
    for regressors, index in ((np.stack([x[0], absorbed]), 1), (np.stack([x[0], 2 * x[0] + absorbed]), None)):
        with pytest.raises(Degenerate) as problem:
            fit(y, weights, regressors)
        assert problem.value.reason == "collinear"
        assert index is None or problem.value.index == index
