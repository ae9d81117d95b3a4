"""Monthly homicides by municipality: pipes, gzip, filled with zeros; figures invented, sums by hand."""

import gzip

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import homicides_month

HEADER = "ent_mun|year|month|homicides|pop_est|homicide_rate"
ROWS = [
    "01001|2020|11|3|1000.5|299.85",
    "01001|2020|12|0|1001.5|0",
    "20570|2020|11|1|NA|NA",
    "20570|2020|12|1,002|NA|NA",
]


def write(tmp_path, rows):
    path = tmp_path / "homicides_month.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *rows, ""]).encode()))
    return path


def read(path):
    return homicides_month.read({"homicides_month": path})


def test_codes_periods_and_counts(tmp_path):
    tidy = read(write(tmp_path, ROWS))
    assert tidy.dtypes.astype(str).to_dict() == {"cvegeo": "str", "period": "datetime64[us]", "homicides": "int64"}
    assert tidy.to_numpy().tolist() == [
        ["01001", pd.Timestamp("2020-11-01"), 3],
        ["01001", pd.Timestamp("2020-12-01"), 0],
        ["20570", pd.Timestamp("2020-11-01"), 1],
        ["20570", pd.Timestamp("2020-12-01"), 1002],
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS[:3], "20570|2020|12|-2|NA|NA"], r"row 5, column homicides: the count '-2' is negative"),
        ([*ROWS[:3], "20570|2020|12||NA|NA"], r"row 5, column homicides: the cell is blank"),
        ([*ROWS[:3], "20570|2020|12|two|NA|NA"], r"row 5, column homicides: the count 'two' is not a whole number"),
        ([*ROWS[:3], "20570|2020|13|2|NA|NA"], r"row 5, column month: '13' is not a month"),
        ([*ROWS[:3], "2057|2020|12|2|NA|NA"], r"row 5, column ent_mun: '2057' is not a municipality code"),
        ([*ROWS[:3], "34001|2020|12|2|NA|NA"], r"row 5, column ent_mun: '34001' is in no state"),
        ([*ROWS[:3], "20570|2020|12"], r"row 5: the row has 3 cells, the header 6"),
        ([*ROWS, ROWS[0]], r"rows 2, 6: cvegeo 01001, period 2020-11-01 00:00:00 stands twice"),
        ([ROWS[0], *ROWS[2:]], "municipality 01001 has 1 of 2 months"),
        ([*ROWS, "01001|2021|1|0|1|0", "20570|2021|1|0|1|0"], "filled with zeros: in 2021-01 every cell is zero"),
    ],
)
def test_what_is_refused_names_row_and_column(tmp_path, rows, message):
    with pytest.raises(SourceError, match=message) as caught:
        read(write(tmp_path, rows))
    assert str(caught.value).startswith("homicides_month.csv.gz")


def test_a_missing_column_a_cut_gzip_and_latin1_are_refused(tmp_path):
    path = write(tmp_path, ROWS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-12])
    with pytest.raises(SourceError, match=r"homicides_month\.csv\.gz: not a whole gzip file"):
        read(path)
    path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b"homicides|", b"murders|")))
    with pytest.raises(SourceError, match="column homicides is missing; the file has ent_mun, year, month, murders"):
        read(path)
    path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b"NA", b"a\xf1o")))
    with pytest.raises(SourceError, match="is not in UTF-8"):
        read(path)


def test_the_published_file(mirror):
    tidy = read(mirror / "homicides_month.csv.gz")
    assert len(tidy) == 2467 * 264
    totals = tidy.groupby(tidy["period"].dt.year)["homicides"].sum()
    # The file's own totals by year of occurrence
    assert totals[[2017, 2019, 2021]].to_list() == [31_712, 35_188, 33_626]
