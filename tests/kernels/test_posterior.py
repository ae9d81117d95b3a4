"""The posterior against brute force on a grid of effects, and in cases known by hand."""

import numpy as np
import pytest
from scipy.stats import multivariate_t, norm

from balanza.kernels.posterior import update

ESTIMATE = np.array([-0.2, -0.7])
COVARIANCE = np.array([[0.07, 0.03], [0.03, 0.28]])
DEVIATION = np.array([0.45, 1.3])
CONTRAST = np.array([0.6, -1.0])


def test_probabilities_and_intervals_equal_those_of_a_grid() -> None:
    axis = [np.linspace(-8 * size, 8 * size, 1201) for size in DEVIATION]
    first, second = np.meshgrid(*axis, indexing="ij")
    points = np.stack([first, second], axis=-1)
    density = multivariate_t(ESTIMATE, COVARIANCE, df=7).pdf(points)
    density *= norm.pdf(first, scale=DEVIATION[0]) * norm.pdf(second, scale=DEVIATION[1])
    density /= density.sum()
    along = points @ CONTRAST
    order = np.argsort(along.ravel())
    cumulative = np.cumsum(density.ravel()[order])
    low, high = along.ravel()[order][np.searchsorted(cumulative, [0.05, 0.95])]
    found = update(ESTIMATE, COVARIANCE, 7, DEVIATION)
    assert found.probability_above(CONTRAST) == pytest.approx(density[along > 0].sum(), abs=2e-3)
    assert found.mean(CONTRAST) == pytest.approx((density * along).sum(), abs=2e-3)
    assert found.interval(CONTRAST, 0.9) == pytest.approx((low, high), abs=1e-2)


def test_one_effect_with_many_clusters_is_the_normal_case() -> None:
    # prior N(0, 1), estimate 1 with variance 1: posterior N(1/2, 1/2)
    found = update(np.array([1.0]), np.eye(1), 1e7, np.array([1.0]))
    assert found.mean(np.ones(1)) == pytest.approx(0.5, abs=1e-4)
    assert found.probability_above(np.ones(1)) == pytest.approx(norm.cdf(0.5 / np.sqrt(0.5)), abs=1e-4)
    half = norm.ppf(0.975) * np.sqrt(0.5)
    assert found.interval(np.ones(1), 0.95) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-3)


def test_no_data_leave_the_prior() -> None:
    found = update(ESTIMATE, COVARIANCE * 1e9, 31, DEVIATION)
    assert found.probability_above(CONTRAST) == pytest.approx(0.5, abs=1e-3)
    assert found.interval(np.array([1.0, 0.0]), 0.95)[1] == pytest.approx(norm.ppf(0.975) * DEVIATION[0], rel=1e-3)
