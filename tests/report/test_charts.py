"""The chart of outcomes over time: its axis and the rule of the start, read back from the drawn SVG."""

import re

import pandas as pd
import pytest

from balanza.report import charts

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


def test_without_a_start_there_is_no_rule() -> None:
    assert drawn(["1", "2", "3"], None)[1] is None


def test_each_point_of_a_line_says_its_values_and_no_line_stands_for_its_first() -> None:
    frame = pd.DataFrame({"period": ["2019-01", "2019-02"], "group": "treated", "value": [1 / 3, -2.0]})
    svg = str(charts.series(frame, "rate", None))
    assert re.findall(r"<title>([^<]*)</title>", svg) == ["2019-01: 0.333, treated", "2019-02: −2, treated"]
    svg = str(charts.national(pd.DataFrame({"period": pd.to_datetime(frame["period"]), "rate": [1 / 3, 2.0]})))
    assert re.findall(r"<title>([^<]*)</title>", svg) == ["2019-01: 0.333", "2019-02: 2"]
