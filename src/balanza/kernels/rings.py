"""Who lies near treated units: distances on the sphere, and since when a treated unit lies in each ring.

After Butts (2021), "Difference-in-Differences Estimation with Spatial Spillovers": indicators of nearby treatment in
rings of distance, of which the innermost counts.
"""

from __future__ import annotations

import numpy as np

from balanza.kernels.group_time import NEVER

EARTH_RADIUS = 6371.0088
TIE = 1e-12


def distances(latitude: np.ndarray, longitude: np.ndarray, to: np.ndarray | None = None) -> np.ndarray:
    """Great-circle distances in kilometres between some units and all units.

    Parameters
    ----------
    latitude, longitude : ndarray, shape (n_units,)
        In degrees.
    to : ndarray of int, optional
        The units in the rows of the result; all by default.

    Returns
    -------
    ndarray, shape (len(to), n_units)
    """
    phi, theta = np.radians(latitude), np.radians(longitude)
    rows = np.arange(len(phi)) if to is None else to
    across = np.sin((phi[rows, None] - phi) / 2) ** 2
    across += np.cos(phi[rows, None]) * np.cos(phi) * np.sin((theta[rows, None] - theta) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(across, 0.0, 1.0))))


def exposed_since(
    latitude: np.ndarray, longitude: np.ndarray, cohort: np.ndarray, edges: np.ndarray, neighbours: int = 0
) -> np.ndarray:
    """First period in which another unit nearby is treated, by distance; trees find it without looking at all pairs.

    Parameters
    ----------
    latitude, longitude : ndarray, shape (n_units,)
        In degrees.
    cohort : ndarray of int, shape (n_units,)
        Code of the first treated period, NEVER for never.
    edges : ndarray, shape (n_rings,)
        Outer edges of the rings in kilometres, increasing.
    neighbours : int
        Nearest other units (with ties) that make up a ring of their own, before all others; 0 for none.

    Returns
    -------
    ndarray of int, shape (n_units, n_rings), with one more column, the first one, for neighbours
        NEVER where no unit within the edge is ever treated. The innermost ring whose period has come is the ring of
        the nearest unit treated by then.
    """
    places = _on_the_sphere(latitude, longitude)
    found = np.full((len(cohort), len(edges)), NEVER)
    for period in np.unique(cohort[cohort != NEVER])[::-1]:
        nearest = _to_nearest_other(places, cohort == period)
        found[nearest[:, None] <= edges] = period
    if not neighbours:
        return found
    return np.column_stack([_among_nearest(places, cohort, neighbours), found])


def _on_the_sphere(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    phi, theta = np.radians(latitude), np.radians(longitude)
    return np.column_stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)])


def _kilometres(chord: np.ndarray) -> np.ndarray:
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.clip(chord / 2, 0.0, 1.0)))


def _to_nearest_other(places: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Kilometres from each unit to the nearest other one of those chosen; infinite where there is none."""
    from scipy.spatial import KDTree

    chord, _ = KDTree(places[chosen]).query(places, k=2)
    # Of a chosen unit the nearest is itself, or one in the very same place.
    chord = np.where(chosen, chord[:, 1], chord[:, 0])
    return np.where(np.isfinite(chord), _kilometres(np.where(np.isfinite(chord), chord, 0.0)), np.inf)


def _among_nearest(places: np.ndarray, cohort: np.ndarray, neighbours: int) -> np.ndarray:
    """First treated period among the nearest other units of each unit, and those as near as the last of them."""
    from scipy.spatial import KDTree

    tree = KDTree(places)
    chord, _ = tree.query(places, k=[neighbours + 1])
    near = tree.query_ball_point(places, chord[:, 0] * (1 + TIE))
    return np.array([min((cohort[j] for j in those if j != i), default=NEVER) for i, those in enumerate(near)])


def exposure(since: np.ndarray, cohort: np.ndarray, n_periods: int) -> np.ndarray:
    """What each unit is exposed to in each period: its own treatment, or the innermost ring with a treated unit.

    Parameters
    ----------
    since : ndarray of int, shape (n_units, n_rings)
    cohort : ndarray of int, shape (n_units,)

    Returns
    -------
    ndarray of int, shape (n_units, n_periods)
        0 for its own treatment, 1, 2, ... for the rings from the inside out, -1 for nothing.
    """
    period = np.arange(n_periods)
    found = np.full((len(cohort), n_periods), -1)
    for ring in range(since.shape[1], 0, -1):
        found[period >= since[:, ring - 1, None]] = ring
    found[period >= cohort[:, None]] = 0
    return found
