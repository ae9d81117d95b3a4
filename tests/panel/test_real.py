"""The panel of the real files: published totals, by way of the readers."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyarrow.parquet import read_schema

from balanza.config import RunConfig
from balanza.panel.geography import load_births
from balanza.panel.names import load_names
from balanza.panel.rules import read_rules
from balanza.places import STATES
from balanza.provenance import read_json
from balanza.verbs import panel

DATA = Path(__file__).parents[2] / "data"
SLOW_AND_UNUSED = {"sesnsp_municipal_rds", "inegi_homicides_export"}
EVERY_STATE = (
    *("census", "efipem", "guard", "homicides_month", "inegi_homicides_2019_2021", "inegi_homicides_raw"),
    *("jcf_state_year", "marginalization", "mayors", "municipal_indicators", "municipalities_geojson"),
    *("municipality_catalogue", "population", "public_spending_state", "ramo33", "sesnsp_json"),
    *("sesnsp_municipal_names", "sesnsp_rnid_state", "sesnsp_state", "sesnsp_victims_state"),
    *("wage_state", "workforce_state", "criminal_presence", "criminal_presence_1990_2010"),
)


@pytest.fixture(scope="module")
def world(tidied: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run on the mirror: tidy, panel, quality.json."""
    folder = tmp_path_factory.mktemp("mexico")
    with (DATA / "sources.csv").open(encoding="utf-8") as stream:
        readers = {row["reader"] for row in csv.DictReader(stream)}
    (folder / "tidy").mkdir()
    for reader in sorted(readers - SLOW_AND_UNUSED):
        made = tidied(reader)
        for path in (made, made.with_name(f"{reader}.left_out.json")):
            shutil.copy(path, folder / "tidy")
    tables = sorted((folder / "tidy").glob("*.parquet"))
    panel.run(tables, folder / "panel", folder / "quality.json", RunConfig(world="mexico"), DATA)
    return folder


@pytest.fixture(scope="module")
def municipality_month(world: Path) -> pd.DataFrame:
    return pd.read_parquet(world / "panel" / "municipality_month.parquet")


@pytest.fixture(scope="module")
def state_month(world: Path) -> pd.DataFrame:
    return pd.read_parquet(world / "panel" / "state_month.parquet")


@pytest.fixture(scope="module")
def state_year(world: Path) -> pd.DataFrame:
    return pd.read_parquet(world / "panel" / "state_year.parquet")


@pytest.fixture(scope="module")
def report(world: Path) -> dict[str, list[dict[str, Any]]]:
    return {section["name"]: section["rows"] for section in read_json(world / "quality.json")["sections"]}


def test_the_units_are_the_2443_municipalities_of_the_census_of_2000(municipality_month: pd.DataFrame) -> None:
    # INEGI, XII Censo General de Población y Vivienda 2000 (14 February 2000): 2,443 municipalities and delegations
    assert municipality_month["cvegeo"].nunique() == 2443
    assert len(municipality_month) == 2443 * 264
    assert set(municipality_month["state"]) == set(STATES)
    assert not municipality_month.duplicated(["cvegeo", "period"]).any()


def test_homicides_reach_the_files_totals(municipality_month: pd.DataFrame, state_year: pd.DataFrame) -> None:
    years = municipality_month.groupby("year")["homicides"].sum()
    # homicides_month.csv.gz, its own sums by year
    assert {year: years[year] for year in (2015, 2017, 2019, 2021)} == {
        2015: 20262,
        2017: 31712,
        2019: 35188,
        2021: 33626,
    }
    assert state_year.groupby("year")["homicides"].sum()[2019] == 35188


def test_folding_changes_no_national_month(world: Path, municipality_month: pd.DataFrame) -> None:
    before = pd.read_parquet(world / "tidy" / "homicides_month.parquet").groupby("period")["homicides"].sum()
    after = municipality_month.groupby("period")["homicides"].sum()
    assert before.equals(after)
    people = pd.read_parquet(world / "tidy" / "population.parquet").groupby("year")["population"].sum()
    months = municipality_month[municipality_month["period"].dt.month == 7]
    assert months.groupby("year")["population"].sum().to_dict() == people.loc[2000:2021].to_dict()


