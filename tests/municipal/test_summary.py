"""The tables of the summary from the panels of a small country: sums are those of the months, unknown stays unknown."""

from pathlib import Path

import pandas as pd
import pytest
from tests.municipal import country

from balanza.verbs import summarise


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("country")
    summarise.run(country.write(folder / "panel"), folder / "summary")
    return folder / "summary"


def test_a_year_counts_its_twelve_months_and_one_unknown_month_makes_it_unknown(summary: Path) -> None:
    found = pd.read_parquet(summary / "municipal.parquet").set_index(["cvegeo", "year"])
    assert len(found) == 8 * 8
    assert found.loc[("02003", 2016), ["homicides", "rate"]].tolist() == [24, 800]  # 2 a month among 3,000
    assert found.loc[("01004", 2016), ["homicides", "rate"]].isna().all()
    assert found.loc[("01004", 2017), "rate"] == 900  # 3 a month among 4,000
    assert found["rate"].isna().sum() == 1


def test_the_guard_of_a_year_is_the_mean_of_its_known_months(summary: Path) -> None:
    found = pd.read_parquet(summary / "states_by_year.parquet").set_index(["state", "year"])
    assert found.loc[("02", 2019), ["guard_per_100k", "guard_months"]].tolist() == [10, 12]  # six months of 20
    assert found.loc[("02", 2020), ["guard_per_100k", "guard_months"]].tolist() == [20, 7]
    assert found.loc[("01", 2020), "rate"] == 720  # 72 among 10,000


def test_what_is_not_known_is_listed_by_place_column_and_span(summary: Path) -> None:
    found = pd.read_parquet(summary / "gaps.parquet")
    assert found[found["column"] == "homicides"].to_numpy().tolist() == [["01004", "homicides", "2016-03", "2016-03"]]
    others = found[found["column"] != "homicides"]
    assert others["cvegeo"].tolist() == list(country.CODES)
    assert set(others[["column", "first", "last"]].itertuples(index=False, name=None)) == {
        ("kidnappings", "2013-01", "2014-12")
    }


def test_columns_say_which_panel_has_them(summary: Path) -> None:
    found = pd.read_parquet(summary / "columns.parquet").set_index("name")
    assert found.loc["kidnappings", ["municipal", "state"]].tolist() == [True, True]
    assert found.loc["sesnsp_homicide_victims", ["municipal", "state"]].tolist() == [False, True]
    assert found.loc["homicides", "es"] == "Homicidios (defunciones, INEGI)"
    assert "guard_opening" not in found.index  # a month: empty where no opening was


def test_a_place_without_all_years_before_has_no_peers_and_births_are_those_of_parents_here(summary: Path) -> None:
    peers = pd.read_parquet(summary / "peers.parquet")
    assert set(peers["cvegeo"]) == set(peers["peer"]) == set(country.CODES) - {"01004"}
    assert set(peers["first_year"]) == {2015}
    assert set(peers["last_year"]) == {2018}
    assert peers[peers["rank"] == 1].set_index("cvegeo").loc["01003", "peer"] == "02003"  # its twin
    assert country.BORN["child"] in set(pd.read_parquet(summary / "births.parquet")["child"])
