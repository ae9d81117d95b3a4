"""Workforce by state and quarter."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources.workforce_state import read

LAYOUT = """State ID,State,Quarter ID,Quarter,Workforce
1,Aguascalientes,20201,2020-Q1,600000
1,Aguascalientes,20203,2020-Q3,610000
15,Estado de México,20201,2020-Q1,7900000
16,Michoacán de Ocampo,20203,2020-Q3,2000000
"""


def workforce(folder: Path, edit: Callable[[str], str] = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "workforce_state.csv"
    path.write_text(edit(LAYOUT), encoding)
    return read({"workforce_state": path})


def test_quarters_start_with_their_first_month_and_gaps_stay(tmp_path: Path) -> None:
    frame = workforce(tmp_path)
    assert frame["state"].to_list() == ["01", "01", "15", "16"]
    assert frame["period"].dt.strftime("%Y-%m-%d").to_list() == ["2020-01-01", "2020-07-01"] * 2
    assert frame["workforce"].to_list() == [600_000, 610_000, 7_900_000, 2_000_000]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("Workforce", "People"), "column Workforce is missing"),
        (lambda text: text.replace("Estado de México", "Edomexico"), "column State: unknown state name 'Edomexico'"),
        (lambda text: text.replace("15,Estado", "16,Estado"), "row 4, column State ID: code '16' is not that of"),
        (lambda text: text.replace("2020-Q1,6", "2020-Q5,6"), "row 2, column Quarter: '2020-Q5' is not a quarter"),
        (lambda text: text.replace("20203,2020-Q3,61", "20201,2020-Q1,61"), "stands twice"),
        (lambda text: text.replace("610000", "-610000"), "row 3, column Workforce: the count '-610000' is negative"),
        (lambda text: text.replace("610000", ""), "row 3, column Workforce: the cell is blank"),
        (
            lambda text: text.replace("610000", "0").replace("2000000", "0"),
            "future month filled with zeros: in 2020-07",
        ),
        (lambda text: text[:-10], "row 5: the row has 4 cells"),
        (lambda text: text[: text.index("\n") + 1], "no month holds a figure"),
        (lambda text: "", "the file is empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    with pytest.raises(SourceError) as error:
        workforce(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        workforce(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"workforce_state": mirror / "workforce_state.csv"})
    raw = pd.read_csv(mirror / "workforce_state.csv")
    assert len(frame) == len(raw) == 1919
    assert frame["workforce"].sum() == raw["Workforce"].sum()
    states = frame.groupby("period")["state"].nunique()
    # ENOE was suspended in the second quarter of 2020
    assert pd.Timestamp("2020-04-01") not in states.index
    assert states[states < 32].to_dict() == {pd.Timestamp("2021-07-01"): 31}
