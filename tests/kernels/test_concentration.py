"""Concentration curves against a loop over people, and in the cases at the ends."""

import numpy as np
import pytest

from balanza.kernels.concentration import curves


def test_the_index_equals_that_of_single_people() -> None:
    """The covariance form of Kakwani, Wagstaff and van Doorslaer, each person a row of its own, ties at their mean."""
    rng = np.random.default_rng(3)
    rank_by, people = rng.integers(0, 5, 12).astype(float), rng.integers(1, 9, 12)
    amount = rng.uniform(1, 4, 12)
    got, owned = np.repeat(amount / people, people), np.repeat(rank_by, people)
    n = len(owned)
    place = np.array([((owned < own).sum() + ((owned == own).sum() - 1) / 2 + 0.5) / n for own in owned])
    # within a tie each person gets the tie's mean: the curve is straight there
    tied = np.array([got[owned == own].mean() for own in owned])
    expected = 2 * np.mean((tied - tied.mean()) * (place - place.mean())) / tied.mean()
    found = curves(rank_by, people.astype(float), amount[None])
    assert found.index[0] == pytest.approx(expected)
    assert len(found.people) == len(np.unique(rank_by)) + 1


def test_equal_shares_lie_on_the_diagonal_and_extremes_at_its_sides() -> None:
    people = np.full(100, 10.0)
    amounts = np.array([people, np.eye(100)[99], np.eye(100)[0]])
    found = curves(np.arange(100.0), people, amounts)
    assert found.shares[0] == pytest.approx(found.people)
    assert found.index == pytest.approx([0.0, 0.99, -0.99])
    assert found.shares[:, [0, -1]] == pytest.approx(np.tile([0.0, 1.0], (3, 1)))
