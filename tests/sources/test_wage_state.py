"""Monthly wage by state and quarter."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources.wage_state import read

LAYOUT = """State ID,State,Quarter ID,Quarter,Monthly Wage,Workforce
1,Aguascalientes,20194,2019-Q4,5012.5,580000
9,Ciudad de México,20194,2019-Q4,7200.25,4100000
"""


def wages(folder: Path, edit: Callable[[str], str] = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "wage_state.csv"
    path.write_text(edit(LAYOUT), encoding)
    return read({"wage_state": path})


def test_wages_by_state_and_quarter(tmp_path: Path) -> None:
    frame = wages(tmp_path)
    assert frame.iloc[1].to_list() == ["09", pd.Timestamp("2019-10-01"), 7200.25, 4_100_000]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("Monthly Wage", "Wage"), "column Monthly Wage is missing"),
        (lambda text: text.replace("Ciudad de México", "Ciudad"), "column State: unknown state name 'Ciudad'"),
        (lambda text: text.replace("9,Ciudad", "8,Ciudad"), "row 3, column State ID: code '8' is not that of"),
        (
            lambda text: text.replace("5012.5", "-5012.5"),
            "row 2, column Monthly Wage: the amount '-5012.5' is negative",
        ),
        (lambda text: text.replace("5012.5", ""), "row 2, column Monthly Wage: the cell is blank"),
        (lambda text: text.replace("5012.5", "0"), "column wage"),
        (
            lambda text: text.replace("580000", "58e4"),
            "row 2, column Workforce: the count '58e4' is not a whole number",
        ),
        (lambda text: text + text.splitlines()[1] + "\n", "rows 2, 4: state 01, period 2019-10-01"),
        (lambda text: "", "the file is empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    with pytest.raises(SourceError) as error:
        wages(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        wages(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"wage_state": mirror / "wage_state.csv"})
    raw = pd.read_csv(mirror / "wage_state.csv")
    assert len(frame) == len(raw) == 1919
    assert frame["wage"].sum() == pytest.approx(raw["Monthly Wage"].sum())
    assert frame["wage"].between(2_000, 13_000).all()
