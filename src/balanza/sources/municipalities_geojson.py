"""Polygons of the municipalities: INEGI's Marco Geoestadistico 2020, simplified.

A GeoJSON file in degrees (EPSG:4326) with cvegeo, nom_ent and nom_mun. Neighbours do not share their edges exactly, so
contiguity must be built with a buffer or by intersection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balanza.errors import SourceError
from balanza.sources._fields import coded_states, require_all_states
from balanza.sources._layout import FETCH_AGAIN, require_columns, unique_keys, validate

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandera.pandas import DataFrameSchema

COLUMNS = {"cvegeo": "cvegeo", "nom_ent": "state_name", "nom_mun": "municipality", "geometry": "geometry"}


def schema() -> DataFrameSchema:
    """The tidy table, geometry apart: `made_valid` marks polygons that crossed themselves and were repaired."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"^[0-9]{5}$"), unique=True),
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "municipality": pa.Column(str, pa.Check.str_length(min_value=1)),
            "made_valid": pa.Column(bool),
            "geometry": pa.Column("geometry"),
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> GeoDataFrame:
    """Read the polygons.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    GeoDataFrame
        cvegeo, state, municipality, made_valid, geometry (EPSG:4326): one row per municipality, all geometries valid.

    Raises
    ------
    SourceError
        If the file is no whole GeoJSON, is not in degrees, or holds something else than polygons.
    """
    (path,) = files.values()
    where = path.name
    frame = _polygons(path)
    frame["state"] = coded_states(frame["cvegeo"].str[:2], frame["state_name"], where=where)
    require_all_states(frame.assign(file="all"), "file", where=where)
    unique_keys(frame, ["cvegeo"], where=where)
    frame["made_valid"] = ~frame.geometry.is_valid
    frame.geometry = frame.geometry.make_valid(method="structure", keep_collapsed=False)
    _refuse_no_area(frame, where)
    tidy = frame[["cvegeo", "state", "municipality", "made_valid", "geometry"]]
    return validate(tidy, schema(), where=where)


def _polygons(path: Path) -> Any:
    import geopandas

    _refuse_other_formats(path)
    try:
        raw = geopandas.read_file(path)
    except (RuntimeError, ValueError, TypeError) as error:
        raise SourceError(
            f"not a whole GeoJSON file in UTF-8 ({str(error).splitlines()[0]})",
            where=path.name,
            cure=FETCH_AGAIN,
        ) from error
    frame = require_columns(raw, COLUMNS, where=path.name)
    if frame.crs is None or frame.crs.to_epsg() != 4326 or not _in_degrees(frame.total_bounds):
        raise SourceError(
            f"the polygons are not in degrees (reference system {frame.crs}, bounds {frame.total_bounds})",
            where=path.name,
            cure="Convert them to EPSG:4326",
        )
    return frame


def _refuse_other_formats(path: Path) -> None:
    """GDAL tells formats by content, and some of them (VRT) are instructions to open other files."""
    with path.open("rb") as stream:
        start = stream.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        raise SourceError("not a whole GeoJSON file, or of another format", where=path.name, cure=FETCH_AGAIN)


def _in_degrees(bounds: Any) -> bool:
    west, south, east, north = bounds
    return bool(-180 <= west <= east <= 180 and -90 <= south <= north <= 90)


def _refuse_no_area(frame: Any, where: str) -> None:
    wrong = (
        frame.geometry.isna() | ~frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"]) | frame.geometry.is_empty
    )
    if wrong.any():
        raise SourceError(
            f"municipality {frame.loc[wrong.idxmax(), 'cvegeo']} has no polygon",
            where=where,
            cure="Get the file in its official layout",
        )
