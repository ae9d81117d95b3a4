"""The chart of outcomes over time: its axis and the rule of the start, read back from the drawn SVG."""

import re
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

from balanza.report import areas, charts
from balanza.report.language import SPANISH, speaking

MONTHS = [f"{year}-{month:02d}" for year in (2018, 2019) for month in range(1, 13)]


def drawn(periods: list[str], start: str | int | None) -> tuple[list[str], float | None]:
    """Texts under the axis, and how far along it the dashed rule stands, from 0 to 1."""
    frame = pd.DataFrame({"period": periods, "group": "treated", "value": range(len(periods))})
    svg = str(charts.series(frame, "rate", start))
    axis = svg[: svg.index("Y-axis")]
    texts = [text for text in re.findall(r">([^<>]+)</text>", axis) if text != "rate"]
    rule = re.search(r'rule mark" transform="translate\(([\d.]+),0\)"[^>]*stroke-dasharray', svg)
    return texts, None if rule is None else float(rule[1]) / charts.WIDTH


@pytest.mark.parametrize(
    ("periods", "start", "ticks", "share"),
    [
        (["2013", "2014", "2015", "2016", "2017"], 2016, ["2013", "2014", "2015", "2016", "2017"], 3 / 4),
        (["1", "2", "3", "4", "5"], 2, ["1", "2", "3", "4", "5"], 1 / 4),
        (["1", "2"], 2, ["1", "2"], 1),
        (MONTHS, "2019-01", ["2018", "2019"], 365 / 699),  # days from January 2018 to December 2019
    ],
    ids=["years", "waves", "two waves", "months"],
)
def test_periods_are_labelled_as_they_are_and_the_start_stands_in_its_place(
    periods: list[str], start: str | int, ticks: list[str], share: float
) -> None:
    texts, rule = drawn(periods, start)
    assert texts == ticks
    assert rule == pytest.approx(share, abs=1e-3)


def square_map(title: str) -> str:
    shapes = [box(-102, 21, -101, 22), box(-101, 21, -100, 22)]
    states = gpd.GeoDataFrame({"state": ["a", "b"]}, geometry=shapes, crs=4326)
    return str(areas.group_map(states.set_index("state"), pd.Series({"a": "low", "b": "high"}), title, states))


def test_a_map_is_drawn_once_and_has_the_words_of_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(areas, "drawn", lambda chart, data=None: drawn.append(chart) or charts.drawn(chart))
    areas._shapes.cache_clear()
    english = square_map("dose & <b>")
    with speaking(SPANISH):
        spanish = square_map("dosis")
    assert len(drawn) == 1
    assert ">low dose (third of units)</text>" in english
    assert ">dose &amp; &lt;b&gt;</text>" in english
    assert ">dosis baja (tercio de las unidades)</text>" in spanish
    assert ">dosis</text>" in spanish
    assert "[[" not in english + spanish
    placed = r' (?:d|transform|x|y|fill)="[^"]*"'
    assert re.findall(placed, english) == re.findall(placed, spanish)


def test_a_screen_reader_hears_axes_in_the_language_of_the_page() -> None:
    frame = pd.DataFrame({"period": ["2013", "2014"], "group": "treated", "value": [1.0, 2.0]})
    with speaking(SPANISH):
        text = str(charts.series(frame, "tasa", 2014))
    assert 'aria-label="eje vertical: tasa"' in text
    assert 'aria-label="eje horizontal"' in text
    assert not re.search(r"axis titled|legend for|aria-roledescription", text)


def test_without_a_start_there_is_no_rule() -> None:
    assert drawn(["1", "2", "3"], None)[1] is None


def test_each_point_of_a_line_says_its_values_and_no_line_stands_for_its_first() -> None:
    frame = pd.DataFrame({"period": ["2019-01", "2019-02"], "group": "treated", "value": [1 / 3, -2.0]})
    svg = str(charts.series(frame, "rate", None))
    assert re.findall(r"<title>([^<]*)</title>", svg) == ["2019-01: 0.333, treated", "2019-02: −2, treated"]
    svg = str(charts.national(pd.DataFrame({"period": pd.to_datetime(frame["period"]), "rate": [1 / 3, 2.0]})))
    assert re.findall(r"<title>([^<]*)</title>", svg) == ["2019-01: 0.333", "2019-02: 2"]