def test_people_are_those_of_the_middle_of_the_year(state_year: pd.DataFrame) -> None:
    # CONAPO, national mid-year population, millions: 2013 119.60, 2019 127.22, 2021 128.98
    millions = state_year.groupby("year")["population"].sum() / 1e6
    assert millions.loc[[2013, 2019, 2021]].round(2).tolist() == [119.60, 127.22, 128.98]


def test_the_guard_reaches_its_totals_and_the_repaired_cells_their_states(state_month: pd.DataFrame) -> None:
    table = state_month.pivot_table(index="period", columns="state", values="guard_elements")
    # transparency request 2800100091921, row of totals: July 2019 56,191; December 2020 98,282; July 2021 99,946
    assert table.loc["2019-07-01"].sum() == 56191
    assert table.loc["2020-12-01"].sum() == 98282
    assert table.loc["2021-07-01"].sum() == 99946
    assert table.loc["2021-03-01", ["09", "05", "06"]].tolist() == [12224, 2173, 979]
    assert table.loc["2021-02-01"].tolist() == table.loc["2021-01-01"].tolist()
    assert state_month.groupby("period")["guard_elements"].count().loc["2019-07-01":"2021-07-01"].eq(32).all()
    assert state_month.loc[state_month["period"] > "2021-07-01", "guard_elements"].isna().all()
    assert state_month.loc[state_month["period"] < "2019-07-01", "guard_elements"].eq(0).all()


def test_every_repair_of_the_guard_was_needed_and_is_listed(report: dict[str, list[dict[str, Any]]]) -> None:
    assert len(report["repairs"]) == 35
    assert all(row["applied"] for row in report["repairs"])
    (headquarters,) = report["headquarters"]
    assert (headquarters["before"], headquarters["after"]) == (4902, 11295)


def test_jcf_reaches_its_people_and_its_money(
    state_year: pd.DataFrame, report: dict[str, list[dict[str, Any]]]
) -> None:
    people = state_year.groupby("year")["jcf_beneficiaries"].sum()
    assert people[2019] == 1_120_587  # STPS
    assert people[2018] == 0
    spent = {row["period"]: row["value"] for row in report["totals"] if row["measure"].startswith("JCF pesos")}
    # Cuenta Pública, exercised, millions of current pesos
    assert [round(spent[year] / 1e6) for year in ("2019", "2020", "2021", "2022")] == [23915, 24857, 20529, 21456]
    real = (state_year["jcf_pesos_per_capita"] * state_year["population"]).groupby(state_year["year"]).sum()
    assert real[2021] == pytest.approx(spent["2021"])  # 2021 is the base year


def test_operations_open_in_the_states_and_months_of_the_list(municipality_month: pd.DataFrame) -> None:
    first = municipality_month.groupby("state")["operation"].first().dropna().dt.strftime("%Y-%m")
    assert first.groupby(first).groups.keys() == {"2006-12", "2007-01", "2007-02", "2007-05", "2008-03"}
    cohorts = {month: sorted(group.index) for month, group in first.groupby(first)}
    assert cohorts == {
        "2006-12": ["16"],
        "2007-01": ["02", "08", "10", "12", "25"],
        "2007-02": ["19", "28"],
        "2007-05": ["30"],
        "2008-03": ["26"],
    }
    cities = municipality_month.dropna(subset=["operation_city"])["cvegeo"].unique()
    assert sorted(cities) == ["02004", "08037", "25006", "25018"]  # Tijuana, Juárez, Culiacán, Navolato


def test_transfers_cover_all_states_from_2007_to_2019(state_year: pd.DataFrame) -> None:
    known = state_year.groupby("year")["security_transfers_per_capita"].count()
    assert known.loc[2007:2019].eq(32).all()
    assert known.drop(range(2007, 2020)).eq(0).all()


def test_municipalities_that_elect_without_parties_are_missing_and_not_opposed(
    municipality_month: pd.DataFrame,
) -> None:
    oaxaca = municipality_month.query("state == '20'").groupby("cvegeo")["mayor_aligned"].count()
    assert (oaxaca == 0).sum() == 417  # IEEPCO: usos y costumbres
    assert municipality_month["mayor_aligned"].isna().equals(municipality_month["mayor_party"].isna())


