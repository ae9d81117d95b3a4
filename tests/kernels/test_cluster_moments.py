"""Moments by cluster against dense least squares with a dummy for each unit and period, one fit at a time."""

import numpy as np
import pytest

from balanza.kernels import jackknife, poisson, within
from balanza.kernels.cluster_moments import Moments, collect, information, refitted, standard_errors
from balanza.kernels.within import Degenerate

UNITS, PERIODS, CLUSTERS = 14, 6, 7
CLUSTER = np.arange(UNITS) % CLUSTERS


def data(seed: int = 3, gaps: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Response, mass, two regressors and a baseline covariate."""
    rng = np.random.default_rng(seed)
    mass = rng.gamma(3, 1, (UNITS, PERIODS))
    if gaps:
        mass[2, 3] = mass[5, 0] = 0
    x = np.stack([rng.random((UNITS, 1)) * (np.arange(PERIODS) >= 3), rng.normal(size=(UNITS, PERIODS))])
    return rng.normal(size=(UNITS, PERIODS)), mass, x, rng.normal(size=(UNITS, 1))


def dense(response: np.ndarray, mass: np.ndarray, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients of the regressors and the weighted sum of squared residuals."""
    unit = np.kron(np.eye(len(mass)), np.ones((mass.shape[1], 1)))
    period = np.kron(np.ones((len(mass), 1)), np.eye(mass.shape[1]))
    slopes = np.hstack([period * np.repeat(column, mass.shape[1])[:, None] for column in z.T])
    design = np.hstack([x.reshape(len(x), -1).T, unit, period, slopes])
    root = np.sqrt(mass.ravel())
    solved = np.linalg.lstsq(root[:, None] * design, root * response.ravel(), rcond=None)[0]
    left = root * (response.ravel() - design @ solved)
    return solved[: len(x)], float(left @ left)


def moments() -> Moments:
    y, mass, x, z = data()
    return collect(y, mass, x, CLUSTER, z)


def test_coefficients_and_residual_variation_equal_dense_least_squares() -> None:
    y, mass, x, z = data()
    found, (coefficients, squares) = moments(), dense(y, mass, x, z)
    np.testing.assert_allclose(found.coefficients[:2], coefficients, rtol=1e-9)
    assert found.square.sum() - found.coefficients @ found.gradient.sum(axis=0) == pytest.approx(squares, rel=1e-9)
    # 82 rows less 14 units, 2 regressors, 5 periods and 5 slopes
    assert found.freedom == 82 - 14 - 2 - 5 - 5
    np.testing.assert_allclose(found.residual.sum(axis=0), 0, atol=1e-9)


def test_information_is_that_of_the_projection() -> None:
    _, mass, x, z = data()
    expected = within.project(mass, np.where(mass > 0, x, 0), within.standardised(z, UNITS)).information
    np.testing.assert_allclose(information(moments(), np.arange(2)), expected, rtol=1e-9)


def test_refits_equal_dense_least_squares_with_those_weights() -> None:
    y, mass, x, z = data()
    rng = np.random.default_rng(1)
    multiplicity = rng.multinomial(CLUSTERS, np.full(CLUSTERS, 1 / CLUSTERS), size=15)
    multiplicity = multiplicity[(multiplicity > 0).sum(axis=1) >= 4]
    found = refitted(moments(), multiplicity)
    for row, chosen in zip(found, multiplicity, strict=True):
        np.testing.assert_allclose(row, dense(y, mass * chosen[CLUSTER][:, None], x, z)[0], rtol=1e-6)


def test_a_fit_that_its_clusters_do_not_identify_is_none() -> None:
    y, mass, _, _ = data()
    treated = ((CLUSTER == 2)[:, None] & (np.arange(PERIODS) >= 3)).astype(float)
    found = collect(y, mass, treated[None], CLUSTER)
    left_out = refitted(found, 1.0 - np.eye(CLUSTERS))
    assert np.flatnonzero(np.isnan(left_out[:, 0])).tolist() == [2]
    assert standard_errors(found)[1] == "clustered sandwich"


def test_a_collinear_regressor_is_refused() -> None:
    y, mass, x, _ = data()
    with pytest.raises(Degenerate, match="collinear"):
        collect(y, mass, np.stack([x[0], 2 * x[0]]), CLUSTER)


def test_standard_errors_are_those_of_the_poisson_kernels() -> None:
    # At the maximum the working response gives back the coefficients, and the jackknife is the kernel's own.
    rng = np.random.default_rng(8)
    _, _, x, z = data()
    exposure = rng.gamma(9, 10, (UNITS, PERIODS))
    y = rng.poisson(0.2 * exposure).astype(float)
    fit = poisson.fit(y, exposure, x, z)
    working = np.log(fit.fitted / exposure) + (y - fit.fitted) / fit.fitted
    found = collect(working, fit.fitted, x, CLUSTER, z)
    np.testing.assert_allclose(found.coefficients[:2], fit.coefficients, rtol=1e-7)
    errors, sort = standard_errors(found)
    assert sort.endswith("(CV3)")
    changes = jackknife.jackknife(y, fit, x, CLUSTER, z)
    np.testing.assert_allclose(errors, np.linalg.norm(changes, axis=0), rtol=1e-7)
