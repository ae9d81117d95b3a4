"""Polygons with gaps, overlaps and slivers become one coverage; children dissolve into parents."""

import geopandas as gpd
import pytest
import shapely

from balanza.panel.geography import Geography
from balanza.panel.polygons import dissolve
from balanza.panel.quality import Quality

NOTCHED = shapely.union_all([shapely.box(1, 0, 2, 0.2), shapely.box(1.005, 0.2, 2, 0.8), shapely.box(1, 0.8, 2, 1)])
SQUARES = {
    "01001": shapely.box(0, 0, 1, 1),
    "01003": NOTCHED,  # half a kilometre of gap inside the border with its parent
    "01002": shapely.box(1.995, 0, 3, 1),  # overlaps the child
    "02001": shapely.box(0, 1, 1, 2),
    "02002": shapely.box(1, 1, 2, 2),
    "02003": shapely.box(2, 1, 3, 2),
}


def frame(**changes: object) -> gpd.GeoDataFrame:
    shapes = SQUARES | changes
    return gpd.GeoDataFrame({"cvegeo": list(shapes), "made_valid": False}, geometry=list(shapes.values()), crs=4326)


def test_units_are_a_valid_coverage_and_lose_no_land(places: Geography, quality: Quality) -> None:
    out = dissolve(frame(), places, quality)
    assert list(out["cvegeo"]) == list(places.units["cvegeo"])
    assert list(out.columns) == ["cvegeo", "state", "municipality", "latitude", "longitude", "geometry"]
    assert out.crs.to_epsg() == 4326
    assert shapely.coverage_is_valid(out.geometry.to_numpy())
    whole = shapely.union_all(out.geometry.to_numpy())
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert whole.area == pytest.approx(6, abs=0.01)


def test_a_child_and_its_parent_become_one_polygon_without_a_seam(places: Geography, quality: Quality) -> None:
    unit = dissolve(frame(), places, quality).set_index("cvegeo").geometry["01001"]
    assert unit.geom_type == "Polygon"
    assert not unit.interiors
    assert unit.area == pytest.approx(2, abs=0.01)
    assert [row["parts"] for row in quality.rows("geometry") if row["what"].startswith("dissolved")] == [2]


def test_a_sliver_goes_to_its_neighbour(places: Geography, quality: Quality) -> None:
    crumb = shapely.box(2.5, 1, 2.5001, 1.0001)  # part of 02001, at the foot of 02003
    torn = shapely.union_all([SQUARES["02001"], crumb])
    out = dissolve(frame(**{"02001": torn}), places, quality).set_index("cvegeo").geometry
    assert out["02001"].geom_type == "Polygon"
    assert shapely.coverage_is_valid(out.to_numpy())


def test_a_unit_without_a_polygon_is_kept_and_noted(places: Geography, quality: Quality) -> None:
    shapes = frame()
    out = dissolve(shapes[shapes["cvegeo"] != "02003"], places, quality)
    assert out.set_index("cvegeo").geometry["02003"] is None
    assert [row["cvegeo"] for row in quality.rows("geometry") if row["what"] == "no polygon"] == ["02003"]


def test_without_polygons_there_are_units_without_geometry(places: Geography, quality: Quality) -> None:
    out = dissolve(None, places, quality)
    assert len(out) == 5
    assert out[["latitude", "longitude", "geometry"]].isna().all(axis=None)


def test_each_place_lies_inside_its_own_polygon(places: Geography, quality: Quality) -> None:
    bent = shapely.union_all([shapely.box(2, 1, 3, 1.1), shapely.box(2, 1, 2.1, 2), shapely.box(2, 1.9, 3, 2)])
    out = dissolve(frame(**{"02003": bent}), places, quality)  # its centroid lies outside
    assert not bent.contains(bent.centroid)
    points = shapely.points(out["longitude"], out["latitude"])
    assert shapely.contains(out.geometry.to_numpy(), points).all()
