"""The Conley-Taber check on panels: its estimate by hand and by regression, what it says, and what it declines."""

import dataclasses

import numpy as np
import pytest
import statsmodels.formula.api as smf
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels.conley_taber import variance_by_size
from balanza.registry import find

CLUSTERS, PERIODS = 21, 12
CLUSTER = np.repeat(np.arange(CLUSTERS), 2)
FIRST = np.array([4, 7] + [-1] * (CLUSTERS - 2))


def build(
    family: str, first: np.ndarray = FIRST, *, mean: float = 20, weight: bool = False, **changes: object
) -> tuple[Study, Panel]:
    """Two units a cluster, without effect unless the test adds one."""
    rng = np.random.default_rng(4)
    shape = (len(CLUSTER), PERIODS)
    exposure = rng.uniform(500, 1500, (len(CLUSTER), 1)) * np.linspace(1, 1.1, PERIODS)
    outcome = rng.poisson(mean * exposure / 1000).astype(float) if family == "poisson" else rng.normal(size=shape)
    panel = make_panel(
        outcome,
        {"guard": first[CLUSTER]},
        exposure=exposure if family == "poisson" else None,
        cluster=CLUSTER,
        weight=rng.uniform(1, 2, shape) if weight else None,
    )
    return make_study([treatment("binary")], family, weights="weight" if weight else None, **changes), panel


def run(study: Study, panel: Panel) -> CheckResult:
    return find("checks", "conley_taber").function(study, panel, {}, np.random.default_rng(0))


@pytest.mark.parametrize("weight", [False, True])
def test_means_give_two_way_least_squares_on_clusters_and_all_periods(weight: bool) -> None:
    study, panel = build("gaussian", weight=weight)
    frame = panel.frame if weight else panel.frame.assign(weight=1.0)
    frame = frame.assign(total=frame["weight"] * frame["outcome"])
    cells = frame.groupby(["cluster", "period"], as_index=False).agg(
        total=("total", "sum"), weight=("weight", "sum"), d=("d_guard", "first")
    )
    slow = smf.ols("I(total / weight) ~ d + C(cluster) + C(period)", cells).fit()
    found = run(study, panel)
    assert found.values["value"] == pytest.approx(slow.params["d"])
    assert found.values["n_assignments"] == 21 * 20
    assert len(found.figure) == 21 * 20 - 1
    assert found.values["low"] < found.values["value"] < found.values["high"]
    assert "With 2 treated clusters (cluster) and 19 untreated ones" in found.sentence


def test_counts_give_the_log_ratio_of_rates() -> None:
    study, panel = build("poisson", np.array([6] + [-1] * (CLUSTERS - 1)))
    after = panel.frame["period"] >= 6
    sums = panel.frame.groupby([after.rename("after"), "cluster"])[["outcome", "exposure"]].sum()
    change = np.diff(np.log((sums["outcome"] + 0.5) / sums["exposure"]).to_numpy().reshape(2, -1), axis=0)[0]
    found = run(study, panel)
    assert found.values["scale"] == "log"
    assert found.values["value"] == pytest.approx(change[0] - change[1:].mean())
    size = panel.frame.groupby("cluster")["exposure"].sum().to_numpy()
    a, b = variance_by_size(change[1:] - change[1:].mean(), size[1:])  # p does not depend on the unit of the change
    own, n = a + b / size, CLUSTERS
    spread = np.sqrt(own * (1 - 1 / n) ** 2 + (own.sum() - own) / n**2)
    distance = np.abs(change - change.mean()) / spread
    assert found.values["p_value"] == pytest.approx(np.mean(distance >= distance[0] * (1 - 1e-9)))
    assert "the two-way effect on homicides per head, in logs, is" in found.sentence


def test_many_stretches_without_events_make_it_a_rate() -> None:
    # Stretches of 4, 3 and 5 periods. Empty in the first: 3 clusters are 12, 4 clusters 16 of 252 cluster-periods.
    study, panel = build("poisson")
    frame = panel.frame.copy()
    frame.loc[frame["cluster"].isin([7, 8, 9]) & (frame["period"] < 4), "outcome"] = 0
    assert run(study, dataclasses.replace(panel, frame=frame)).values["scale"] == "log"
    frame.loc[(frame["cluster"] == 10) & (frame["period"] < 4), "outcome"] = 0
    found = run(study, dataclasses.replace(panel, frame=frame))
    assert found.values["scale"] == "level"
    assert "homicides per 100,000 population a year" in found.sentence
    yearless = run(study, dataclasses.replace(panel, frame=frame, periods_per_year=None))
    assert yearless.values["value"] == pytest.approx(found.values["value"] / 12)
    assert "homicides per 100,000 population a period" in yearless.sentence


def test_a_strong_effect_is_found_and_its_interval_covers_it() -> None:
    study, panel = build("poisson")
    louder = panel.frame["outcome"] * np.exp(panel.frame["d_guard"])
    found = run(study, dataclasses.replace(panel, frame=panel.frame.assign(outcome=louder)))
    assert found.values["p_value"] <= 0.05
    assert 0 < found.values["low"] < 1 < found.values["high"]


def test_clusters_treated_from_the_start_are_left_out_and_counted() -> None:
    first = FIRST.copy()
    first[20] = 0
    study, panel = build("gaussian", first)
    found = run(study, panel)
    kept = panel.frame[panel.frame["cluster"] < 20]
    without = dataclasses.replace(
        panel, frame=kept, unit_labels=panel.unit_labels[:40], cluster_labels=panel.cluster_labels[:20]
    )
    assert found.values["n_left_out"] == 1 and "1 cluster(s) treated from the first period on" in found.sentence
    assert found.values["value"] == pytest.approx(run(study, without).values["value"])


def test_an_open_interval_is_said() -> None:
    study, panel = build("gaussian", np.array([6] + [-1] * (CLUSTERS - 1)), level=0.99)  # p cannot be below 1/21
    found = run(study, panel)
    assert "interval is no bound to no bound" in found.sentence
    assert found.values["low"] == -np.inf


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("many treated", "not for 11 beside 10"),
        ("few controls", "not for 2 beside 9"),
        ("covariates", "takes no covariates"),
        ("gaps", "needs a row of each unit in each period"),
        ("mixed", "guard differs within a cluster"),
    ],
)
def test_what_it_declines(problem: str, words: str) -> None:
    first = FIRST.copy()
    if problem == "many treated":
        first[:11] = 5
    if problem == "few controls":
        first[11:] = 0
    study, panel = build("gaussian", first, covariates=("poverty",) if problem == "covariates" else ())
    if problem == "gaps":
        panel = dataclasses.replace(panel, frame=panel.frame.iloc[1:])
    if problem == "mixed":
        panel = dataclasses.replace(panel, frame=panel.frame.assign(g_guard=(panel.frame["unit"] % 2) * 6 - 1))
    with pytest.raises(Unsupported, match=words):
        run(study, panel)
