"""Fieller's sets against the definition on a grid, and in the cases in which they are not intervals."""

import numpy as np
import pytest

from balanza.kernels.fieller import ratio


def accepted(
    numerator: float, denominator: float, covariance: np.ndarray, critical: float, grid: np.ndarray
) -> np.ndarray:
    """The definition: ratios for which the difference is not told from zero."""
    variance = covariance[0, 0] - 2 * grid * covariance[0, 1] + grid**2 * covariance[1, 1]
    return np.abs(numerator - grid * denominator) <= critical * np.sqrt(variance)


@pytest.mark.parametrize("seed", range(60))
def test_the_set_is_that_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 2))
    numerator, denominator = 3 * rng.normal(size=2)
    found = ratio(numerator, denominator, root @ root.T, 2.0)
    grid = np.linspace(-50, 50, 20_001)
    inside = (grid >= found.low) & (grid <= found.high)
    if found.sort == "outside":
        inside = (grid <= found.low) | (grid >= found.high)
    edge = np.minimum(np.abs(grid - found.low), np.abs(grid - found.high)) < 1e-6
    assert (inside == accepted(numerator, denominator, root @ root.T, 2.0, grid))[~edge].all()
    assert found.value == numerator / denominator


def test_all_three_sorts_occur() -> None:
    one = np.eye(2)
    assert ratio(1.0, 5.0, one, 2.0).sort == "interval"
    assert ratio(5.0, 1.0, one, 2.0).sort == "outside"
    assert ratio(0.5, 0.5, one, 2.0).sort == "all"
    assert ratio(0.5, 2.0, one, 2.0).bounded is False  # exactly at the critical value
    assert ratio(1.0, 0.0, one, 2.0).value == np.inf


def test_a_known_numerator_gives_the_turned_over_interval() -> None:
    # 1 / 4 with a standard error of 1 of the denominator, critical value 2: [1/6, 1/2]
    found = ratio(1.0, 4.0, np.diag([0.0, 1.0]), 2.0)
    assert (found.low, found.high) == pytest.approx((1 / 6, 1 / 2))
    assert ratio(1.0, 1.9, np.diag([0.0, 1.0]), 2.0).sort == "outside"
