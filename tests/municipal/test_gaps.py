"""Spans of months without a figure, by hand."""

import pandas as pd

from balanza.municipal.gaps import spans

MONTHS = pd.date_range("2020-11-01", periods=4, freq="MS")


def test_each_run_of_unknown_months_is_one_span_and_never_crosses_a_municipality() -> None:
    rows = pd.DataFrame(
        {
            "cvegeo": ["01001"] * 4 + ["01002"] * 4,
            "period": [*MONTHS, *MONTHS],
            "homicides": [0, 1, 2, 3] * 2,
            "feminicides": [None, 1.0, None, None, None, None, 0.0, 1.0],
            "party": ["a", None, "b", "b", "c", "c", "c", "c"],
        }
    )
    found = spans(rows.sample(frac=1, random_state=1), ["homicides", "feminicides", "party"])
    assert found.to_numpy().tolist() == [
        ["01001", "feminicides", "2020-11", "2020-11"],
        ["01001", "feminicides", "2021-01", "2021-02"],
        ["01001", "party", "2020-12", "2020-12"],
        ["01002", "feminicides", "2020-11", "2020-12"],
    ]


def test_what_is_known_throughout_has_no_span() -> None:
    rows = pd.DataFrame({"cvegeo": ["01001"] * 4, "period": MONTHS, "homicides": [0, 0, 0, 0]})
    found = spans(rows, ["homicides"])
    assert found.empty
    assert list(found) == ["cvegeo", "column", "first", "last"]
