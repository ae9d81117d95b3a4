"""INEGI's yearly export by municipality and month of registration; figures invented, sums by hand."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import inegi_homicides_raw
from balanza.sources._layout import MONTH_NAMES


def months(**figures):
    return [figures.get(name, "") for name in MONTH_NAMES]


def lines(year=1999, preamble=None, header=(), body=None, footer=("FUENTE: INEGI. Estadísticas de mortalidad.",)):
    preamble = preamble or [
        ["Defunciones por homicidios"],
        [f"Año de registro : {year}"],
        ["Ent y mun de registro : Total"],
        [""],
        ["Consulta de: Defunciones por homicidio   Por: Ent y mun de ocurrencia   Según: Mes de registro"],
    ]
    body = body or BODY
    return [*preamble, ["", "", "Total", *MONTH_NAMES, *header, ""], *body, [], *([cell] for cell in footer)]


BODY = [
    [" ", "Total", "1,013", *months(Enero="1,003", Marzo="7", Diciembre="3")],
    ["=CONCATENAR(0,01) ", "Aguascalientes", "1,005", *months(Enero="1,001", Marzo="4")],
    [" 01 001 ", "Aguascalientes", "1,002", *months(Enero="1,000", Marzo="2")],
    [" 01 999 ", "No especificado", "3", *months(Enero="1", Marzo="2")],
    ["=CONCATENAR( ,15) ", "México", "6", *months(Enero="2", Marzo="3", Diciembre="1")],
    [" 15 039 ", "Ixtapaluca", "6", *months(Enero="2", Marzo="3", Diciembre="1")],
    ["=CONCATENAR( ,33) ", "Extranjero", "2", *months(Diciembre="2")],
    [" 33 999 ", "Estados Unidos de Norteamérica", "1", *months(Diciembre="1")],
    [" 34 999 ", "Otros países Latinoamericanos", "1", *months(Diciembre="1")],
]


def write(tmp_path, rows, year=1999, encoding="cp1252"):
    path = tmp_path / f"{year}.csv"
    text = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    path.write_bytes(text.encode(encoding))
    return path


def read(path, source="inegi_homicides_raw_1999"):
    return inegi_homicides_raw.read({source: path})


def spoilt(row, column, cell):
    body = [list(cells) for cells in BODY]
    body[row][column] = cell
    return lines(body=body)


def test_municipalities_become_rows_and_blanks_zeros(tmp_path):
    files = {
        f"inegi_homicides_raw_{year}": write(tmp_path, lines(year), year)
        for year in (1999, 2000)
    }  # fmt: skip
    tidy = inegi_homicides_raw.read(files)
    assert list(tidy.columns) == ["source", "cvegeo", "year", "month", "homicides"]
    assert len(tidy) == 2 * 5 * 12
    assert tidy.groupby("year")["homicides"].sum().to_dict() == {1999: 1013, 2000: 1013}
    one = tidy[tidy["source"] == "inegi_homicides_raw_1999"]
    assert one.groupby("cvegeo")["homicides"].sum().to_dict() == {
        "01001": 1002,
        "01999": 3,
        "15039": 6,
        "33999": 1,
        "34999": 1,
    }
    assert one[(one["cvegeo"] == "15039") & (one["homicides"] > 0)]["month"].tolist() == [1, 3, 12]


def test_deaths_of_no_month_keep_no_month(tmp_path):
    body = [[*row, "4" if index < 3 else ""] for index, row in enumerate(BODY)]
    for row in body[:3]:
        row[2] = f"{int(row[2].replace(',', '')) + 4:,}"
    tidy = read(write(tmp_path, lines(header=["No especificado"], body=body)))
    assert len(tidy) == 5 * 13
    assert tidy[tidy["month"].isna()]["homicides"].tolist() == [4, 0, 0, 0, 0]
    assert tidy["homicides"].sum() == 1017


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (spoilt(3, 3, "2"), r"row 10, column Total: No especificado has 3 homicides, but its parts add up to 4"),
        (lines(body=BODY[:3] + BODY[4:]), r"row 8, column Total: Aguascalientes has 1,005 .* add up to 1,002"),
        (lines(body=BODY[:4] + BODY[6:]), r"row 7, column Total: Total has 1,013 homicides, .* add up to 1,007"),
        (lines(body=BODY[:5] + BODY[6:]), r"row 11, column Total: México has 6 homicides, .* add up to 0"),
        (spoilt(2, 3, "-1,000"), r"row 9, column Enero: the count '-1,000' is negative"),
        (spoilt(2, 3, "1000.5"), r"row 9, column Enero: the count '1000.5' is not a whole number"),
        (spoilt(4, 1, "Aztlán"), r"row 11: unknown state name 'Aztlán'"),
        (spoilt(4, 1, "Morelos"), r"row 11, column name: 'Morelos' is the name of another state"),
        (spoilt(5, 0, " 16 039 "), r"row 12, column code: '16 039' stands under another state"),
        (spoilt(5, 0, "15039"), r"row 12, column code: '15039' is no code of the layout"),
        (spoilt(3, 0, " 01 001 "), r"rows 9, 10: cvegeo 01001 stands twice"),
        (lines(footer=()), "the footer FUENTE is missing; the file may be cut short"),
        ([row[:14] if len(row) == 15 else row for row in lines()], r"row 7: the row has 14 cells, the header 15"),
        ([row[:14] for row in lines()], "column Diciembre is missing"),
        (lines(year=1998), "holds the year 1998, not 1999"),
        (lines(preamble=[["Año de registro : 1999"], ["Por: Ent y mun de residencia"]]), "asks for something else"),
        ([["nada"]], "has no header row with Total and the months"),
    ],
)
def test_what_is_refused_names_row_column_and_state(tmp_path, rows, message):
    with pytest.raises(SourceError, match=message):
        read(write(tmp_path, rows))


def test_utf8_is_refused_by_name(tmp_path):
    with pytest.raises(SourceError, match=r"1999\.csv: is not in cp1252.*looks like UTF-8"):
        read(write(tmp_path, lines(), encoding="utf-8"))


def test_the_published_files(tidied):
    years = range(1990, 2016)
    tidy = pd.read_parquet(tidied("inegi_homicides_raw"))
    totals = tidy.groupby("year")["homicides"].sum()
    # INEGI's totals by year of registration, as its interactive query states them
    assert totals.loc[[1990, 2007, 2011, 2015]].to_list() == [14_493, 8_867, 27_213, 20_762]
    assert len(totals) == len(years)
    places = tidy.drop_duplicates("cvegeo")["cvegeo"]
    assert set(places[places.str[:2] > "32"]) == {"33999", "34999", "35999"}
    assert not tidy["month"].isna().any()
    assert len(tidy) == 12 * len(tidy.drop_duplicates(["cvegeo", "year"]))
