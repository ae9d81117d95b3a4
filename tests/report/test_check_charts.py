"""The charts of checks: chosen by the columns of a figure, with what was observed, and with text that stays text."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from balanza.report.check_charts import of_check

REFUTERS = [("placebo", 0.0), ("bootstrap", -0.4)]


def strip() -> dict:
    labels = ["without 11", "<script>alert(1)</script>"]
    return {"table": [], "figure": [{"label": label, "value": 0.1, "low": -0.1, "high": 0.3} for label in labels]}


def draws() -> dict:
    table = [{"treatment": name, "statistic": value} for name, value in (("guard", 1.5), ("prevention", -0.5))]
    figure = [{"treatment": row["treatment"], "statistic": x / 10} for row in table for x in range(-20, 21)]
    return {"table": table, "figure": figure}


def quantiles() -> dict:
    table = [{"refuter": name, "treatment": "guard", "expected": value} for name, value in REFUTERS]
    figure = [
        {"refuter": name, "treatment": "guard", "share": share, "estimate": value + share - 0.5}
        for name, value in REFUTERS
        for share in np.linspace(0, 1, 101)
    ]
    return {"table": table, "figure": figure}


def contours() -> dict:
    grid = np.linspace(0, 0.2, 21)
    figure = [
        {"treatment": "guard", "r2_treatment": x, "r2_outcome": y, "estimate": -0.3 + 20 * x * y}
        for x in grid
        for y in grid
    ]
    inside = {"treatment": "guard", "measure": "benchmark", "strength": 1.0, "of": "poverty"}
    table = [
        inside | {"r2_treatment": 0.05, "r2_outcome": 0.1},
        inside | {"r2_treatment": 0.5, "r2_outcome": 0.1, "of": "beyond the grid"},
        inside | {"r2_treatment": None, "r2_outcome": None, "of": "unknown"},
    ]
    return {"table": table, "figure": figure}


def bounds() -> dict:
    row = {"treatment": "guard", "target": "average", "low": -1.0, "high": 0.5}
    figure = [row | {"estimate": stem, "mbar": mbar} for stem in ("twfe", "poisson") for mbar in (0.0, 0.5)]
    return {"table": [], "values": {"claimed": {"poisson": False}}, "figure": figure}


def pretrend() -> dict:
    row = {"treatment": "guard", "estimate": "poisson", "value": 0.1, "low": -0.2, "high": 0.4}
    figure = [row | {"event_time": t, "line_50": 0.1 * t, "line_80": 0.2 * t} for t in range(-4, 3)]
    return {"table": [], "values": {"lead": {"poisson": {}}}, "figure": figure}


def comparisons() -> dict:
    sorts = ("treated against never treated", "later against earlier")
    figure = [{"sort": sort, "treated": "a", "control": "b", "weight": 0.5, "value": 1.0} for sort in sorts]
    return {"table": [], "values": {"coefficient": 1.0}, "figure": figure}


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (strip(), "without 11"),
        (quantiles(), "bootstrap"),
        (contours(), "1 × poverty"),
        (contours(), "0.00"),
        (bounds(), "1.0"),
        (pretrend(), "event time"),
        (comparisons(), "later against earlier"),
    ],
)
def test_a_figure_is_drawn_by_its_columns(check: dict, said: str) -> None:
    (drawn,) = of_check(check)
    assert drawn.chart.startswith("<svg")
    assert said in drawn.chart
    assert drawn.caption


def test_draws_are_drawn_for_each_treatment_with_what_was_observed() -> None:
    drawn = of_check(draws())
    assert [item.caption for item in drawn] == [
        f"{name}: 41 draws; orange: what was observed." for name in ("guard", "prevention")
    ]


def test_bounds_and_trends_are_those_of_the_estimate_that_the_check_is_about() -> None:
    assert of_check(bounds())[0].caption.startswith("Intervals of poisson")
    assert of_check(pretrend())[0].caption.startswith("poisson: event times before treatment")


def test_benchmarks_beyond_the_grid_are_left_out() -> None:
    (drawn,) = of_check(contours())
    assert "beyond the grid" not in drawn.chart
    assert "unknown" not in drawn.chart


def test_hostile_labels_stay_text() -> None:
    (drawn,) = of_check(strip())
    assert "<script>" not in drawn.chart
    assert "&lt;script&gt;" in drawn.chart


@pytest.mark.parametrize("figure", [[], [{"treatment": "guard", "something": 1}]])
def test_what_cannot_be_drawn_is_not(figure: list) -> None:
    assert of_check({"table": [], "figure": figure}) == []


def test_a_contour_without_any_line_is_left_out() -> None:
    flat = contours()
    flat["figure"] = [row | {"estimate": 1.0} for row in flat["figure"]]
    assert of_check(flat) == []


def test_marks_say_their_estimates_in_words() -> None:
    (item,) = of_check(strip())
    assert re.findall("<title>(.*?)</title>", str(item.chart))[0] == "without 11: 0.100 [−0.100, 0.300]"


@pytest.mark.parametrize("check", [strip, draws, quantiles, contours, bounds, pretrend, comparisons])
def test_no_mark_says_the_name_of_a_column(check: Callable[[], dict]) -> None:
    titles = [title for item in of_check(check()) for title in re.findall("<title>(.*?)</title>", str(item.chart))]
    assert titles
    columns = re.compile(r"(^|; )(label|value|low|high|q1|q3|expected|refuter|draw|event_time|sort|x|y): ")
    assert [title for title in titles if columns.search(title)] == []
