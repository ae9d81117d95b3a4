"""The blind switch: a study's rows with its treatment handed to other clusters at random, before anyone looks.

A team that settles its specification on such rows cannot settle it by the answer (MacCoun and Perlmutter 2015, Nature
526). All that says who was treated goes together: every column of the study's treatments, of their other definitions,
and of its instruments. Outcomes and covariates stay where they are, so that noise, zeros and trends are the real ones.
Studies whose clusters have the same names get the same reassignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.contract import Study, Treatment
from balanza.errors import PanelError
from balanza.provenance import derive_seed, text_digest

if TYPE_CHECKING:
    import pandas as pd

MARK = "balanza_blind"
"""The column that says that rows are blind."""
WARNING = "BLIND: the treatment was handed to other {whom} at random, so that nothing here is a finding"
TRIES = 100


def reassigned(study: Study, table: pd.DataFrame, seed: int, where: str) -> pd.DataFrame:
    """The table with its treatments handed round at random.

    Whole paths go from one cluster to another, among those that are seen in the same periods; where treatment differs
    within a cluster, from one unit to another. A row without a cluster keeps what it has.

    Parameters
    ----------
    study : Study
    table : DataFrame
        One row per unit and period.
    seed : int
        Of the run; it is never written down what comes of it.
    where : str
        The table's name, for errors.

    Returns
    -------
    DataFrame
        With the column MARK, and a column for each treatment whose dates stand in the study file.

    Raises
    ------
    PanelError
        If no other assignment of the treatment is possible.
    """
    dates = {_column_of(given): given for given in _mappings(study)}
    units = table[study.unit].astype(str)
    full = table.assign(**{name: units.map(_dates(given)) for name, given in dates.items()})
    bundle = [*_columns(study), *dates]
    whole = _same_within(full, [study.cluster, study.period], bundle)
    holder = full[study.cluster] if whole else full[study.unit]
    source = _sources(full, holder, study.period, bundle, seed, where)
    handed = full[bundle].take(source).set_axis(full.index)
    return full.assign(**{name: handed[name] for name in bundle}, **{MARK: "clusters" if whole else "units"})


def seen_through(study: Study, table: pd.DataFrame, where: str) -> tuple[Study, tuple[str, ...]]:
    """The study as blind rows answer it, and the sentence that says that they are blind; as it is on other rows.

    Raises
    ------
    PanelError
        If the study file gives dates that the blind rows were not made for.
    """
    if MARK not in table:
        return study, ()
    treatments = tuple(_from_column(treatment, table, where) for treatment in study.treatments)
    return replace(study, treatments=treatments), (WARNING.format(whom=table[MARK].iloc[0]),)


def _from_column(treatment: Treatment, table: pd.DataFrame, where: str) -> Treatment:
    if not isinstance(treatment.first_treated, Mapping):
        return treatment
    name = _column_of(treatment.first_treated)
    if name not in table:
        problem = f"these rows are blind, and were not made for the dates of {treatment.name}"
        raise PanelError(problem, where=where, cure="Prepare them again")
    return replace(treatment, first_treated=name)


def _columns(study: Study) -> list[str]:
    """All columns that say who was treated, each once."""
    others = [*study.variants.get("treatment", {}).values()]
    named: list[Any] = [treatment.column for treatment in study.treatments]
    named += [treatment.first_treated for treatment in study.treatments]
    named += [other.get(key) for other in others for key in ("column", "first_treated")]
    return list(dict.fromkeys([*(name for name in named if isinstance(name, str)), *study.instruments]))


def _mappings(study: Study) -> list[Mapping[Any, Any]]:
    """All dates of first treatment that stand in the study file itself."""
    named = [treatment.first_treated for treatment in study.treatments]
    named += [other.get("first_treated") for other in study.variants.get("treatment", {}).values()]
    return [given for given in named if isinstance(given, Mapping)]


def _column_of(given: Mapping[Any, Any]) -> str:
    digest = text_digest(f"{unit}={period}" for unit, period in sorted(given.items(), key=str))
    return f"{MARK}_{digest[:8]}"


def _dates(given: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(unit): period for unit, period in given.items() if period not in (None, 0, "")}


def _same_within(table: pd.DataFrame, groups: list[str], columns: list[str]) -> bool:
    """Whether columns are the same in all rows of a group, missing ones too."""
    known = table[[*groups, *columns]].dropna(subset=groups)
    return len(known.drop_duplicates()) == len(known[groups].drop_duplicates())


def _sources(
    table: pd.DataFrame, holder: pd.Series, period: str, bundle: list[str], seed: int, where: str
) -> np.ndarray:
    """The row whose treatment each row gets, shape (n_rows,)."""
    import pandas as pd

    labels = np.sort(holder.dropna().astype(str).unique())
    code = pd.Categorical(holder.astype(str).where(holder.notna()), categories=labels).codes.astype(int)
    time, times = pd.factorize(table[period], sort=True)
    held = code >= 0
    first = np.full((len(labels), len(times)), -1)
    first[code[held][::-1], time[held][::-1]] = np.flatnonzero(held)[::-1]
    strata = np.unique(first >= 0, axis=0, return_inverse=True)[1].ravel()
    rng = np.random.default_rng(derive_seed(seed, "blind", *labels))
    rows = np.arange(len(table))
    alike = pd.util.hash_pandas_object(table[bundle], index=False).to_numpy()
    for _ in range(TRIES):
        giver = np.arange(len(labels))
        for stratum in range(int(strata.max()) + 1):
            inside = np.flatnonzero(strata == stratum)
            giver[inside] = rng.permutation(inside)
        source = rows.copy()
        source[held] = first[giver[code[held]], time[held]]
        if (alike[source] != alike).any():
            return source
    raise PanelError(
        "no other assignment of the treatment is possible", where=where, cure="Use rows with more clusters"
    )
