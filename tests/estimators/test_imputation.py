"""The imputation and two-stage estimators: what they share, their event studies, their variances and refusals."""

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, UNITS
from tests.estimators.absorbing import by_time, noisy, on, run, smooth

from balanza.errors import Unsupported
from balanza.estimators import imputation, two_stage

both = pytest.mark.parametrize("estimator", [imputation, two_stage], ids=["imputation", "two_stage"])
EVERY = {"event_bins": 1}


@both
def test_effects_that_differ_by_cohort_and_time_are_averaged_without_bias(estimator) -> None:
    """By hand: almost without noise the effect is the mean over treated rows, and each event time that of its rows."""
    relative = np.arange(PERIODS) - FIRST[:, None]
    effect = on() * (1.0 + 0.3 * relative + 0.5 * (FIRST == 7)[:, None])
    y = smooth() + effect + 0.01 * noisy()
    found = run(estimator, y, study=EVERY, panel={"cluster": np.arange(UNITS)})
    assert found.value == pytest.approx(effect[on()].mean(), abs=0.01)
    rows = by_time(found)
    for time in range(-7, PERIODS - 4):
        if time != -1:
            mine = (FIRST >= 0)[:, None] & (relative == time)
            assert rows[time] == pytest.approx(effect[mine].mean(), abs=0.01)
    assert -1 not in rows


@both
def test_unbalanced_panels_keep_their_rows(estimator) -> None:
    y = smooth() + 2 * on()
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    found = run(estimator, y, panel={"cluster": np.arange(UNITS)})
    assert found.value == pytest.approx(2)
    assert found.n_observations == np.isfinite(y).sum() and found.n_units == UNITS


@both
def test_rows_that_cannot_be_imputed_are_left_out_and_counted(estimator) -> None:
    y = noisy()
    y[0, :4] = np.nan
    y[6, :6] = np.nan
    found = run(estimator, y)
    assert any("8 treated rows cannot be imputed" in warning for warning in found.warnings)
    assert found.n_treated == 11 and found.n_units == UNITS - 1
    assert found.value == pytest.approx(run(estimator, y[1:], FIRST[1:]).value)


@both
def test_units_without_a_before_are_left_out_and_the_last_cohort_serves_as_control(estimator) -> None:
    first = np.where(np.arange(UNITS) < 3, 0, FIRST)
    found = run(estimator, noisy(), first)
    assert found.n_units == UNITS - 3 and found.value == pytest.approx(run(estimator, noisy()[3:], FIRST[3:]).value)
    assert any("3 units are treated (guard) from the first period on" in warning for warning in found.warnings)
    late = np.where(FIRST < 0, 10, FIRST)
    cut = run(estimator, noisy(first=late), late, leads=2) if estimator is imputation else run(estimator, noisy(), late)
    assert cut.n_observations == UNITS * 10 and cut.n_treated == 12
    with pytest.raises(Unsupported, match="both before and after"):
        run(estimator, noisy(), np.full(UNITS, 5))


@both
def test_covariates_that_change_and_that_do_not_are_taken_out(estimator) -> None:
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(UNITS, PERIODS)), rng.normal(size=UNITS) + (FIRST == 4)
    y = smooth() + 2 * on() + 0.7 * x + np.cumsum(rng.normal(size=PERIODS)) * z[:, None]
    found = run(estimator, y, panel={"covariates": {"x": x, "z": z}, "cluster": np.arange(UNITS)})
    assert found.value == pytest.approx(2)
    assert abs(run(estimator, y).value - 2) > 0.1
    with pytest.raises(Unsupported, match="covariate x does not vary in untreated rows"):
        run(estimator, y, panel={"covariates": {"x": on() * x}})
    with pytest.raises(Unsupported, match="covariate x is the same"):
        run(estimator, y, panel={"covariates": {"x": np.ones(UNITS)}})


@both
def test_weights_count_in_both_steps(estimator) -> None:
    """Whole weights are copies of units in the same cluster."""
    weight = 1 + np.arange(UNITS) % 2
    copies = np.repeat(np.arange(UNITS), weight)
    weighted = run(estimator, noisy(), panel={"weight": weight, "cluster": np.arange(UNITS)})
    copied = run(estimator, noisy()[copies], FIRST[copies], panel={"cluster": copies})
    assert weighted.value == pytest.approx(copied.value)
    assert weighted.standard_error == pytest.approx(copied.standard_error)
    assert abs(weighted.value - run(estimator, noisy()).value) > 1e-5


