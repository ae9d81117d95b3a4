"""Polygons of the constant units: one clean coverage of the country, children dissolved into their parents.

Simplified official polygons neither share their edges nor close the gaps between them. GEOS' coverage cleaner removes
overlaps and gaps up to a width, so that neighbours share edges exactly and a union leaves no sliver; what it changes is
measured in an equal-area projection (EPSG:6933).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balanza.panel.geography import Geography
from balanza.panel.quality import Quality

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries

GAP = 0.02
"""Degrees, some two kilometres: wider gaps are lagoons and islands' waters, not faults."""
SLIVER = 1e5
"""Square metres: a smaller part that touches another municipality is a leftover of cleaning."""
EQUAL_AREA = 6933
DEGREE_DIGITS = 5


def dissolve(frame: GeoDataFrame | None, geography: Geography, quality: Quality) -> GeoDataFrame:
    """One row per constant unit: cvegeo, state, municipality, latitude, longitude, geometry (EPSG:4326).

    Parameters
    ----------
    frame : GeoDataFrame or None
        cvegeo, geometry, made_valid; None leaves every geometry empty.
    geography : Geography
        The constant units.
    quality : Quality
        Gets the repairs.

    Returns
    -------
    GeoDataFrame
        Sorted by cvegeo. Units without a polygon have neither it nor a place, and are noted. The place is a point
        inside the polygon, in degrees, rounded to about a metre.
    """
    import geopandas as gpd
    import shapely

    if frame is None:
        return _placed(geography, gpd.GeoSeries([None] * len(geography.units), crs=4326))
    frame = frame.sort_values("cvegeo", ignore_index=True)
    clean = _merge_slivers(_clean(frame, quality), quality)
    unit = geography.unit_of(frame["cvegeo"], "municipalities_geojson")
    merged = clean.groupby(unit.to_numpy()).agg(lambda parts: shapely.coverage_union_all(parts.to_numpy()))
    joined = unit[unit != frame["cvegeo"]]
    for code, count in (joined.value_counts().sort_index() + 1).items():
        quality.note("geometry", cvegeo=code, what="dissolved from municipalities", parts=int(count), area=None)
    for code in sorted(set(geography.units["cvegeo"]) - set(merged.index)):
        quality.note("geometry", cvegeo=code, what="no polygon", parts=0, area=None)
    shapes = merged.reindex(geography.units["cvegeo"]).to_numpy()
    return _placed(geography, gpd.GeoSeries(shapely.normalize(shapes), crs=4326))


def _placed(geography: Geography, shapes: GeoSeries) -> GeoDataFrame:
    """The units with their polygons and a point inside each."""
    import geopandas as gpd
    import shapely

    inside = shapely.point_on_surface(shapes.to_numpy())
    rows = geography.units.assign(
        latitude=shapely.get_y(inside).round(DEGREE_DIGITS), longitude=shapely.get_x(inside).round(DEGREE_DIGITS)
    )
    return gpd.GeoDataFrame(rows, geometry=shapes.to_numpy(), crs=4326)


def _areas(shapes: GeoSeries) -> np.ndarray:
    return np.asarray(shapes.to_crs(EQUAL_AREA).area)


def _clean(frame: GeoDataFrame, quality: Quality) -> GeoSeries:
    """The polygons as one coverage, with what cleaning changed."""
    import geopandas as gpd
    import shapely

    for code in frame.loc[frame["made_valid"], "cvegeo"]:
        quality.note("geometry", cvegeo=code, what="crossed itself, made valid by the reader", parts=1, area=None)
    before = _areas(frame.geometry)
    clean = gpd.GeoSeries(shapely.coverage_clean(frame.geometry.to_numpy(), gap_width=GAP), crs=frame.crs)
    change = _areas(clean) - before
    shares = np.abs(change) / before
    for what, rows in (
        ("grew by closing gaps and overlaps (sum of the country)", change > 0),
        ("shrank by removing overlaps (sum of the country)", change < 0),
    ):
        quality.note("geometry", cvegeo="", what=what, parts=int(rows.sum()), area=round(change[rows].sum() / 1e6, 1))
    for row in np.flatnonzero(shares > 0.1):
        quality.note(
            "geometry",
            cvegeo=frame["cvegeo"].iloc[row],
            what=f"changed by {100 * change[row] / before[row]:+.0f} % in cleaning",
            parts=1,
            area=round(change[row] / 1e6, 1),
        )
    return clean


def _merge_slivers(shapes: GeoSeries, quality: Quality) -> GeoSeries:
    """Give each tiny part that touches another municipality to the one with which it shares most of its border."""
    import geopandas as gpd
    import shapely

    parts = shapes.explode(ignore_index=False)
    owner = parts.index.to_numpy()
    pieces = parts.to_numpy()
    area = _areas(parts)
    largest = pd.Series(area).groupby(owner).transform("max").to_numpy()
    taken = owner.copy()
    tree = shapely.STRtree(pieces)
    for piece in np.flatnonzero((area < SLIVER) & (area < largest)):
        near = [other for other in tree.query(pieces[piece]) if owner[other] != owner[piece]]
        border = [
            shapely.length(shapely.intersection(pieces[piece].boundary, pieces[other].boundary)) for other in near
        ]
        if near and max(border) > 0:
            taken[piece] = owner[near[int(np.argmax(border))]]
    moved = taken != owner
    if moved.any():
        quality.note(
            "geometry",
            cvegeo="",
            what="slivers given to the neighbour with the longest shared border",
            parts=int(moved.sum()),
            area=round(area[moved].sum() / 1e6, 4),
        )
    joined = gpd.GeoSeries(pieces).groupby(taken).agg(lambda some: shapely.coverage_union_all(some.to_numpy()))
    return gpd.GeoSeries(joined.reindex(shapes.index).to_numpy(), crs=shapes.crs)
