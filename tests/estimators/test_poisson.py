"""The Poisson estimator: what it leaves out, refuses and warns of, its event study and its units."""

import dataclasses

import numpy as np
import pytest
from tests.contract.panels import DOSE, PERIODS, START, UNITS, make_panel, make_study, path, treated, treatment

from balanza.contract import Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators.poisson import estimate

PEOPLE = np.linspace(1e4, 2e5, UNITS)[:, None] * np.linspace(1, 1.05, PERIODS)
BINS = (np.arange(PERIODS) - START) // 3


def counts(seed: int = 0, effect: float = 0.0, kind: str = "dose") -> np.ndarray:
    rng = np.random.default_rng(seed)
    rate = np.exp(0.3 * rng.normal(size=(UNITS, 1)) + 0.05 * np.arange(PERIODS) + effect * path(kind))
    return rng.poisson(PEOPLE * 2e-4 * rate).astype(float)


def built(outcome: np.ndarray, kind: str = "dose", **changes) -> tuple[Study, Panel]:
    options = {
        key: changes.pop(key) for key in ("cluster", "weight", "covariates", "periods_per_year") if key in changes
    }
    panel = make_panel(
        outcome,
        {"guard": treated(kind)},
        exposure=PEOPLE,
        start={"guard": START} if kind == "dose" else None,
        **options,
    )
    if "weight" in options:
        changes["weights"] = "weight"
    if "covariates" in options:
        changes["covariates"] = tuple(options["covariates"])
    return make_study([treatment(kind)], "poisson", **changes), panel


def run(outcome: np.ndarray, kind: str = "dose", **changes) -> Estimate:
    found = estimate(*built(outcome, kind, **changes), np.random.default_rng(0))
    assert isinstance(found, Estimate)
    return found


def test_units_and_periods_without_events_are_left_out_and_counted() -> None:
    y = counts()
    y[[2, 5]] = 0
    y[:, 3] = 0
    found, kept = run(y), np.setdiff1d(np.arange(UNITS), [2, 5])
    assert found.n_units == UNITS - 2 and found.n_treated == (DOSE > 0).sum() - 2
    assert found.n_observations == (UNITS - 2) * (PERIODS - 1)
    units, periods = found.warnings[:2]
    assert "2 of 24 units have no homicides" in units and "24 rows" in units and "2 of these units treated" in units
    assert f"{PEOPLE.mean(axis=1)[[2, 5]].sum():,.0f} population" in units
    assert "1 of 12 periods have no homicides" in periods and "24 rows" in periods
    panel = make_panel(y[kept], {"guard": treated("dose")[kept]}, exposure=PEOPLE[kept], start={"guard": START})
    alone = estimate(make_study([treatment("dose")], "poisson"), panel, np.random.default_rng(0))
    assert found.value == pytest.approx(alone.value, abs=1e-12)
    assert found.standard_error == pytest.approx(alone.standard_error, rel=1e-9)


