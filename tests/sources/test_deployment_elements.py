"""A user's monthly Guard strength by municipality: zero is a figure, blank is not."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import deployment_elements

CSV = 'cvegeo,period,elements\n01001,2019-07,"1,204"\n01001,2019-08,\n02004,2019-07,0\n02004,2019-08,35\n'


def read(tmp_path, text):
    path = tmp_path / "strength.csv"
    path.write_text(text, "utf-8")
    return deployment_elements.read({"deployment_elements": path})


def check(tidy):
    assert tidy["cvegeo"].tolist() == ["01001", "01001", "02004", "02004"]
    assert tidy["period"].tolist() == [pd.Timestamp("2019-07-01"), pd.Timestamp("2019-08-01")] * 2
    assert tidy["elements"].isna().tolist() == [False, True, False, False]
    assert tidy["elements"].dropna().tolist() == [1204, 0, 35]


def test_csv(tmp_path):
    check(read(tmp_path, CSV))


def test_parquet(tmp_path):
    path = tmp_path / "strength.parquet"
    months = pd.to_datetime(["2019-07-01", "2019-08-01"] * 2)
    codes = ["01001", "01001", "02004", "02004"]
    pd.DataFrame({"cvegeo": codes, "period": months, "elements": [1204, None, 0, 35]}).to_parquet(path)
    check(deployment_elements.read({"deployment_elements": path}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("35", "-35", r"strength\.csv, row 5, column elements: the count '-35' is negative"),
        ("35", "3.5", "row 5, column elements: the count '3.5' is not a whole number"),
        ("02004,2019-08", "02004,2019-07", "cvegeo 02004, period .*twice"),
        ("02004,2019-08", "02004,", "row 5, column period: the cell is blank"),
        ("02004", "2004", "row 4, column cvegeo: '2004' is not a municipality code"),
        ("02004,2019-08,35", "02004,2019-08,0", "2019-08"),
        ("period", "opening", "column 'opening' is not one of"),
    ],
)
def test_refusals(tmp_path, old, new, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, CSV.replace(old, new))
