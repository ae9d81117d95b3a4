"""Deterministic files: workbooks, archives and R data that other libraries read, and that never change."""

import warnings
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
import rdata

from balanza.acquire.synthetic.files import write_gzip, write_xlsx, write_zip
from balanza.acquire.synthetic.rdata_writer import write_rda, write_rds

TABLE = pd.DataFrame(
    {
        "text": ["Año", "x", None, "x"],
        "number": [1.5, np.nan, -3.0, 0.0],
        "whole": pd.array([1, None, -7, 2**31 - 1], dtype="Int32"),
    }
)


def assert_same(read: pd.DataFrame) -> None:
    assert [None if pd.isna(cell) else cell for cell in read["text"]] == ["Año", "x", None, "x"]
    np.testing.assert_array_equal(read["number"], TABLE["number"])
    assert read["whole"].tolist() == TABLE["whole"].tolist()
    assert list(read.index) == [1, 2, 3, 4]


def test_rda_comes_back_under_its_name(tmp_path):
    write_rda(tmp_path / "a.rda", "IMM_2020", TABLE)
    objects = rdata.read_rda(tmp_path / "a.rda")
    assert list(objects) == ["IMM_2020"]
    assert_same(objects["IMM_2020"])


def test_rds_comes_back(tmp_path):
    write_rds(tmp_path / "a.rds", TABLE, classes=("tbl_df", "tbl", "data.frame"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rdata says that it takes a tibble for a data frame
        assert_same(rdata.read_rds(tmp_path / "a.rds"))


def test_the_librarys_own_writer_says_the_same(tmp_path):
    """The library cannot write missing whole numbers, so those are left out."""
    simple = TABLE[["number"]].assign(text=["Año", "x", "y", "x"])
    write_rds(tmp_path / "ours.rds", simple)
    rdata.write_rds(tmp_path / "theirs.rds", simple.astype({"text": object}))
    ours, theirs = (rdata.read_rds(tmp_path / name) for name in ("ours.rds", "theirs.rds"))
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True), check_dtype=False)


def test_a_workbook_keeps_formulas_their_values_and_merged_cells(tmp_path):
    path = tmp_path / "a.xlsx"
    rows = [["Título", None], [1, 2], ["=SUM(A2:B2)", None]]
    write_xlsx(path, {"Hoja": rows}, merged={"Hoja": ["A1:B1"]}, computed={"=SUM(A2:B2)": 3})
    sheet = openpyxl.load_workbook(path).active
    assert sheet["A3"].value == "=SUM(A2:B2)"
    assert [str(cells) for cells in sheet.merged_cells.ranges] == ["A1:B1"]
    assert openpyxl.load_workbook(path, data_only=True).active["A3"].value == 3
    streamed = openpyxl.load_workbook(path, read_only=True).active
    assert (streamed.max_row, streamed.max_column) == (3, 2)


@pytest.mark.parametrize("name", ["a.xlsx", "a.zip", "a.gz"])
def test_no_file_holds_the_time_of_writing(tmp_path, monkeypatch, name):
    import time

    def make() -> bytes:
        path = tmp_path / name
        if name == "a.xlsx":
            write_xlsx(path, {"Hoja": [["x"]]})
        elif name == "a.zip":
            write_zip(path, {"x.csv": b"x"})
        else:
            write_gzip(path, "x")
        return path.read_bytes()

    first = make()
    later = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    assert make() == first


def test_members_of_archives_bear_one_fixed_date(tmp_path):
    write_zip(tmp_path / "a.zip", {"x.csv": b"x"})
    write_xlsx(tmp_path / "a.xlsx", {"Hoja": [["x"]]})
    for name in ("a.zip", "a.xlsx"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert {item.date_time for item in archive.infolist()} == {(2021, 4, 17, 0, 0, 0)}
    properties = openpyxl.load_workbook(tmp_path / "a.xlsx").properties
    assert properties.created == properties.modified
