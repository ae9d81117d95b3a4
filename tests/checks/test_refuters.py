"""Refuters pass a sound design, and fall on designs that are known to be unsound."""

import dataclasses

import numpy as np
import pytest
from tests.checks.worlds import PERIODS, START, UNITS, dose_world, panel_of
from tests.contract.panels import make_study, treatment

from balanza.checks import refuters
from balanza.contract import CheckResult, Panel, Study
from balanza.estimators import poisson, twfe


def run(study: Study, panel: Panel, seed: int = 0) -> CheckResult:
    return refuters.check(study, panel, {}, np.random.default_rng(seed))


def row(result: CheckResult, refuter: str) -> dict:
    return result.table.set_index("refuter").loc[refuter].to_dict()


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_sound_design_withstands_all(family: str) -> None:
    result = run(*dose_world(3, effect=0.3, family=family))
    assert result.passed is True
    assert result.values["n_judged"] == 3
    assert result.sentence.startswith("The two-way fit withstood 3 of 3 attempts to refute it")
    assert result.sentence.endswith("cannot detect confounding.")


def test_common_causes_and_subsets_inform_without_a_verdict() -> None:
    result = run(*dose_world(3, effect=0.3))
    for refuter in ("random common cause", "data subset"):
        assert row(result, refuter)["passed"] is None and row(result, refuter)["draws"] == 199


def test_dummy_outcomes_raise_the_same_alarms_whatever_the_effect() -> None:
    # Gamma doses, a few of which are large: the effect, left in the noise, would go with the dose's size.
    found = []
    for effect in (0.0, 0.4):
        rng = np.random.default_rng(3)
        dose = rng.gamma(2, 1, (UNITS, 1)) * (np.arange(PERIODS) >= START)
        noise = rng.normal(size=(UNITS, 1)) + 0.03 * rng.normal(size=dose.shape).cumsum(axis=1)
        study = make_study([treatment("dose")], draws=199)
        found.append(row(run(study, panel_of(effect * dose + noise, {"guard": dose})), "dummy outcome"))
    none, some = found
    assert some["called_effects"] == none["called_effects"]
    assert some["spread"] == pytest.approx(none["spread"], rel=1e-7)


def test_what_must_come_out_is_the_two_way_estimate() -> None:
    rng = np.random.default_rng(0)
    for family, estimator in (("gaussian", twfe), ("poisson", poisson)):
        study, panel = dose_world(1, effect=0.3, family=family)
        expected = estimator.estimate(study, panel, rng).value
        assert row(run(study, panel), "bootstrap")["expected"] == pytest.approx(expected, rel=1e-8)


def test_the_bootstrap_spreads_as_the_standard_error_says() -> None:
    study, panel = dose_world(2, effect=0.3, family="poisson")
    error = poisson.estimate(study, panel, np.random.default_rng(0)).standard_error
    assert row(run(study, panel), "bootstrap")["spread"] == pytest.approx(error, rel=0.25)


def test_one_treated_unit_is_not_judged() -> None:
    # Conley and Taber (2011): clustered errors of a single treated cluster are far too small
    rng = np.random.default_rng(4)
    shock = rng.normal(size=(UNITS, 1)) * (np.arange(PERIODS) >= START)
    cohort = np.where(np.arange(UNITS) == 0, START, -1)
    panel = panel_of(shock + 0.1 * rng.normal(size=(UNITS, PERIODS)), {"guard": cohort})
    result = run(make_study([treatment("binary")], draws=199), panel)
    assert result.passed is None and result.table["passed"].isna().all()
    assert row(result, "placebo treatment")["called_effects"] > 0.5
    assert "guard changes in 1 cluster only" in result.sentence
    assert "`conley_taber` and `randomization`" in result.sentence


def test_a_fit_that_hangs_on_one_cluster_is_refuted_by_leaving_it_out() -> None:
    study, panel = dose_world(5)
    frame = panel.frame.copy()
    # one unit with twenty times its dose: without it, nothing is left of the precision
    frame.loc[frame["unit"] == 0, "d_guard"] *= 20
    frame.loc[frame["unit"] == 0, "outcome"] += frame.loc[frame["unit"] == 0, "d_guard"]
    result = run(study, dataclasses.replace(panel, frame=frame))
    assert row(result, "bootstrap")["passed"] is False


