"""The check on who drives the estimate, against fits without each cluster and unit."""

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from tests.checks.worlds import panel_of
from tests.contract.panels import make_study, treatment

from balanza.checks import weights as check
from balanza.contract import CheckResult, Panel, Study
from balanza.registry import find

CLUSTERS, PERIODS, START = 12, 10, 5
CLUSTER = np.repeat(np.arange(CLUSTERS), 2)


def build(family: str = "gaussian", second: bool = False) -> tuple[Study, Panel]:
    """Two units a cluster, a dose by cluster; the last cluster has most of it and an outcome of its own."""
    rng = np.random.default_rng(4)
    after = np.arange(PERIODS) >= START
    dose = np.where(np.arange(CLUSTERS) == 11, 3.0, rng.random(CLUSTERS))[CLUSTER, None] * after
    own = np.where(CLUSTER == 11, 0.5, 0.0)[:, None] * after
    linear = rng.normal(size=(len(CLUSTER), 1)) + 0.2 * rng.normal(size=dose.shape) + own
    outcome = rng.poisson(40 * np.exp(linear)).astype(float) if family == "poisson" else linear
    paths = {"guard": dose} | ({"prevention": rng.random(CLUSTERS)[CLUSTER, None] * after} if second else {})
    panel = panel_of(outcome, paths, family, cluster=CLUSTER)
    return make_study([treatment("dose", name) for name in paths], family), panel


def run(study: Study, panel: Panel) -> CheckResult:
    return find("checks", "weights").function(study, panel, {}, np.random.default_rng(0))


def fitted(study: Study, panel: Panel, keep: np.ndarray) -> float:
    """The two-way effect of the first treatment by statsmodels, on some rows."""
    frame = panel.frame[keep]
    formula = f"outcome ~ {' + '.join(f'd_{item.name}' for item in study.treatments)} + C(unit) + C(period)"
    if study.outcome.family == "poisson":
        return float(smf.glm(formula, frame, family=sm.families.Poisson()).fit(tol=1e-12).params["d_guard"])
    return float(smf.ols(formula, frame).fit().params["d_guard"])


@pytest.mark.parametrize("second", [False, True])
def test_clusters_are_left_out_exactly(second: bool) -> None:
    study, panel = build(second=second)
    table = run(study, panel).table
    rows = table[(table["kind"] == "cluster") & (table["treatment"] == "guard")]
    slow = np.array([fitted(study, panel, panel.frame["cluster"] != code) for code in range(CLUSTERS)])
    whole = fitted(study, panel, np.ones(len(panel.frame), bool))
    order = np.argsort(-np.abs(slow - whole))[:10]
    assert rows["label"].tolist() == [f"cluster {code}" for code in order]
    np.testing.assert_allclose(rows["estimate_without"], slow[order], rtol=1e-8)
    np.testing.assert_allclose(rows["estimate"], whole, rtol=1e-8)


def test_counts_are_left_out_by_a_newton_step_close_to_the_refit() -> None:
    study, panel = build("poisson")
    found = run(study, panel)
    row = found.table.iloc[0]
    slow = fitted(study, panel, panel.frame["cluster"] != 11)
    assert row["label"] == "cluster 11"
    assert row["estimate_without"] == pytest.approx(slow, abs=0.1 * abs(row["change"]))
    assert "would be about" in found.sentence and "without cluster cluster 11, which moves it most" in found.sentence


def test_the_weights_are_shares_of_the_variation_of_the_dose() -> None:
    # In a balanced panel with a common start these are squares of the dose less its mean.
    study, panel = build()
    dose = panel.matrix("d_guard")[:, -1]
    share = (dose - dose.mean()) ** 2 / ((dose - dose.mean()) ** 2).sum()
    found = run(study, panel)
    by_cluster = np.bincount(CLUSTER, share)
    rows = found.table.set_index("label")
    assert rows.loc["cluster 11", "weight"] == pytest.approx(by_cluster[11])
    assert rows.loc["unit 023", "weight"] == pytest.approx(share[23])
    assert found.values["effective_clusters"] == [pytest.approx(1 / (by_cluster**2).sum())]
    assert f"The heaviest, cluster cluster 11, has {100 * by_cluster[11]:.0f} % of the variation" in found.sentence
    assert found.figure["kind"].value_counts().to_dict() == {"cluster": 10, "unit": 10}


def test_signs_that_turn_are_counted() -> None:
    # All clusters but the heaviest lose by their dose; it alone makes the effect a gain.
    study, panel = build()
    assert "no cluster turns its sign by being left out." in run(study, panel).sentence
    loss = 0.5 * panel.frame["d_guard"].where(panel.frame["cluster"] < 11, 0.0)
    turned = dataclasses.replace(panel, frame=panel.frame.assign(outcome=panel.frame["outcome"] - loss))
    values = np.array([fitted(study, turned, panel.frame["cluster"] != code) for code in range(CLUSTERS)])
    assert np.flatnonzero(values * fitted(study, turned, np.ones(len(panel.frame), bool)) < 0).tolist() == [11]
    assert "leaving out one cluster turns its sign." in run(study, turned).sentence


def test_units_that_are_clusters_are_listed_once() -> None:
    study, panel = build()
    frame = panel.frame.assign(cluster=panel.frame["unit"])
    found = run(study, dataclasses.replace(panel, frame=frame, cluster_labels=panel.unit_labels))
    assert set(found.table["kind"]) == {"cluster"}


def test_an_effect_that_one_cluster_makes_has_no_figure_without_it() -> None:
    study, panel = build()
    alone = panel.frame["d_guard"].where(panel.frame["cluster"] == 11, 0.0)
    found = run(study, dataclasses.replace(panel, frame=panel.frame.assign(d_guard=alone)))
    assert found.sentence.startswith("Without cluster cluster 11 there is no two-way effect at all.")
    assert found.table["label"][0] == "cluster 11" and np.isnan(found.table["change"][0])


def test_many_clusters_are_left_out_with_the_other_terms_held(monkeypatch: pytest.MonkeyPatch) -> None:
    study, panel = build()
    exact = run(study, panel)
    monkeypatch.setattr(check, "MOST_LEFT_OUT", 5)
    found = run(study, panel)
    assert exact.values["exact"] is True and found.values["exact"] is False
    assert "would be about" in found.sentence
    np.testing.assert_allclose(found.table["estimate"], exact.table["estimate"])
