"""SEDENA's list of clashes: figures by hand, the TOTAL row as a check, and what is refused."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import army_clashes

HEADER = "fecha,entidad,municipio,enfrentamientos,mil_mu,civ_mu,vic_mu,mil_her,civ_her,vic_her,civ_det,year,month,day"
FIRST = "3-Feb-08,TAMAULIPAS,CD. VICTORIA ,1,2,0,0,1,0,0,4,2008,2,3"
ROWS = [
    FIRST,
    "3-Feb-08,TAMAULIPAS,CD. VICTORIA ,1,2,0,0,1,0,0,4,2008,2,3",
    "14-Dec-09,NUEVO LEÓN,S/D,1,0,1000,2,0,1,0,0,2009,12,14",
    "2-Jan-21,MEXICO,COCULA (JAL),0,0,5,0,0,0,1,1,2021,1,2",
]
TOTAL = 'TOTAL A LA FECHA,,,3,4,"1,005",2,2,1,1,9,#VALUE!,#VALUE!,#VALUE!'


def read(tmp_path, rows=(HEADER, *ROWS, TOTAL), encoding="utf-8-sig"):
    path = tmp_path / "army_clashes.csv"
    path.write_text("\n".join(rows), encoding)
    return army_clashes.read({"army_clashes": path})


def test_values(tmp_path):
    clashes = read(tmp_path)
    assert clashes["event"].tolist() == [1, 2, 3, 4], "equal rows are clashes of their own"
    assert clashes["state"].tolist() == ["28", "28", "19", "15"]
    assert clashes["municipality"].tolist()[:2] == ["CD. VICTORIA", "CD. VICTORIA"]
    assert clashes["municipality"].isna().tolist() == [False, False, True, False]
    assert clashes["date"].astype(str).tolist() == ["2008-02-03", "2008-02-03", "2009-12-14", "2021-01-02"]
    assert clashes["aggressors_killed"].tolist() == [0, 0, 1000, 5]
    assert clashes["soldiers_killed"].sum() == 4
    assert clashes["aggressors_detained"].tolist() == [4, 4, 0, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((HEADER, *ROWS), r"army_clashes\.csv: the last row is not the only row TOTAL"),
        ((HEADER,), r"army_clashes\.csv: the last row is not the only row TOTAL"),
        (("",), "the file is empty"),
        ((HEADER, *ROWS[1:], TOTAL), r"column enfrentamientos add up to 2, the row TOTAL says 3"),
        ((HEADER.replace("mil_mu", "x"), *ROWS, TOTAL), r"army_clashes\.csv: .*mil_mu.* missing"),
        ((HEADER, FIRST.replace(",1,2,", ",1,-2,"), TOTAL), r"row 2, column mil_mu: the count '-2' is negative"),
    ],
)
def test_refusals(tmp_path, rows, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, rows)


ONE_TOTAL = "TOTAL A LA FECHA,,,1,2,0,0,1,0,0,4,,,"


def test_an_unknown_state_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"army_clashes\.csv, row 2, column entidad: unknown state name 'TEXAS'"):
        read(tmp_path, (HEADER, FIRST.replace("TAMAULIPAS", "TEXAS"), ONE_TOTAL))


@pytest.mark.parametrize(
    ("old", "new"), [("3-Feb-08", "4-Feb-08"), ("3-Feb-08", "03/02/08"), (",2008,2,3", ",2008,2,30")]
)
def test_a_date_must_agree_with_its_parts(tmp_path, old, new):
    with pytest.raises(SourceError, match=r"row 2, column fecha: .* is not the date of the columns"):
        read(tmp_path, (HEADER, FIRST.replace(old, new), ONE_TOTAL))


def test_latin_1_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"army_clashes\.csv.*UTF-8"):
        read(tmp_path, encoding="latin-1")


def test_real_file(mirror):
    """The sums are those of the sheet's own TOTAL row; Tamaulipas leads (Intersecta 2021)."""
    clashes = army_clashes.read({"army_clashes": mirror / "army_clashes.csv"})
    assert len(clashes) == 4998
    assert clashes[["clashes", "soldiers_killed", "aggressors_killed"]].sum().tolist() == [4996, 290, 5042]
    assert clashes["state"].value_counts().index[0] == "28"
    assert clashes["state"].nunique() == 31, "Yucatán has none"
    assert clashes["date"].max() == pd.Timestamp("2021-01-02")
