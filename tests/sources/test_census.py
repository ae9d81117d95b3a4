"""INEGI's export of the census by municipality and sex."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.census import read

Edit = Callable[[str], str]


def layout(preamble: str = '"Población total"\n""\n', men: str = "Hombres", women: str = "Mujeres") -> str:
    """Two municipalities a state: 1,200 people of whom 500 men, and 34 of whom 4."""
    lines = [f'{preamble}"Consulta de: Población total","",', f'"","","Total","{men}","{women}",""']
    lines.append('" ","Total","39,488","16,128","23,360"')
    for code, name in STATES.items():
        digits = f"0,{code}" if code < "10" else f" ,{code}"
        lines.append(f'"=CONCATENAR({digits}) ","{name}","1,234","504","730"')
        lines.append(f'" {code} 001 ","Cañada de {name}","1,200","500","700"')
        lines.append(f'" {code} 002 ","San Juan","34","4","30"')
    return "\n".join([*lines, "", '"FUENTE: INEGI. Censo de Población y Vivienda 2020."']) + "\n"


def census(folder: Path, edit: Edit = str, encoding: str = "latin-1") -> pd.DataFrame:
    path = folder / "census_2020.csv"
    path.write_text(edit(layout()), encoding)
    return read({"census_2020": path})


def test_municipalities_without_the_totals(tmp_path: Path) -> None:
    frame = census(tmp_path)
    assert len(frame) == 64
    assert frame.iloc[2].to_dict() == {
        "source": "census_2020",
        "cvegeo": "02001",
        "year": 2020,
        "population": 1200,
        "men": 500,
        "women": 700,
    }


def test_the_header_of_2010_is_in_the_singular(tmp_path: Path) -> None:
    path = tmp_path / "census_2010.csv"
    text = layout('"Población total"\n"Edad : Total"\n""\n', "Hombre", "Mujer").replace(
        "Vivienda 2020", "Vivienda 2010"
    )
    path.write_text(text, "latin-1")
    assert set(read({"census_2010": path})["year"]) == {2010}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace('"Mujeres"', '"Otros"'), "no header with Total, Hombres, Mujeres"),
        (lambda text: text[: text.index('"FUENTE')], "the footer FUENTE is missing"),
        (lambda text: text.replace('"Cañada de Morelos","1,200"', '"Cañada de Morelos","1,2OO"'), "'1,2OO' is not a"),
        (lambda text: text.replace('"Cañada de Morelos","1,200"', '"Cañada de Morelos",""'), "the cell is blank"),
        (lambda text: text.replace('Morelos","1,200","500","7', 'Morelos","1,200","-500","7'), "'-500' is negative"),
        (lambda text: text.replace('Morelos","1,200","500"', 'Morelos","1,200","501"'), "men and women are not the"),
        (lambda text: text.replace('" 17 002 "', '" 17 001 "'), "cvegeo 17001 stands twice"),
        (
            lambda text: text.replace('" 17 002 "', '" 18 003 "'),
            "municipalities of state 17 add up to 1,200, not 1,234",
        ),
        (lambda text: text.replace('" 17 002 "', '" 17 "'), "'17' is no code of a state or municipality"),
        (lambda text: text.replace('"Morelos"', '"Morelia"'), "unknown state name 'Morelia'"),
        (
            lambda text: text.replace('"39,488","16,128"', '"39,489","16,129"'),
            "the states do not add up to the country",
        ),
        (lambda text: text.replace('"San Juan","34"', '"San Juan"', 1), "the row has 4 cells, not 5"),
        (lambda text: "", "no header"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(SourceError) as error:
        census(tmp_path, edit)
    assert message in str(error.value)
    assert str(error.value).startswith("census_2020.csv")


def test_utf_8_is_not_taken_for_latin_1(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like UTF-8"):
        census(tmp_path, encoding="utf-8")


def test_the_real_files(mirror: Path) -> None:
    frame = read({name: mirror / f"{name}.csv" for name in ("census_2010", "census_2020")})
    by_year = frame.groupby("year")
    assert by_year.size().to_dict() == {2010: 2456, 2020: 2469}
    # INEGI, published totals of both censuses
    assert by_year["population"].sum().to_dict() == {2010: 112_336_538, 2020: 126_014_024}
    assert by_year["women"].sum().to_dict() == {2010: 57_481_307, 2020: 64_540_634}
