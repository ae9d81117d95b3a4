"""CONAPO's index from R data files: components, the direction of the index, and damaged files."""

import numpy as np
import pandas as pd
import pytest
import rdata

from balanza.errors import SourceError
from balanza.sources import marginalization

PERCENT = dict.fromkeys(marginalization.COMPONENTS, 12.5)


def table(year, **changes):
    return pd.DataFrame(
        {
            "CVE_ENT": ["01", "20", "31"],
            "NOM_ENT": ["Aguascalientes", "Oaxaca", "Yucatán"],
            "CVE_MUN": ["01001", "20570", "31050"],
            "NOM_MUN": ["Una", "Otra", "Mérida"],
            "POB_TOT": [1000.0, 250.0, 80.0],
            "ANIO": [str(year)] * 3,
            **PERCENT,
            "PO2SM": [10.0, 90.0, 50.0],
            f"IM_{year}": [60.0, 20.0, 45.0],
            f"GM_{year}": ["Muy bajo", "Muy alto", "Medio"],
            f"IMN_{year}": [0.96, 0.32, 0.72],
        }
        | changes
    )


def write(tmp_path, frame, year=2020, name=None):
    path = tmp_path / f"marginalization_{year}.rda"
    text = dict.fromkeys(frame.columns[frame.dtypes == "str"], object)
    rdata.write_rda(path, {name or f"IMM_{year}": frame.astype(text)})
    return path


def read_one(tmp_path, **changes):
    return marginalization.read({"marginalization_2020": write(tmp_path, table(2020, **changes))})


def test_values_of_two_years(tmp_path):
    files = {f"marginalization_{year}": write(tmp_path, table(year), year) for year in (2010, 2020)}
    index = marginalization.read(files)
    assert index["year"].tolist() == [2010] * 3 + [2020] * 3
    assert index["source"].iloc[0] == "marginalization_2010"
    oaxaca = index[(index["cvegeo"] == "20570") & (index["year"] == 2020)].iloc[0]
    assert (oaxaca["population"], oaxaca["index"], oaxaca["index_normalised"]) == (250, 20.0, 0.32)
    assert (oaxaca["grade"], oaxaca["low_income"], oaxaca["illiterate"]) == ("very high", 90.0, 12.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"IM_2020": [20.0, 60.0, 45.0]}, "index does not rise from grade Muy alto to Muy bajo"),
        ({"GM_2020": ["Muy bajo", "Muy alto", "Regular"]}, "row 3, column grade: 'Regular' is not a grade"),
        ({"CVE_MUN": ["1001", "20570", "31050"]}, "row 1, column CVE_MUN: '1001' is not a municipality code"),
        ({"CVE_MUN": ["01001", "33570", "31050"]}, "row 2, column CVE_MUN: '33570' is in no state"),
        ({"CVE_MUN": ["01001", "20570", "20570"]}, r"marginalization_2020\.rda.* cvegeo 20570 stands twice"),
        ({"POB_TOT": [1000.0, -250.0, 80.0]}, r"row 2, column POB_TOT: the count .*-250.* is negative"),
        ({"ANALF": [1.0, 2.0, 120.0]}, "row 3, column illiterate"),
        ({"IM_2020": [60.0, np.nan, 45.0]}, "row 2, column index"),
    ],
)
def test_refused_cells(tmp_path, changes, message):
    with pytest.raises(SourceError, match=message):
        read_one(tmp_path, **changes)


def test_refused_files(tmp_path):
    with pytest.raises(SourceError, match=r"marginalization_2020\.rda: .*OVPT.* missing"):
        marginalization.read({"marginalization_2020": write(tmp_path, table(2020).drop(columns="OVPT"))})
    with pytest.raises(SourceError, match="expected one table IMM_<year>, found DATA"):
        marginalization.read({"marginalization_2020": write(tmp_path, table(2020), name="DATA")})
    with pytest.raises(SourceError, match="a header and no rows"):
        marginalization.read({"marginalization_2020": write(tmp_path, table(2020).iloc[:0])})


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_file_cut_short_is_refused(tmp_path, share):
    path = write(tmp_path, table(2020))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match=r"marginalization_2020\.rda: not a whole R data file"):
        marginalization.read({"marginalization_2020": path})


def test_real_files(mirror):
    """Municipalities per year as CONAPO states them: 2,456, 2,457 and 2,469."""
    files = {f"marginalization_{year}": mirror / f"marginalization_{year}.rda" for year in (2010, 2015, 2020)}
    index = marginalization.read(files)
    assert index.groupby("year").size().to_dict() == {2010: 2456, 2015: 2457, 2020: 2469}
    grades = index.groupby(["grade", "year"])["index"].agg(["min", "max"])
    assert (grades.loc["very high", "max"] < grades.loc["very low", "min"]).all(), "higher is less marginalised"
    largest = index["index"] / index["index_normalised"]
    assert (largest.groupby(index["year"]).std() < 1e-6).all(), "the normalised index is the share of a year's largest"
