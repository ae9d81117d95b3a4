"""The CIDE-PPD database of clashes: 9999 is missing and not zero, places by code."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import clashes_ppd

COLUMNS = ["ID", "TIMESTAMP", "DIA", "MES", "AÑO", "ESTADO", "Municipio", *clashes_ppd.FIGURES, "AC", "VAL"]


def row(**cells):
    return "\t".join(str(cells.get(name, 9999)) for name in COLUMNS)


FIRST = {"ID": 1, "DIA": 16, "MES": 1, "AÑO": 2007, "ESTADO": 2, "Municipio": 4, "PF": 3, "MIF": 1, "DOF": 2}
SECOND = {"ID": 2, "DIA": 27, "MES": 11, "AÑO": 2011, "ESTADO": 22, "PF": 0}


def read(tmp_path, *rows, header=COLUMNS, encoding="utf-8-sig"):
    path = tmp_path / "clashes_ppd.txt"
    path.write_text("\r\n".join(["\t".join(header), *rows]), encoding)
    return clashes_ppd.read({"clashes_ppd": path})


def test_values(tmp_path):
    clashes = read(tmp_path, row(**FIRST), row(**SECOND))
    assert clashes["cvegeo"].tolist() == ["02004", "22999"], "a municipality not reported is the state's 999"
    assert clashes["state"].tolist() == ["02", "22"]
    assert clashes["date"].tolist() == [pd.Timestamp("2007-01-16"), pd.Timestamp("2011-11-27")]
    assert clashes["killed"].tolist() == [3, 0]
    assert clashes["organised_crime_killed"].isna().tolist() == [False, True]
    assert clashes["wounded"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ESTADO": 33}, r"clashes_ppd\.txt, row 2, column ESTADO: '33004' is in no state"),
        ({"Municipio": 1204}, "row 2, column Municipio: '1204' is no number of a municipality"),
        ({"DIA": 30, "MES": 2}, "row 2, column DIA: '30' is no day of its month and year"),
        ({"MIF": -1}, "row 2, column MIF: the count '-1' is negative"),
        ({"ID": ""}, "row 2, column ID: the cell is blank"),
    ],
)
def test_refused_cells(tmp_path, change, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, row(**FIRST | change))


def test_refused_files(tmp_path):
    with pytest.raises(SourceError, match=r"clashes_ppd\.txt.* event 1 stands twice"):
        read(tmp_path, row(**FIRST), row(**FIRST))
    with pytest.raises(SourceError, match=r"DOF.* missing"):
        read(tmp_path, row(**FIRST), header=[name.replace("DOF", "XX") for name in COLUMNS])
    with pytest.raises(SourceError, match="a header and no rows"):
        read(tmp_path)
    with pytest.raises(SourceError, match="row 2: the row has 3 cells"):
        read(tmp_path, "1\t2\t3")
    with pytest.raises(SourceError, match="UTF-8"):
        read(tmp_path, row(**FIRST), encoding="cp1252")


def test_real_file(mirror):
    """3,835 clashes (Atuesta et al.); the total of killed is the sum over the groups in each row: the names fit."""
    clashes = clashes_ppd.read({"clashes_ppd": mirror / "clashes_ppd.txt"})
    assert len(clashes) == 3835
    groups = [name for name in clashes if name.endswith("_killed")]
    reported = clashes["killed"].notna()
    assert clashes.loc[reported, groups].sum(axis=1).eq(clashes.loc[reported, "killed"]).all()
    assert clashes["cvegeo"].eq("22999").sum() == 1
    assert clashes["date"].dt.year.max() == 2011
