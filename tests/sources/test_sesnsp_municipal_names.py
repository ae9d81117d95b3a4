"""Homicide and feminicide by municipality's name and month, filled with zeros; figures invented, sums by hand."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import sesnsp_municipal_names

from .sesnsp_wide import change, text

OTHER = "Otros delitos que atentan contra la vida y la integridad corporal"
ROWS = [
    ["Entidad", "Municipio", "Feminicidio", "Homicidio culposo", "Homicidio doloso", "Total", "Año", "Mes", OTHER],
    ["Yucatán", "Mérida", "1.0", "4.0", "2.0", "7.0", "2024", "Diciembre", "0"],
    ["Yucatán", "Peto", "0.0", "0.0", "0.0", "0.0", "2024", "Diciembre", "0"],
    ["Yucatán", "Mérida", "0.0", "3.0", "1,000", "1,003", "2025", "Enero", "0"],
    ["Sonora", "Otros Municipios", "0.0", "0.0", "1.0", "1.0", "2025", "Enero", "0"],
]


def read(tmp_path, rows, encoding="utf-8"):
    path = tmp_path / "municipal.csv"
    path.write_bytes(text(rows).encode(encoding))
    return sesnsp_municipal_names.read({"sesnsp_municipal_2024_2025": path})


def test_three_crimes_become_rows(tmp_path):
    tidy = read(tmp_path, ROWS)
    assert list(tidy.columns) == ["state", "municipality", "period", "crime", "files"]
    assert len(tidy) == 4 * 3
    sums = tidy.groupby(["state", "crime"], observed=True)["files"].sum()
    assert sums["31"].to_dict() == {"Feminicidio": 1, "Homicidio culposo": 7, "Homicidio doloso": 1002}
    assert sums["26"]["Homicidio doloso"] == 1
    assert set(tidy["period"]) == {pd.Timestamp("2024-12-01"), pd.Timestamp("2025-01-01")}
    assert set(tidy["municipality"]) == {"Mérida", "Peto", "Otros Municipios"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row[:5] + row[6:] for row in ROWS], "column Total is missing"),
        (change(ROWS, 1, 2, "-1"), r"row 2, column Feminicidio: the count '-1' is negative"),
        (change(ROWS, 2, 4, ""), r"row 3, column Homicidio doloso: the cell is blank"),
        (change(ROWS, 3, 5, "1002"), r"row 4, column Total: the crimes do not add up"),
        (change(ROWS, 1, 0, "Yucatan del Norte"), r"column Entidad: unknown state name 'Yucatan del Norte'"),
        (change(ROWS, 1, 7, "Brumario"), r"column Mes: 'Brumario' is not a month"),
        ([*ROWS, ROWS[1]], r"rows 2, 6: state 31, municipality Mérida, .* stands twice"),
        ([*ROWS, ["Yucatán", "Mérida", "0", "0", "0", "0", "2025", "Febrero", "0"]], "in 2025-02 every cell is zero"),
        ([*ROWS[:-1], ROWS[-1][:4]], r"row 5: the row has 4 cells, the header 9"),
    ],
)
def test_what_is_refused(tmp_path, rows, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, rows)


def test_repeated_headers_and_empty_rows_are_no_rows(tmp_path):
    rows = [*ROWS[:2], ROWS[0], [""] * 9, *ROWS[2:]]
    pd.testing.assert_frame_equal(read(tmp_path, rows), read(tmp_path, ROWS))


def test_latin1_is_refused_by_name(tmp_path):
    with pytest.raises(SourceError, match=r"municipal\.csv: is not in UTF-8.*looks like cp1252 \(latin-1\)"):
        read(tmp_path, ROWS, "latin-1")


def test_the_published_file(mirror):
    path = mirror / "sesnsp_municipal_2024_2025.csv"
    tidy = sesnsp_municipal_names.read({"sesnsp_municipal_2024_2025": path})
    assert len(tidy) == 2486 * 18 * 3  # places, months to June 2025, crimes
    assert tidy["state"].nunique() == 32
    assert tidy["period"].max() == pd.Timestamp("2025-06-01")
    residual = tidy[tidy["municipality"] == "Otros Municipios"]
    assert set(residual["state"]) == {"20", "26", "30"}
