"""The consumer price index by month."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources.consumer_prices import read

LAYOUT = """PERIODO,GENERAL,SUBYACENTE,NO_SUBYACENTE
2019-11-01,105.346,104.8,107.0
2019-12-01,105.934,105.1,108.4
2020-01-01,106.447,105.5,109.2
"""


def prices(folder: Path, edit: Callable[[str], str] = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "consumer_prices.csv"
    path.write_text(edit(LAYOUT), encoding)
    return read({"consumer_prices": path})


def test_months_and_the_general_index(tmp_path: Path) -> None:
    frame = prices(tmp_path)
    assert frame["period"].to_list() == list(pd.to_datetime(["2019-11-01", "2019-12-01", "2020-01-01"]))
    assert frame["index"].to_list() == [105.346, 105.934, 106.447]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("GENERAL", "INPC"), "column GENERAL is missing"),
        (lambda text: text.replace("2019-12-01", "2019-11-01"), "row 3, column PERIODO: '2019-11-01' is not the month"),
        (lambda text: text.replace("2019-12-01,105.934,105.1,108.4\n", ""), "row 3, column PERIODO: '2020-01-01'"),
        (lambda text: text.replace("2019-12-01", "2019-13-01"), "row 3, column PERIODO"),
        (lambda text: text.replace("105.934", "-105.934"), "row 3, column GENERAL: the amount '-105.934' is negative"),
        (lambda text: text.replace("105.934", ""), "row 3, column GENERAL: the cell is blank"),
        (lambda text: text.replace("106.447", "0.0"), "column index"),
        (lambda text: text[:-12], "row 4: the row has 3 cells"),
        (lambda text: text[: text.index("\n") + 1], "the file holds no rows"),
        (lambda text: "", "the file is empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    with pytest.raises(SourceError) as error:
        prices(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        prices(tmp_path, lambda text: text.replace("NO_SUB", "NO_SÜB"), "latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"consumer_prices": mirror / "consumer_prices.csv"})
    assert len(frame) == 534
    assert frame["period"].iloc[0] == pd.Timestamp("1982-01-01")
    # INEGI's base: the second half of July 2018 is 100
    assert frame.set_index("period")["index"][pd.Timestamp("2018-07-01")] == pytest.approx(100, abs=0.5)
