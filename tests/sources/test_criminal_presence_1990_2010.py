"""Coscia and Rios: a row per municipality, year and group, with zeros that say absent."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import criminal_presence_1990_2010 as reader

HEADER = ",".join(["Code", "State", "Year", *reader.GROUPS])


def row(code=2004, state=2, year=2008, marks="0,0,0,0,0,1,0,1,0,0"):
    return f"{code},{state},{year},{marks}"


def read(tmp_path, *rows, header=HEADER):
    path = tmp_path / "criminal_presence_1990_2010.csv"
    path.write_text("\n".join([header, *rows]), "utf-8")
    return reader.read({"criminal_presence_1990_2010": path})


def test_values(tmp_path):
    presence = read(tmp_path, row(), row(year=2009, marks="0,0,0,0,0,0,0,0,0,1"))
    assert len(presence) == 20
    assert set(presence["cvegeo"]) == {"02004"}
    seen = presence[presence["present"] == 1]
    assert sorted(zip(seen["year"], seen["group"], strict=True)) == [
        (2008, "Sinaloa"),
        (2008, "Tijuana"),
        (2009, "Otros"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": 33004, "state": 33}, r"criminal_presence_1990_2010\.csv, row 2, column Code: '33004' is in no state"),
        ({"state": 3}, "row 2, column Code: '2004' is in another state"),
        ({"marks": "0,0,0,0,0,2,0,0,0,0"}, "row 2, column Sinaloa: '2' is neither 0 nor 1"),
        ({"marks": "0,0,0,0,0,-1,0,0,0,0"}, "row 2, column Sinaloa: the count '-1' is negative"),
        ({"marks": "0,0,0,0,0,,0,0,0,0"}, "row 2, column Sinaloa: the cell is blank"),
        ({"year": 2011}, "row 2, column year"),
        ({"marks": "0,0,0"}, "row 2: the row has 6 cells"),
    ],
)
def test_refused_cells(tmp_path, change, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, row(**change))


def test_refused_files(tmp_path):
    with pytest.raises(SourceError, match=r"cvegeo 02004, year 2008.*twice"):
        read(tmp_path, row(), row())
    with pytest.raises(SourceError, match=r"Zetas.* missing"):
        read(tmp_path, row(), header=HEADER.replace("Zetas", "Z"))
    with pytest.raises(SourceError, match="a header and no rows"):
        read(tmp_path)


def test_real_file(tidied):
    """2,457 municipalities x 21 years x 10 groups, less one municipality that the file cuts off in 2010."""
    presence = pd.read_parquet(tidied("criminal_presence_1990_2010"))
    assert len(presence) == (2457 * 21 - 1) * 10
    assert presence.loc[presence["cvegeo"] == "32058", "year"].max() == 2009
    assert presence.loc[presence["group"] == "Zetas", "present"].sum() == 1587
