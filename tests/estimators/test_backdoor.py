"""Adjustment through the contract: the collapse written out, past levels, methods, cross-sections, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm
from tests.contract.panels import DOSE, FIRST, PERIODS, START, UNITS, make_panel, make_study, path, treated, treatment
from tests.estimators.absorbing import noisy, on, run, smooth

from balanza.contract import Estimate, Treatment
from balanza.errors import Unsupported
from balanza.estimators import backdoor, twfe

TRAIT = np.random.default_rng(6).normal(size=UNITS)
MANY, SPAN, FROM = 3000, 8, 4


def collapsed(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change and level before of each unit, one window at a time; NaN in y means no row."""
    never = FIRST < 0
    net = y - np.nanmean(y[never], axis=0)
    cohorts = [int(first) for first in FIRST if first >= 0]
    change, before = np.zeros(UNITS), np.zeros(UNITS)
    for unit in range(UNITS):
        windows = cohorts if never[unit] else [int(FIRST[unit])]
        before[unit] = np.mean([net[unit, :first].mean() for first in windows])
        change[unit] = np.mean([net[unit, first:].mean() for first in windows]) - before[unit]
    return change, before


def test_regression_is_that_of_the_collapsed_panel_written_out() -> None:
    y, cluster = noisy(), np.arange(UNITS) // 2
    found = run(backdoor, y, panel={"covariates": {"trait": TRAIT}, "cluster": cluster})
    change, before = collapsed(y)
    design = sm.add_constant(np.column_stack([FIRST >= 0, before, TRAIT]).astype(float))
    fit = sm.OLS(change, design).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    assert found.value == pytest.approx(fit.params[1]) and found.standard_error == pytest.approx(fit.bse[1])
    assert "dowhy" in found.engine and "balanza.kernels.adjustment" in found.engine
    assert (found.n_observations, found.n_units, found.n_treated) == (UNITS * PERIODS, UNITS, 12)


def test_shocks_common_to_all_cancel_whatever_the_windows() -> None:
    shocks = np.random.default_rng(1).normal(scale=9, size=PERIODS)
    mixed = smooth()[np.arange(UNITS) * 7 % UNITS]  # levels that do not tell who is treated
    for method in ("regression", "ipw", "doubly_robust"):
        found = run(backdoor, mixed + shocks + 0.7 * on(), panel={"covariates": {"trait": TRAIT}}, method=method)
        assert found.value == pytest.approx(0.7)


@pytest.mark.parametrize("kind", ["dose", "reversible"])
def test_other_treatments_are_two_way_least_squares_by_another_engine(kind: str) -> None:
    moving = np.random.default_rng(5).normal(size=(UNITS, PERIODS))
    y = noisy() + 0.4 * path(kind)
    y[3, 5] = y[7, 0] = np.nan
    panel = make_panel(
        y, {"guard": treated(kind)}, covariates={"moving": moving, "trait": TRAIT}, start={"guard": START}
    )
    study = make_study([treatment(kind)], covariates=("moving", "trait"))
    ours, other = (made.estimate(study, panel, np.random.default_rng(0)) for made in (backdoor, twfe))
    assert isinstance(ours, Estimate) and isinstance(other, Estimate)
    assert ours.value == pytest.approx(other.value) and ours.standard_error == pytest.approx(other.standard_error)
    assert ours.interval == pytest.approx(other.interval) and ours.percent_change == pytest.approx(other.percent_change)


