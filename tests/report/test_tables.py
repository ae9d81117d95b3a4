"""The tables of a page: each value behind it as csv and as parquet, whatever shape the results have it in."""

import json
from pathlib import Path

import pandas as pd
import pytest
from markupsafe import Markup
from tests.report.test_causes import HOSTILE, Page

from balanza.report.tables import Tables, flat


def test_what_is_nested_becomes_columns_and_charts_are_left_out() -> None:
    rows = [
        {"name": HOSTILE, "interval": [0.1, 1 / 3], "change": [2.0, -1.5, 3], "arms": [{"n": 1}, {"n": 2}]},
        {"name": None, "interval": [None, 0.5], "change": None, "arms": [], "chart": Markup("<svg>")},
    ]
    table = flat(rows)
    assert list(table) == [
        "name", "interval_low", "interval_high", "change_value", "change_low", "change_high", "arms_1_n", "arms_2_n",
    ]  # fmt: skip
    assert table["name"][0] == HOSTILE and pd.isna(table["name"][1])
    assert table["interval_high"].tolist() == [1 / 3, 0.5]
    assert table["arms_2_n"].dtype == "Int64"


@pytest.mark.parametrize("numbers", [[3.0, 1.0], [5.0, 6.0, 7.0], [1.0, 2.0, 3.0, 4.0]])
def test_numbers_that_are_no_interval_are_not_called_one(numbers: list[float]) -> None:
    assert list(flat([{"x": numbers}])) == ["x"]


def test_text_among_numbers_makes_the_column_text() -> None:
    assert flat([{"x": 1}, {"x": "many"}, {"x": True}, {"x": None}])["x"].tolist()[:3] == ["1", "many", "true"]


def test_csv_and_parquet_hold_all_digits(tmp_path: Path) -> None:
    tables = Tables("page")
    tables.links("one", [{"x": 0.1 + 0.2, "n": 2**53 + 1, "t": 'a "quoted", line\nand more'}, {"x": 1e-300}])
    tables.write(tmp_path)
    folder = tmp_path / "tables/page"
    read = pd.read_csv(folder / "one.csv", dtype={"n": "Int64"})
    assert read["x"].tolist() == [0.1 + 0.2, 1e-300]
    assert read["n"][0] == 2**53 + 1 and read["t"][0] == 'a "quoted", line\nand more'
    stored = pd.read_parquet(folder / "one.parquet")
    assert stored["x"].tolist() == read["x"].tolist() and stored["n"][0] == 2**53 + 1
    assert (folder / "one.csv").read_text() == tables.texts()["one"]


def test_two_tables_of_one_name_are_refused() -> None:
    tables = Tables("page")
    tables.links("one", [])
    with pytest.raises(ValueError, match="page: two tables are called one"):
        tables.links("one", [])


def test_a_table_that_is_gone_leaves_no_file(tmp_path: Path) -> None:
    first, second = Tables("page"), Tables("page")
    first.links("old", [{"x": 1}])
    first.write(tmp_path)
    second.links("new", [{"x": 1}])
    second.write(tmp_path)
    assert {path.name for path in (tmp_path / "tables/page").iterdir()} == {"new.csv", "new.parquet"}


def test_the_tables_of_pages_are_the_numbers_of_the_results(results: Path) -> None:
    folder = results / "tables"
    rows = json.loads((results / "studies/toy/comparison.json").read_text())["rows"]
    (row,) = [row for row in rows if row["status"] == "ran"]
    shown = pd.read_csv(folder / "toy/estimates.csv").iloc[0]
    for name in ("value", "standard_error", "p_value", "n_clusters"):
        assert shown[name] == row[name]
    assert [shown["percent_change_value"], shown["percent_change_low"], shown["percent_change_high"]] == row[
        "percent_change"
    ]
    drawn = json.loads((results / "graph/toy/graph.json").read_text())
    arrows = pd.read_parquet(folder / "graph/arrows-toy.parquet")
    assert arrows.to_dict("records") == drawn["edges"]
    tested = pd.read_csv(folder / "graph/tested-toy.csv")
    assert tested["p_value"].tolist() == [0.0123]
    assert (results / "es/tables/toy/estimates.csv").read_bytes() == (folder / "toy/estimates.csv").read_bytes()


def test_every_table_of_a_page_has_its_files_and_is_in_the_page(results: Path) -> None:
    for name in ("toy", "graph"):
        page = Page(results / f"{name}.html")
        files = {path.stem for path in (results / "tables" / name).iterdir()}
        inside = next(json.loads(text) for text in page.scripts if text.startswith("{"))
        assert page.tags.count("table") == len(files) == len(inside)
        assert all((results / "tables" / name / f"{key}.csv").read_text() == text for key, text in inside.items())
