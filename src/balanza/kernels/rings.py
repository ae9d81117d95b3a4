"""Who lies near treated units: distances on the sphere, and since when a treated unit lies in each ring.

After Butts (2021), "Difference-in-Differences Estimation with Spatial Spillovers": indicators of nearby treatment in
rings of distance, of which the innermost counts.
"""

from __future__ import annotations

import numpy as np

from balanza.kernels.group_time import NEVER

EARTH_RADIUS = 6371.0088
CHUNK = 4_000_000


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
    """First period in which another unit nearby is treated, by ring.

    Parameters
    ----------
    latitude, longitude : ndarray, shape (n_units,)
        In degrees.
    cohort : ndarray of int, shape (n_units,)
        Code of the first treated period, NEVER for never.
    edges : ndarray, shape (n_rings,)
        Outer edges of the rings in kilometres, increasing; a ring begins behind the edge before, the first at 0.
    neighbours : int
        Nearest other units (with ties) that make up a ring of their own, before all others; 0 for none.

    Returns
    -------
    ndarray of int, shape (n_units, n_rings), with one more column, the first one, for neighbours
        NEVER where no unit of the ring is ever treated.
    """
    n_units, inner = len(cohort), np.concatenate([[-1.0], edges[:-1]])
    found = np.full((n_units, len(edges) + (neighbours > 0)), NEVER)
    size = max(1, CHUNK // n_units)
    for first in range(0, n_units, size):
        rows = np.arange(first, min(first + size, n_units))
        away = distances(latitude, longitude, rows)
        away[rows - first, rows] = np.inf
        rings = [(away > low) & (away <= high) for low, high in zip(inner, edges, strict=True)]
        if neighbours:
            reach = np.partition(away, neighbours - 1, axis=1)[:, neighbours - 1, None]
            rings.insert(0, away <= reach)
        for ring, inside in enumerate(rings):
            found[rows, ring] = np.where(inside, cohort, NEVER).min(axis=1)
    return found


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
