"""Who gets what: how the arms' means lie over violence, deprivation and size of places.

Curves and indices describe where the means are; they say nothing of what they do. States are counted as published. A
municipal dose of the Guard is public nowhere: it is what a user's file reports, or else modelled, and is called so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.contract import Panel, Study
from balanza.kernels.concentration import curves
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

PLANNED = {"high": 600.0, "medium": 450.0, "low": 300.0}
"""Elements planned for a region of each tier (design rule of February 2019)."""
MOST_POINTS = 100
"""Of a curve that is written: with more places it is read off at so many shares of the people. Indices use all."""
RANKS = {
    "violence": say("homicides per person before the arms began"),
    "deprivation": say("the marginalization index, the most deprived first"),
    "population": say("people, the largest first"),
}


@dataclass(frozen=True)
class Scope:
    """Places with what they hold, one row each.

    people : shape (n,)
    ranks : by key of RANKS, shape (n,); NaN where not known
    amounts : by name, shape (n,)
    basis : by name, where the amounts come from: `published`, `reported` (a user's file) or `modelled`
    """

    level: str
    people: np.ndarray
    ranks: dict[str, np.ndarray]
    amounts: dict[str, np.ndarray]
    basis: dict[str, str]


def states(study: Study, panel: Panel, deprivation: pd.Series, basis: Mapping[str, str]) -> Scope:
    """The study's units with the mean doses of its treatments, in numbers of elements and of pesos.

    Parameters
    ----------
    study, panel : as in the contract
        Dose treatments that are stated per person, an outcome with exposure.
    deprivation : Series
        By unit label, higher is more deprived.
    basis : mapping
        Where the doses come from, by treatment.
    """
    people, events, start = panel.matrix("exposure"), panel.matrix("outcome"), min(panel.start.values())
    mean = np.nanmean(people[:, start:], axis=1)
    names = [treatment.name for treatment in study.treatments]
    amounts = {name: np.nanmean(panel.matrix(f"d_{name}")[:, panel.start[name] :], axis=1) * mean for name in names}
    before = np.nansum(events[:, :start], axis=1) / np.nansum(people[:, :start], axis=1)
    ranks = {
        "violence": before,
        "deprivation": deprivation.reindex(panel.unit_labels.astype(str)).to_numpy(float),
        "population": mean,
    }
    amounts[study.outcome.column] = np.nansum(events[:, :start], axis=1)
    return Scope("state", mean, ranks, amounts, {**basis, study.outcome.column: "published"})


def municipalities(rows: pd.DataFrame, start: Any, end: Any) -> Scope | None:
    """Municipalities with the Guard's elements as a user's file reports or places them, and reported prevention money.

    Parameters
    ----------
    rows : DataFrame
        Of municipality_month: cvegeo, state, period, population, homicides, marginalization, guard_elements (of the
        state), guard_elements_municipal, guard_opening, guard_region, guard_tier, prevention_pesos_municipal.
    start, end : Timestamp
        First month of the arms, and the last month of the study.

    Returns
    -------
    Scope or None
        None where no file says anything of where within a state the means are.
    """
    before, after = rows[rows["period"] < start], rows[(rows["period"] >= start) & (rows["period"] <= end)]
    last = rows[rows["period"] == end].set_index("cvegeo").sort_index()
    sums = before.groupby("cvegeo")[["homicides", "population"]].sum().reindex(last.index)
    mean = after.groupby("cvegeo")[["guard_elements_municipal", "prevention_pesos_municipal"]].mean()
    mean = mean.reindex(last.index)
    amounts, basis = {}, {}
    if (mean["guard_elements_municipal"] > 0).any():
        amounts["guard"], basis["guard"] = mean["guard_elements_municipal"].fillna(0).to_numpy(float), "reported"
    elif last["guard_opening"].notna().any():
        amounts["guard"], basis["guard"] = modelled_elements(last, end), "modelled"
    if (mean["prevention_pesos_municipal"] > 0).any():
        money = mean["prevention_pesos_municipal"].fillna(0).to_numpy(float)
        amounts["prevention"], basis["prevention"] = money, "reported"
    if not amounts:
        return None
    amounts["homicides"], basis["homicides"] = sums["homicides"].to_numpy(float), "published"
    people = last["population"].to_numpy(float)
    ranks = {
        "violence": (sums["homicides"] / sums["population"]).to_numpy(float),
        "deprivation": -last["marginalization"].to_numpy(float),
        "population": people,
    }
    return Scope("municipality", people, ranks, amounts, basis)


def modelled_elements(last: pd.DataFrame, month: Any) -> np.ndarray:
    """A state's elements spread over its open regions by planned strength, and within a region by people.

    Parameters
    ----------
    last : DataFrame
        One row a municipality: state, population, guard_elements, guard_opening, guard_region, guard_tier.
    month : Timestamp
        Regions that opened by then count. A state without any keeps its elements out of the count.

    Returns
    -------
    ndarray, shape (n,)
    """
    open_by = (last["guard_opening"] <= month) & last["guard_region"].notna()
    planned = last["guard_tier"].map(PLANNED).fillna(float(np.mean(list(PLANNED.values()))))
    people = last["population"].where(open_by, 0.0)
    share = people / people.groupby(last["guard_region"]).transform("sum")
    weight = (planned * share).where(open_by, 0.0)
    total = weight.groupby(last["state"]).transform("sum")
    placed = last["guard_elements"] * weight / total.where(total > 0)
    return np.asarray(placed.fillna(0.0).to_numpy(float))


def describe(scope: Scope) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Curves and indices of a scope.

    Returns
    -------
    DataFrame
        level, by, arm, basis, people, share: the points of the curves.
    list of dict
        level, by, arm, basis, index, top_tenth (the share that goes to the first tenth of the people), n_places and
        n_unknown (places whose rank is not known, left out).
    """
    import pandas as pd

    points, indices = [], []
    for by, rank in scope.ranks.items():
        known = np.isfinite(rank) & (scope.people > 0)
        names = [name for name, values in scope.amounts.items() if values[known].sum() > 0]
        if known.sum() < 2 or not names:
            continue
        found = curves(rank[known], scope.people[known], np.stack([scope.amounts[name][known] for name in names]))
        for name, shares, index in zip(names, found.shares, found.index, strict=True):
            facts = {"level": scope.level, "by": by, "arm": name, "basis": scope.basis[name]}
            at = found.people if len(shares) <= MOST_POINTS else np.linspace(0, 1, MOST_POINTS + 1)
            read = np.interp(at, found.people, shares)
            points.append(pd.DataFrame({**facts, "people": at, "share": read}))
            top = float(np.interp(0.1, found.people, shares))
            counts = {"n_places": int(known.sum()), "n_unknown": int((~known).sum())}
            indices.append({**facts, "index": float(index), "top_tenth": top, **counts})
    return pd.concat(points, ignore_index=True), indices
