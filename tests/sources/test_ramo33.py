"""Ramo 33 by state: a wide csv of millions with blanks between thousands."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.ramo33 import FUNDS, read

Edit = Callable[[str], str]


def layout() -> str:
    """Every state gets 1,234.5 millions in all and 10.0 of FASP in 2012, and in 2013 no FASP; all else is blank."""
    rows = []
    for year, fasp in (("2012", 10.0), ("2013", 0.0)):
        for code, name in {"00": "Nacional", **STATES}.items():
            times = 32 if code == "00" else 1
            figures = dict.fromkeys(FUNDS, "")
            figures["r33_total"] = f"{times * 1234.5:,.1f}".replace(",", " ")
            figures["r33_segurid"] = f" {times * fasp:.1f}"
            rows.append(",".join([code, name, year, f"{code}_{year}", *figures.values()]))
    header = ",".join(["id", "estado", "yr", "id_yr", *FUNDS]).replace("r33_total", "r33_total     ")
    return "\n".join([header, *rows]) + "\n"


def funds(folder: Path, edit: Edit = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "ramo33.csv"
    path.write_text(edit(layout()), encoding)
    return read({"ramo33": path})


def test_millions_become_pesos_and_blanks_make_no_rows(tmp_path: Path) -> None:
    frame = funds(tmp_path)
    assert frame.groupby(["year", "fund"]).size().to_dict() == {
        (2012, "fasp"): 32,
        (2012, "total"): 32,
        (2013, "total"): 32,
    }
    pesos = frame.set_index(["state", "year", "fund"])["pesos"]
    assert pesos["15", 2013, "total"] == 1_234_500_000
    assert pesos["15", 2012, "fasp"] == 10_000_000


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("r33_segurid", "r33_fasp"), "column r33_segurid is missing"),
        (
            lambda text: text.replace("17,Morelos,2012", "17,Morelia,2012"),
            "column estado: unknown state name 'Morelia'",
        ),
        (lambda text: text.replace("17,Morelos,2012", "18,Morelos,2012"), "id 18, yr 2012 stands twice"),
        (lambda text: text.replace("17,Morelos,2012,17_2012,1 234.5", "17,Morelos,2012,,-1 234.5"), "is negative"),
        (lambda text: text.replace("17,Morelos,2012,17_2012,1 234.5", "17,Morelos,2012,,1 23.5"), "is not a number"),
        (lambda text: text.replace("17,Morelos,2012,17_2012,1 234.5", "17,Morelos,2012,,1 244.5"), "row 00 says"),
        (lambda text: text.replace("00,Nacional,2012,00_2012,39 504.0", "00,Nacional,2012,,"), "row 00 says 0"),
        (
            lambda text: text[: text.index("31,Yucatán,2013")],
            "30 of 32 states in year 2013; missing: Yucatán, Zacatecas",
        ),
        (lambda text: text.replace("2012,", "MMXII,"), "column yr: the count 'MMXII' is not a whole number"),
        (lambda text: "", "the file is empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(SourceError) as error:
        funds(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        funds(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"ramo33": mirror / "ramo33.csv"})
    fasp = frame[frame["fund"] == "fasp"].groupby("year")["pesos"].agg(["size", "sum"])
    assert fasp.index.to_list() == list(range(1999, 2014))
    assert fasp["size"].eq(32).all()
    # federal budgets, FASP approved, millions
    assert (fasp["sum"] / 1e6).round(1)[[1999, 2009, 2013]].to_list() == [4_715.0, 6_916.8, 7_631.8]
