"""A stylised map: 32 states inside a hand-drawn outline of Mexico, each cut into as many municipalities as it has.

States are the Voronoi cells of a few hand-placed points; municipalities the Voronoi cells of points spread by Lloyd's
algorithm (Lloyd 1982). Municipalities that were born after January 2000 lie beside the parent that they left. The map
is the same for every seed. All lines are noded together at the end, so that shared borders are equal point by point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import shapely

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.calibration import STATE_CODES, stream
from balanza.provenance import ROOT

BIRTHS = ROOT.parents[1] / "data" / "municipality_births.csv"
CATALOGUE = pd.Timestamp("2021-01-31")
GRID = 1e-6  # degrees, about 10 cm
LLOYD_STEPS = 4
CANDIDATES = 30  # points tried per municipality
URBAN_PULL = 0.7  # share of points that are kept only near the anchors of the state


@dataclass(frozen=True)
class Geography:
    """N municipalities sorted by code.

    codes : (N,) text of five digits; state : (N,) position in STATE_CODES
    parent : (N,) code, or "" for the municipalities of January 2000; born : (N,) month, NaT for those
    points : (N, 2) longitude and latitude; polygons : (N,) valid, without gaps or overlaps
    neighbours : (E, 2) ordered pairs of positions that share at least a point (queen contiguity)
    """

    codes: np.ndarray
    state: np.ndarray
    parent: np.ndarray
    born: np.ndarray
    points: np.ndarray
    polygons: np.ndarray
    neighbours: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)


@cache
def geography(size: float = 1.0) -> Geography:
    """The map with every state's number of municipalities multiplied by `size` (at least two each)."""
    births = _births()
    frames = []
    polygons: list[shapely.Polygon] = []
    for state, region in zip(STATE_CODES, _state_regions(), strict=True):
        table = _municipalities(state, region, births, size)
        polygons.extend(_cells(table[["lon", "lat"]].to_numpy(), region))
        frames.append(table)
    table = pd.concat(frames, ignore_index=True)
    order = table["code"].argsort().to_numpy()
    shared = _with_shared_borders(np.array(polygons, dtype=object))[order]
    table = table.iloc[order]
    return Geography(
        codes=table["code"].to_numpy(dtype=str),
        state=np.array([STATE_CODES.index(code[:2]) for code in table["code"]]),
        parent=table["parent"].to_numpy(dtype=str),
        born=table["born"].to_numpy(dtype="datetime64[us]"),
        points=table[["lon", "lat"]].to_numpy(),
        polygons=shared,
        neighbours=contiguity(shared),
    )


def contiguity(polygons: np.ndarray, distance: float = 0.0) -> np.ndarray:
    """Pairs of polygons that touch, both ways round.

    Parameters
    ----------
    polygons : array of shapely geometries, shape (n,)
    distance : float
        Polygons this far apart (in their own units) still count, for files whose shared borders are broken.

    Returns
    -------
    array of int, shape (n_pairs, 2)
    """
    first, second = shapely.STRtree(polygons).query(
        shapely.buffer(polygons, distance) if distance else polygons, predicate="intersects"
    )
    apart = first != second
    return np.column_stack([first[apart], second[apart]])


def _births() -> pd.DataFrame:
    """Children of the catalogue of April 2021: child, parent, born (a month)."""
    table = pd.read_csv(BIRTHS, dtype=str)
    month = pd.to_datetime(table["born"].str.slice(0, 7), format="ISO8601")
    table["born"] = month.dt.to_period("M").dt.to_timestamp().astype("datetime64[us]")
    return table.loc[table["born"] <= CATALOGUE, ["child", "parent", "born"]]


def _municipalities(state: str, region: shapely.Polygon, births: pd.DataFrame, size: float) -> pd.DataFrame:
    """Codes and points of one state: code, parent, born, lon, lat; children beside their parents."""
    row = calibration.states().loc[state]
    unused = {f"{state}{int(number):03d}" for number in str(row["unused"]).split() if number.isdigit()}
    own = births[births["child"].str[:2] == state]
    taken = unused | set(own["child"])
    wanted = max(2, math.ceil((int(str(row["municipalities"])) - len(own)) * size))
    codes = [code for number in range(1, 1000) if (code := f"{state}{number:03d}") not in taken][:wanted]
    random = stream(0, "geography", state)
    points = dict(zip(codes, random.permutation(_spread(state, region, wanted, random)), strict=True))
    for child in own[own["parent"].isin(codes)].itertuples():
        points[str(child.child)] = _beside(str(child.parent), points, region, random)
    frame = pd.DataFrame.from_dict(points, orient="index", columns=["lon", "lat"]).rename_axis("code").reset_index()
    origin = own.set_index("child").reindex(frame["code"])
    return frame.assign(parent=origin["parent"].fillna("").to_numpy(), born=origin["born"].to_numpy())


