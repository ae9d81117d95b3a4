"""Plasmode worlds: a study's own rows before its treatment began, a placebo assignment, and an effect put in by hand.

Levels, trends, noise and zeros are those of the data; only assignment and effect are made up (Franklin, Schneeweiss,
Polinski and Rassen 2014, Computational Statistics & Data Analysis 72, call such data plasmode). Doses and first months
are those that were observed, reassigned at random over clusters and moved to a placebo date, so that assignment looks
at nothing and trends are parallel over its draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from balanza import periods
from balanza.contract import Study, Treatment
from balanza.errors import Unsupported
from balanza.preparation import columns_of
from balanza.provenance import derive_seed
from balanza.say import joined, say

EFFECTS: Mapping[str, float] = {"null": 0.0, "beneficial": -0.2, "adverse": 0.2}
"""Log points for the treatment's stated unit, by flavour."""
LAST: Mapping[str, str] = {"guard": "2018-12", "guard_municipalities": "2018-12", "operations": "2006-11"}
"""The last month before the treatment, or before another one that began earlier, by study."""
POST = (12, 24)
"""Months that a placebo treatment lasts: the first and the last of what is drawn."""
UNITS = 600
"""No more units than this are kept in a draw, so that a municipal fit is as quick as in a shrunk world."""


@dataclass(frozen=True)
class Plasmode:
    """Rows of one draw, the study on them (its start moved), and the truth by treatment."""

    study: Study
    table: pd.DataFrame
    truth: Mapping[str, Mapping[str, Any]]


def supported(study: Study) -> bool:
    """Whether placebo worlds of a study can be made: one treatment by cluster of a count, and a known last month."""
    return study.name in LAST and len(study.treatments) == 1 and study.outcome.family == "poisson"