def test_a_treatment_that_differs_within_clusters_has_no_placebo_and_says_so() -> None:
    study, panel = dose_world(6)
    wide = panel.frame.assign(cluster=panel.frame["cluster"] // 2)
    result = run(study, dataclasses.replace(panel, frame=wide, cluster_labels=panel.cluster_labels[: UNITS // 2]))
    placebo = row(result, "placebo treatment")
    assert placebo["passed"] is None and "differs within a cluster" in placebo["rule"]
    assert result.values["n_judged"] == 2


def test_several_treatments_are_told_apart() -> None:
    rng = np.random.default_rng(7)
    after = np.arange(PERIODS) >= START
    paths = {name: rng.random((UNITS, 1)) * after for name in ("guard", "prevention")}
    outcome = 0.5 * paths["prevention"] + 0.1 * rng.normal(size=(UNITS, PERIODS))
    study = make_study([treatment("dose", name) for name in paths], draws=99)
    result = run(study, panel_of(outcome, paths))
    table = result.table.set_index(["treatment", "refuter"])
    assert len(table) == 10 and set(result.figure["treatment"]) == set(paths)
    assert table.loc[("prevention", "bootstrap"), "expected"] == pytest.approx(0.5, abs=0.05)
    assert abs(table.loc[("guard", "bootstrap"), "expected"]) < 0.05


def test_municipal_rows_give_the_answer_of_state_rows() -> None:
    # Counts of units with the same exposure in time, summed to their cluster, carry the same information
    study, panel = dose_world(8, effect=0.2, family="poisson")
    rng = np.random.default_rng(0)
    outcome, dose = panel.matrix("outcome"), panel.matrix("d_guard")
    first = rng.binomial(outcome.astype(int), 0.3).astype(float)
    split = np.stack([first, outcome - first], axis=1).reshape(2 * UNITS, PERIODS)
    exposure = np.tile([[0.3e5], [0.7e5]], (UNITS, PERIODS))
    wide = panel_of(
        split,
        {"guard": np.repeat(dose, 2, axis=0)},
        "poisson",
        exposure=exposure,
        cluster=np.repeat(np.arange(UNITS), 2),
    )
    states, municipalities = run(study, panel).table, run(study, wide).table
    for column in ("expected", "mean", "spread", "p_value", "called_effects"):
        np.testing.assert_allclose(
            municipalities[column].astype(float), states[column].astype(float), rtol=1e-5, atol=1e-8, err_msg=column
        )


def test_common_causes_show_an_error_that_is_small_by_luck() -> None:
    # waves that cancel within before and after in every cluster: the clusters agree, whatever the waves hide
    rng = np.random.default_rng(1)
    time = np.arange(PERIODS)
    dose = np.array([0.0, 0.2, 0.4, 0.7, 1.0])[:, None] * (time >= START)
    waves = np.sin(2 * np.pi * time / 12) * np.array([2.0, -1.0, 1.0, -2.0, 0.5])[:, None]
    noise = 0.01 * rng.normal(size=(5, PERIODS))
    study, panel = make_study([treatment("dose")], draws=199), panel_of(dose + waves + noise, {"guard": dose})
    result = run(study, panel)
    found = row(result, "random common cause")
    error = twfe.estimate(study, panel, rng).standard_error
    assert found["spread"] > 2 * error and found["expected"] == pytest.approx(1.0, abs=0.02)


def test_an_estimate_that_one_of_many_clusters_makes_is_refuted_by_leaving_clusters_out() -> None:
    # 120 clusters, so that the error is the sandwich, which is blind to a cluster that the fit runs through
    rng = np.random.default_rng(2)
    dose = np.r_[50.0, 0.1 * rng.random(119)][:, None] * (np.arange(PERIODS) >= START)
    outcome = np.where(np.arange(120)[:, None] == 0, 1.0, -5.0) * dose + rng.normal(size=(120, PERIODS))
    result = run(make_study([treatment("dose")], draws=199), panel_of(outcome, {"guard": dose}))
    assert result.values["errors"] == "clustered sandwich"
    subsets = row(result, "data subset")
    assert abs(subsets["mean"] - subsets["expected"]) + subsets["spread"] > 1
    assert row(result, "bootstrap")["passed"] is False
