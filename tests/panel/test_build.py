"""The whole step on an invented country of two states and three months: files in, four tables and a report out."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from balanza.config import RunConfig
from balanza.errors import PanelError
from balanza.panel.codebook import arrange, load_codebook
from balanza.panel.quality import Quality
from balanza.provenance import read_json, write_json, write_parquet
from balanza.verbs import panel

from .conftest import CATALOGUE, span

DATA = Path(__file__).parents[2] / "data"
MONTHS = span("2019-06", "2019-08")
CODES = ["01001", "01002", "01003", "02001", "02002", "02003"]


@pytest.fixture
def data(rules: Path) -> Path:
    shutil.copy(DATA / "variables.yaml", rules)
    shutil.copy(DATA / "guard_repairs.csv", rules)
    return rules


def _required() -> dict[str, pd.DataFrame]:
    deaths = pd.DataFrame([(code, month, 1) for code in CODES for month in MONTHS])
    deaths.columns = ["cvegeo", "period", "homicides"]
    people = pd.DataFrame([(code, year, 1000) for code in CODES for year in (2018, 2019)])
    people.columns = ["cvegeo", "year", "population"]
    names = pd.DataFrame(CATALOGUE, columns=["cvegeo", "municipality"], dtype=str)
    return {
        "homicides_month": deaths.astype({"period": "datetime64[us]"}),
        "population": people,
        "municipality_catalogue": names.assign(state=names["cvegeo"].str[:2], population=1000),
    }


def _optional() -> dict[str, pd.DataFrame]:
    prices = span("2019-01", "2021-12")
    july = pd.Timestamp("2019-07-01")
    guard = pd.DataFrame([("guard_2019_2021", state, july, n) for state, n in (("01", 30), ("02", 60))])
    guard.columns = ["source", "state", "period", "elements"]
    accounts = pd.DataFrame([(2019, "Trabajo y Previsión Social", "U280", "exercised", 900.0)])
    accounts.columns = ["year", "branch", "programme_code", "stage", "pesos"]
    return {
        "guard": guard.astype({"period": "datetime64[us]"}),
        "jcf_state_year": pd.DataFrame({"state": ["01", "02"], "year": 2019, "beneficiaries": [2, 1]}),
        "federal_accounts": accounts,
        "consumer_prices": pd.DataFrame({"period": prices, "index": 100.0}),
    }


def write(tables: dict[str, pd.DataFrame], folder: Path) -> Path:
    for name, frame in tables.items():
        write_parquet(folder / f"{name}.parquet", frame)
    return folder


def run(tables: dict[str, pd.DataFrame], folder: Path, data: Path, **switches: Any) -> tuple[dict[str, Any], Any]:
    tidy = write(tables, folder / "tidy")
    panel.run(sorted(tidy.glob("*.parquet")), folder / "panel", folder / "quality.json", RunConfig(**switches), data)
    paths = sorted((folder / "panel").iterdir())
    tables_out = {p.stem: gpd.read_parquet(p) if p.stem == "municipalities" else pd.read_parquet(p) for p in paths}
    return tables_out, read_json(folder / "quality.json")


def rows(report: Any, name: str) -> list[dict[str, Any]]:
    return next(section["rows"] for section in report["sections"] if section["name"] == name)


def test_required_tables_alone_make_all_four_panels(tmp_path: Path, data: Path) -> None:
    out, report = run(_required(), tmp_path, data)
    assert sorted(out) == ["municipalities", "municipality_month", "state_month", "state_year"]
    month = out["municipality_month"]
    assert len(month) == 5 * 3  # 01003 counts in 01001
    first = month[month["cvegeo"] == "01001"]
    assert first["homicides"].tolist() == [2, 2, 2]
    assert first["population"].tolist() == [2000, 2000, 2000]
    assert out["state_month"]["homicides"].tolist() == [3] * 6
    assert out["state_year"].empty  # three months are not a year
    assert month["guard_elements"].isna().all()
    assert month["mayor_party"].isna().all()
    absent = {row["reader"] for row in rows(report, "absent_sources")}
    assert {"guard", "mayors", "sesnsp_json", "municipalities_geojson"} <= absent


@pytest.mark.parametrize("reader", ["homicides_month", "population", "municipality_catalogue"])
def test_a_required_table_that_is_missing_stops_before_anything_is_written(
    tmp_path: Path, data: Path, reader: str
) -> None:
    tables = _required()
    del tables[reader]
    with pytest.raises(PanelError, match=rf"{reader}.parquet: the panel needs this tidy table.*tidy {reader}"):
        run(tables, tmp_path, data)
    assert not (tmp_path / "panel").exists()


def test_treatments_of_the_state_reach_municipalities_and_years(tmp_path: Path, data: Path) -> None:
    out, report = run(_required() | _optional(), tmp_path, data)
    unit = out["municipality_month"].query("cvegeo == '02001'").set_index("period")
    state = out["state_month"].query("state == '02'").set_index("period")
    assert unit.loc["2019-06-01", "guard_elements"] == 0
    assert unit.loc["2019-07-01", "guard_elements"] == 60
    assert unit.loc["2019-07-01", "guard_per_100k"] == pytest.approx(2000)  # 60 for 3,000 people
    assert np.isnan(unit.loc["2019-08-01", "guard_elements"])
    # a third of 900 pesos for 3,000 people
    assert unit["jcf_pesos_per_capita"].tolist() == pytest.approx([0.1, 0.1, 0.1])
    assert state["jcf_pesos_per_capita"].tolist() == pytest.approx([0.1, 0.1, 0.1])
    assert {"measure": "JCF beneficiaries", "period": "2019", "value": 3} in rows(report, "totals")


def test_every_column_of_every_table_is_in_the_codebook_and_the_other_way_round(tmp_path: Path, data: Path) -> None:
    out, _ = run(_required() | _optional(), tmp_path, data)
    described = load_codebook(DATA / "variables.yaml")
    for name, frame in out.items():
        wanted = [variable.name for variable in described if name in variable.tables]
        assert list(frame.columns) == wanted, f"{name} and data/variables.yaml differ: describe each column there"
    tables = {table for variable in described for table in variable.tables}
    assert tables == set(out)


def test_the_codebook_says_everything_in_two_languages() -> None:
    for variable in load_codebook(DATA / "variables.yaml"):
        assert set(variable.label) == {"es", "en"}
        assert variable.unit
        assert variable.type in ("text", "month", "count", "number", "geometry")
        assert variable.role in (
            *("key", "outcome", "exposure", "treatment", "covariate", "moderator", "control", "description"),
        )


def test_types_do_not_depend_on_which_sources_were_there(tmp_path: Path, data: Path) -> None:
    bare, _ = run(_required(), tmp_path / "bare", data)
    full, _ = run(_required() | _optional(), tmp_path / "full", data)
    one, two = bare["municipality_month"].dtypes, full["municipality_month"].dtypes
    counts = {variable.name for variable in load_codebook(DATA / "variables.yaml") if variable.type == "count"}
    assert all(one[name] == two[name] for name in one.index if name not in counts)
    assert one["operation"] == "datetime64[us]"
    assert one["mayor_party"] == "str"


def test_a_column_that_nobody_described_stops() -> None:
    frame = pd.DataFrame({"cvegeo": ["01001"], "mystery": [1]})
    with pytest.raises(PanelError, match=r"municipality_month: column 'mystery' is not described"):
        arrange(frame, "municipality_month", load_codebook(DATA / "variables.yaml"))


def test_a_codebook_entry_without_a_unit_stops(tmp_path: Path) -> None:
    path = tmp_path / "variables.yaml"
    path.write_text("x: {label: {es: x, en: x}, type: text, role: key, source: s, tables: [state_month]}\n", "utf-8")
    with pytest.raises(PanelError, match="the keys of x differ from the others in: unit"):
        load_codebook(path)


def test_two_runs_write_the_same_bytes(tmp_path: Path, data: Path) -> None:
    tables = _required() | _optional()
    shuffled = {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    run(tables, tmp_path / "a", data)
    run(shuffled, tmp_path / "b", data)

    def digests(folder: Path) -> list[str]:
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "panel").iterdir())]

    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_users_files_join_in(tmp_path: Path, data: Path) -> None:
    opening = pd.to_datetime(pd.Series(["2019-07-01"])).astype("datetime64[us]")
    user = {
        "deployment": pd.DataFrame({"cvegeo": ["01003"], "opening": opening, "region": ["norte"], "tier": ["high"]}),
        "spending": pd.DataFrame({"cvegeo": ["02001"], "year": [2019], "programme": ["FORTASEG"], "pesos": [50.0]}),
    }
    out, _ = run(_required() | _optional() | user, tmp_path, data)
    month = out["municipality_month"]
    parent = month[month["cvegeo"] == "01001"]
    assert set(parent["guard_opening"]) == {pd.Timestamp("2019-07-01")}
    assert set(parent["guard_tier"]) == {"high"}
    assert month.loc[month["cvegeo"] == "02001", "prevention_pesos_municipal"].tolist() == [50.0] * 3
    assert month.loc[month["cvegeo"] == "02002", "prevention_pesos_municipal"].isna().all()


def test_polygons_and_what_readers_left_out_reach_the_result(tmp_path: Path, data: Path) -> None:
    shapes = [shapely.box(x, 0, x + 1, 1) for x in range(len(CODES))]
    frame = gpd.GeoDataFrame({"cvegeo": CODES, "made_valid": False}, geometry=shapes, crs=4326)
    tidy = tmp_path / "tidy"
    write_parquet(tidy / "municipalities_geojson.parquet", frame)
    write_json(tidy / "population.left_out.json", [{"reason": "no code", "rows": 4}])
    out, report = run(_required(), tmp_path, data)
    shape = out["municipalities"].set_index("cvegeo").geometry["01001"]
    assert shape.area == pytest.approx(2)  # its own square and that of its child
    month = out["municipality_month"]
    assert month.groupby("cvegeo")[["latitude", "longitude"]].nunique().eq(1).all(axis=None)
    here = month[month["cvegeo"] == "02003"].iloc[0]
    assert (here["longitude"], here["latitude"]) == pytest.approx((5.5, 0.5))  # the middle of the sixth square
    assert {"source": "population", "reason": "no code", "rows": 4} in rows(report, "dropped")


def test_only_the_tables_that_are_named_are_read(tmp_path: Path, data: Path) -> None:
    stale = pd.DataFrame({"cvegeo": ["01001"], "opening": [pd.Timestamp("2019-07-01")], "region": "1", "tier": "high"})
    tidy = write(_required() | {"deployment": stale}, tmp_path / "tidy")
    names = sorted(_required())
    paths = [tidy / f"{name}.parquet" for name in names]
    panel.run(paths, tmp_path / "panel", tmp_path / "quality.json", RunConfig(), data)
    assert pd.read_parquet(tmp_path / "panel" / "municipality_month.parquet")["guard_opening"].isna().all()
    report = read_json(tmp_path / "quality.json")
    assert sorted({row["source"] for row in rows(report, "coverage")}) == names
    assert "deployment" in {row["reader"] for row in rows(report, "absent_sources")}


def test_state_years_need_all_months(tmp_path: Path, data: Path) -> None:
    tables = _required()
    year = span("2019-01", "2020-01")
    deaths = pd.DataFrame([(code, month, 2) for code in CODES for month in year])
    deaths.columns = ["cvegeo", "period", "homicides"]
    tables["homicides_month"] = deaths.astype({"period": "datetime64[us]"})
    tables["population"] = pd.concat(
        [tables["population"], tables["population"].query("year == 2018").assign(year=2020)]
    )
    out, _ = run(tables, tmp_path, data)
    # three municipalities a state, two deaths a month, twelve months; January 2020 makes no year
    assert out["state_year"][["state", "year", "homicides"]].to_numpy().tolist() == [["01", 2019, 72], ["02", 2019, 72]]


def test_quality_refuses_a_row_that_is_not_of_its_section() -> None:
    with pytest.raises(KeyError, match="section 'names' has the columns"):
        Quality().note("names", source="x")


def test_the_report_is_sections_of_equal_rows(tmp_path: Path, data: Path) -> None:
    _, report = run(_required() | _optional(), tmp_path, data)
    for section in report["sections"]:
        assert set(section) == {"name", "title", "sentence", "columns", "rows"}
        assert all(list(row) == section["columns"] for row in section["rows"])


def test_the_switches_of_the_run_change_the_panel(tmp_path: Path, data: Path) -> None:
    tables = _required() | _optional()
    tables["population"] = pd.concat(
        [tables["population"], tables["population"].query("year == 2018").assign(year=2020)]
    )
    year = span("2020-06", "2020-08")
    tables["homicides_month"]["period"] = tables["homicides_month"]["period"].map(dict(zip(MONTHS, year, strict=True)))
    rows_of_guard = [("guard_2019_2021", "09", month, n) for month, n in zip(year, (40, 100, 90), strict=True)]
    tables["guard"] = pd.DataFrame(rows_of_guard, columns=["source", "state", "period", "elements"])
    # the invented country has no Mexico City: give state 02 its code
    for frame in tables.values():
        for column in frame.columns.intersection(["cvegeo", "state"]):
            frame[column] = frame[column].str.replace("^02", "09", regex=True)
    education = tables["federal_accounts"].assign(branch="Educación Pública", pesos=300.0)
    tables["federal_accounts"] = pd.concat([tables["federal_accounts"], education])
    default, _ = run(tables, tmp_path / "default", data)
    switched, report = run(tables, tmp_path / "switched", data, guard_headquarters=False, jcf_education=True)
    city = [frame["state_month"].query("state == '09'")["guard_elements"].tolist() for frame in (default, switched)]
    assert city == [[40, 100, 90], [40, 40, 30]]  # the jump of 60 is held out from July on
    spent = [row["value"] for row in rows(report, "totals") if row["measure"] == "JCF pesos exercised (current)"]
    assert spent == [1200]
