"""Public spending by state and functional group."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.public_spending_state import read


def layout() -> str:
    rows = [f"{int(code)},{name},3,Desarrollo Económico,{int(code)}500.25,2019" for code, name in STATES.items()]
    rows += ["34,No distribuible geográficamente,1,Gobierno,0.0,2019", "35,En el extranjero,1,Gobierno,8.5,2019"]
    return "\n".join(["State ID,State,Functional Group ID,Functional Group,Amount Executed,Year", *rows]) + "\n"


def spending(folder: Path, edit: Callable[[str], str] = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "public_spending_state.csv"
    path.write_text(edit(layout()), encoding)
    return read({"public_spending_state": path})


def test_the_two_that_are_no_states_are_kept_by_name(tmp_path: Path) -> None:
    frame = spending(tmp_path)
    assert len(frame) == 34
    assert frame.iloc[14].to_list() == ["15", "México", 2019, "Desarrollo Económico", 15500.25]
    beyond = frame[frame["state"].isna()]
    assert dict(zip(beyond["state_name"], beyond["pesos"], strict=True)) == {
        "No distribuible geográficamente": 0.0,
        "En el extranjero": 8.5,
    }


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("Amount Executed", "Amount"), "column Amount Executed is missing"),
        (lambda text: text.replace("17,Morelos", "17,Morelia"), "column State: unknown state name 'Morelia'"),
        (lambda text: text.replace("17,Morelos", "18,Morelos"), "row 18, column State ID: code '18' is not that"),
        (lambda text: text.replace("35,En el extranjero", "36,En el extranjero"), "unknown state name"),
        (lambda text: text.replace(",17500.25", ",-17500.25"), "row 18, column Amount Executed: the amount '-17500.25"),
        (lambda text: text.replace(",17500.25", ",1.750,25"), "row 18: the row has 7 cells"),
        (lambda text: text.replace(",17500.25", ",n.d."), "the amount 'n.d.' is not a number"),
        (lambda text: text.replace(",17500.25", ","), "row 18, column Amount Executed: the cell is blank"),
        (lambda text: text + "35,En el extranjero,1,Gobierno,8.5,2019\n", "stands twice"),
        (lambda text: text.replace("17,Morelos,3,Desarrollo Económico,17500.25,2019\n", ""), "missing: Morelos"),
        (lambda text: text[: text.index("\n") + 1], "the file holds no rows"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    with pytest.raises(SourceError) as error:
        spending(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        spending(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"public_spending_state": mirror / "public_spending_state.csv"})
    raw = pd.read_csv(mirror / "public_spending_state.csv")
    assert len(frame) == len(raw) == 1479
    assert frame["pesos"].sum() == pytest.approx(raw["Amount Executed"].sum())
    assert frame["state"].nunique() == 32
    assert frame["state_name"].nunique() == 34