def inject(counts: np.ndarray, log_effect: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Counts whose expectation is multiplied by exp(log_effect), exactly.

    Parameters
    ----------
    counts : ndarray of int, shape (n,)
    log_effect : ndarray, shape (n,)
        Reductions thin the counts (binomial, so a Poisson count stays one); increases add Poisson draws.
    rng : Generator

    Returns
    -------
    ndarray of int, shape (n,)
    """
    counts = np.asarray(counts, dtype=np.int64)
    kept = rng.binomial(counts, np.exp(np.minimum(log_effect, 0.0)))
    return np.asarray(kept + rng.poisson(counts * np.expm1(np.maximum(log_effect, 0.0))))


def plasmode(study: Study, table: pd.DataFrame, flavour: str, draw: int, seed: int) -> Plasmode:
    """Make one placebo world.

    Parameters
    ----------
    study : Study
        One that is `supported`.
    table : DataFrame
        Its rows, as `prepare` wrote them.
    flavour : str
        A key of EFFECTS; the assignment of a draw is the same for all.
    draw, seed : int
        Number of the draw, and seed of the run.

    Raises
    ------
    Unsupported
        If the study is not `supported`, or units of one cluster were treated at different times.
    """
    if not supported(study):
        raise Unsupported(
            say("has no placebo worlds: they need one treatment, a count, and a known last month before it"),
            where=f"validation of study {study.name}",
            cure=say("There are placebo worlds of {last}", last=joined(LAST, ", ")),
        )
    study = study.alone  # scored is what the study's own choices say
    treatment, effect = study.treatment, EFFECTS[flavour]
    chance = np.random.default_rng(derive_seed(seed, "plasmode", study.name, str(draw)))
    before = _before(study, _sampled(study, table[columns_of(study)], chance))
    months = np.sort(before["time"].unique())
    start = int(months[-int(chance.integers(POST[0], POST[1], endpoint=True))])
    donor = _donors(study, table, chance)
    assign = _doses if treatment.kind == "dose" else _cohorts
    rows, log_effect, moved = assign(study, table, before, donor, start, effect)
    noise = np.random.default_rng(derive_seed(seed, "plasmode", study.name, flavour, str(draw)))
    rows[study.outcome.column] = inject(rows[study.outcome.column].to_numpy(), log_effect, noise)
    truth = {"value": effect, "parallel_trends": True, "interference": False}
    return Plasmode(moved, rows.drop(columns="time").reset_index(drop=True), {treatment.name: truth})


def _sampled(study: Study, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows of some units, at least two a cluster where it has them; all where there are few."""
    homes = table.drop_duplicates(study.unit)[[study.unit, study.cluster]]
    if len(homes) <= UNITS:
        return table
    order = homes.iloc[rng.permutation(len(homes))]
    rank = order.groupby(study.cluster).cumcount().to_numpy()
    share = order.groupby(study.cluster)[study.unit].transform("size").to_numpy() * UNITS / len(homes)
    return table[table[study.unit].isin(order.loc[rank < np.maximum(np.rint(share), 2), study.unit])]


def _before(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the window before any treatment, with the month as a number in `time`."""
    time = periods.ordinals(table[study.period], study.name)
    first = -np.inf if study.window is None else periods.ordinal(study.window[0], True, study.name)
    inside = (time >= first) & (time <= periods.ordinal(LAST[study.name], True, study.name))
    return table[inside].assign(time=time[inside])


def _donors(study: Study, table: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """The cluster whose treatment each cluster gets, by cluster."""
    clusters = np.sort(table[study.cluster].unique())
    return pd.Series(rng.permutation(clusters), index=clusters)


def _doses(
    study: Study, table: pd.DataFrame, before: pd.DataFrame, donor: pd.Series, start: int, effect: float
) -> tuple[pd.DataFrame, np.ndarray, Study]:
    """Each cluster gets another one's mean dose since the true start, from the placebo start on."""
    treatment = study.treatment
    column = str(treatment.column)
    time = periods.ordinals(table[study.period], study.name)
    last = np.inf if study.window is None else periods.ordinal(study.window[1], True, study.name)
    after = table[(time >= periods.ordinal(treatment.start, True, study.name)) & (time <= last)]
    mean = after.groupby(study.cluster)[column].mean()
    dose = before[study.cluster].map(donor).map(mean).to_numpy(float) * (before["time"].to_numpy() >= start)
    first, end = (before.loc[before["time"] == at, study.period].iloc[0] for at in (start, before["time"].max()))
    placebo = replace(treatment, start=f"{pd.Timestamp(first):%Y-%m}")
    window = None if study.window is None else (study.window[0], f"{pd.Timestamp(end):%Y-%m}")
    rows = before.assign(**{column: dose})
    return rows, effect * dose / treatment.per, replace(study, treatments=(placebo,), window=window)


def _cohorts(
    study: Study, table: pd.DataFrame, before: pd.DataFrame, donor: pd.Series, start: int, effect: float
) -> tuple[pd.DataFrame, np.ndarray, Study]:
    """Each cluster gets another one's first month, all moved so that the first of them is the placebo start."""
    column = _cohort_column(study.treatment)
    homes = table.drop_duplicates(study.unit)
    if homes.groupby(study.cluster)[column].nunique(dropna=False).max() > 1:
        raise Unsupported(
            say("treats units of one cluster at different times; placebo worlds reassign whole clusters"),
            where=f"validation of study {study.name}",
        )
    months = homes.groupby(study.cluster)[column].first()
    moved = pd.Series(np.nan, index=months.index)
    treated = months.notna()
    moved[treated] = periods.ordinals(months[treated], study.name)
    moved += start - moved.min()
    cohort = before[study.cluster].map(donor).map(moved).to_numpy(float)
    treated_rows = before["time"].to_numpy() >= cohort
    labels = pd.to_datetime(pd.Series(cohort).map(_month)).to_numpy()
    window = None if study.window is None else (study.window[0], LAST[study.name])
    return before.assign(**{column: labels}), effect * treated_rows, replace(study, window=window)


def _cohort_column(treatment: Treatment) -> str:
    if treatment.kind != "binary" or not isinstance(treatment.first_treated, str):
        raise Unsupported(
            say("the treatment {name} is neither a dose nor a column of first months", name=treatment.name)
        )
    return treatment.first_treated


def _month(ordinal: float) -> pd.Timestamp | None:
    return None if np.isnan(ordinal) else pd.Timestamp(year=int(ordinal) // 12, month=int(ordinal) % 12 + 1, day=1)
