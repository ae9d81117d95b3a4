"""Deprivation, organisations, mayors, work and clashes, by hand."""

import numpy as np
import pandas as pd
import pytest

from balanza.panel import context, treatments
from balanza.panel.geography import Geography
from balanza.panel.names import Names
from balanza.panel.quality import Quality

from .conftest import months, span


def test_marginalization_is_the_mean_of_a_units_people(places: Geography) -> None:
    table = pd.DataFrame(
        {
            "source": ["marginalization_2010"] * 2 + ["marginalization_2020"],
            "cvegeo": ["01001", "01003", "01002"],
            "population": [300, 100, 10],
            "index_normalised": [0.8, 0.4, 0.5],
        }
    )
    out = context.marginalization(table, places).set_index("cvegeo")
    assert out.loc["01001", "marginalization"] == pytest.approx(0.7)  # (300 * .8 + 100 * .4) / 400
    assert out.loc["01002", "marginalization_2020"] == 0.5
    assert np.isnan(out.loc["01002", "marginalization"])


def test_marginalization_of_a_state_is_the_mean_of_its_people() -> None:
    table = pd.DataFrame(
        {
            "source": ["marginalization_2010"] * 4 + ["marginalization_2020"],
            "cvegeo": ["01001", "01003", "01004", "02001", "01001"],
            "population": [300, 100, 50, 10, 999],
            "index_normalised": [0.8, 0.4, np.nan, 0.5, 0.1],
        }
    )
    out = context.marginalization_by_state(table).set_index("state")["marginalization"]
    assert out.to_dict() == pytest.approx({"01": 0.7, "02": 0.5})  # (300 * .8 + 100 * .4) / 400


def test_presence_counts_named_organisations_once_a_year_and_is_frozen(places: Geography, quality: Quality) -> None:
    rows = [
        ("01001", "2017-02-01", "Los Zetas"),
        ("01001", "2017-03-01", "Los Zetas"),
        ("01003", "2017-04-01", "Golfo"),  # the child's counts in the unit
        ("01001", "2018-01-01", "Unidentified Criminal Group"),
        ("02001", "2018-05-01", "Golfo"),
        ("02999", "2018-05-01", "Sinaloa"),
    ]
    table = pd.DataFrame(rows, columns=["cvegeo", "date", "organisation"]).astype({"date": "datetime64[us]"})
    out = context.criminal_presence(table, places, range(2016, 2021), quality)
    wide = out.pivot_table(index="cvegeo", columns="year", values="criminal_presence")
    assert list(wide.columns) == [2017, 2018, 2019, 2020]  # nothing is known before the source begins
    assert wide.loc["01001"].tolist() == [2, 0, 0, 0]
    assert wide.loc["02001"].tolist() == [0, 1, 1, 1]
    assert quality.rows("imputed")[0]["cells"] == 2 * 5
    assert {row["reason"]: row["rows"] for row in quality.rows("dropped")} == {
        "organisation not identified": 1,
        "no municipality": 1,
    }


