"""Distances on the sphere by hand, and rings against a slow twin."""

import numpy as np
import pytest

from balanza.kernels.group_time import NEVER
from balanza.kernels.rings import distances, exposed_since, exposure


def test_distances_by_hand() -> None:
    """A degree of latitude is 111.195 km; of longitude at 60 degrees half of that; poles are half the round apart."""
    found = distances(np.array([0.0, 1.0, 60.0, 60.0, 90.0, -90.0]), np.array([0.0, 0.0, 10.0, 10.001, 5.0, 77.0]))
    assert found[0, 1] == pytest.approx(111.195, abs=1e-3)
    assert found[2, 3] == pytest.approx(0.111195 / 2, rel=1e-5)
    assert found[4, 5] == pytest.approx(np.pi * 6371.0088)
    np.testing.assert_allclose(found, found.T)
    assert not np.diag(found).any()


def test_mexico_city_to_guadalajara() -> None:
    """19.4326 N 99.1332 W to 20.6597 N 103.3496 W is 461 km by the haversine formula of any map service."""
    found = distances(np.array([19.4326, 20.6597]), np.array([-99.1332, -103.3496]), np.array([0]))
    assert found[0, 1] == pytest.approx(461, abs=1)


def places(seed: int = 0, n: int = 60):
    rng = np.random.default_rng(seed)
    cohort = np.where(rng.random(n) < 0.2, rng.integers(0, 6, n), NEVER)
    return rng.uniform(18, 21, n), rng.uniform(-102, -99, n), cohort


@pytest.mark.parametrize("neighbours", [0, 3])
def test_agrees_with_the_slow_twin(neighbours) -> None:
    latitude, longitude, cohort = places()
    edges = np.array([25.0, 50, 100])
    away = distances(latitude, longitude)
    n = len(cohort)
    expected = np.full((n, 3 + (neighbours > 0)), NEVER)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        near = sorted(others, key=lambda j: away[i, j])[:neighbours]
        groups = [near] if neighbours else []
        groups += [[j for j in others if away[i, j] <= high] for high in (25, 50, 100)]
        for ring, group in enumerate(groups):
            expected[i, ring] = min((cohort[j] for j in group), default=NEVER)
    since = exposed_since(latitude, longitude, cohort, edges, neighbours)
    np.testing.assert_array_equal(since, expected)
    state = exposure(since, cohort, 7)
    for i in range(n):
        for t in range(7):
            rings = [ring + 1 for ring in range(since.shape[1]) if since[i, ring] <= t]
            assert state[i, t] == (0 if cohort[i] <= t else min(rings, default=-1))


def test_the_innermost_ring_is_that_of_the_nearest_unit_treated_by_then() -> None:
    latitude, longitude, cohort = places(1)
    away = distances(latitude, longitude)
    np.fill_diagonal(away, np.inf)
    state = exposure(exposed_since(latitude, longitude, cohort, np.array([40.0, 80])), cohort, 6)
    for t in range(6):
        nearest = np.where(cohort <= t, away, np.inf).min(axis=1)
        ring = np.select([cohort <= t, nearest <= 40, nearest <= 80], [0, 1, 2], -1)
        np.testing.assert_array_equal(state[:, t], ring)


def test_two_units_in_one_place_are_in_the_first_ring() -> None:
    since = exposed_since(
        np.array([20.0, 20.0, 25.0]), np.full(3, -100.0), np.array([2, NEVER, NEVER]), np.array([25.0])
    )
    assert since[:, 0].tolist() == [NEVER, 2, NEVER]
