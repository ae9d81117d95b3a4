"""Indicators of 2020: values kept, CONEVAL's gaps kept missing."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import municipal_indicators
from balanza.sources.municipal_indicators import CONAPO, CONEVAL


def table(**changes):
    return pd.DataFrame(
        {"cvegeo": ["01001", "04012"], "cve_ent": [1, 4], "nom_ent": ["A", "C"], "nom_mun": ["B", "D"]}
        | {"pob_conapo": [1000, 300], "pob_2020_coneval": [950.0, None], "coneval_completo": [True, False]}
        | dict.fromkeys(CONAPO, 5.0)
        | {f"{name}_pct": [20.0, None] for name in CONEVAL}
        | {f"{name}_num": [190.0, None] for name in CONEVAL}
        | changes
    )


def read(tmp_path, frame):
    path = tmp_path / "municipal_indicators_2020.parquet"
    frame.to_parquet(path, index=False)
    return municipal_indicators.read({"municipal_indicators_2020": path})


def test_values(tmp_path):
    tidy = read(tmp_path, table(analf_pct=[1.5, 6.25]))
    assert tidy["cvegeo"].tolist() == ["01001", "04012"]
    assert tidy["illiterate"].tolist() == [1.5, 6.25]
    assert tidy["below_income_line_people"].iloc[0] == 190.0
    assert tidy["educational_lag_percent"].isna().tolist() == [False, True]
    assert tidy["coneval_complete"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().drop(columns="car_salud_num"), r"car_salud_num.* missing"),
        (table(cvegeo=["1001", "04012"]), "row 1, column cvegeo: '1001' is not a municipality code"),
        (table(cvegeo=["99001", "04012"]), "row 1, column cvegeo: '99001' is in no state"),
        (table(cvegeo=["04012", "04012"]), "cvegeo 04012 stands twice"),
        (table(hacinam_pct=[-1.0, 5.0]), "row 1, column overcrowded"),
        (table(pob_conapo=[0, 5]), "row 1, column population"),
        (table().iloc[:0], "a header and no rows"),
    ],
)
def test_refusals(tmp_path, frame, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, frame)


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "municipal_indicators_2020.parquet"
    table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match=r"municipal_indicators_2020\.parquet: not a whole parquet file"):
        municipal_indicators.read({"municipal_indicators_2020": path})


def test_real_file(mirror):
    """2,469 municipalities; CONEVAL lacks the three named in the docstring; components agree with CONAPO's own file."""
    from balanza.sources import marginalization

    tidy = municipal_indicators.read({"municipal_indicators_2020": mirror / "municipal_indicators_2020.parquet"})
    assert len(tidy) == 2469
    assert tidy.loc[~tidy["coneval_complete"], "cvegeo"].tolist() == ["04012", "07125", "29048"]
    conapo = marginalization.read({"marginalization_2020": mirror / "marginalization_2020.rda"})
    both = tidy.merge(conapo, on="cvegeo", validate="1:1")
    for name in CONAPO.values():
        assert (both[f"{name}_x"] - both[f"{name}_y"]).abs().max() < 1e-6
