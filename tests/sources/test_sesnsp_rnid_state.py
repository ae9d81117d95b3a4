"""RNID, the state file in the classification of 2026; figures invented, sums by hand."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import sesnsp_rnid_state

from .sesnsp_wide import REFUSED, header, text, zero_future

LIFE = "La vida y la Integridad corporal"
ATTEMPT = [LIFE, "Homicidio", "Tentativa de homicidio doloso", "Tentativa de homicidio doloso"]
FAMILY = ["La familia", "Violencia familiar", "Violencia familiar", "Violencia familiar"]
ROWS = [
    header(),
    ["2026", "05", "Coahuila de Zaragoza", *ATTEMPT, "4", "0", "7", *[""] * 9],
    ["2026", "30", "Veracruz de Ignacio de la Llave", *FAMILY, "1,010", "990", "1,000", *[""] * 9],
]


def read(tmp_path, rows, encoding="cp1252"):
    path = tmp_path / "estatal_n.csv"
    path.write_bytes(text(rows).encode(encoding))
    return sesnsp_rnid_state.read({"sesnsp_rnid_state": path})


def test_attempts_stand_apart_and_months_to_come_are_absent(tmp_path):
    tidy = read(tmp_path, ROWS)
    assert list(tidy.columns) == ["state", "period", "crime", "subtype", "modality", "files"]
    assert len(tidy) == 6
    assert tidy["period"].max() == pd.Timestamp("2026-03-01")
    assert tidy.groupby("state")["files"].sum().to_dict() == {"05": 11, "30": 3000}
    assert set(tidy["subtype"]) == {"Tentativa de homicidio doloso", "Violencia familiar"}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_row_and_column(tmp_path, case):
    spoil, message = REFUSED[case]
    with pytest.raises(SourceError, match=message):
        read(tmp_path, spoil(ROWS))


def test_zeros_in_the_future_the_old_classification_and_utf8_are_refused(tmp_path):
    with pytest.raises(SourceError, match="in 2026-12 every cell is zero"):
        read(tmp_path, zero_future(ROWS))
    with pytest.raises(SourceError, match="'2025' is not a year from 2026"):
        read(tmp_path, [ROWS[0], ["2025", *ROWS[1][1:]]])
    with pytest.raises(SourceError, match="looks like UTF-8"):
        read(tmp_path, ROWS, "utf-8")


def test_the_published_file(mirror):
    tidy = sesnsp_rnid_state.read({"sesnsp_rnid_state": mirror / "sesnsp_rnid_state.csv"})
    assert len(tidy) == 32 * 114 * 3  # 114 kinds of crime, January to March
    assert tidy["subtype"].nunique() == 79  # the agreement of 2 September 2025 counts 79
    assert tidy["state"].nunique() == 32
