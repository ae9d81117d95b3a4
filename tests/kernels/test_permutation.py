"""Score statistics against a slow twin (dense dummies, one draw at a time), and the size of the test."""

import numpy as np
import pytest

from balanza.kernels.permutation import draw, log_assignments, p_value, reorder, score_statistics


def naive(
    residual: np.ndarray, weights: np.ndarray, treatment: np.ndarray, order: np.ndarray, others: np.ndarray
) -> float:
    """Weighted least squares of the reassigned path on dummies of clusters and periods and on the other regressors."""
    n_clusters, n_periods = weights.shape
    unit = np.kron(np.eye(n_clusters), np.ones((n_periods, 1)))
    period = np.kron(np.ones((n_clusters, 1)), np.eye(n_periods))
    design = np.hstack([unit, period, *(other.reshape(-1, 1) for other in others)])
    root = np.sqrt(weights.ravel())[:, None]
    path = treatment[order].reshape(-1, 1)
    own = path - design @ np.linalg.lstsq(root * design, root * path, rcond=None)[0]
    scores = (residual * own.reshape(weights.shape)).sum(axis=1)
    return float(scores.sum() / np.sqrt((scores**2).sum()))


@pytest.mark.parametrize("n_others", [0, 2])
def test_batched_statistics_equal_the_slow_twin(n_others: int) -> None:
    rng = np.random.default_rng(4)
    weights = rng.gamma(2, 1, (7, 6))
    weights[2, 3] = 0
    residual = np.where(weights > 0, rng.normal(size=(7, 6)), 0)
    treatment = rng.random((7, 1)) * (np.arange(6) >= 3)
    others = rng.normal(size=(n_others, 7, 6))
    orders = rng.permuted(np.tile(np.arange(7), (20, 1)), axis=1)
    fast = score_statistics(residual, weights, treatment, orders, others)
    slow = [naive(residual, weights, treatment, order, others) for order in orders]
    np.testing.assert_allclose(fast, slow, rtol=1e-8)


def test_a_path_that_fixed_effects_absorb_has_statistic_zero() -> None:
    rng = np.random.default_rng(1)
    treatment = np.ones((5, 1)) * (np.arange(4) >= 2)
    assert score_statistics(rng.normal(size=(5, 4)), np.ones((5, 4)), treatment, np.arange(5)[None])[0] == 0


def test_p_counts_the_observed_assignment() -> None:
    assert p_value(2.0, np.array([1.0, -3.0, 0.5])) == 0.5
    assert p_value(9.0, np.array([1.0, -3.0, 0.5])) == 0.25


def test_p_is_uniform_when_nothing_happens() -> None:
    # 400 worlds without effect: the share below .05 and .5 lies within four binomial standard errors
    rng = np.random.default_rng(7)
    found = []
    for _ in range(400):
        noise = rng.normal(size=(12, 8)) * rng.gamma(2, 1, (12, 1))
        noise -= noise.mean(axis=0)
        noise -= noise.mean(axis=1, keepdims=True)
        treatment = rng.random((12, 1)) * (np.arange(8) >= 4)
        orders = np.vstack([np.arange(12), rng.permuted(np.tile(np.arange(12), (99, 1)), axis=1)])
        statistics = score_statistics(noise, np.ones((12, 8)), treatment, orders)
        found.append(p_value(statistics[0], statistics[1:]))
    assert abs(np.mean(np.array(found) <= 0.05) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)
    assert abs(np.mean(np.array(found) <= 0.5) - 0.5) < 4 * np.sqrt(0.25 / 400)


def test_several_outcomes_and_units_in_clusters_share_the_draws() -> None:
    # Five clusters of three units; the second outcome is the path itself, whose score is the information.
    rng = np.random.default_rng(2)
    cluster, weights = np.repeat(np.arange(5), 3), rng.gamma(2, 1, (15, 6))
    treatment = rng.random((5, 1)) * (np.arange(6) >= 3) + (np.arange(6) >= 5)
    path = treatment[cluster]
    unit, period = np.kron(np.eye(15), np.ones((6, 1))), np.kron(np.ones((15, 1)), np.eye(6))
    root, design = np.sqrt(weights.ravel())[:, None], np.hstack([unit, period])

    def net(values: np.ndarray) -> np.ndarray:
        flat = values.reshape(-1, 1)
        return (flat - design @ np.linalg.lstsq(root * design, root * flat, rcond=None)[0]).reshape(15, 6)

    residual = np.stack([weights * net(rng.normal(size=(15, 6))), weights * net(path)])
    orders = reorder(np.zeros(5, int), 20, rng)
    found = draw(residual, weights, treatment, orders, cluster=cluster)
    for b, order in enumerate(orders):
        own = net(treatment[order][cluster])
        scores = np.stack([np.bincount(cluster, (one * own).sum(axis=1)) for one in residual])
        np.testing.assert_allclose(found.sums[b], scores.sum(axis=1), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.products[b], scores @ scores.T, rtol=1e-9, atol=1e-9)
        assert found.information[b] == pytest.approx((weights * own**2).sum())
    assert found.sums[0, 1] == pytest.approx(found.information[0])


def test_orders_stay_within_strata_and_each_comes_about_as_often() -> None:
    strata = np.array([0, 1, 0, 1, 0])
    orders = reorder(strata, 6000, np.random.default_rng(3))
    assert orders[0].tolist() == [0, 1, 2, 3, 4]
    assert (strata[orders] == strata).all()
    assert (np.sort(orders, axis=1) == np.arange(5)).all()
    _, counts = np.unique(orders[1:], axis=0, return_counts=True)
    assert len(counts) == 12 and np.abs(counts - 500).max() < 5 * np.sqrt(500)  # 3! x 2!


def test_different_assignments_are_counted_by_hand() -> None:
    paths = np.array([[0, 1], [0, 1], [0, 0], [0, 0], [0, 0]])
    assert np.exp(log_assignments(paths, np.zeros(5, int))) == pytest.approx(10)  # 5 choose 2
    assert np.exp(log_assignments(paths, np.array([0, 1, 0, 1, 1]))) == pytest.approx(6)  # 2 x 3
