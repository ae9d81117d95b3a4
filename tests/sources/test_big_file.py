"""The generator of the national file and its reader, on a small one: the same table as by plain pandas."""

import pandas as pd
from benchmarks import big_file

from balanza.sources import sesnsp_municipal


def test_the_reader_makes_what_plain_pandas_makes(tmp_path):
    path = tmp_path / "small.csv"
    big_file.write(path, municipalities=40, years=range(2024, 2026))
    tidy = sesnsp_municipal.read({"sesnsp_municipal": path})
    expected = big_file.naive(path)
    assert len(tidy) == 40 * 98 * 23  # one month of 24 is not published yet
    plain = tidy.astype({"crime": "str", "subtype": "str", "modality": "str"})
    pd.testing.assert_frame_equal(plain, expected)


def test_the_file_has_the_official_columns_in_cp1252(tmp_path):
    path = tmp_path / "small.csv"
    big_file.write(path, municipalities=33, times=2, years=range(2025, 2026))
    first, *rows = path.read_bytes().decode("cp1252").split("\r\n")
    assert len(first.split(",")) == 21
    assert len(rows) == 33 * 98 * 2 + 1
    assert b"\xf1" in path.read_bytes()
    big_file.pack(path, tmp_path / "small.zip")
    assert (tmp_path / "small.zip").stat().st_size < path.stat().st_size / 4
