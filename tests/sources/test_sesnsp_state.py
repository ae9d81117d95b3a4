"""Investigation files by state in the official wide layout; figures invented, sums by hand."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import sesnsp_json, sesnsp_state

from .sesnsp_wide import BLANK, REFUSED, ZERO, header, text, zero_future

LIFE = "La vida y la Integridad corporal"
GUN = [LIFE, "Homicidio", "Homicidio doloso", "Con arma de fuego"]
KNIFE = [LIFE, "Homicidio", "Homicidio doloso", "Con arma blanca"]
UNTIL_OCTOBER = ["3", "0", "1,204", "0", "0", "0", "0", "0", "0", "2", "", ""]
ROWS = [
    header(),
    ["2023", "1", "Aguascalientes", *GUN, *["1"] * 12],
    ["2023", "15", "México", *GUN, *["2"] * 12],
    ["2024", "1", "Aguascalientes", *GUN, *UNTIL_OCTOBER],
    ["2024", "15", "Estado de México", *GUN, *["5"] * 10, "", ""],
    ["2024", "15", "Estado de México", *KNIFE, *ZERO[:4], "", *ZERO[:5], "", ""],
]


def read(tmp_path, rows, encoding="cp1252"):
    path = tmp_path / "estatal.csv"
    path.write_bytes((rows if isinstance(rows, str) else text(rows)).encode(encoding))
    return sesnsp_state.read({"sesnsp_state": path})


def test_months_become_rows_and_blank_months_do_not(tmp_path):
    tidy = read(tmp_path, ROWS)
    assert list(tidy.columns) == ["state", "period", "crime", "subtype", "modality", "files"]
    assert tidy["period"].dtype == "datetime64[us]"
    # 2 rows x 12 months, 2 x 10, and one of 10 months with a blank in May
    assert len(tidy) == 24 + 20 + 9
    assert tidy["period"].max() == pd.Timestamp("2024-10-01")
    assert tidy.groupby("state")["files"].sum().to_dict() == {"01": 12 + 3 + 1204 + 2, "15": 24 + 50}
    knife = tidy[tidy["modality"] == "Con arma blanca"]
    assert knife["files"].tolist() == [0] * 9  # a zero is a figure
    assert pd.Timestamp("2024-05-01") not in set(knife["period"])  # a blank is none
    march = tidy[(tidy["state"] == "01") & (tidy["period"] == "2024-03-01")]
    assert march[["crime", "subtype", "modality", "files"]].to_numpy().tolist() == [
        ["Homicidio", "Homicidio doloso", "Con arma de fuego", 1204]
    ]


@pytest.mark.parametrize("year", ["ANO", "AÑO", "Año"])
def test_header_drift_totals_repeated_headers_and_empty_rows(tmp_path, year):
    head = [year, *(name.upper() for name in header()[1:]), "TOTAL"]
    rows = [head] + [[*row, "999"] for row in ROWS[1:]]
    rows[3:3] = [head, [""] * len(head)]
    pd.testing.assert_frame_equal(read(tmp_path, rows), read(tmp_path, ROWS))


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_row_and_column(tmp_path, case):
    spoil, message = REFUSED[case]
    with pytest.raises(SourceError, match=message) as caught:
        read(tmp_path, spoil(ROWS))
    assert str(caught.value).startswith("estatal.csv")
    assert caught.value.cure


def test_a_future_month_of_zeros_is_refused(tmp_path):
    with pytest.raises(SourceError, match="future month filled with zeros: in 2024-12 every cell is zero"):
        read(tmp_path, zero_future(ROWS))


def test_a_year_without_any_figure_leaves_no_rows(tmp_path):
    tidy = read(tmp_path, [*ROWS, ["2025", "1", "Aguascalientes", *GUN, *BLANK]])
    assert set(tidy["period"].dt.year) == {2023, 2024}


def test_another_encoding_is_refused_by_name(tmp_path):
    with pytest.raises(SourceError, match=r"is not in cp1252.*looks like UTF-8"):
        read(tmp_path, ROWS, "utf-8")
    with pytest.raises(SourceError, match="spoilt by an earlier conversion"):
        read(tmp_path, text(ROWS).encode("utf-8").decode("cp1252"), "utf-8")


def test_2026_belongs_to_the_new_classification(tmp_path):
    with pytest.raises(SourceError, match=r"'2026' is not a year from 2015 to 2025.*classif"):
        read(tmp_path, [*ROWS, ["2026", "1", "Aguascalientes", *GUN, "4", *BLANK[1:]]])


def test_the_published_file(mirror):
    tidy = sesnsp_state.read({"sesnsp_state": mirror / "sesnsp_state.csv"})
    # 32 states x 98 kinds of crime x 119 months, to November 2024
    assert len(tidy) == 32 * 98 * 119
    assert tidy["period"].max() == pd.Timestamp("2024-11-01")
    assert tidy["state"].nunique() == 32
    # Oracle: the same two crimes by municipality, compiled by someone else (MaracasBarragan) from another release.
    for source, subtype in (("sesnsp_feminicide", "Feminicidio"), ("sesnsp_kidnapping", "Secuestro")):
        other = sesnsp_json.read({source: mirror / f"{source}.json"}).query("period < '2024'")
        same = tidy[(tidy["subtype"] == subtype) & (tidy["period"] < "2024")]
        expected = other.groupby(["state", "period"])["files"].sum()
        states = same.groupby(["state", "period"])["files"].sum()
        pd.testing.assert_series_equal(states[states > 0], expected)
