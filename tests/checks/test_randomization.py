"""The randomization check against a slow twin: a fit of statsmodels and dense projections for each reassignment."""

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels import permutation
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
    assert "1 cluster without any homicides weighs nothing." in found.sentence
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


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_the_interval_has_the_effects_that_fits_made_anew_do_not_refuse(family: str) -> None:
    study, panel = build(family, covariates=True, gaps=False)
    study = dataclasses.replace(study, draws=39, level=0.8)
    found = run(study, panel)
    orders = permutation.reorder(np.zeros(CLUSTERS, int), 39, np.random.default_rng(0))
    low, value, high = found.table.loc[0, ["low", "value", "high"]]
    assert low < value < high
    near = 0.02 * (high - low) if family == "poisson" else 1e-6

    def without(effect: float) -> Panel:
        """The outcomes that there would have been without an effect."""
        treated, outcome = panel.frame["d_guard"], panel.frame["outcome"]
        rest = outcome * np.exp(-effect * treated) if family == "poisson" else outcome - effect * treated
        return dataclasses.replace(panel, frame=panel.frame.assign(outcome=rest))

    def p(effect: float) -> float:
        drawn = np.array([naive(study, without(effect), order) for order in orders])
        return float(np.mean(np.abs(drawn) >= abs(drawn[0]) * (1 - 1e-9)))

    assert p(low - near) <= 0.2 + 1e-9 < p(low + near)
    assert p(high + near) <= 0.2 + 1e-9 < p(high - near)
    assert naive(study, without(value), orders[0]) == pytest.approx(0, abs=0.02 if family == "poisson" else 1e-6)


def wide(clusters: int = 32, seed: int = 0, effect: float = 0.0) -> tuple[Study, Panel]:
    """Four years of clusters with counts of very unlike level, and a dose that goes with the level from 2018-07."""
    rng = np.random.default_rng(seed)
    level = rng.permutation(np.exp(np.linspace(1, 5, clusters)))[:, None]
    begin = np.arange(48) >= 42
    dose = (np.log(level) * 0.1 + rng.random((clusters, 1))) * begin
    months = 0.1 * rng.normal(size=(clusters, 48)) + 0.3 * rng.normal(size=(clusters, 1)) * begin
    outcome = rng.poisson(level * np.exp(effect * dose + months)).astype(float)
    panel = make_panel(outcome, {"guard": dose}, exposure=np.full(outcome.shape, 1e5), start={"guard": 42})
    return make_study([treatment("dose")], "poisson", draws=99), panel


def test_paths_stay_among_clusters_of_like_rate_in_the_last_full_year() -> None:
    study, panel = wide()
    found = run(study, panel)
    # 48 months from January 2015, treated from July 2018 on: the last full year is 2017
    assert "clusters at random within 4 strata of homicides per head in 2017 (which it was not)" in found.sentence
    counts = panel.matrix("outcome")[:, 24:36].sum(axis=1)
    strata = np.argsort(np.argsort(counts)) // 8
    orders = permutation.reorder(strata, 99, np.random.default_rng(0))
    assert (strata[orders] == strata).all()
    np.testing.assert_allclose(found.figure["statistic"], naive_doses(panel, orders)[1:], rtol=1e-6)


def naive_doses(panel: Panel, orders: np.ndarray) -> list[float]:
    """The statistics of reassignments of a dose to units, from a fit of statsmodels and dense projections."""
    unit, period = panel.frame["unit"].to_numpy(), panel.frame["period"].to_numpy()
    design = np.hstack([np.eye(panel.n_units)[unit], np.eye(panel.n_periods)[period][:, 1:]])
    fitted = sm.GLM(panel.frame["outcome"], design, sm.families.Poisson()).fit(tol=1e-14).fittedvalues.to_numpy()
    paths = panel.matrix("d_guard")[orders][:, unit, period].T
    own = paths - design @ np.linalg.solve(design.T @ (fitted[:, None] * design), design.T @ (fitted[:, None] * paths))
    weighted = (panel.frame["outcome"].to_numpy() - fitted)[:, None] * own
    scores = np.stack([np.bincount(unit, one) for one in weighted.T])
    return list(scores.sum(axis=1) / np.sqrt((scores**2).sum(axis=1)))


@pytest.mark.parametrize(
    ("clusters", "wanted", "strata"), [(32, "auto", 4), (16, "auto", 2), (15, "auto", 1), (32, 1, 1), (16, 8, 8)]
)
def test_strata_are_as_asked_or_as_many_as_clusters_allow(clusters: int, wanted: object, strata: int) -> None:
    study, panel = wide(clusters)
    found = run(dataclasses.replace(study, options={"randomization": {"strata": wanted}}), panel)
    assert found.values["n_strata"] == strata
    assert ("strata" in found.sentence) is (strata > 1)


def test_strata_that_leave_too_few_assignments_are_not_made() -> None:
    rng = np.random.default_rng(0)
    first = np.array([12, 12] + [-1] * 30)  # 32 x 31 / 2 ways to choose two of 32, at most 64 within four strata
    panel = make_panel(rng.normal(size=(32, 24)), {"guard": first}, cluster=np.arange(32))
    found = run(make_study([treatment("binary")], draws=199), panel)
    assert found.values["n_strata"] in (1, 2) and "different assignments" not in found.sentence
    more = run(make_study([treatment("binary")], draws=999), panel)
    assert more.values["n_strata"] == 1
    assert "Only 496 different assignments exist, so that p can hardly be less than 0.002." in more.sentence


@pytest.mark.parametrize("wanted", [0, 17, 2.0, True, "many"])
def test_an_illegal_number_of_strata_is_refused(wanted: object) -> None:
    study, panel = wide()
    with pytest.raises(Unsupported, match="option strata is"):
        run(dataclasses.replace(study, options={"randomization": {"strata": wanted}}), panel)


def test_a_treatment_without_a_before_has_no_strata() -> None:
    rng = np.random.default_rng(2)
    panel = make_panel(rng.normal(size=(32, 8)), {"guard": rng.random((32, 8))})
    current = dataclasses.replace(treatment("dose"), start=None, dose="current")
    study = make_study([current], draws=49)
    assert run(study, panel).values["n_strata"] == 1
    with pytest.raises(Unsupported, match="there is no time before the treatment to stratify by"):
        run(dataclasses.replace(study, options={"randomization": {"strata": 4}}), panel)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_size_power_and_coverage_on_states(effect: float) -> None:
    """400 worlds of 32 states; shares of 5 and 95 per cent lie within four binomial standard errors."""
    found = [run(*wide(seed=seed, effect=effect)) for seed in range(400)]
    refused = np.mean([one.values["p_value"] <= 0.05 for one in found])
    covered = np.mean([one.table["low"].iloc[0] <= effect <= one.table["high"].iloc[0] for one in found])
    near = 4 * np.sqrt(0.05 * 0.95 / 400)
    assert abs(covered - 0.95) <= near
    assert refused >= 0.8 if effect else abs(refused - 0.05) <= near
