"""Picks by the outcome against plain loops and a hand count."""

import itertools

import numpy as np
import pytest

from balanza.kernels.selection import highest, overlap_p_value, yearly


def test_years_are_counted_back_from_the_end() -> None:
    rng = np.random.default_rng(1)
    values = rng.random((4, 11))
    values[2, 3] = np.nan
    found = yearly(values, 9, 4)
    slow = [
        [
            sum(values[unit, month] for month in range(first, first + 4) if not np.isnan(values[unit, month]))
            for first in (1, 5)
        ]
        for unit in range(4)
    ]
    np.testing.assert_allclose(found, slow)


def test_the_highest_are_picked_and_unknown_ones_never() -> None:
    values = np.array([3.0, np.nan, 5.0, 3.0, 1.0])
    assert highest(values, 2).tolist() == [True, False, True, False, False]  # the first of equal ones
    assert highest(values, 5).tolist() == [True, False, True, True, True]


@pytest.mark.parametrize(("both", "one", "other", "total"), [(2, 2, 3, 5), (1, 2, 2, 5), (0, 2, 2, 5)])
def test_the_chance_of_an_overlap_is_a_count_over_all_picks(both: int, one: int, other: int, total: int) -> None:
    fixed = set(range(one))
    picks = list(itertools.combinations(range(total), other))
    expected = sum(len(fixed & set(pick)) >= both for pick in picks) / len(picks)
    assert overlap_p_value(both, one, other, total) == pytest.approx(expected)
