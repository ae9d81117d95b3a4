"""Influence of units against dense least squares, left out one at a time."""

import numpy as np
import pytest

from balanza.kernels.influence import Influence, effective_clusters, influence

UNITS, PERIODS = 9, 5


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    mass = rng.gamma(3, 1, (UNITS, PERIODS))
    mass[2, 3] = mass[5, 0] = 0
    x = np.stack([rng.random((UNITS, 1)) * (np.arange(PERIODS) >= 2), rng.normal(size=(UNITS, PERIODS))])
    return rng.normal(size=(UNITS, PERIODS)), mass, x, rng.normal(size=(UNITS, 1))


def dense(index: int, others: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The regressor net of all other terms, the residuals of the whole fit, and its coefficient, by dummies."""
    y, mass, x, z = data()
    unit = np.kron(np.eye(UNITS), np.ones((PERIODS, 1)))
    period = np.kron(np.ones((UNITS, 1)), np.eye(PERIODS))
    terms = [unit, period, period * np.repeat(z, PERIODS)[:, None]]
    terms += [x[1 - index].reshape(-1, 1)] if others else []
    root, design = np.sqrt(mass.ravel())[:, None], np.hstack(terms)

    def net(values: np.ndarray, on: np.ndarray) -> np.ndarray:
        flat = values.reshape(-1, 1)
        return (flat - on @ np.linalg.lstsq(root * on, root * flat, rcond=None)[0]).ravel()

    own = net(x[index], design)
    coefficient = (mass.ravel() * own) @ y.ravel() / (mass.ravel() @ own**2)
    return own, net(y, np.hstack([design, x[index].reshape(-1, 1)])), coefficient


def found(index: int, others: bool) -> Influence:
    y, mass, x, z = data()
    return influence(y, mass, x if others else x[index : index + 1], index if others else 0, z)


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("index", [0, 1])
def test_shares_and_changes_are_those_of_dense_least_squares(index: int, others: bool) -> None:
    own, residual, coefficient = dense(index, others)
    mass, fast = data()[1].ravel(), found(index, others)
    weight = (mass * own**2).reshape(UNITS, PERIODS).sum(axis=1)
    score = (mass * own * residual).reshape(UNITS, PERIODS).sum(axis=1)
    assert fast.coefficient == pytest.approx(coefficient)
    np.testing.assert_allclose(fast.share, weight / weight.sum(), rtol=1e-9)
    np.testing.assert_allclose(fast.change, -score / (weight.sum() - weight), rtol=1e-8)
    assert fast.share.sum() == pytest.approx(1)


def test_groups_are_left_out_whole() -> None:
    y, mass, x, z = data()
    group = np.arange(UNITS) // 2
    own, residual, _ = dense(0, True)
    weight, score = (
        np.bincount(np.repeat(group, PERIODS), values)
        for values in (mass.ravel() * own**2, mass.ravel() * own * residual)
    )
    fast = influence(y, mass, x, 0, z, group)
    np.testing.assert_allclose(fast.share, weight / weight.sum(), rtol=1e-9)
    np.testing.assert_allclose(fast.change, -score / (weight.sum() - weight), rtol=1e-8)


def test_the_only_contrast_weighs_most() -> None:
    # Two of three units are treated: net of unit and period means they are 1/3 off, and the third 2/3.
    treated = np.array([[0, 0, 1.0], [0, 0, 1.0], [0, 0, 0]])
    y = np.random.default_rng(0).normal(size=(3, 3))
    fast = influence(y, np.ones((3, 3)), treated[None], 0)
    np.testing.assert_allclose(fast.share, [1 / 6, 1 / 6, 2 / 3])


def test_equal_clusters_count_in_full_and_one_alone_as_one() -> None:
    assert effective_clusters(np.full(8, 1 / 8)) == pytest.approx(8)
    assert effective_clusters(np.array([1.0, 0, 0])) == pytest.approx(1)
    # Two clusters with .5 and two with 0: mean .25, variance .0625, G / (1 + 1) = 2
    assert effective_clusters(np.array([0.5, 0.5, 0, 0])) == pytest.approx(2)
