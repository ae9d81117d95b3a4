"""INEGI's interactive query in one wide sheet of names; figures invented, sums by hand."""

import openpyxl
import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import inegi_homicides_export

PREAMBLE = [
    ["Defunciones por homicidios"],
    ["Año de ocurrencia : Total"],
    [],
    ["Consulta de: Defunciones por homicidio \xa0 Por: Año de registro \xa0 Según: Ent y mun de ocurrencia"],
    [],
]
NUMBERS = ["estado", None, 1, None, None, 20, None, None, None, None, None]
NAMES = [
    "año", "Total", "Aguascalientes", "Aguascalientes", "Calvillo", "Oaxaca", "San Juan Mixtepec", "San Juan Mixtepec",
    "No especificado", "Extranjero", "No especificado",
]  # fmt: skip
YEARS = [
    [1990, 1021, 1003, 1000, 3, 12, 4, 5, 3, 5, 1],
    [1991, 9, 2, None, 2, 7, None, 7, None, None, None],
]
FOOTER = [[], ["FUENTE: INEGI. Estadísticas de mortalidad."]]


def write(tmp_path, numbers=NUMBERS, names=NAMES, years=YEARS, footer=FOOTER):
    book = openpyxl.Workbook()
    for row in [*PREAMBLE, numbers, names, *years, *footer]:
        book.active.append(row)
    book.create_sheet("Hoja1").append(["another", "sheet"])
    path = tmp_path / "export.xlsx"
    book.save(path)
    return path


def read(path):
    return inegi_homicides_export.read({"inegi_homicides_export": path})


def spoilt(row, column, cell):
    years = [list(cells) for cells in YEARS]
    years[row][column] = cell
    return years


def test_columns_become_rows_and_homonyms_stay_apart(tmp_path):
    tidy = read(write(tmp_path))
    assert list(tidy.columns) == ["state", "municipality", "homonym", "year", "homicides"]
    rows = tidy[tidy["year"] == 1990].drop(columns="year").to_numpy().tolist()
    assert rows == [
        ["01", "Aguascalientes", 1, 1000],
        ["01", "Calvillo", 1, 3],
        ["20", "San Juan Mixtepec", 1, 4],
        ["20", "San Juan Mixtepec", 2, 5],
        ["20", "No especificado", 1, 3],
        ["33", "Extranjero", 1, 5],
        ["99", "No especificado", 1, 1],
    ]
    assert tidy[tidy["year"] == 1991]["homicides"].tolist() == [0, 2, 0, 7, 0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"years": spoilt(0, 3, 999)}, r"row 8: Aguascalientes has 1,003 homicides in 1990, .* add up to 1,002"),
        ({"years": spoilt(0, 1, 1020)}, r"row 8: Total has 1,020 homicides in 1990, .* add up to 1,021"),
        ({"years": spoilt(1, 4, -2)}, r"row 9, column 4: the count '-2' is negative"),
        ({"years": spoilt(1, 4, "dos")}, r"row 9, column 4: the count 'dos' is not a whole number"),
        ({"years": spoilt(1, 0, None)}, r"row 9, column año: the cell is blank"),
        ({"years": [YEARS[0], YEARS[0]]}, "fails multiple_fields_uniqueness"),
        ({"names": [*NAMES[:5], "Aztlán", *NAMES[6:]]}, "column 6: unknown state name 'Aztlán'"),
        ({"numbers": [*NUMBERS[:5], 21, *NUMBERS[6:]]}, "column 6: Oaxaca is state 20, not 21"),
        ({"names": [*NAMES[:4], None, *NAMES[5:]]}, "a column of figures has no name"),
        ({"names": ["years", *NAMES[1:]]}, "needs a row estado, below it a row año, and a footer FUENTE"),
        ({"footer": []}, "and a footer FUENTE in the first column"),
    ],
)
def test_what_is_refused_names_row_or_column(tmp_path, changes, message):
    with pytest.raises(SourceError, match=message) as caught:
        read(write(tmp_path, **changes))
    assert str(caught.value).startswith("export.xlsx")


def test_a_workbook_cut_short_is_refused(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SourceError, match=r"export\.xlsx: not a whole workbook"):
        read(path)


def test_the_published_sheet_agrees_with_the_yearly_exports(mirror, tidied):
    tidy = read(mirror / "inegi_homicides_export.xlsx")
    assert len(tidy) == 2429 * 30  # columns of municipalities, years
    raw = pd.read_parquet(tidied("inegi_homicides_raw")).query("year in (1990, 2008, 2015)")
    state = raw["cvegeo"].str[:2].where(raw["cvegeo"] < "33", "33")
    expected = raw.groupby([state.rename("state"), "year"])["homicides"].sum()
    sums = tidy.groupby(["state", "year"])["homicides"].sum()
    assert (sums.loc[expected.index] == expected).all()
    twins = tidy[(tidy["municipality"] == "San Pedro Mixtepec") & (tidy["year"] == 2015)].set_index("homonym")
    codes = raw[raw["year"] == 2015].groupby("cvegeo")["homicides"].sum()
    assert twins["homicides"].to_dict() == {1: codes["20318"], 2: codes.get("20319", 0)}
