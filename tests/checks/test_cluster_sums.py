"""Rows of units beside sums of clusters: the identity, what breaks it, and a fit by statsmodels as the oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.contract.panels import make_panel, make_study

from balanza.checks import cluster_sums
from balanza.contract import CheckResult, Panel, Study, Treatment
from balanza.errors import Unsupported

STATES, EACH, MONTHS = 12, 5, 10
ARMS = [Treatment(name, "dose", column=name, unit="unit", start="2015-07", dose="mean_post") for name in ("a", "b")]


def world(*, growth: float = 0.0, silent: bool = False, seed: int = 0) -> tuple[Study, Panel]:
    """Units in states, with doses of the state; people grow unevenly, and the last unit may stay silent."""
    rng = np.random.default_rng(seed)
    state = np.repeat(np.arange(STATES), EACH)
    late = (np.arange(MONTHS) >= 6)[None]
    doses = {name: (rng.uniform(0, 1, STATES)[:, None] * late)[state] for name in ("a", "b")}
    people = np.exp(rng.normal(11, 0.5, len(state)))[:, None] * np.exp(
        growth * rng.normal(size=(len(state), 1)) * np.arange(MONTHS)
    )
    log_rate = rng.normal(-8, 0.5, (len(state), 1)) - 0.3 * doses["a"] + 0.2 * doses["b"]
    outcome = rng.poisson(people * np.exp(log_rate)).astype(float)
    if silent:
        outcome[EACH - 1 :: EACH] = 0.0
    panel = make_panel(outcome, doses, exposure=people, cluster=state, start={"a": 6, "b": 6})
    return make_study(ARMS, "poisson"), panel


def run(study: Study, panel: Panel) -> CheckResult:
    return cluster_sums.check(study, panel, {}, np.random.default_rng(0))


def statsmodels_fit(frame, unit: str) -> np.ndarray:
    """The same fit by dummies and maximum likelihood of another package."""
    import pandas as pd
    import statsmodels.api as sm

    design = pd.get_dummies(frame[[unit, "period"]].astype(str), dtype=float).drop(columns="period_0")
    design = pd.concat([frame[["d_a", "d_b"]], design], axis=1)
    family = sm.families.Poisson()
    found = sm.GLM(frame["outcome"], design, family=family, exposure=frame["exposure"]).fit(tol=1e-12, maxiter=200)
    return found.params[["d_a", "d_b"]].to_numpy()


def test_both_answers_are_those_of_dummies_in_another_package() -> None:
    study, panel = world(growth=0.05)
    table = run(study, panel).table
    assert table is not None
    sums = panel.frame.groupby(["cluster", "period"], as_index=False).agg(
        {"outcome": "sum", "exposure": "sum", "d_a": "mean", "d_b": "mean"}
    )
    assert table["rows"].to_numpy() == pytest.approx(statsmodels_fit(panel.frame, "unit"), abs=1e-7)
    assert table["sums"].to_numpy() == pytest.approx(statsmodels_fit(sums, "cluster"), abs=1e-7)


@pytest.mark.parametrize("silent", [False, True])
def test_where_people_keep_their_shares_the_answers_are_one(silent: bool) -> None:
    found = run(*world(silent=silent))
    assert found.table is not None and found.passed
    for column in ("difference", "by_silent_units", "by_moving_people", "by_gaps"):
        assert found.table[column].to_numpy() == pytest.approx(0.0, abs=1e-8)
    assert found.values["silent_units"] == (STATES if silent else 0)


def test_people_who_move_are_all_of_the_difference_and_add_up() -> None:
    found = run(*world(growth=0.05, silent=True))
    table = found.table
    assert table is not None
    assert (table["difference"].abs() > 1e-4).all()
    parts = table["by_silent_units"] + table["by_moving_people"]
    assert parts.to_numpy() == pytest.approx(table["difference"].to_numpy())
    assert table["by_gaps"].to_numpy() == pytest.approx(0.0, abs=1e-8)
    assert "12 units" in found.sentence and "gaps" not in found.sentence


def test_gaps_are_told_apart_and_a_large_difference_does_not_pass() -> None:
    study, panel = world()
    frame = panel.frame[
        ~((panel.frame["unit"] % EACH == 0) & (panel.frame["period"] >= 7) & (panel.frame["d_a"] > 0.5))
    ]
    found = run(study, replace(panel, frame=frame.reset_index(drop=True)))
    assert found.table is not None and (found.table["by_gaps"].abs() > 1e-4).all()
    assert "gaps in the rows" in found.sentence
    far = run(*world(growth=0.6))
    assert far.passed is False and far.table is not None
    assert (far.table["difference"].abs() > far.table["standard_error"]).any()


def test_what_has_no_sums_is_refused() -> None:
    study, panel = world()
    alone = replace(panel, frame=panel.frame.assign(cluster=panel.frame["unit"]), cluster_labels=panel.unit_labels)
    with pytest.raises(Unsupported, match="each cluster is one unit"):
        run(study, alone)
    uneven = replace(panel, frame=panel.frame.assign(d_a=panel.frame["d_a"] * (1 + panel.frame["unit"])))
    with pytest.raises(Unsupported, match="a differs within a cluster"):
        run(study, uneven)
    with pytest.raises(Unsupported, match="covariates of units have no sums"):
        run(replace(study, covariates=("trait",)), panel)