def many(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A high spell before treatment calls the Guard and passes by itself; effects differ with a trait.

    Outcome, cohort, trait, and each unit's effect.
    """
    rng = np.random.default_rng(seed)
    trait, spell = rng.normal(size=(2, MANY))
    chance = 1 / (1 + np.exp(-spell - 0.5 * trait))
    cohort = np.where(rng.random(MANY) < chance, FROM, -1)
    late = np.arange(SPAN) >= FROM
    effect = 1 + trait
    y = 20 + spell[:, None] * ~late + trait[:, None] * late + 0.5 * rng.normal(size=(MANY, SPAN))
    return y + effect[:, None] * (late & (cohort >= 0)[:, None]), cohort, trait, effect


@pytest.mark.parametrize(("method", "target"), [("ipw", "ate"), ("ipw", "att"), ("doubly_robust", "ate")])
def test_a_past_level_that_calls_treatment_is_adjusted_for(method: str, target: str) -> None:
    y, cohort, trait, effect = many()
    found = run(backdoor, y, cohort, panel={"covariates": {"trait": trait}}, method=method, target=target)
    truth = effect[cohort >= 0].mean() if target == "att" else effect.mean()
    assert abs(found.value - truth) < 3 * found.standard_error and found.standard_error < 0.1
    if target == "att":  # parallel trends fail: the spell that called the Guard would have passed anyway
        assert run(twfe, y, cohort, panel={"covariates": {"trait": trait}}).interval[1] < truth - 0.2


def test_each_estimate_has_its_own_propensities_and_leaves_the_panel_alone() -> None:
    """DoWhy keeps propensities on its model and writes into its table: neither may be met again."""
    y, cohort, trait, _ = many()
    other = np.random.default_rng(3).normal(size=MANY)

    def value(covariates: dict[str, np.ndarray]) -> float:
        return run(backdoor, y, cohort, panel={"covariates": covariates}, method="ipw").value

    first = value({"trait": trait})
    assert value({"trait": other}) != pytest.approx(first, abs=0.05) and value({"trait": trait}) == first


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    run(backdoor, noisy(), panel={"covariates": {"trait": TRAIT}}, method="doubly_robust")
    assert "".join(capfd.readouterr()) == ""


def test_a_cross_section_of_a_dose_is_least_squares() -> None:
    y, dose = noisy()[:, :1], DOSE[:, None]
    panel = make_panel(y, {"guard": dose}, covariates={"trait": TRAIT})
    study = make_study([Treatment("guard", "dose", column="guard")], covariates=("trait",))
    found = backdoor.estimate(study, panel, np.random.default_rng(0))
    fit = sm.OLS(y[:, 0], sm.add_constant(np.column_stack([DOSE, TRAIT]))).fit(cov_type="HC1")
    assert found.value == pytest.approx(fit.params[1]) and found.standard_error == pytest.approx(fit.bse[1])


def test_units_that_lack_rows_are_refused_or_left_out_and_counted() -> None:
    y = noisy()
    y[0, 5] = y[20, 2] = np.nan
    with pytest.raises(Unsupported, match="takes balanced panels, and 2 of 24 units lack rows"):
        run(backdoor, y, panel={"covariates": {"trait": TRAIT}})
    found = run(backdoor, y, panel={"covariates": {"trait": TRAIT}}, unbalanced="drop")
    kept = np.isfinite(y).all(axis=1)
    alone = run(backdoor, y[kept], FIRST[kept], panel={"covariates": {"trait": TRAIT[kept]}})
    assert found.value == pytest.approx(alone.value) and found.n_units == UNITS - 2 and found.n_treated == 11
    assert "2 of 24 units lack rows and are left out" in found.warnings


def test_units_of_a_high_level_that_leave_are_no_effect() -> None:
    """No effect, and the 40 never-treated units with the highest level are last seen shortly after treatment starts.

    Were each period net of the mean of whoever is seen, this would give .75 with a standard error of .11.
    """
    values, errors = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        first, level = np.repeat([12, -1], [80, 120]), rng.normal(0, 5, 200)
        y = level[:, None] + rng.normal(size=(200, 24))
        y[80 + np.argsort(-level[80:])[:40], 14:] = np.nan
        found = run(backdoor, y, first, unbalanced="drop")
        values.append(found.value)
        errors.append(found.standard_error)
    assert abs(np.mean(values)) < 3 * np.mean(errors) / np.sqrt(20) and np.mean(errors) < 0.15


def test_covariates_that_do_not_differ_before_treatment_are_named() -> None:
    late = np.random.default_rng(3).normal(size=(UNITS, PERIODS)) * (np.arange(PERIODS) >= FIRST.max())
    found = run(backdoor, noisy(), panel={"covariates": {"late": late, "trait": TRAIT}})
    assert [w for w in found.warnings if "late is the same in all units before treatment" in w]
    assert not any("trait" in warning for warning in found.warnings)
    assert found.value == pytest.approx(run(backdoor, noisy(), panel={"covariates": {"trait": TRAIT}}).value)
    flat = make_panel(noisy()[:, :1], {"guard": DOSE[:, None]}, covariates={"flat": np.ones(UNITS), "trait": TRAIT})
    study = make_study([Treatment("guard", "dose", column="guard")], covariates=("flat", "trait"))
    single = backdoor.estimate(study, flat, np.random.default_rng(0))
    assert isinstance(single, Estimate) and "flat is the same in all units" in single.warnings[0]


def test_thin_overlap_is_announced() -> None:
    y, cohort, trait, _ = many()
    sharp = np.where(np.random.default_rng(2).random(MANY) < 1 / (1 + np.exp(-4 * trait)), FROM, -1)
    found = run(backdoor, y, sharp, panel={"covariates": {"trait": trait}}, method="ipw")
    assert any("rows have a probability of treatment below 0.02" in warning for warning in found.warnings)
    assert run(backdoor, y, cohort, panel={"covariates": {"trait": trait}}, method="regression").warnings == ()


def test_refusals() -> None:
    y = noisy()
    with pytest.raises(Unsupported, match="tell treated from untreated units without error"):
        run(backdoor, y, panel={"covariates": {"trait": (FIRST >= 0) + 0.01 * TRAIT}}, method="ipw")
    with pytest.raises(Unsupported, match="a covariate has no variation of its own"):
        run(backdoor, y, panel={"covariates": {"trait": TRAIT, "twin": 2 * TRAIT + 1}})
    with pytest.raises(Unsupported, match="the treatment has no variation of its own"):
        run(backdoor, y, panel={"covariates": {"twin": (FIRST >= 0).astype(float)}})
    with pytest.raises(Unsupported, match="average over all units only"):
        run(backdoor, y, method="doubly_robust", target="att")
    with pytest.raises(Unsupported, match="takes no weights"):
        run(backdoor, y, panel={"weight": np.ones(UNITS)})
    for kind in ("dose", "reversible"):
        bare = make_panel(y, {"guard": treated(kind)}, start={"guard": START} if kind == "dose" else None)
        with pytest.raises(Unsupported, match=r"names no covariates.*two-way least squares.*use twfe"):
            backdoor.estimate(make_study([treatment(kind)]), bare, np.random.default_rng(0))
    dosed = make_panel(y, {"guard": treated("dose")}, start={"guard": START})
    study = make_study([treatment("dose")], options={"backdoor": {"method": "ipw"}})
    with pytest.raises(Unsupported, match="guard is no single switch"):
        backdoor.estimate(study, dosed, np.random.default_rng(0))
    crossed = make_panel(y[:, :1], {"guard": DOSE[:, None]})
    with pytest.raises(Unsupported, match="takes 0/1 treatments"):
        backdoor.estimate(dataclasses.replace(study), crossed, np.random.default_rng(0))