def elections(*rows: tuple[str, int, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["cvegeo", "year", "party"])
    return frame.assign(extraordinary=False, customary_next=False, system="party")


def test_a_winner_governs_from_january_after_and_is_aligned_with_the_president(
    places: Geography, quality: Quality
) -> None:
    table = elections(("01001", 2015, "pan-prd"), ("01001", 2018, "pt-morena-pes"), ("01003", 2018, "pri"))
    out = context.mayors(table, places, span("2015-01", "2021-12"), quality).set_index("period")
    assert out.index.min() == pd.Timestamp("2016-01-01")
    assert out.loc["2018-12-01", "mayor_party"] == "pan-prd"
    assert out.loc["2018-12-01", "mayor_aligned"] == 0  # Morena is in office since 1 December 2018
    assert out.loc["2019-01-01", "mayor_aligned"] == 1
    assert set(out["cvegeo"]) == {"01001"}
    assert quality.rows("dropped")[0]["rows"] == 1


def test_alignment_follows_the_president_and_not_part_of_a_name(places: Geography, quality: Quality) -> None:
    table = elections(("01001", 2011, "pri-pvem"), ("01002", 2011, "panal"))
    out = context.mayors(table, places, span("2012-11", "2012-12"), quality)
    # the president is of the PAN in November 2012 and of the PRI in December
    assert out.query("cvegeo == '01001'")["mayor_aligned"].tolist() == [0, 1]
    assert out.query("cvegeo == '01002'")["mayor_aligned"].tolist() == [0, 0]


def test_mayors_without_party_are_missing_and_no_term_lasts_for_ever(places: Geography, quality: Quality) -> None:
    table = elections(("01001", 2010, "pri"), ("01002", 2010, None), ("02001", 2010, "pan"))
    table.loc[2, "customary_next"] = True
    out = context.mayors(table, places, span("2011-01", "2020-12"), quality)
    assert out.query("cvegeo == '01001'")["period"].max() == pd.Timestamp("2015-12-01")
    assert out.query("cvegeo == '02001'")["period"].max() == pd.Timestamp("2013-12-01")
    assert "01002" not in set(out["cvegeo"])


def test_an_extraordinary_election_replaces_the_one_of_its_year(places: Geography, quality: Quality) -> None:
    table = elections(("01001", 2018, "pri"), ("01001", 2018, "pan"))
    table.loc[0, "extraordinary"] = True
    out = context.mayors(table, places, span("2019-01", "2019-01"), quality)
    assert out["mayor_party"].tolist() == ["pri"]


def test_a_quarter_stands_for_its_three_months() -> None:
    table = pd.DataFrame({"state": ["01"], "period": months("2019-07"), "wage": [10]})
    out = context.quarterly(table, "wage")
    assert sorted(out["period"]) == list(span("2019-07", "2019-09"))
    assert set(out["wage"]) == {10}


def test_clashes_are_zero_inside_the_list_and_end_with_its_last_whole_month(
    places: Geography, names: Names, quality: Quality
) -> None:
    table = pd.DataFrame(
        {
            "date": pd.to_datetime(["2010-02-10", "2010-02-11", "2010-03-20", "2010-03-21", "2010-04-02"]),
            "state": ["01", "01", "02", "02", "02"],
            "municipality": ["PUEBLO NUEVO", "STA. MARIA GRANDE", None, "BAHIA", "BAHIA"],
            "clashes": [1, 2, 3, 4, 5],
        }
    )
    municipal, state = context.clashes(table, places, names, span("2010-01", "2010-12"), quality)
    assert municipal["period"].max() == pd.Timestamp("2010-03-01")
    assert municipal.query("cvegeo == '01001'")["army_clashes"].tolist() == [3, 0]
    assert municipal.query("cvegeo == '02001'")["army_clashes"].tolist() == [0, 4]
    assert state.query("state == '02'")["army_clashes"].tolist() == [0, 7]
    assert quality.rows("dropped")[0]["rows"] == 1


def test_only_openings_are_operations_and_a_city_opens_its_state() -> None:
    rows = [
        ("Op.A", "opening", "state", "01,02", "01", "2007-01-22"),
        ("Op.A", "opening", "state", "01,02", "02", "2007-01-22"),
        ("Op.B", "opening", "city", "02001,02002", "02", "2006-12-11"),
        ("Capo", "capture", "city", "01001", "01", "2005-01-01"),
        ("Op.A.II", "reinforcement", "state", "01", "01", "2006-02-01"),
    ]
    table = pd.DataFrame(rows, columns=["operation", "kind", "scope", "places", "state", "start"])
    by_state, by_city = treatments.operations(table.astype({"start": "datetime64[us]"}))
    assert by_state.to_dict() == {"01": pd.Timestamp("2007-01-01"), "02": pd.Timestamp("2006-12-01")}
    assert by_city.to_dict() == dict.fromkeys(["02001", "02002"], pd.Timestamp("2006-12-01"))


def test_a_users_openings_take_the_earliest_of_a_unit(places: Geography, quality: Quality) -> None:
    table = pd.DataFrame(
        {
            "cvegeo": ["01001", "01003", "02001"],
            "opening": pd.to_datetime([None, "2020-02-01", None]),
            "region": ["r1", "r1", "r2"],
            "tier": ["high", "high", None],
        }
    )
    out = treatments.openings(table, places, quality).set_index("cvegeo")
    assert out.loc["01001", "guard_opening"] == pd.Timestamp("2020-02-01")
    assert pd.isna(out.loc["02001", "guard_opening"])
    assert out.loc["01001", "guard_tier"] == "high"
    assert quality.rows("imputed")[0]["cells"] == 3  # 01002, 02002, 02003 are not in the file


def test_a_users_elements_are_unknown_where_a_part_of_the_unit_is(places: Geography) -> None:
    table = pd.DataFrame(
        {
            "cvegeo": ["01001", "01003", "01002"],
            "period": months("2020-01", "2020-01", "2020-01"),
            "elements": pd.array([5, None, 7], dtype="Int64"),
        }
    )
    out = treatments.elements(table, places).set_index("cvegeo")["guard_elements_municipal"]
    assert np.isnan(out["01001"])
    assert out["01002"] == 7


def test_a_users_spending_is_added_over_programmes_in_pesos_of_2021(places: Geography) -> None:
    rows = [("01001", 2019, "A", 10.0), ("01003", 2019, "A", 30.0), ("01001", 2019, "B", 60.0)]
    table = pd.DataFrame(rows, columns=["cvegeo", "year", "programme", "pesos"])
    out = treatments.spending(table, pd.Series({2019: 1.5}), places)
    assert out.to_numpy().tolist() == [["01001", 2019, 150.0]]