@both
def test_a_count_enters_as_its_rate_and_per_cent_relate_to_what_was_imputed(estimator) -> None:
    people = np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS)
    rate = 10 + noisy()
    found, plain = run(estimator, rate * people / 1e5 / 12, panel={"exposure": people}), run(estimator, rate)
    assert found.value == pytest.approx(plain.value) and found.standard_error == pytest.approx(plain.standard_error)
    assert found.rate_change == pytest.approx((found.value, *found.interval)) and plain.rate_change is None
    untreated = rate[on()].mean() - found.value
    assert found.percent_change == pytest.approx(tuple(100 * np.array([found.value, *found.interval]) / untreated))
    assert run(estimator, noisy() - 9).percent_change is None


@both
def test_too_fine_event_studies_are_refused(estimator) -> None:
    found = run(estimator, noisy(), study=EVERY, panel={"cluster": np.arange(UNITS) // 2})
    assert found.rows is None and found.covariance is None
    assert any("free coefficients and only 12 clusters" in warning for warning in found.warnings)
    assert run(estimator, noisy()).rows is not None


@both
def test_small_cohorts_are_announced(estimator) -> None:
    found = run(estimator, noisy(), panel={"cluster": np.arange(UNITS) // 4})
    assert any("2 of 2 cohorts lie in no more than 2 clusters" in warning for warning in found.warnings)


def test_leads_are_a_regression_of_their_own_with_either_reference() -> None:
    """Against the last bin before treatment, or as the authors advise, the last bins against all earlier ones."""
    y = noisy()
    whole, two = run(imputation, y), run(imputation, y, leads=2)
    assert [time for time in by_time(whole) if time < 0] == [-9, -6]
    assert [time for time in by_time(two) if time < 0] == [-6, -3]
    before = run(imputation, y, leads=0)
    assert list(by_time(before)) == [0, 3, 6]
    for found in (two, before):
        assert by_time(found)[0] == by_time(whole)[0] and found.value == whole.value
    early = (FIRST >= 0)[:, None] & (np.arange(PERIODS) >= FIRST[:, None] - 3) & ~on()
    found = run(imputation, smooth() + 0.4 * early + 0.01 * y, leads=1)
    assert by_time(found)[-3] == pytest.approx(0.4, abs=0.01)


def test_leads_without_a_reference_are_not_shown() -> None:
    y = noisy()
    y[(FIRST >= 0)[:, None] & (np.arange(PERIODS) >= FIRST[:, None] - 3) & ~on()] = np.nan
    found = run(imputation, y)
    assert min(by_time(found)) == 0
    assert any("Rows before treatment are not shown" in warning for warning in found.warnings)
    assert min(by_time(run(imputation, noisy(), leads=2))) == -6


def test_variances_grow_with_coarser_groups_and_when_left_out_one_by_one() -> None:
    """Effects that differ between cohorts are noise to groups that pool them; those that grow are none to a cohort,
    whose units all have the same periods."""
    growing = noisy() + 0.3 * np.maximum(np.arange(PERIODS) - FIRST[:, None], 0) * on()
    fine = run(imputation, growing)
    assert run(imputation, growing, variance_groups="cohort").standard_error == pytest.approx(fine.standard_error)
    different = growing + 2.0 * on() * (FIRST == 7)[:, None]
    errors = [
        run(imputation, different, variance_groups=groups).standard_error for groups in ("cohort_period", "event_time")
    ]
    assert errors[0] == pytest.approx(fine.standard_error) and errors[1] > 1.5 * errors[0]
    alone = run(imputation, growing, residuals="leave_one_out")
    assert alone.standard_error > fine.standard_error and "leave-one-out" in alone.standard_error_type


def test_two_stage_and_imputation_have_the_same_effects_after_treatment() -> None:
    one, two = run(imputation, noisy()), run(two_stage, noisy())
    assert one.value == pytest.approx(two.value)
    after = [{time: value for time, value in by_time(found).items() if time >= 0} for found in (one, two)]
    assert after[0] == pytest.approx(after[1])
    assert one.standard_error != pytest.approx(two.standard_error, rel=1e-3)


@pytest.mark.parametrize(
    "options", [{"leads": "some"}, {"leads": -1}, {"variance_groups": "unit"}, {"residuals": "raw"}, {"draws": 0}]
)
def test_illegal_options_are_refused(options) -> None:
    with pytest.raises(Unsupported, match=next(iter(options))):
        run(imputation, noisy(), **options)