def _spread(state: str, region: shapely.Polygon, count: int, random: np.random.Generator) -> np.ndarray:
    """Points inside a region, evenly spread but denser near the state's anchors, shape (count, 2)."""
    from scipy.spatial import cKDTree

    anchors = calibration.anchors().query("state == @state")[["lon", "lat"]].to_numpy()
    kept = np.empty((0, 2))
    low, high = np.array(region.bounds[:2]), np.array(region.bounds[2:])
    while len(kept) < count * CANDIDATES:
        tried = random.uniform(low, high, (count * CANDIDATES * 2, 2))
        tried = tried[shapely.contains_xy(region, tried)]
        near = np.exp(-cKDTree(anchors).query(tried)[0] / 0.4)
        kept = np.vstack([kept, tried[random.random(len(tried)) < (1 - URBAN_PULL) + URBAN_PULL * near]])
    points = kept[:count]
    for _ in range(LLOYD_STEPS):
        nearest = cKDTree(points).query(kept)[1]
        members = np.bincount(nearest, minlength=count)[:, None]
        sums = np.column_stack([np.bincount(nearest, kept[:, axis], minlength=count) for axis in (0, 1)])
        points = np.where(members > 0, sums / np.maximum(members, 1), points)
    return np.asarray(kept[cKDTree(kept).query(points)[1]])  # a mean may lie outside a bent region


def _beside(
    parent: str, points: dict[str, np.ndarray], region: shapely.Polygon, random: np.random.Generator
) -> np.ndarray:
    """A point in the region that is closer to the parent than any other municipality is."""
    here = points[parent]
    others = np.array([point for code, point in points.items() if code != parent])
    step = 0.4 * float(np.min(np.hypot(*(others - here).T)))
    while True:
        angle = random.uniform(0, 2 * np.pi)
        tried = here + step * np.array([np.cos(angle), np.sin(angle)])
        if shapely.contains_xy(region, *tried):
            return tried
        step *= 0.9


def _state_regions() -> list[shapely.Polygon]:
    anchors = calibration.anchors()
    cells = np.array(_cells(anchors[["lon", "lat"]].to_numpy(), shapely.Polygon(calibration.outline())), dtype=object)
    return [shapely.union_all(cells[(anchors["state"] == state).to_numpy()]) for state in STATE_CODES]


def _cells(points: np.ndarray, region: shapely.Polygon) -> list[shapely.Polygon]:
    """Voronoi cells inside a region, one polygon per point: a piece that the region's edge cuts off goes next door."""
    raw = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=region, ordered=True)
    pieces, owner = shapely.get_parts(shapely.intersection(shapely.get_parts(raw), region), return_index=True)
    whole = shapely.get_dimensions(pieces) == 2
    pieces, owner = pieces[whole], owner[whole]
    holds_seat = shapely.intersects_xy(pieces, *points[owner].T)
    cells = np.empty(len(points), dtype=object)
    cells[owner[holds_seat]] = pieces[holds_seat]
    for piece in pieces[~holds_seat]:
        border = shapely.length(shapely.intersection(cells, piece))
        host = int(np.argmax(border))
        cells[host] = shapely.union(cells[host], piece)
    return list(cells)


def _with_shared_borders(polygons: np.ndarray) -> np.ndarray:
    """The same polygons with every border noded once for both sides, on a fixed grid."""
    lines = shapely.union_all(shapely.boundary(polygons), grid_size=GRID)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    face, owner = shapely.STRtree(polygons).query(shapely.point_on_surface(faces), predicate="within")
    return np.array(
        [shapely.coverage_union_all(faces[face[owner == position]]) for position in range(len(polygons))], dtype=object
    )
