"""Scores against hand values and the definition, pair by pair."""

import numpy as np
import pytest

from balanza.outlook.scores import bounds, covered, crps


def test_the_score_of_one_draw_is_its_distance() -> None:
    assert crps([3.0], 5.0) == pytest.approx(2.0)


def test_two_draws_by_hand() -> None:
    # |0 - 1| and |4 - 1| have mean 2; the pairs (0,4) and (4,0) give 8 / (2 * 4) = 1.
    assert crps([4.0, 0.0], 1.0) == pytest.approx(1.0)


def test_it_is_the_naive_double_sum() -> None:
    rng = np.random.default_rng(1)
    draws, values = rng.normal(size=(60, 3, 4)), rng.normal(size=(3, 4))
    pairs = np.abs(draws[:, None] - draws).mean(axis=(0, 1)) / 2
    assert crps(draws, values) == pytest.approx(np.abs(draws - values).mean(axis=0) - pairs, rel=1e-12)


def test_many_normal_draws_come_near_the_closed_form() -> None:
    # Gneiting and Raftery (2007), eq. 21: of N(0, 1) at 0 it is 2 phi(0) - 1 / sqrt(pi).
    exact = 2 / np.sqrt(2 * np.pi) - 1 / np.sqrt(np.pi)
    draws = np.random.default_rng(2).standard_normal(200_000)
    assert crps(draws, 0.0) == pytest.approx(exact, abs=0.003)


def test_no_number_comes_of_bad_draws() -> None:
    with pytest.raises(ValueError, match="finite"):
        crps([np.nan, 1.0], 0.0)
    assert np.isnan(crps([1.0, 2.0], np.nan))


def test_intervals_are_order_statistics_and_hold_their_ends() -> None:
    draws = np.arange(101.0)
    low, high = bounds(draws, 0.8)
    assert (float(low), float(high)) == (10.0, 90.0)
    assert [float(covered(draws, value, 0.8)) for value in (9.0, 10.0, 90.0, 91.0)] == [0, 1, 1, 0]
    assert np.isnan(covered(draws, np.nan, 0.8))
