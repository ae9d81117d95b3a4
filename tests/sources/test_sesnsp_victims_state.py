"""Victims by state, sex and age: a zip with one cp1252 csv; figures invented, sums by hand."""

import zipfile

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import sesnsp_victims_state

from .sesnsp_wide import REFUSED, header, text, zero_future

CRIME = ["La vida y la Integridad corporal", "Homicidio", "Homicidio doloso", "Con arma de fuego"]
ROWS = [
    header(extra=["Sexo", "Rango de edad"]),
    ["2024", "9", "Ciudad de México", *CRIME, "Mujer", "Menores de edad (0-17)", *["1"] * 12],
    ["2024", "9", "Ciudad de México", *CRIME, "Hombre", "Adultos (18 y más)", *["10"] * 12],
    ["2025", "9", "Ciudad de México", *CRIME, "Hombre", "Adultos (18 y más)", "1,001", *[""] * 11],
]


def pack(tmp_path, rows, member="IDVFC_NM_feb25.csv", encoding="cp1252"):
    path = tmp_path / "victims.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("leeme.csv", "notas")
        archive.writestr(member, text(rows).encode(encoding))
    return path


def read(path):
    return sesnsp_victims_state.read({"sesnsp_victims_state": path})


def test_the_largest_csv_of_the_zip_becomes_people_by_sex_and_age(tmp_path):
    tidy = read(pack(tmp_path, ROWS))
    assert list(tidy.columns) == ["state", "period", "crime", "subtype", "modality", "sex", "age", "victims"]
    assert len(tidy) == 25
    assert tidy["period"].max() == pd.Timestamp("2025-01-01")
    assert tidy.groupby("sex", observed=True)["victims"].sum().to_dict() == {"Mujer": 12, "Hombre": 120 + 1001}
    assert set(tidy["age"]) == {"Menores de edad (0-17)", "Adultos (18 y más)"}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_row_and_column(tmp_path, case):
    spoil, message = REFUSED[case]
    with pytest.raises(SourceError, match=message):
        read(pack(tmp_path, spoil(ROWS)))


def test_zeros_in_the_future_and_utf8_are_refused(tmp_path):
    with pytest.raises(SourceError, match="in 2025-12 every cell is zero"):
        read(pack(tmp_path, zero_future(ROWS)))
    with pytest.raises(SourceError, match=r"victims\.zip: is not in cp1252.*looks like UTF-8"):
        read(pack(tmp_path, ROWS, encoding="utf-8"))


def test_a_zip_that_is_cut_short_damaged_or_without_csv_is_refused(tmp_path):
    path = pack(tmp_path, ROWS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"victims\.zip: not a whole zip file.*fetch it again"):
        read(path)
    flipped = bytearray(whole)
    flipped[whole.index(b"IDVFC") + 40] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(SourceError, match="not a whole zip file"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("leeme.txt", "notas")
    with pytest.raises(SourceError, match=r"has no member \*\.csv"):
        read(path)


def test_a_member_that_leads_outside_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"'\.\./outside\.csv' leads outside the archive"):
        read(pack(tmp_path, ROWS, member="../outside.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["victims.zip"]


def test_the_published_file(mirror):
    tidy = read(mirror / "sesnsp_victims_state.zip")
    assert len(tidy) == 32 * 230 * 121  # 230 kinds of crime, sex and age; January 2015 to January 2025
    wanted = tidy[tidy["subtype"].isin(["Homicidio doloso", "Feminicidio", "Secuestro", "Extorsión"])]
    sums = wanted.groupby([wanted["period"].dt.year, "subtype"], observed=True)["victims"].sum()
    # Published totals of the file of the states' victims (SESNSP, releases of 2024 and 2025)
    lethal = {2015: 18_312, 2016: 23_188, 2017: 29_636, 2018: 34_662, 2019: 35_693, 2020: 35_545}
    for year, total in lethal.items():
        assert sums[year, "Homicidio doloso"] + sums[year, "Feminicidio"] == total
    assert sums[2015, "Feminicidio"] == 428
    assert sums[2015, "Secuestro"] == 1_312
    assert sums[2015, "Extorsión"] == 6_223
