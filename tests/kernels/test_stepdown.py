"""Adjusted p values against slow loops, and by hand."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from balanza.kernels.stepdown import benjamini_hochberg, romano_wolf


def naive(statistics: np.ndarray) -> list[float]:
    """Step down one hypothesis after the other: all that are left, the largest of them in each draw."""
    left, out, last = list(range(len(statistics))), {}, 0.0
    while left:
        place = max(left, key=lambda k: abs(statistics[k, 0]))
        hits = 0
        for b in range(statistics.shape[1]):
            hits += max(abs(statistics[k, b]) for k in left) >= abs(statistics[place, 0]) * (1 - 1e-9)
        last = max(last, hits / statistics.shape[1])
        out[place] = last
        left.remove(place)
    return [out[k] for k in range(len(statistics))]


@pytest.mark.parametrize("seed", range(5))
def test_step_down_equals_the_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    statistics = rng.normal(size=(5, 60)) + 0.8 * rng.normal(size=(1, 60))
    statistics[:, 0] += rng.normal(0, 1.5, 5)
    assert romano_wolf(statistics).tolist() == pytest.approx(naive(statistics))


def test_one_hypothesis_is_not_adjusted() -> None:
    assert romano_wolf(np.array([[2.0, 1.0, -3.0, 0.5]])).tolist() == [0.5]  # itself and -3 of four


def test_hypotheses_that_are_one_are_not_adjusted_either() -> None:
    one = np.random.default_rng(0).normal(size=99)
    one[0] = 2.0
    assert len(set(romano_wolf(np.stack([one, one, -one])))) == 1
    assert romano_wolf(np.stack([one, one]))[0] == romano_wolf(one[None])[0]


def test_the_share_of_false_findings_by_hand_and_by_scipy() -> None:
    # .01 x 4 / 1, .02 x 4 / 2, .03 x 4 / 3, .5: the smallest of each and all larger ones
    assert benjamini_hochberg(np.array([0.02, 0.5, 0.01, 0.03])) == pytest.approx([0.04, 0.5, 0.04, 0.04])
    p = np.random.default_rng(1).random(9)
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))
