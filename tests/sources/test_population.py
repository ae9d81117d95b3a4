"""CONAPO's wide csv of municipal population by year."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.population import read

Edit = Callable[[str], str]


def layout() -> str:
    rows = [f"{code}001,{name},Pueblo {name},{10 * int(code)},{10 * int(code) + 1}" for code, name in STATES.items()]
    return "\n".join(["CVE,Entidad,Municipio,2019,2020", *rows]) + "\n"


def population(folder: Path, edit: Edit = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "population.csv"
    path.write_text(edit(layout()), encoding)
    return read({"population": path})


def test_a_row_per_municipality_and_year(tmp_path: Path) -> None:
    frame = population(tmp_path)
    assert len(frame) == 64
    people = frame.set_index(["cvegeo", "year"])["population"]
    assert people["15001", 2019] == 150
    assert people["32001", 2020] == 321


def test_codes_without_their_zero_are_filled_up(tmp_path: Path) -> None:
    assert population(tmp_path, lambda text: text.replace("\n01001,", "\n1001,"))["cvegeo"].iloc[0] == "01001"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("Entidad", "Estado"), "population.csv: column Entidad is missing"),
        (lambda text: text.replace("2020\n", "2021\n"), "years do not follow one another (2019, 2021)"),
        (lambda text: text.replace("Morelos,Pueblo", "Morelia,Pueblo"), "column Entidad: unknown state name 'Morelia'"),
        (lambda text: text.replace("17001,Morelos", "18001,Morelos"), "stands twice"),
        (lambda text: text.replace("17001,Morelos", "18002,Morelos"), "row 18, column CVE: code '18' is not that of"),
        (lambda text: text.replace(",170,", ",-170,"), "row 18, column 2019: the count '-170' is negative"),
        (lambda text: text.replace(",170,", ",,"), "row 18, column 2019: the cell is blank"),
        (lambda text: text.replace(",170,", ",0,"), "column population"),
        (lambda text: text[: text.index("32001")], "31 of 32 states in file all; missing: Zacatecas"),
        (lambda text: text[:-20], "row 33: the row has 3 cells, the header 5"),
        (lambda text: "", "empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(SourceError) as error:
        population(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        population(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"population": mirror / "population.csv"})
    assert len(frame) == 2475 * 51
    wide = pd.read_csv(mirror / "population.csv")
    by_year = frame.groupby("year")["population"].sum()
    assert all(by_year[year] == wide[str(year)].sum() for year in range(1990, 2041))
    # CONAPO, mid-year, millions
    assert [round(by_year[year] / 1e6, 2) for year in (2019, 2020, 2021)] == [127.22, 128.21, 128.98]
