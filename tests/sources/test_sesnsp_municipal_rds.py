"""Data Civica's R data frame of municipal files, 2015 to May 2020; figures invented, sums by hand."""

import pandas as pd
import pytest
import rdata

from balanza.errors import SourceError
from balanza.sources import sesnsp_municipal_rds

MONTHS = ["total_enero", "total_febrero", "total_marzo", "total_abril", "total_mayo"]


def table(**changes):
    cells = {
        "year": [2019.0, 2019.0, 2020.0],
        "nom_ent": ["Jalisco", "Jalisco", "Jalisco"],
        "cve_ent": ["14", "14", "14"],
        "nom_mun": ["Acatic", "No Especificado", "Acatic"],
        "cve_mun": ["14001", "14998", "14001"],
        "tipo_delito": ["Violación", "Violación", "Violación"],
        **{name: [1.0, 0.0, 2.0] for name in MONTHS},
        "total_enero_mayo": [5.0, 0.0, 10.0],
        "total_anual": [9.0, 3.0, 24.3],
    }
    return pd.DataFrame(cells | changes)


def write(tmp_path, frame):
    path = tmp_path / "clean-idm.rds"
    rdata.write_rds(path, frame.astype(dict.fromkeys(frame.columns[frame.dtypes == "str"], object)))
    return path


def read(path):
    return sesnsp_municipal_rds.read({"sesnsp_municipal_2015_2019": path})


def test_five_months_and_the_year_become_rows_and_the_extrapolated_year_does_not(tmp_path):
    tidy = read(write(tmp_path, table()))
    assert list(tidy.columns) == ["cvegeo", "year", "month", "crime", "files"]
    assert len(tidy) == 3 * 5 + 2
    whole = tidy[tidy["month"].isna()]
    assert whole[["cvegeo", "year", "files"]].to_numpy().tolist() == [["14001", 2019, 9], ["14998", 2019, 3]]
    assert tidy[tidy["year"] == 2020]["files"].tolist() == [2] * 5
    assert set(tidy["crime"]) == {"Violación"}
    assert tidy.attrs["left_out"] == [{"reason": "the annual figure of 2020 is an extrapolation", "rows": 1}]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().drop(columns="total_mayo"), "column total_mayo is missing"),
        (table(total_enero=[1.0, -1.0, 2.0]), r"row 2, column total_enero: the count '-1.0' is negative"),
        (table(total_anual=[9.5, 3.0, 1.0]), r"row 1, column total_anual: the count '9.5' is not a whole number"),
        (table(total_enero_mayo=[5.0, 1.0, 10.0]), r"row 2, column total_enero_mayo: January to May do not add up"),
        (table(cve_mun=["14001", "14001", "14001"]), r"rows 1, 2: cvegeo 14001, year 2019, crime Violación stands"),
        (table(cve_mun=["4001", "14998", "14001"]), r"row 1, column .*: '4001' is not a municipality code"),
        (table(cve_mun=["44001", "14998", "14001"]), r"row 1, column .*: '44001' is in no state"),
    ],
)
def test_what_is_refused_names_row_and_column(tmp_path, frame, message):
    with pytest.raises(SourceError, match=message):
        read(write(tmp_path, frame))


def test_a_file_cut_short_or_of_another_kind_is_refused(tmp_path):
    path = write(tmp_path, table())
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(SourceError, match=r"clean-idm\.rds: not a whole R data file"):
        read(path)
    rdata.write_rds(path, [1.0, 2.0])
    with pytest.raises(SourceError, match="holds no data frame"):
        read(path)


@pytest.mark.slow  # a quarter of a minute in the parser of R files
def test_the_published_file(mirror):
    tidy = read(mirror / "sesnsp_municipal_2015_2019.rds")
    assert len(tidy) == 2471 * 16 * (6 * 5 + 5)  # places, crimes, months of six years and five whole years
    assert set(tidy["cvegeo"][tidy["cvegeo"].str[2:] >= "900"]) == {
        "09998", "14998", "20999", "22998", "26998", "26999", "30998", "30999",
    }  # fmt: skip
    assert tidy.attrs["left_out"][0]["rows"] == 2471 * 16
