"""A user's file of Guard openings: accepted as csv and parquet, and every mistake named with its cure."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import deployment

CSV = "cvegeo,opening,region,tier\n01001,2019-07,Centro,high\n02004,,,\n31050,2021-01,Mérida,low\n"


def read(tmp_path, text, encoding="utf-8", name="guard.csv"):
    path = tmp_path / name
    path.write_text(text, encoding)
    return deployment.read({"deployment": path})


def check(tidy):
    assert tidy["cvegeo"].tolist() == ["01001", "02004", "31050"]
    assert tidy["opening"].tolist() == [pd.Timestamp("2019-07-01"), pd.NaT, pd.Timestamp("2021-01-01")]
    assert tidy["region"].tolist()[::2] == ["Centro", "Mérida"]
    assert tidy["tier"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv(tmp_path, encoding):
    check(read(tmp_path, CSV, encoding))


@pytest.mark.parametrize("openings", [["2019-07", None, "2021-01"], pd.to_datetime(["2019-07-01", None, "2021-01-01"])])
def test_parquet(tmp_path, openings):
    path = tmp_path / "guard.parquet"
    table = {"cvegeo": ["01001", "02004", "31050"], "opening": openings, "region": ["Centro", None, "Mérida"]}
    pd.DataFrame(table | {"tier": ["high", None, "low"]}).to_parquet(path)
    check(deployment.read({"deployment": path}))


def test_optional_columns_come_back_missing(tmp_path):
    tidy = read(tmp_path, "opening,cvegeo\n2019-07,01001\n")
    assert tidy.columns.tolist() == ["cvegeo", "opening", "region", "tier"]
    assert tidy[["region", "tier"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("01001", "1001", r"guard\.csv, row 2, column cvegeo: '1001' is not .* five digits\. .*eats the leading zero"),
        ("31050", "33050", "row 4, column cvegeo: '33050' is in no state"),
        ("31050", "01001", "cvegeo 01001 stands twice"),
        ("2019-07", "07/2019", r"row 2, column opening: '07/2019' is not a month\. Write it as YYYY-MM"),
        ("2019-07", "2019-07-15", "row 2, column opening: '2019-07-15' is not a month"),
        (
            "2019-07",
            "2009-07",
            r"row 2, column opening: '2009-07' is before the Guard existed\. .* 2019-05",
        ),
        ("high", "alto", r"row 2, column tier: 'alto' is no tier\. Use high, medium, low"),
        ("opening", "open", r"column 'open' is not one of .* \('opening' is the nearest\)"),
        ("region,tier", "region,notes", "column 'notes' is not one of"),
        (",high", "", "row 2: the row has 3 cells"),
        (",", ";", r"is separated by semicolons\. Save it as csv with commas"),
    ],
)
def test_refusals(tmp_path, old, new, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, CSV.replace(old, new))


def test_refused_files(tmp_path):
    with pytest.raises(SourceError, match="cp1252"):
        read(tmp_path, CSV, "cp1252")
    with pytest.raises(SourceError, match=r"opening.* missing"):
        read(tmp_path, "cvegeo\n01001\n")
    with pytest.raises(SourceError, match="a header and no rows"):
        read(tmp_path, "cvegeo,opening\n")
    with pytest.raises(SourceError, match="the file is empty"):
        read(tmp_path, "")
    with pytest.raises(SourceError, match=r"guard\.xlsx: is neither \.csv nor \.parquet"):
        read(tmp_path, CSV, name="guard.xlsx")
    with pytest.raises(SourceError, match="not a whole parquet file"):
        read(tmp_path, CSV, name="guard.parquet")
    with pytest.raises(SourceError, match=r"absent\.csv: there is no such file"):
        deployment.read({"deployment": tmp_path / "absent.csv"})


def test_codes_as_numbers_in_parquet_are_refused(tmp_path):
    path = tmp_path / "guard.parquet"
    pd.DataFrame({"cvegeo": [1001, 31050], "opening": ["2019-07", ""]}).to_parquet(path)
    with pytest.raises(SourceError, match=r"guard\.parquet, row 1, column cvegeo: '1001' is not"):
        deployment.read({"deployment": path})
