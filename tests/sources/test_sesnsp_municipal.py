"""Municipal investigation files in the official layout of 21 columns; figures invented, sums by hand."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import sesnsp_municipal, sesnsp_state

from .sesnsp_wide import REFUSED, change, header, text, zero_future

LIFE = "La vida y la Integridad corporal"
GUN = [LIFE, "Homicidio", "Homicidio doloso", "Con arma de fuego"]
FEMINICIDE = [LIFE, "Feminicidio", "Feminicidio", "No especificado"]
ROWS = [
    header("Cve. Municipio", "Municipio"),
    ["2024", "1", "Aguascalientes", "1001", "Aguascalientes", *GUN, *["1"] * 12],
    ["2024", "14", "Jalisco", "14998", "No Especificado", *GUN, *["2"] * 11, "2.0"],
    ["2025", "1", "Aguascalientes", "1001", "Aguascalientes", *GUN, "1,500", "0", "4", *[""] * 9],
    ["2025", "14", "Jalisco", "14039", "Guadalajara", *FEMINICIDE, "0", "", "1", *[""] * 9],
]


def read(tmp_path, rows, encoding="cp1252"):
    path = tmp_path / "idm.csv"
    path.write_bytes(text(rows).encode(encoding))
    return sesnsp_municipal.read({"sesnsp_idm_guanajuato": path})


def test_codes_get_their_zero_back_and_unspecified_places_stay(tmp_path):
    tidy = read(tmp_path, ROWS)
    assert list(tidy.columns) == ["cvegeo", "period", "crime", "subtype", "modality", "files"]
    assert len(tidy) == 12 + 12 + 3 + 2
    assert tidy.groupby("cvegeo")["files"].sum().to_dict() == {"01001": 12 + 1504, "14998": 24, "14039": 1}
    assert tidy["cvegeo"].dtype == "str"
    assert tidy["period"].max() == pd.Timestamp("2025-03-01")


def test_utf8_and_its_byte_order_mark_are_accepted_too(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        pd.testing.assert_frame_equal(read(tmp_path, ROWS, encoding), read(tmp_path, ROWS))


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_row_and_column(tmp_path, case):
    spoil, message = REFUSED[case]
    with pytest.raises(SourceError, match=message):
        read(tmp_path, spoil(ROWS))


def test_a_code_of_another_state_and_zeros_in_the_future_are_refused(tmp_path):
    for code in ("9001", "100", "01x01", ""):
        with pytest.raises(SourceError, match=r"row 2, column Cve\. Municipio: .* is no municipality of the state"):
            read(tmp_path, change(ROWS, 1, 3, code))
    with pytest.raises(SourceError, match="in 2025-12 every cell is zero"):
        read(tmp_path, zero_future(ROWS))


def test_a_row_cut_short_is_named(tmp_path):
    path = tmp_path / "idm.csv"
    path.write_bytes(text(ROWS).encode("cp1252")[:-20])
    with pytest.raises(SourceError, match=r"idm\.csv, row 5: the row has \d+ cells, the header 21"):
        sesnsp_municipal.read({"sesnsp_idm_guanajuato": path})


def test_the_published_file(mirror):
    tidy = sesnsp_municipal.read({"sesnsp_idm_guanajuato": mirror / "sesnsp_idm_guanajuato.csv"})
    # 46 municipalities x 9 kinds of homicide x 71 months: December 2025 is blank
    assert len(tidy) == 46 * 9 * 71
    assert tidy["period"].max() == pd.Timestamp("2025-11-01")
    # Oracle: the official state file, a release of its own, has the same homicides in each month of 2020 to 2023.
    state = sesnsp_state.read({"sesnsp_state": mirror / "sesnsp_state.csv"}).query("state == '11'")
    same = [
        table[(table["subtype"] == "Homicidio doloso") & table["period"].dt.year.between(2020, 2023)]
        .groupby("period")["files"]
        .sum()
        for table in (tidy, state)
    ]
    pd.testing.assert_series_equal(*same)
