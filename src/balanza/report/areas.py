"""The maps of the report: areas in colours by Vega-Lite, drawn once and given the words of each language."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup, escape

from balanza.report.charts import GROUP_WORDS, GROUPS, WIDTH, described, drawn
from balanza.report.language import figures, said

if TYPE_CHECKING:
    import altair as alt
    import geopandas as gpd


Areas = tuple[bytes, ...]
"""Areas as well-known binary, which tells alike ones at once."""


@lru_cache(maxsize=4)
def _features(areas: Areas) -> list[dict[str, Any]]:
    """Areas as GeoJSON, to a thousandth of a degree."""
    import shapely

    rounded = shapely.set_precision(shapely.from_wkb(areas), 0.001)
    return [{"type": "Feature", "geometry": shapely.geometry.mapping(area)} for area in rounded]


def choropleth(outlines: gpd.GeoDataFrame, values: pd.Series, title: str, borders: gpd.GeoDataFrame) -> Markup:
    """A map of a quantity over areas, areas without a value in light grey.

    Parameters
    ----------
    outlines : GeoDataFrame
        Areas, indexed like `values`.
    values : Series
        One number an area, on a square-root colour scale, since municipal rates are skewed.
    title : str
        Title of the legend.
    borders : GeoDataFrame
        State borders, drawn over.
    """
    import altair as alt

    legend = alt.Legend(orient="bottom-left", gradientLength=160, titleLimit=0)
    scale = alt.Scale(scheme="cividis", type="sqrt", reverse=True)
    colour = alt.Color("properties.value:Q", title=_token(0), scale=scale, legend=legend)
    return _map(outlines.assign(value=outlines.index.map(values)), colour, borders, [title])


def group_map(outlines: gpd.GeoDataFrame, groups: pd.Series, title: str, borders: gpd.GeoDataFrame) -> Markup:
    """A map of treatment groups, in the colours of their lines; areas without a group in light grey.

    Parameters
    ----------
    outlines, title, borders : as in `choropleth`
    groups : Series
        One of the keys of GROUPS an area.
    """
    import altair as alt

    present = [key for key in GROUPS if key in set(groups)]
    tokens = {key: _token(1 + place) for place, key in enumerate(present)}
    legend = alt.Legend(orient="bottom-left", titleLimit=0, labelLimit=0)
    scale = alt.Scale(domain=list(tokens.values()), range=[GROUPS[key] for key in present])
    colour = alt.Color("properties.value:N", title=_token(0), scale=scale, legend=legend)
    data = outlines.assign(value=outlines.index.map(groups.map(tokens)))
    return _map(data, colour, borders, [title, *(said(GROUP_WORDS[key]) for key in present)])


def _token(place: int) -> str:
    return f"[[{place}]]"


@dataclass(frozen=True)
class _Map:
    """All that is drawn of a map: `look` is its colours as text, and `signs` a number in those of the language."""

    areas: Areas
    values: tuple[str | float | None, ...]
    borders: Areas
    look: str
    signs: str
    colour: alt.Color = field(compare=False)


def _map(data: gpd.GeoDataFrame, colour: alt.Color, borders: gpd.GeoDataFrame, words: Sequence[str]) -> Markup:
    """A map with its words: thousands of shapes are drawn once, and words put in for each language.

    A legend at the left edge has its place whatever is written in it.
    """
    areas, lines = (tuple(frame.geometry.to_wkb()) for frame in (data, borders))
    values = tuple(None if pd.isna(value) else value for value in data["value"].tolist())
    text = _shapes(_Map(areas, values, lines, json.dumps(colour.to_dict()), figures("1,234.5"), colour))
    for place, word in enumerate(words):
        text = text.replace(_token(place), str(escape(word)))
    return Markup(described(text))  # noqa: S704 - escaped, each word too


@lru_cache(maxsize=4)
def _shapes(what: _Map) -> str:
    import altair as alt

    missing = alt.condition("isValid(datum.properties.value)", what.colour, alt.value("#dddddd"))
    areas = [
        feature | {"properties": {"value": value}}
        for feature, value in zip(_features(what.areas), what.values, strict=True)
    ]
    data = {"areas": areas, "borders": _features(what.borders)}
    named = {name: alt.NamedData(name=name) for name in data}
    filled = alt.Chart(named["areas"]).mark_geoshape(strokeWidth=0).encode(color=missing)
    edges = alt.Chart(named["borders"]).mark_geoshape(fill=None, stroke="white", strokeWidth=0.7)
    return drawn((filled + edges).project("mercator").properties(width=WIDTH, height=540), data)
