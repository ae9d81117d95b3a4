"""Municipal polygons as GeoJSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.municipalities_geojson import read

Layer = dict[str, Any]


def square(west: float, south: float = 20.0) -> list[list[list[float]]]:
    return [[[west, south], [west, south + 1], [west + 1, south + 1], [west + 1, south], [west, south]]]


def bow_tie(west: float) -> list[list[list[float]]]:
    """A polygon that crosses itself: two triangles that meet in a point."""
    return [[[west, 20.0], [west + 1, 21.0], [west + 1, 20.0], [west, 21.0], [west, 20.0]]]


def layout() -> Layer:
    features = [
        {
            "type": "Feature",
            "properties": {"cvegeo": f"{code}001", "nom_ent": name, "nom_mun": f"Cañada {name}"},
            "geometry": {"type": "Polygon", "coordinates": square(-118.0 + int(code))},
        }
        for code, name in STATES.items()
    ]
    system = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    return {"type": "FeatureCollection", "crs": system, "features": features}


def polygons(folder: Path, edit: Callable[[Layer], object] = len, encoding: str = "utf-8") -> Any:
    layer = layout()
    edit(layer)
    path = folder / "municipalities.geojson"
    path.write_text(json.dumps(layer, ensure_ascii=False), encoding)
    return read({"municipalities_geojson": path})


def test_a_polygon_per_municipality_in_degrees(tmp_path: Path) -> None:
    frame = polygons(tmp_path)
    assert list(frame.columns) == ["cvegeo", "state", "municipality", "made_valid", "geometry"]
    assert frame["municipality"].iloc[13] == "Cañada Jalisco"
    assert frame["state"].iloc[13] == "14"
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.iloc[13].bounds == (-104, 20, -103, 21)
    assert not frame["made_valid"].any()


def test_a_polygon_that_crosses_itself_is_repaired_and_marked(tmp_path: Path) -> None:
    def cross(layer: Layer) -> None:
        layer["features"][3]["geometry"]["coordinates"] = bow_tie(-114)

    frame = polygons(tmp_path, cross)
    assert frame.loc[frame["made_valid"], "cvegeo"].to_list() == ["04001"]
    assert frame.geometry.is_valid.all()
    # two triangles of base 1 and height 1/2
    assert frame.geometry.iloc[3].area == pytest.approx(0.5)


def put(key: str, value: object) -> Callable[[Layer], object]:
    return lambda layer: layer["features"][3]["properties"].__setitem__(key, value)


def shape(value: object) -> Callable[[Layer], object]:
    return lambda layer: layer["features"][3].__setitem__("geometry", value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (put("nom_ent", "Campech"), "unknown state name 'Campech'"),
        (put("cvegeo", "05001"), "code '05' is not that of 'Campeche'"),
        (put("cvegeo", "0401"), "column cvegeo"),
        (lambda layer: layer["features"].append(layer["features"][0]), "cvegeo 01001 stands twice"),
        (lambda layer: layer["features"].pop(), "missing: Zacatecas"),
        (lambda layer: [item["properties"].pop("nom_mun") for item in layer["features"]], "column nom_mun is missing"),
        (shape({"type": "Point", "coordinates": [-100.0, 20.0]}), "municipality 04001 has no polygon"),
        (shape(None), "municipality 04001 has no polygon"),
        (shape({"type": "Polygon", "coordinates": square(2.5e6, 7e5)}), "the polygons are not in degrees"),
        (lambda layer: layer["crs"]["properties"].update(name="EPSG:6372"), "the polygons are not in degrees"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[Layer], object], message: str) -> None:
    with pytest.raises(SourceError) as error:
        polygons(tmp_path, edit)
    assert message in str(error.value)


@pytest.mark.parametrize("content", [b"", b'{"type": "FeatureCollection", "features": [{"type": "Fea'])
def test_a_file_cut_short_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cut.geojson"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"cut\.geojson: not a whole GeoJSON"):
        read({"municipalities_geojson": path})


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="UTF-8"):
        polygons(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"municipalities_geojson": mirror / "municipalities_geojson.geojson"})
    assert len(frame) == frame["cvegeo"].nunique() == 2469
    assert frame.groupby("state").size()["20"] == 570
    assert frame.geometry.is_valid.all()
    assert not frame["made_valid"].any()
