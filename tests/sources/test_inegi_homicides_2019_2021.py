"""Homicides by municipality and year, 2019-2021, a tidy parquet file; figures invented, sums by hand."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import inegi_homicides_2019_2021 as reader


def table(**changes):
    cells = {
        "cvegeo": ["01001", "20570"],
        "hom_2019": [6.0, 0.0],
        "hom_icd_2019": [5.0, 0.0],
        "hom_2020": [7.0, 1.0],
        "hom_icd_2020": [7.0, 1.0],
        "hom_2021": [8.0, 0.0],
        "hom_icd_2021": [8.0, 0.0],
        "pob_conapo": [100, 200],
        "hom_3a": [21.0, 1.0],
        "hom_icd_3a": [20.0, 1.0],
    }
    return pd.DataFrame(cells | changes)


def read(tmp_path, frame):
    path = tmp_path / "homicidios.parquet"
    frame.to_parquet(path)
    return reader.read({"inegi_homicides_2019_2021": path})


def test_years_become_rows_with_both_definitions(tmp_path):
    tidy = read(tmp_path, table())
    assert list(tidy.columns) == ["cvegeo", "year", "homicides", "homicides_icd"]
    assert tidy.dtypes.astype(str).tolist() == ["str", "int64", "int64", "int64"]
    assert sorted(tidy.to_numpy().tolist()) == [
        ["01001", 2019, 6, 5],
        ["01001", 2020, 7, 7],
        ["01001", 2021, 8, 8],
        ["20570", 2019, 0, 0],
        ["20570", 2020, 1, 1],
        ["20570", 2021, 0, 0],
    ]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().drop(columns="hom_icd_2020"), "column hom_icd_2020 is missing"),
        (table(hom_2019=[-1.0, 0.0]), "column hom_2019: the count '-1.0' is negative"),
        (table(hom_2019=[6.5, 0.0]), "column hom_2019: the count '6.5' is not a whole number"),
        (table(hom_2020=[float("nan"), 1.0]), "column hom_2020: the cell is blank"),
        (table(hom_3a=[22.0, 1.0]), "column hom_3a: the years do not add up"),
        (table(cvegeo=["01001", "01001"]), r"rows 1, 2: cvegeo 01001 stands twice"),
        (table(cvegeo=["1001", "20570"]), "'1001' is not a municipality code of five digits"),
        (table(cvegeo=["99001", "20570"]), "'99001' is in no state"),
    ],
)
def test_what_is_refused_names_the_column(tmp_path, frame, message):
    with pytest.raises(SourceError, match=message) as caught:
        read(tmp_path, frame)
    assert str(caught.value).startswith("homicidios.parquet")


def test_a_file_cut_short_is_refused(tmp_path):
    read(tmp_path, table())
    path = tmp_path / "homicidios.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(SourceError, match="not a whole parquet file"):
        reader.read({"inegi_homicides_2019_2021": path})


def test_the_published_file(mirror):
    tidy = reader.read({"inegi_homicides_2019_2021": mirror / "inegi_homicides_2019_2021.parquet"})
    assert len(tidy) == 2469 * 3  # INEGI's catalogue of 2020 has 2,469 municipalities
    assert tidy["cvegeo"].str[2:].max() < "900"
    # INEGI registered 36,662 homicides in 2019 (bulletin); the compiler dropped places not specified.
    assert 34_000 < tidy[tidy["year"] == 2019]["homicides"].sum() < 36_662
