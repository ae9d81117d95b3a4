"""National Guard elements by state and month, in the two layouts of the answer."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.guard import read

Rows = list[list[object]]
# The answer writes the State of Mexico as no other source does.
NAMES = [{"México": "Estado de México"}.get(name, name) for name in STATES.values()]


def request() -> Rows:
    """Nov and Dec 2019, Jan 2020, and a month to come: 100 elements a state, then 200, then 10 times the code."""
    rows: Rows = [["Elementos de la GN adscritos por mes y entidad", None, None, None, None]]
    rows += [["Estado", 2019, None, 2020, None], [None, "nov", "dic", "ene", "feb"]]
    rows += [[name, 100, 200, 10 * number, None] for number, name in enumerate(NAMES, start=1)]
    return [*rows, ["Total mensual", 3200, 6400, 5280, None]]


def year() -> Rows:
    return [["entidad", "ano", "ene", "feb", None], *([name, 2021, 7, 8, None] for name in NAMES)]


def guard(folder: Path, rows: Rows, edit: Callable[[Rows], object] = len) -> pd.DataFrame:
    edit(rows)
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    path = folder / "guard.xlsx"
    book.save(path)
    return read({"guard": path})


def put(row: int, column: int, value: object) -> Callable[[Rows], object]:
    return lambda rows: rows[row].__setitem__(column, value)


def test_years_stand_over_months_and_blank_months_are_absent(tmp_path: Path) -> None:
    frame = guard(tmp_path, request())
    by_month = frame.groupby("period")["elements"].sum()
    assert by_month.to_dict() == {
        pd.Timestamp("2019-11-01"): 3200,
        pd.Timestamp("2019-12-01"): 6400,
        pd.Timestamp("2020-01-01"): 5280,
    }
    january = frame[frame["period"] == "2020-01-01"].set_index("state")["elements"]
    assert (january["09"], january["15"]) == (90, 150)
    assert set(frame["source"]) == {"guard"}


def test_the_yearly_sheets(tmp_path: Path) -> None:
    frame = guard(tmp_path, year())
    assert frame.groupby("period")["elements"].sum().to_dict() == {
        pd.Timestamp("2021-01-01"): 7 * 32,
        pd.Timestamp("2021-02-01"): 8 * 32,
    }


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (put(1, 0, "Lugar"), "column Estado or the row of totals is missing"),
        (lambda rows: rows.pop(), "column Estado or the row of totals is missing"),
        (put(2, 1, "noviem"), "'noviem' is not a month"),
        (put(1, 1, None), "None is not a year"),
        (put(3, 0, "Aguascaliente"), "guard.xlsx, row 4: unknown state name 'Aguascaliente'"),
        (put(4, 0, "Aguascalientes"), "stands twice"),
        (put(3, 1, -100), "row 4, column 2019-11: the count '-100' is negative"),
        (put(3, 1, 100.5), "row 4, column 2019-11: the count '100.5' is not a whole number"),
        (put(3, 1, None), "row 4, column 2019-11: the cell is blank"),
        (put(3, 1, 101), "column 2019-11: the states add up to 3,201, the row of totals says 3200"),
        (put(35, 4, 6), "column 2020-02: the states add up to 0, the row of totals says 6"),
        (lambda rows: [row.__setitem__(4, 0) for row in rows[3:]], "future month filled with zeros: in 2020-02"),
        (lambda rows: [row.__setitem__(slice(1, 5), [None] * 4) for row in rows[3:]], "no month holds a figure"),
        (lambda rows: rows.append(["Fuente: GN", None, None, None, None]), "row 37: a row stands below the totals"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[Rows], object], message: str) -> None:
    with pytest.raises(SourceError) as error:
        guard(tmp_path, request(), edit)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda rows: rows.pop(20), "31 of 32 states in period 2021-01-01 00:00:00; missing: Oaxaca"),
        (put(0, 1, "mes"), "column ano is missing"),
        (put(5, 1, 2020), "column ano has 2 years"),
        (put(5, 4, 9), "a column with figures has no month"),
    ],
)
def test_what_is_not_understood_in_a_yearly_sheet_is_refused(
    tmp_path: Path, edit: Callable[[Rows], object], message: str
) -> None:
    with pytest.raises(SourceError) as error:
        guard(tmp_path, year(), edit)
    assert message in str(error.value)


def test_the_real_files_as_published(mirror: Path) -> None:
    ids = ("guard_2019", "guard_2020", "guard_2021", "guard_2019_2021")
    frame = read({name: mirror / f"{name}.xlsx" for name in ids})
    assert frame.groupby("source").size().to_dict() == dict(zip(ids, (6 * 32, 12 * 32, 7 * 32, 25 * 32), strict=True))
    wide = frame[frame["source"] == "guard_2019_2021"].pivot_table(index="state", columns="period", values="elements")
    # totals that the answer itself prints
    assert wide[pd.Timestamp("2019-07-01")].sum() == 56_191
    assert wide[pd.Timestamp("2020-12-01")].sum() == 98_282
    # its two defects, which the panel repairs
    assert (wide[pd.Timestamp("2021-02-01")] == wide[pd.Timestamp("2020-11-01")]).all()
    assert wide.loc[["05", "06", "09"], pd.Timestamp("2021-03-01")].to_list() == [12_224, 2_173, 979]
    # the yearly sheets are the same answer
    years = frame[frame["source"] != "guard_2019_2021"].pivot_table(index="state", columns="period", values="elements")
    assert years.equals(wide)
