"""Outcomes: zero, missing, and what belongs to a state only."""

import pandas as pd
import pytest

from balanza.errors import PanelError
from balanza.panel import violence
from balanza.panel.geography import Geography
from balanza.panel.names import Names
from balanza.panel.quality import Quality

from .conftest import span


def deaths(places: Geography, months: pd.DatetimeIndex) -> pd.DataFrame:
    rows = [(code, month, 1) for code in [*places.units["cvegeo"], "01003", "02999"] for month in months]
    return pd.DataFrame(rows, columns=["cvegeo", "period", "homicides"]).astype({"period": "datetime64[us]"})


def test_homicides_by_unit_and_by_state_with_the_unspecified(places: Geography, quality: Quality) -> None:
    months = span("2020-01", "2020-02")
    municipal, state = violence.homicides(deaths(places, months), places, months, quality)
    assert len(municipal) == 5 * 2
    assert municipal.query("cvegeo == '01001'")["homicides"].tolist() == [2, 2]
    # state 01: 01001 with its child and 01002; state 02: three units and 02999
    assert state.loc[state["period"] == months[0], "homicides"].tolist() == [3, 4]
    (row,) = quality.rows("residual")
    assert (row["state"], row["cells"], row["count"]) == ("02", 2, 2)


def test_a_municipality_without_rows_is_not_taken_for_zero(places: Geography, quality: Quality) -> None:
    months = span("2020-01", "2020-02")
    table = deaths(places, months)
    table = table[~((table["cvegeo"] == "01002") & (table["period"] == months[1]))]
    with pytest.raises(PanelError, match=r"1 municipalities lack months, such as 01002 with 1 of 2"):
        violence.homicides(table, places, months, quality)


def files() -> pd.DataFrame:
    rows = [
        ("sesnsp_feminicide", "01", "Pueblo Nuevo", "2020-03-01", 2),
        ("sesnsp_feminicide", "01", "Santa María Grande", "2020-03-01", 1),
        ("sesnsp_feminicide", "02", "No Especificado", "2020-04-01", 5),
        ("sesnsp_kidnapping", "02", "Bahía", "2020-04-01", 9),
    ]
    frame = pd.DataFrame(rows, columns=["source", "state", "municipality", "period", "files"])
    return frame.astype({"period": "datetime64[us]"})


def test_a_source_of_non_zero_cells_is_zero_inside_its_months_and_silent_outside(
    places: Geography, names: Names, quality: Quality
) -> None:
    months = span("2019-12", "2020-06")
    municipal, state = violence.municipal_files(files(), "feminicides", places, names, months, quality)
    # from January of its first year to its last month with a row: four months of five units
    assert len(municipal) == 5 * 4
    assert municipal.query("cvegeo == '01001'")["feminicides"].tolist() == [0, 0, 3, 0]
    assert municipal["feminicides"].sum() == 3
    assert state.query("state == '02'")["feminicides"].tolist() == [0, 0, 0, 5]
    assert quality.rows("residual")[0]["count"] == 5


def test_months_that_oaxaca_did_not_report_are_missing_if_they_are_zero(quality: Quality) -> None:
    months = ["2015-01-01", "2015-02-01", "2015-03-01"]
    frame = pd.DataFrame([(s, m) for s in ("20", "21") for m in months], columns=["state", "period"])
    frame = frame.astype({"period": "datetime64[us]"}).assign(files=[0, 0, 4, 0, 0, 0])
    out = violence.not_reported(frame, ["files"], "sesnsp", quality)["files"]
    # January is listed and zero; February is not listed; March is listed, and was reported after all
    assert out.isna().tolist() == [True, False, False, False, False, False]
    assert out[2] == 4
    assert [(row["state"], row["period"], row["cells"]) for row in quality.rows("missing_as_zero")] == [
        ("20", "2015-01", 1)
    ]


def test_the_list_holds_the_nine_months_of_the_background_note() -> None:
    # SESNSP: Oaxaca 2015-01, 03, 04, 06, 07, 09, 10, 12 and 2016-10
    assert len(violence.NOT_REPORTED) == 9
    assert set(violence.NOT_REPORTED["state"]) == {"20"}


def crimes() -> pd.DataFrame:
    rows = [
        ("Homicidio", "Homicidio doloso", 7),
        ("Homicidio", "Homicidio culposo", 100),
        ("Feminicidio", "Feminicidio", 2),
        ("Secuestro", "Secuestro extorsivo", 1),
        ("Secuestro", "Secuestro exprés", 3),
        ("Extorsión", "Extorsión", 4),
    ]
    frame = pd.DataFrame(rows, columns=["crime", "subtype", "victims"])
    return frame.assign(state="01", period=pd.Timestamp("2020-01-01"))


def test_state_crimes_add_their_kinds(quality: Quality) -> None:
    row = violence.state_crimes(crimes(), violence.VICTIMS, "victims", "sesnsp", quality).iloc[0]
    assert row[list(violence.VICTIMS)].tolist() == [7, 2, 4, 4]


def test_a_crime_that_is_not_there_stops(quality: Quality) -> None:
    with pytest.raises(PanelError, match="there is no crime 'extorsion'"):
        violence.state_crimes(crimes().iloc[:-1], violence.VICTIMS, "victims", "sesnsp", quality)


def test_the_ratio_of_deaths_to_victims_counts_months_that_both_have(quality: Quality) -> None:
    months = pd.to_datetime(["2020-01-01", "2020-02-01"])
    dead = pd.DataFrame({"state": "01", "period": months, "homicides": [9, 50]})
    columns = dict.fromkeys(violence.VICTIMS, 0.0)
    victims = pd.DataFrame({"state": "01", "period": months, **columns})
    victims["sesnsp_homicide_victims"], victims["sesnsp_feminicide_victims"] = [4.0, None], [2.0, None]
    violence.note_ratio(dead, victims, quality)
    rows = {row["state"]: row for row in quality.rows("ratio")}
    assert (rows["01"]["inegi"], rows["01"]["sesnsp"], rows["01"]["ratio"]) == (9, 6, 1.5)
    assert rows["00"]["ratio"] == 1.5
