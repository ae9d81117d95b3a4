"""A user's municipal prevention spending: current pesos by year and programme."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import spending

CSV = "cvegeo,year,programme,pesos\n01001,2018,FORTASEG,10500000.5\n01001,2018,Prevención,0\n02004,2019,FORTASEG,250\n"


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "money.csv"
    path.write_text(text, encoding)
    return spending.read({"spending": path})


def check(tidy):
    assert tidy["cvegeo"].tolist() == ["01001", "01001", "02004"]
    assert tidy["year"].tolist() == [2018, 2018, 2019]
    assert tidy["programme"].tolist() == ["FORTASEG", "Prevención", "FORTASEG"]
    assert tidy["pesos"].tolist() == [10500000.5, 0, 250]


def test_csv(tmp_path):
    check(read(tmp_path, CSV))


def test_parquet(tmp_path):
    path = tmp_path / "money.parquet"
    table = {"cvegeo": ["01001", "01001", "02004"], "year": [2018, 2018, 2019]}
    names = ["FORTASEG", "Prevención", "FORTASEG"]
    pd.DataFrame(table | {"programme": names, "pesos": [10500000.5, 0.0, 250.0]}).to_parquet(path)
    check(spending.read({"spending": path}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("250", "-250", r"money\.csv, row 4, column pesos: .*-250.* is negative"),
        ("250", "mucho", r"row 4, column pesos: .*mucho.* is not a number\. Correct the cell\.$"),
        ("FORTASEG,250", "FORTASEG,", "row 4, column pesos: the cell is blank"),
        ("2019", "19", "row 4, column year: '19' is not a year"),
        ("02004", "2004", "row 4, column cvegeo: '2004' is not a municipality code"),
        ("Prevención", "", "row 3, column programme: '' names no programme"),
        ("Prevención", "FORTASEG", "programme FORTASEG.* twice"),
        ("pesos", "monto", r"column 'monto' is not one of cvegeo, year, programme, pesos"),
        (",programme,", ",programa,", r"\('programme' is the nearest\)"),
    ],
)
def test_refusals(tmp_path, old, new, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, CSV.replace(old, new))


def test_latin_1_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"money\.csv.*cp1252"):
        read(tmp_path, CSV, "latin-1")