def test_files_are_zero_missing_or_counted_where_they_should_be(municipality_month: pd.DataFrame) -> None:
    table = municipality_month.pivot_table(index="period", columns="state", values="feminicides", aggfunc="count")
    units = municipality_month.groupby("state")["cvegeo"].nunique()
    assert table.loc[:"2014-12-01"].eq(0).all().all()
    assert table.loc["2015-01-01":].drop(columns="20").eq(units.drop("20")).all().all()
    oaxaca = table.loc["2015-01-01":, "20"]
    # SESNSP: nine months of 2015 and 2016 are stored as zero
    missing = ["2015-01", "2015-03", "2015-04", "2015-06", "2015-07", "2015-09", "2015-10", "2015-12", "2016-10"]
    assert oaxaca[oaxaca == 0].index.strftime("%Y-%m").tolist() == missing


def test_sums_of_states_hold_the_files_of_no_municipality(
    municipality_month: pd.DataFrame, state_month: pd.DataFrame, report: dict[str, list[dict[str, Any]]]
) -> None:
    until = state_month[state_month["period"] <= "2021-12-01"]
    gap = until["kidnappings"].sum() - municipality_month["kidnappings"].sum()
    residual = sum(row["count"] for row in report["residual"] if row["source"] == "sesnsp_kidnapping")
    assert 0 < gap <= residual


def test_all_32_states_are_in_every_source_of_the_whole_country(world: Path) -> None:
    for reader in EVERY_STATE:
        path = world / "tidy" / f"{reader}.parquet"
        column = "state" if "state" in read_schema(path).names else "cvegeo"
        codes = pd.read_parquet(path, columns=[column])[column].dropna().astype(str).str[:2]
        assert set(codes) >= set(STATES), f"{reader} lacks {sorted(set(STATES) - set(codes))}"


def test_every_listed_birth_stands_in_a_source_or_in_the_newest_files(
    report: dict[str, list[dict[str, Any]]],
) -> None:
    births = load_births(DATA / "municipality_births.csv")
    noted = {row["child"] for row in report["births"]}
    # in the prosecutors' files of 2024 and 2025, which have names and no codes
    assert set(births["child"]) - noted == {"24059", "25019", "25020"}


def test_every_alias_leads_to_a_municipality_or_to_its_state(world: Path) -> None:
    catalogue = pd.read_parquet(world / "tidy" / "municipality_catalogue.parquet")
    births = load_births(DATA / "municipality_births.csv")
    aliases = read_rules(
        DATA / "municipality_aliases.csv", ("state", "name", "cvegeo", "reason"), key=["name", "state"]
    )
    known = set(catalogue["cvegeo"]) | set(births["child"]) | {f"{state}999" for state in STATES}
    assert set(aliases["cvegeo"]) <= known
    names = load_names(catalogue, births, DATA / "municipality_aliases.csv")
    hidden = [row for row in aliases.to_dict("records") if names.find(row["state"], row["name"])[0] != row["cvegeo"]]
    assert hidden == []  # an alias that is also an official name would never be used


def test_polygons_are_one_clean_coverage(world: Path) -> None:
    shapes = gpd.read_parquet(world / "panel" / "municipalities.parquet")
    assert len(shapes) == 2443
    assert shapes.crs.to_epsg() == 4326
    assert shapes.geometry.notna().all()
    assert shapely.coverage_is_valid(shapes.geometry.to_numpy())
    # INEGI: continental and insular surface 1,964,375 km2; the simplified polygons leave out far islands
    assert shapes.to_crs(6933).area.sum() / 1e6 == pytest.approx(1_964_375, rel=0.015)
    assert shapely.contains(shapes.geometry.to_numpy(), shapely.points(shapes["longitude"], shapes["latitude"])).all()


def test_inegi_over_sesnsp_is_near_what_the_background_note_says(report: dict[str, list[dict[str, Any]]]) -> None:
    country = {row["year"]: row["ratio"] for row in report["ratio"] if row["state"] == "00"}
    # SESNSP's victims 2019: 35,693 (public clean copy of the state file)
    assert country[2019] == pytest.approx(35188 / 35693, abs=1e-4)
    assert len(report["ratio"]) == 33 * 7
