"""Negative controls: the very fits by hand, worlds in which they must fail, and what reaches the panel."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.checks.worlds import PERIODS, START, UNITS, dose_world, panel_of
from tests.contract.panels import make_study, treatment

from balanza.checks import negative_controls
from balanza.contract import CheckResult, Outcome, Panel, Study, Treatment
from balanza.estimators import poisson
from balanza.preparation import prepare

BEFORE = "outcome up to 2 years before the treatment"


def run(study: Study, panel: Panel) -> CheckResult:
    return negative_controls.check(study, panel, {}, np.random.default_rng(0))


def row(result: CheckResult, control: str) -> dict:
    return result.table.set_index("control").loc[control].to_dict()


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_sound_design_passes_although_the_treatment_works(family: str) -> None:
    result = run(*dose_world(1, effect=0.4, family=family))
    assert result.passed is True
    assert result.values["n_judged"] == 3


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_an_effect_before_the_treatment_is_found(family: str) -> None:
    result = run(*dose_world(1, effect=0.4, family=family, anticipation=0.3))
    assert result.passed is False
    assert row(result, BEFORE)["estimate"] == pytest.approx(0.3, abs=0.1)
    assert not row(result, BEFORE)["passed"] and BEFORE in result.sentence


def test_the_time_before_equals_the_estimator_on_those_rows() -> None:
    study, panel = dose_world(4, effect=0.4, family="poisson")
    rows = panel.frame[panel.frame["period"] < START].copy()
    dose = panel.by_unit("unit")  # the size of the dose, unit by unit, from its last period
    last = panel.matrix("d_guard")[:, -1]
    rows["d_guard"] = last[dose[rows["unit"]]] * (rows["period"] >= START - 24)
    earlier = dataclasses.replace(
        panel, frame=rows, period_labels=panel.period_labels[:START], start={"guard": START - 24}
    )
    expected = poisson.estimate(study, earlier, np.random.default_rng(0))
    found = row(run(study, panel), BEFORE)
    assert (found["estimate"], found["low"], found["high"]) == pytest.approx(
        (expected.value, *expected.interval), rel=1e-6
    )


def test_the_treatment_ahead_stands_beside_the_one_that_is() -> None:
    study, panel = dose_world(5, effect=0.4, family="poisson")
    last = panel.matrix("d_guard")[:, -1]
    ahead = (last[:, None] * (np.arange(PERIODS) >= START - 12)).ravel()
    joint = dataclasses.replace(panel, frame=panel.frame.assign(d_ahead=ahead))
    both = dataclasses.replace(study, treatments=(*study.treatments, treatment("dose", "ahead")))
    with_starts = dataclasses.replace(joint, start={"guard": START, "ahead": START - 12})
    expected = poisson.estimate(both, with_starts, np.random.default_rng(0))["ahead"]
    assert row(run(study, panel), "treatment 1 year ahead")["estimate"] == pytest.approx(expected.value, rel=1e-6)


def test_cohorts_that_start_after_the_window_are_known_ahead() -> None:
    rng = np.random.default_rng(3)
    cohort = np.where(np.arange(UNITS) < 10, PERIODS + 12, np.where(np.arange(UNITS) < 20, 30, -1))
    period = np.arange(PERIODS)
    # the only thing that happens to the units treated later: a jump two years before their treatment
    jump = (cohort == PERIODS + 12)[:, None] & (period >= PERIODS - 12)
    panel = panel_of(0.5 * jump + 0.1 * rng.normal(size=(UNITS, PERIODS)), {"guard": cohort})
    assert row(run(make_study([treatment("binary")]), panel), BEFORE)["estimate"] > 0.2


def test_reversible_doses_are_known_to_the_end_of_the_panel() -> None:
    rng = np.random.default_rng(2)
    on = (rng.random((UNITS, PERIODS)) < 0.4).astype(float)
    panel = make_reversible(on, rng)
    result = run(make_study([treatment("reversible")]), panel)
    # 36 of 48 months have a treatment one year ahead, 24 one two years ahead
    assert result.table["passed"].notna().sum() >= 2


def make_reversible(on: np.ndarray, rng: np.random.Generator) -> Panel:
    panel = panel_of(0.3 * on + rng.normal(size=on.shape), {"guard": on})
    return dataclasses.replace(panel, start={})


def test_treatment_from_the_start_on_has_no_time_before() -> None:
    rng = np.random.default_rng(2)
    dose = rng.random((UNITS, PERIODS)) + 0.1
    study = make_study([Treatment("guard", "dose", column="guard")])
    result = run(study, make_reversible(dose, rng))
    assert row(result, BEFORE)["note"] == "not possible: treatment is there from the first period on"


@pytest.mark.parametrize(("family", "effect", "verdict"), [("poisson", 0.0, True), ("poisson", 0.5, False)])
def test_outcomes_of_the_reserved_family(family: str, effect: float, verdict: bool) -> None:
    study, panel = dose_world(6, effect=0.3, family=family)
    rng = np.random.default_rng(1)
    other = rng.poisson(50 * np.exp(effect * panel.frame["d_guard"])).astype(float)
    other[::17] = np.nan  # not measured everywhere
    study = dataclasses.replace(study, families={"negative_control": ("falls",)})
    result = run(study, dataclasses.replace(panel, frame=panel.frame.assign(falls=other)))
    found = row(result, "falls")
    assert found["passed"] is verdict and result.passed is verdict
    assert found["low"] < effect < found["high"]
    assert found["rules_out_estimate"] is None  # another outcome has another scale


def test_p_values_are_adjusted_after_holm() -> None:
    # by hand: .01 x 4, .02 x 3, .03 x 2 (raised to .06), .5
    assert negative_controls._holm([0.02, None, 0.5, 0.01, 0.03]) == pytest.approx([0.06, None, 0.5, 0.04, 0.06])


def test_what_needs_other_data_is_listed_for_the_project_s_own_panels_only() -> None:
    study, panel = dose_world(1)
    own = run(study, panel)
    world = run(dataclasses.replace(study, rows="state_month"), panel)
    lacking = world.table[world.table["note"].str.startswith("not possible with the data: needs")]
    assert len(own.table) == 3 and len(lacking) == len(negative_controls.NEEDS)
    assert world.passed == own.passed


def test_control_outcomes_reach_the_panel_with_their_gaps_and_cost_no_rows() -> None:
    table = pd.DataFrame(
        {"u": list("aabb"), "t": [2001, 2002] * 2, "y": [1.0, 2, 3, 4], "d": [0.0, 1, 0, 0], "falls": [1.0, None, 2, 3]}
    )
    for missing in ("refuse", "drop"):
        study = Study(
            "s", "", "", Outcome("y"), (Treatment("d", "reversible", column="d"),), "u", unit="u", period="t",
            families={"negative_control": ("falls",)}, missing=missing,
        )  # fmt: skip
        panel = prepare(study, table)
        assert len(panel.frame) == 4 and panel.frame["falls"].isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize(("treated", "judged"), [(1, False), (2, False), (4, False), (5, True)])
@pytest.mark.parametrize("kind", ["binary", "reversible"])
def test_few_treated_clusters_are_not_judged(treated: int, judged: bool, kind: str) -> None:
    rng = np.random.default_rng(5)
    cohort = np.where(np.arange(UNITS) < treated, START, -1)
    on = ((cohort >= 0)[:, None] & (np.arange(PERIODS) >= START)).astype(float)
    outcome = rng.normal(size=on.shape).cumsum(axis=1)
    study = make_study([treatment(kind)])
    panel = panel_of(outcome, {"guard": cohort if kind == "binary" else on}, start={})
    result = run(study, panel)
    assert (result.passed is not None) is judged
    if not judged:
        assert not result.values["n_judged"] and result.table["p_value"].isna().all()
        assert f"changes in {treated} cluster" in result.sentence
        assert "`conley_taber` and `randomization`" in result.sentence


def test_a_dose_of_a_single_cluster_is_not_judged() -> None:
    rng = np.random.default_rng(5)
    dose = np.where(np.arange(UNITS) == 3, 1.5, 0.0)[:, None] * (np.arange(PERIODS) >= START)
    result = run(make_study([treatment("dose")]), panel_of(rng.normal(size=dose.shape), {"guard": dose}))
    assert result.passed is None and "hangs on a single cluster" in result.sentence


def test_an_outcome_that_cannot_move_is_declared_missing_where_none_is_named() -> None:
    study, panel = dose_world(6, family="poisson")
    assert "Declared missing: an outcome that the treatment cannot move" in run(study, panel).sentence
    named = dataclasses.replace(study, families={"negative_control": ("falls",)})
    falls = dataclasses.replace(panel, frame=panel.frame.assign(falls=panel.frame["outcome"]))
    assert "Declared missing" not in run(named, falls).sentence
