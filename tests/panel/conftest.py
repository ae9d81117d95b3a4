"""A small invented country: two parents, two children, an unspecified code, and lists of rules of its own."""

from pathlib import Path

import pandas as pd
import pytest

from balanza.panel.geography import Geography, build, load_births
from balanza.panel.names import Names, load_names
from balanza.panel.quality import Quality

BIRTHS = """child,name,parent,born,note,citation
01003,Pueblo Nuevo,01001,2004-05,,Decree 1
01004,Última Villa,01001,2012,,Decree 2
02009,Lejos,02001,2020,,Decree 3
"""
ALIASES = """state,name,cvegeo,reason
01,Cd. Grande,01001,seat of the municipality
02,El Cerro,02999,could be several municipalities: left to the state
02,San Juan Distrito 8,02002,district that tells two namesakes apart
"""
CATALOGUE = [
    ("01001", "Santa María Grande"),
    ("01002", "General Bravo"),
    ("01003", "Pueblo Nuevo"),
    ("02001", "Bahía"),
    ("02002", "San Juan"),
    ("02003", "San Juan"),
]


@pytest.fixture
def quality() -> Quality:
    return Quality()


@pytest.fixture
def catalogue() -> pd.DataFrame:
    frame = pd.DataFrame(CATALOGUE, columns=["cvegeo", "municipality"], dtype=str)
    return frame.assign(state=frame["cvegeo"].str[:2])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "municipality_births.csv").write_text(BIRTHS, "utf-8")
    (folder / "municipality_aliases.csv").write_text(ALIASES, "utf-8")
    return folder


@pytest.fixture
def places(catalogue: pd.DataFrame, rules: Path) -> Geography:
    """Units 01001 (with child 01003 and 01004), 01002, 02001, 02002, 02003; 01004 is in no catalogue yet."""
    return build(catalogue, [pd.Series(["01004", "02999"])], load_births(rules / "municipality_births.csv"))


@pytest.fixture
def names(catalogue: pd.DataFrame, rules: Path) -> Names:
    births = load_births(rules / "municipality_births.csv")
    return load_names(catalogue, births, rules / "municipality_aliases.csv")


def months(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts))).astype("datetime64[us]")


def span(start: str, end: str) -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq="MS", unit="us")
