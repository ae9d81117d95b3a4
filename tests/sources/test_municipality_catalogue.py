"""INEGI's catalogue of municipalities, a workbook of text cells."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.municipality_catalogue import read

Rows = list[list[str | None]]
HEADER = ["cve_ent", "nom_ent", "nom_abr", "cve_mun", "nom_mun", "cve_cab", "nom_cab"]
FIGURES = ["Pob_total", "Pob_masculina", "Pob_femenina", "Total de viviendas habitadas"]


def layout() -> Rows:
    rows: Rows = [["Instituto Nacional"], ["Catálogo Único"], ["Fecha de consulta: 17/04/2021"]]
    rows.append([*HEADER, *FIGURES])
    for code, name in STATES.items():
        seat = ["0001", f"Villa {name}"] if code != "09" else [None, None]
        rows.append([code, name, name[:3], "001", f"Pueblo {name}", *seat, "1000", "400", "600", "250"])
    return [*rows, [None] * 11]


def catalogue(folder: Path, edit: Callable[[Rows], object] = len) -> pd.DataFrame:
    rows = layout()
    edit(rows)
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    path = folder / "municipality_catalogue.xlsx"
    book.save(path)
    return read({"municipality_catalogue": path})


def test_a_row_per_municipality(tmp_path: Path) -> None:
    frame = catalogue(tmp_path)
    assert len(frame) == 32
    assert frame.iloc[1].to_list() == [
        "02001",
        "02",
        "Pueblo Baja California",
        "Villa Baja California",
        1000,
        400,
        600,
        250,
    ]
    assert frame.loc[frame["seat"].isna(), "state"].to_list() == ["09"]


def put(row: int, column: int, value: str | None) -> Callable[[Rows], object]:
    return lambda rows: rows[row].__setitem__(column, value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (put(3, 7, "Poblacion"), "column Pob_total is missing"),
        (put(3, 0, "clave"), "no header that starts with cve_ent"),
        (put(4, 1, "Aguas"), "unknown state name 'Aguas'"),
        (put(4, 0, "02"), "row 5, column state: code '02' is not that of 'Aguascalientes'"),
        (put(4, 7, "-3"), "row 5, column population: the count '-3' is negative"),
        (put(4, 7, None), "row 5, column population: the cell is blank"),
        (put(4, 8, "401"), "row 5: men and women are not the total"),
        (lambda rows: rows.insert(5, list(rows[4])), "cvegeo 01001 stands twice"),
        (lambda rows: rows.pop(-2), "missing: Zacatecas"),
        (lambda rows: rows.clear(), "the sheet is empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[Rows], object], message: str) -> None:
    with pytest.raises(SourceError) as error:
        catalogue(tmp_path, edit)
    assert message in str(error.value)


def test_a_workbook_cut_short_is_refused(tmp_path: Path) -> None:
    catalogue(tmp_path)
    path = tmp_path / "municipality_catalogue.xlsx"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SourceError, match="not a whole workbook"):
        read({"municipality_catalogue": path})


def test_the_real_file(mirror: Path) -> None:
    frame = read({"municipality_catalogue": mirror / "municipality_catalogue.xlsx"})
    assert len(frame) == 2470
    # INEGI, census of 2020
    assert frame["population"].sum() == 126_014_024
    assert frame.groupby("state").size()["20"] == 570
    assert (frame["seat"].isna() == (frame["state"] == "09")).all()
    assert frame.loc[frame["population"] == 0, "cvegeo"].to_list() == ["04013"]
