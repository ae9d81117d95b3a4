"""The Guard's 266 regions: contiguous, of similar population, inside states.

Each state is cut by removing edges of a random spanning tree of its municipalities, half by half, as in recombination
for electoral districts (DeFord, Duchin & Solomon 2021); the most even of several trees is kept. A municipality and
the children that left it stay together. The same for every seed.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from balanza.acquire.synthetic.calibration import STATE_CODES, stream
from balanza.acquire.synthetic.geography import Geography, geography
from balanza.acquire.synthetic.population import BASE_YEAR, population

REGIONS = 266  # design rule of 2019
TREES = 6


def units(map_: Geography) -> np.ndarray:
    """Position of the municipality of January 2000 that each municipality belongs to, shape (N,)."""
    place = {code: position for position, code in enumerate(map_.codes)}
    return np.array([place[parent or code] for code, parent in zip(map_.codes, map_.parent, strict=True)])


@cache
def regions(size: float = 1.0) -> np.ndarray:
    """Region of each municipality, numbered from 0 by state, shape (N,)."""
    map_ = geography(size)
    unit = units(map_)
    people = np.bincount(unit, population(size).of_year(BASE_YEAR), minlength=len(map_))
    pairs = unit[map_.neighbours]
    pairs = np.unique(pairs[(pairs[:, 0] < pairs[:, 1]) & (map_.state[pairs[:, 0]] == map_.state[pairs[:, 1]])], axis=0)
    region = np.full(len(map_), -1)
    found = 0
    for state, count in enumerate(_regions_per_state(map_, unit, people, size)):
        own = np.flatnonzero((map_.state == state) & (unit == np.arange(len(map_))))
        inside = pairs[map_.state[pairs[:, 0]] == state]
        random = stream(0, "regions", STATE_CODES[state])
        tries = [_cut(own, inside, people, int(count), random) for _ in range(TREES)]
        best = min(tries, key=lambda parts: max(people[part].sum() for part in parts))
        for part in best:
            region[part] = found
            found += 1
    return np.asarray(region[unit])


def _regions_per_state(map_: Geography, unit: np.ndarray, people: np.ndarray, size: float) -> np.ndarray:
    """How many regions each state gets: by population, one at least, and two units in each where it can be."""
    total = max(2 * len(STATE_CODES), round(REGIONS * size))
    wanted = np.bincount(map_.state, people) / people.sum() * total
    held = np.bincount(map_.state[np.unique(unit)])
    most = np.maximum(held // 2, 1)
    count = np.clip(np.floor(wanted), 1, most).astype(int)
    while count.sum() < total and (count < most).any():
        short = np.where(count < most, wanted - count, -np.inf)
        count[np.argmax(short)] += 1
    return np.asarray(count)


def _cut(
    members: np.ndarray, pairs: np.ndarray, people: np.ndarray, count: int, random: np.random.Generator
) -> list[np.ndarray]:
    """Cut a connected set of units into `count` connected parts of similar population."""
    if count == 1:
        return [members]
    parent, order = _spanning_tree(members, pairs, random)
    below, held = people[members].astype(float), np.ones(len(members))
    for node in order[:0:-1]:
        below[parent[node]] += below[node]
        held[parent[node]] += held[node]
    nodes = order[1:]
    parts = np.clip(np.rint(below[nodes] / below[order[0]] * count), 1, count - 1)
    miss = np.abs(below[nodes] / below[order[0]] - parts / count)
    too_few = (held[nodes] < parts) | (len(members) - held[nodes] < count - parts)
    best = int(np.argmin(np.where(too_few, np.inf, miss)))
    lower = _subtree(nodes[best], parent, order)
    sides = ((members[lower], int(parts[best])), (members[~lower], count - int(parts[best])))
    return [
        part
        for side, share in sides
        for part in _cut(side, pairs[np.isin(pairs, side).all(axis=1)], people, share, random)
    ]


def _spanning_tree(
    members: np.ndarray, pairs: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Parents (by position in `members`) and an order from the root down, of a random spanning tree."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    local = np.searchsorted(members, pairs)
    weights = random.uniform(1, 2, len(local))
    graph = coo_matrix((weights, local.T), shape=(len(members), len(members)))
    order, parent = breadth_first_order(minimum_spanning_tree(graph.tocsr()), 0, directed=False)
    return parent, order


def _subtree(top: int, parent: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Which nodes hang below `top`, itself included."""
    inside = np.zeros(len(parent), dtype=bool)
    inside[top] = True
    for node in order[1:]:
        inside[node] |= inside[parent[node]]
    return inside
