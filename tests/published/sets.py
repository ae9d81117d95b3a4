"""The reference data sets as studies: minimum wages, castle-doctrine laws, and California's tobacco control.

`SETS` names them as REFERENCE of an estimator's file does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from balanza.contract import Outcome, Panel, Published, Study, Treatment
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


@dataclass(frozen=True)
class Set:
    """A table, the study on it, and how many units, treated units, rows and clusters it has where all of them enter."""

    table: Callable[[Path], pd.DataFrame]
    study: Study
    sizes: tuple[int, int, int, int]


def ever_treated(folder: Path) -> pd.DataFrame:
    return mpdta(folder).query("first > 0")


def employment(folder: Path) -> pd.DataFrame:
    table = mpdta(folder)
    return table.assign(emp=np.exp(table["lemp"]))


def california(folder: Path) -> pd.DataFrame:
    """39 states, 1970-2000: packs of cigarettes per head; Proposition 99 in California from 1989 on."""
    return pd.read_csv(folder / "california_prop99.csv")


WAGES = study("countyreal", "lemp")
TOBACCO = replace(
    study("State", "PacksPerCapita"),
    outcome=Outcome("PacksPerCapita"),
    treatments=(Treatment("proposition", "binary", first_treated={"California": 1989}),),
    period="Year",
)
SETS = {
    "mpdta": Set(mpdta, WAGES, (500, 191, 2500, 500)),
    "mpdta, ever treated": Set(ever_treated, WAGES, (191, 191, 955, 191)),
    "mpdta, employment": Set(employment, replace(WAGES, outcome=Outcome("emp", "poisson")), (500, 191, 2500, 500)),
    "castle": Set(castle, study("sid", "l_homicide"), (50, 21, 550, 50)),
    "california_prop99": Set(california, TOBACCO, (39, 1, 1209, 39)),
}


def asked(item: Published, estimator: str, folder: Path) -> tuple[Study, Panel]:
    """The study and panel of a published figure."""
    known = SETS[item.data]
    called = replace(
        known.study, covariates=item.covariates, weights=item.weights, options={estimator: dict(item.options)}
    )
    return called, prepare(called, known.table(folder))
