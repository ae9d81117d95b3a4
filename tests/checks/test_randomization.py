"""The randomization check against a slow twin: a fit of statsmodels and dense projections for each reassignment."""

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.registry import find

CLUSTERS, PER_CLUSTER, PERIODS, DRAWS = 7, 3, 6, 30
UNITS = CLUSTERS * PER_CLUSTER
CLUSTER = np.repeat(np.arange(CLUSTERS), PER_CLUSTER)
FIRST = np.array([2, 4, 4, -1, -1, -1, -1])
PATHS = (FIRST >= 0)[:, None] & (np.arange(PERIODS) >= FIRST[:, None])


def build(family: str, *, covariates: bool, gaps: bool, second: bool = False) -> tuple[Study, Panel]:
    """Seven clusters of three units; with gaps, one cluster lacks a whole period and another unit lacks a row."""
    rng = np.random.default_rng(3)
    exposure = rng.uniform(500, 1500, (UNITS, 1)) * rng.uniform(0.9, 1.1, (UNITS, PERIODS))
    baseline, varying = rng.normal(size=UNITS), rng.normal(size=(UNITS, PERIODS))
    linear = 0.4 * rng.normal(size=(UNITS, 1)) + 0.3 * varying + 0.1 * baseline[:, None] * np.arange(PERIODS)
    outcome = linear + rng.normal(size=(UNITS, PERIODS))
    if family == "poisson":
        outcome = rng.poisson(exposure / 100 * np.exp(linear)).astype(float)
    if gaps:
        outcome[CLUSTER == 5, 3] = np.nan
        outcome[1, 0] = np.nan
    treatments = {"guard": FIRST[CLUSTER]}
    names = [treatment("binary")]
    if second:
        treatments["prevention"] = rng.random(CLUSTERS)[CLUSTER, None] * (np.arange(PERIODS) >= 3)
        names.append(dataclasses.replace(treatment("dose", "prevention"), start="2015-04"))
    panel = make_panel(
        outcome,
        treatments,
        exposure=exposure if family == "poisson" else None,
        weight=np.linspace(0.5, 2, UNITS),
        cluster=CLUSTER,
        covariates={"baseline": baseline, "varying": varying} if covariates else None,
        start={"prevention": 3},
    )
    given = ("baseline", "varying") if covariates else ()
    return make_study(names, family, draws=DRAWS, covariates=given, weights="weight"), panel


def run(study: Study, panel: Panel, seed: int = 0) -> CheckResult:
    return find("checks", "randomization").function(study, panel, {}, np.random.default_rng(seed))


def naive(study: Study, panel: Panel, order: np.ndarray) -> float:
    """The statistic of one reassignment from the rows themselves, with everything fitted anew."""
    frame = panel.frame
    unit, period, cluster = (frame[name].to_numpy() for name in ("unit", "period", "cluster"))
    periods = np.eye(panel.n_periods)[period]
    columns = [np.eye(panel.n_units)[unit], periods[:, 1:]]
    if study.covariates:
        columns += [periods[:, 1:] * frame[["baseline"]].to_numpy(), frame[["varying"]].to_numpy()]
    if len(study.treatments) > 1:
        columns.append(frame[["d_prevention"]].to_numpy())
    design, weight = np.hstack(columns), frame["weight"].to_numpy()
    outcome = frame["outcome"].to_numpy()
    if study.outcome.family == "poisson":
        model = sm.GLM(
            outcome,
            design,
            sm.families.Poisson(),
            offset=np.log(frame["exposure"].to_numpy()),
            freq_weights=weight,
        )
        weight = weight * model.fit(tol=1e-14, maxiter=200).fittedvalues
        residual = frame["weight"].to_numpy() * outcome - weight
    else:
        residual = weight * (outcome - sm.WLS(outcome, design, weight).fit().fittedvalues)
    path = PATHS[order[cluster], period].astype(float)
    own = path - sm.WLS(path, design, weight).fit().fittedvalues
    scores = np.bincount(cluster, residual * own, minlength=panel.n_clusters)
    return float(scores.sum() / np.sqrt((scores**2).sum()))


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize(
    "case",
    [
        {"covariates": True, "gaps": False},
        {"covariates": False, "gaps": True},
        {"covariates": True, "gaps": True, "second": True},
    ],
    ids=["covariates", "gaps", "covariates, gaps and a second treatment"],
)
def test_statistics_and_p_equal_those_of_fits_made_anew(family: str, case: dict[str, bool]) -> None:
    study, panel = build(family, **case)
    found = run(study, panel)
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(CLUSTERS), (DRAWS, 1)), axis=1)
    drawn = np.array([naive(study, panel, order) for order in orders])
    observed = naive(study, panel, np.arange(CLUSTERS))
    mine = found.figure.loc[found.figure["treatment"] == "guard", "statistic"]
    np.testing.assert_allclose(mine, drawn, rtol=1e-6, atol=1e-9)
    assert found.table["statistic"].iloc[0] == pytest.approx(observed, rel=1e-6)
    assert found.table["p_value"].iloc[0] == (1 + np.sum(np.abs(drawn) >= abs(observed) * (1 - 1e-9))) / (1 + DRAWS)


def test_covariates_take_a_difference_away_that_is_not_the_treatments() -> None:
    # The outcome grows with a covariate that the treated have more of; given it, nothing is left.
    rng = np.random.default_rng(1)
    baseline = FIRST[CLUSTER] + 0.1 * rng.normal(size=UNITS)
    outcome = baseline[:, None] * np.arange(PERIODS) + 0.2 * rng.normal(size=(UNITS, PERIODS))
    panel = make_panel(outcome, {"guard": FIRST[CLUSTER]}, cluster=CLUSTER, covariates={"poverty": baseline})
    study = make_study([treatment("binary")], draws=199)
    without, given = run(study, panel), run(dataclasses.replace(study, covariates=("poverty",)), panel)
    assert without.values["p_value"] < 0.05 < given.values["p_value"]
    assert "(199 draws, given poverty)" in given.sentence


def test_a_staggered_design_hands_round_paths_of_first_treatment() -> None:
    assert (
        "Had the same paths of first treatment been handed round the 7 clusters"
        in run(*build("poisson", covariates=False, gaps=False)).sentence
    )


def test_a_cluster_without_events_weighs_nothing_and_is_counted() -> None:
    study, panel = build("poisson", covariates=False, gaps=False)
    silent = panel.frame["cluster"] == 6
    quiet = dataclasses.replace(panel, frame=panel.frame.assign(outcome=panel.frame["outcome"].where(~silent, 0.0)))
    found = run(study, quiet)
    assert "1 cluster(s) without any homicides weigh nothing." in found.sentence
    gone = dataclasses.replace(quiet, frame=quiet.frame[~silent])  # the same without its rows: zeros say nothing
    kept = np.arange(CLUSTERS - 1)
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(CLUSTERS), (DRAWS, 1)), axis=1)
    for statistic, order in zip(found.figure["statistic"], orders, strict=True):
        shorter = dataclasses.replace(gone, unit_labels=panel.unit_labels[:18], cluster_labels=kept)
        assert statistic == pytest.approx(naive(study, shorter, order), rel=1e-6)


def test_an_unknown_path_is_declined() -> None:
    study, panel = build("gaussian", covariates=False, gaps=True)
    reversible = dataclasses.replace(study, treatments=(treatment("reversible"),))
    with pytest.raises(Unsupported, match="guard is not known where a cluster lacks rows"):
        run(reversible, panel)
