"""The map of home: areas in whole steps of a pixel, and one chart that is drawn as a picture and lives on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from balanza.report import charts
from balanza.report.language import gettext as _
from balanza.report.language import pgettext

if TYPE_CHECKING:
    import geopandas as gpd

STEPS = (5, 10, 20, 40, 80)
"""Homicides per 100,000 where one class ends and the next begins: each twice the one before, since rates are skewed."""
NONE, UNKNOWN = "#fee838", "#e3e3e3"
COLOURS = (NONE, "#d2c060", "#a59c74", "#7d7c78", "#575d6d", "#2a3f6d", "#00224e", UNKNOWN)
"""Cividis (Nuñez, Anderton and Renslow 2018), light for few; grey for what is not known."""
STEP = 0.1
MERCATOR = "EPSG:3857"


@dataclass(frozen=True)
class Shapes:
    """The areas of some levels on one plane.

    `areas` has for each level the coordinates of one GeoJSON MultiPolygon an area, in whole steps of STEP pixels from
    the top left; `height` is in pixels, beside charts.WIDTH.
    """

    areas: Mapping[str, Sequence[Any]]
    height: int


def shapes(**levels: gpd.GeoDataFrame) -> Shapes:
    """Lay areas on a plane (Mercator), rounded alike for neighbours, so that what they share stays shared.

    Parameters
    ----------
    **levels : GeoDataFrame
        Areas in degrees; those of the first fill the width.
    """
    flat = {name: frame.geometry.to_crs(MERCATOR) for name, frame in levels.items()}
    west, south, east, north = next(iter(flat.values())).total_bounds
    scale = charts.WIDTH / STEP / (east - west)
    areas = {name: [_steps(shape, west, north, scale) for shape in frame] for name, frame in flat.items()}
    return Shapes(areas, int(np.ceil((north - south) * scale * STEP)))


def _steps(shape: Any, west: float, north: float, scale: float) -> list[Any]:
    import shapely

    laid = shapely.transform(shape, lambda at: np.rint((at - [west, north]) * [scale, -scale]))
    parts = [laid] if laid.geom_type == "Polygon" else list(getattr(laid, "geoms", []))
    rings = [[_ring(ring) for ring in (part.exterior, *part.interiors)] for part in parts if not part.is_empty]
    return [[own[0], *filter(_has_area, own[1:])] for own in rings if _has_area(own[0])]


def _ring(ring: Any) -> list[list[int]]:
    """The points of a ring, without one that rounding made equal to the one before."""
    points = np.asarray(ring.coords, dtype=int)
    new = np.append(True, (points[1:] != points[:-1]).any(axis=1))
    return [[int(x), int(y)] for x, y in points[new]]


def _has_area(ring: Sequence[Any]) -> bool:
    """Whether rounding left more of a ring than a point or a line there and back."""
    return len(ring) > 3  # three corners, and the first again


def packed(areas: Sequence[Any]) -> list[list[list[list[int]]]]:
    """Areas for a page: of each ring the first point, then steps from point to point, in one list: half as long."""
    return [[[_strides(ring) for ring in part] for part in area] for area in areas]


def _strides(ring: Sequence[Sequence[int]]) -> list[int]:
    points = np.asarray(ring)
    return [int(step) for step in np.vstack([points[:1], np.diff(points, axis=0)]).ravel()]


def features(areas: Sequence[Any], rates: Sequence[float | None] | None = None) -> list[dict[str, Any]]:
    """Areas as GeoJSON, each with its rate as the one of its list `rates`."""
    made = [
        {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": coordinates}} for coordinates in areas
    ]
    return made if rates is None else [one | {"rates": [rate]} for one, rate in zip(made, rates, strict=True)]


def labels() -> list[str]:
    """The words of the classes, in the order of their colours, and of the legend's title."""
    between = [f"{low} – {high}" for low, high in pairwise(STEPS)]
    below, above = _("below %(rate)s") % {"rate": STEPS[0]}, _("%(rate)s or more") % {"rate": STEPS[-1]}
    return [pgettext("homicides", "none"), below, *between, above, _("no figure"), _("homicides per 100,000 people")]


def picture(shapes: Shapes, rates: Sequence[float | None]) -> Markup:
    """The map of one year as SVG: areas by class, with the borders of states.

    Parameters
    ----------
    shapes : Shapes
        Of the levels `municipalities` and `states`.
    rates : sequence
        Of the municipalities, None where unknown.
    """
    own = [None if rate is None else float(rate) for rate in rates]
    drawn = _draw(json.dumps([shapes.areas["municipalities"], own, shapes.areas["states"]]), shapes.height)
    for code, label in zip(_CODES, labels(), strict=True):
        drawn = drawn.replace(f">{code}</text>", f">{escape(label)}</text>")
    return Markup(drawn)  # noqa: S704 - the renderer escapes every text, and labels are escaped here


_CODES = [f"class {number}" for number in range(len(COLOURS) + 1)]


@lru_cache(maxsize=1)
def _draw(content: str, height: int) -> str:
    """The picture with codes for words, so that all languages share the one drawing of it, which takes seconds."""
    areas, rates, borders = json.loads(content)
    data: dict[str, Any] = {"areas": features(areas, rates), "borders": features(borders), "chosen": []}
    return str(charts.svg(_chart(height, 0, _CODES), data))


def live(height: int, year: int) -> dict[str, Any]:
    """The map as a Vega-Lite specification, to which a page brings its data: `areas`, `borders` and `chosen`.

    Parameters
    ----------
    height : int
        In pixels.
    year : int
        The place in each area's `rates` that is shown first: the signal `year`.
    """
    return charts.styled(_chart(height, year, labels()))


def _chart(height: int, year: int, words: Sequence[str]) -> Any:
    """Areas in the colour of their class, borders over them, and an outline around what was chosen."""
    import altair as alt

    areas, borders, chosen = (alt.NamedData(name=name) for name in ("areas", "borders", "chosen"))
    rate = "datum.rates[year]"
    above = " + ".join(f"({rate} >= {step})" for step in STEPS)
    number = f"{rate} === null ? {len(COLOURS) - 1} : ({rate} > 0) + {above}"
    named = f"{json.dumps(words[:-1])}[datum.value]"
    scale = alt.Scale(domain=list(range(len(COLOURS))), range=list(COLOURS))
    legend = alt.Legend(title=words[-1], orient="bottom-left", labelExpr=named, symbolType="square", titleLimit=260)
    colour = alt.Color("class:O", scale=scale, legend=legend)
    filled = alt.Chart(areas).transform_calculate(**{"class": number})
    filled = filled.mark_geoshape(strokeWidth=0, aria=False).encode(color=colour)
    lines = alt.Chart(borders).mark_geoshape(fill=None, stroke="white", strokeWidth=0.7, aria=False)
    outline = alt.Chart(chosen).mark_geoshape(fill=None, stroke=charts.ORANGE, strokeWidth=2.5, aria=False)
    layers = alt.layer(filled, lines, outline).add_params(alt.param("year", value=year))
    return layers.project("identity", scale=STEP, translate=[0, 0]).properties(width=charts.WIDTH, height=height)
