"""OCVED: what is left out is counted, what is unidentified stays."""

import pandas as pd
import pytest
from openpyxl import Workbook

from balanza.errors import SourceError
from balanza.provenance import read_json
from balanza.sources import criminal_presence

HEADER = ["date", "date_elapsed", "year", "month", "day", "state", "mun", "counter"]
HEADER += ["actor_main", "actor_sub", "longitude", "latitude"]


def row(year=2009, month=2, day=3, state=2, mun=2004, main="Cartel de Tijuana", sub="Arellano Felix", latitude=32.5):
    return [0, None, year, month, day, state, mun, 1, main, sub, -117.0, latitude]


def read(tmp_path, *rows, header=HEADER):
    path = tmp_path / "criminal_presence.xlsx"
    book = Workbook()
    for cells in [header, *rows]:
        book.active.append(cells)
    book.create_sheet("Sheet2").append(["Actor", "Frequency"])
    book.save(path)
    return criminal_presence.read({"criminal_presence": path})


def test_values_and_what_is_left_out(tmp_path):
    presence = read(
        tmp_path,
        row(),
        row(day=30, month=2),
        row(month=0),
        row(main="Beltran Leyva", sub="La Barbie", latitude="24.Others05"),
        row(main="Unidentified Criminal Group", sub="Hitman", mun=9015, state=9),
    )
    assert presence["cvegeo"].tolist() == ["02004", "02004", "09015"]
    assert presence["date"].tolist() == [pd.Timestamp("2009-02-03")] * 3
    assert presence["actor"].tolist() == ["Arellano Felix", "La Barbie", "Hitman"]
    assert presence["organisation"].tolist() == [
        "Cartel de Tijuana",
        "Beltran Leyva",
        criminal_presence.UNIDENTIFIED[0],
    ]
    assert presence.attrs["left_out"] == [
        {"reason": "impossible date", "rows": 2},
    ]


def test_the_counts_survive_parquet(tmp_path):
    presence = read(tmp_path, row(), row(month=0))
    presence.to_parquet(tmp_path / "tidy.parquet", index=False)
    assert pd.read_parquet(tmp_path / "tidy.parquet").attrs == presence.attrs != {}


def test_nothing_left_out_is_said_too(tmp_path):
    assert read(tmp_path, row()).attrs["left_out"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mun": 40004, "state": 40}, r"criminal_presence\.xlsx, row 2, column mun: '40004' is in no state"),
        ({"state": 3}, "row 2, column mun: '2004' is in another state"),
        ({"day": -3}, "row 2, column day: .*-3.* is negative"),
        ({"mun": None}, "row 2, column mun: the cell is blank"),
        ({"sub": None}, "row 2, column actor"),
        ({"year": "dos mil"}, "row 2, column year: the count 'dos mil' is not a whole number"),
    ],
)
def test_refused_cells(tmp_path, change, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, row(**change))


def test_refused_files(tmp_path):
    with pytest.raises(SourceError, match=r"cvegeo 02004.*twice"):
        read(tmp_path, row(), row())
    with pytest.raises(SourceError, match=r"actor_sub.* missing"):
        read(tmp_path, row(), header=[name.replace("actor_sub", "x") for name in HEADER])
    with pytest.raises(SourceError, match="a header and no rows"):
        read(tmp_path)


@pytest.mark.parametrize("size", [0, 3000])
def test_a_workbook_cut_short_is_refused(tmp_path, size):
    read(tmp_path, row())
    path = tmp_path / "criminal_presence.xlsx"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(SourceError, match=r"criminal_presence\.xlsx: not a whole workbook"):
        criminal_presence.read({"criminal_presence": path})


def test_real_file(tidied):
    """64,895 rows; 18 have no such date; half of the actors are unidentified."""
    presence = pd.read_parquet(tidied("criminal_presence"))
    assert len(presence) == 64895 - 18
    assert [item["rows"] for item in read_json(tidied("criminal_presence").with_suffix(".left_out.json"))] == [18]
    assert 0.5 < presence["organisation"].eq("Unidentified Criminal Group").mean() < 0.51
    assert presence["organisation"].nunique() == 12, "ten organisations, Other and Unidentified"
    assert (presence["date"].dt.year.min(), presence["date"].dt.year.max()) == (2000, 2018)
