"""The reference data sets as studies: minimum wages and teen employment, and castle-doctrine laws and homicides."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from balanza.contract import Outcome, Panel, Study, Treatment
from balanza.preparation import prepare


def study(unit: str, outcome: str, estimator: str = "", weights: str | None = None, **options) -> Study:
    """A study of one of the sets, clustered by unit, with options for one estimator."""
    return Study(
        name="published",
        title="Published",
        question="Does it reproduce the published figure?",
        outcome=Outcome(outcome, log=True),
        treatments=(Treatment("policy", "binary", first_treated="first"),),
        cluster=unit,
        unit=unit,
        period="year",
        weights=weights,
        options={estimator: options},
    )


def mpdta(folder: Path) -> pd.DataFrame:
    """500 counties, 2003-2007: lemp, lpop, and `first`, 0 for never."""
    return pd.read_csv(folder / "mpdta.csv").rename(columns={"first.treat": "first"})


def castle(folder: Path) -> pd.DataFrame:
    """50 states, 2000-2010: l_homicide, popwt, and `first`, 0 for never."""
    try:
        from causaldata import castle as installed

        table = installed.load_pandas().data
    except ImportError:
        table = pd.read_csv(folder / "castle.csv")
    table = table[["sid", "year", "l_homicide", "popwt", "post"]].copy()
    first = table[table["post"] > 0].groupby("sid")["year"].min()
    return table.assign(first=table["sid"].map(first).fillna(0).astype(int))


def counties(folder: Path, estimator: str, **options) -> tuple[Study, Panel]:
    asked = study("countyreal", "lemp", estimator, **options)
    return asked, prepare(asked, mpdta(folder))


def states(folder: Path, estimator: str, weights: str | None = None, **options) -> tuple[Study, Panel]:
    asked = study("sid", "l_homicide", estimator, weights, **options)
    return asked, prepare(asked, castle(folder))