def test_interval_is_students_t_with_one_degree_less_than_clusters() -> None:
    from scipy.stats import t

    found = run(counts(), cluster=np.arange(UNITS) // 3)
    assert found.n_clusters == 8
    half = t.ppf(0.975, 7) * found.standard_error
    assert found.interval == pytest.approx((found.value - half, found.value + half))
    assert found.p_value == pytest.approx(2 * t.sf(abs(found.value) / found.standard_error, 7))


def test_percent_and_rate_of_a_dose() -> None:
    """By hand: per cent is 100 (e^b - 1); the rate is that of rows with a dose, times 1 - e^-b."""
    y = counts(effect=-0.2)
    found = run(y)
    observed = y[DOSE > 0, START:].sum() / PEOPLE[DOSE > 0, START:].sum() * 1e5 * 12
    assert found.percent_change == pytest.approx(tuple(100 * np.expm1([found.value, *found.interval])))
    assert found.rate_change == pytest.approx(tuple(observed * (1 - np.exp(-np.array([found.value, *found.interval])))))
    assert run(y, periods_per_year=None).rate_change is None


def test_event_study_of_a_dose_has_a_row_per_bin_but_the_last_before() -> None:
    """Without noise each bin's own effect comes out; the reference is the bin that ends where the dose starts."""
    effects = {-2: 0.0, -1: 0.0, 0: -0.1, 1: -0.3}
    each = DOSE[:, None] * np.array([effects[bin_] for bin_ in BINS])
    found = run(PEOPLE * 1e-4 * np.exp(each + 0.1 * np.sin(np.arange(PERIODS))))
    rows = found.rows
    assert list(rows["event_time"]) == [-6, 0, 3] and list(rows["period"]) == ["2015-01", "2015-07", "2015-10"]
    np.testing.assert_allclose(rows["value"], [0, -0.1, -0.3], atol=1e-9)
    assert -0.3 < found.value < -0.1


def test_event_study_of_a_binary_treatment_follows_each_units_start() -> None:
    cohort = treated("binary")
    since = np.where((cohort >= 0)[:, None], np.arange(PERIODS) - cohort[:, None], -1)
    effects = np.where(since >= 0, -0.1 * (since // 3 + 1), 0.0)
    rows = run(PEOPLE * 1e-4 * np.exp(effects), "binary").rows
    assert list(rows["event_time"]) == [-9, -6, 0, 3, 6] and rows["period"].isna().all()
    np.testing.assert_allclose(rows["value"], [0, 0, -0.1, -0.2, -0.3], atol=1e-9)


def test_event_study_with_more_coefficients_than_clusters_is_refused_and_says_so() -> None:
    found = run(counts(), event_bins=1, cluster=np.arange(UNITS) // 3)
    assert found.rows is None and found.covariance is None
    assert "11 free coefficients and only 8 clusters" in found.warnings[-1] and "event_bins" in found.warnings[-1]
    assert run(counts(), event_bins=3, cluster=np.arange(UNITS) // 3).rows is not None


def test_event_study_that_is_collinear_is_refused_and_says_so() -> None:
    """Without never-treated units, event time is cohort plus period: not all bins can be told apart."""
    cohort = np.where(treated("binary") < 0, 9, treated("binary"))
    panel = make_panel(counts(), {"guard": cohort}, exposure=PEOPLE)
    study = make_study([treatment("binary")], "poisson", event_bins=1)
    found = estimate(study, panel, np.random.default_rng(0))
    assert found.rows is None and "collinear" in found.warnings[-1]


def test_reversible_and_current_doses_have_no_event_study() -> None:
    assert run(counts(kind="reversible"), "reversible").rows is None
    study, panel = built(counts())
    current = dataclasses.replace(study.treatment, dose="current")
    found = estimate(dataclasses.replace(study, treatments=(current,)), panel, np.random.default_rng(0))
    assert found.rows is None and found.warnings == ()


def test_treatment_absorbed_by_period_effects_is_refused_by_name() -> None:
    everywhere = np.broadcast_to(np.arange(PERIODS) >= START, (UNITS, PERIODS)).astype(float)
    panel = make_panel(counts(), {"guard": everywhere}, exposure=PEOPLE)
    with pytest.raises(Unsupported, match="guard has no variation of its own"):
        estimate(make_study([treatment("reversible")], "poisson"), panel, np.random.default_rng(0))


def test_effect_at_infinity_is_refused_by_name() -> None:
    y = counts(kind="binary")
    y[path("binary") > 0] = 0
    with pytest.raises(Unsupported, match="coefficient of guard runs to infinity"):
        run(y, "binary")


def test_cohorts_of_few_clusters_are_announced() -> None:
    found = run(counts(kind="binary"), "binary", cluster=np.arange(UNITS) // 4)
    assert any("2 of 2 cohorts lie in no more than 2 clusters" in warning for warning in found.warnings)
    assert not any("cohorts lie in" in warning for warning in run(counts(kind="binary"), "binary").warnings)


def test_constant_covariates_enter_times_period_and_others_as_they_are() -> None:
    rng = np.random.default_rng(3)
    baseline, moving = rng.normal(size=UNITS), rng.normal(size=(UNITS, PERIODS))
    both = run(counts(), covariates={"base": baseline, "moving": moving})
    months = {f"base{t}": baseline[:, None] * (np.arange(PERIODS) == t) for t in range(1, PERIODS)}
    by_hand = run(counts(), covariates={**months, "moving": moving})
    assert both.value == pytest.approx(by_hand.value, abs=1e-10)
    assert both.standard_error == pytest.approx(by_hand.standard_error, rel=1e-9)
    assert abs(both.value - run(counts()).value) > 1e-6
    with pytest.raises(Unsupported, match="covariate same is the same"):
        run(counts(), covariates={"same": np.ones(UNITS)})
    with pytest.raises(Unsupported, match="noise has no variation"):
        run(counts(), covariates={"noise": np.broadcast_to(np.arange(PERIODS), (UNITS, PERIODS))})


def test_a_weight_of_two_is_a_second_copy() -> None:
    y, weight = counts(), 1.0 + (np.arange(UNITS) % 2)
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    panel = make_panel(
        y[copies], {"guard": treated("dose")[copies]}, exposure=PEOPLE[copies], cluster=copies, start={"guard": START}
    )
    copied = estimate(make_study([treatment("dose")], "poisson"), panel, np.random.default_rng(0))
    weighted = run(y, weight=weight)
    assert weighted.value == pytest.approx(copied.value, abs=1e-11)
    assert weighted.standard_error == pytest.approx(copied.standard_error, rel=1e-9)


def test_units_may_lack_rows() -> None:
    y = counts(effect=-0.2)
    holes = np.random.default_rng(1).random(y.shape) < 0.1
    mean = PEOPLE * 1e-4 * np.exp(-0.2 * path("dose") + 0.1 * np.cos(np.arange(PERIODS)))
    found = run(np.where(holes, np.nan, mean))
    assert found.value == pytest.approx(-0.2, abs=1e-9)
    assert found.n_observations == (~holes).sum()
