"""Two-way fixed effects: scales, covariates, weights, event studies and refusals."""

import numpy as np
import pytest
from tests.contract.panels import DOSE, FIRST, PERIODS, START, UNITS, make_panel, make_study, path, treated, treatment
from tests.estimators.absorbing import noisy, on, run, smooth

from balanza.contract import Estimate
from balanza.errors import Unsupported
from balanza.estimators import twfe

COVARIATE = np.random.default_rng(5).normal(size=(UNITS, PERIODS))
TRAIT = np.random.default_rng(6).normal(size=UNITS)


def dosed(outcome: np.ndarray, kind: str = "dose", **changes) -> Estimate:
    starts = {"guard": START} if kind == "dose" else None
    panel = make_panel(outcome, {"guard": treated(kind)}, start=starts)
    found = twfe.estimate(make_study([treatment(kind)], **changes), panel, np.random.default_rng(0))
    assert isinstance(found, Estimate)
    return found


def test_where_effects_grow_it_falls_short_of_their_mean() -> None:
    """Goodman-Bacon (2021): earlier cohorts are controls of later ones, and their growing effects count against it."""
    relative = np.arange(PERIODS) - FIRST[:, None]
    effect = on() * (1.0 + relative)
    found = run(twfe, smooth() + effect)
    assert found.value < 0.9 * effect[on()].mean()


def test_unbalanced_panels_keep_their_rows() -> None:
    y = smooth() + 2 * on()
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    found = run(twfe, y)
    assert found.value == pytest.approx(2) and found.n_observations == np.isfinite(y).sum()


def test_covariates_that_change_and_that_do_not() -> None:
    """The first enter as they are, the second times periods: without noise both are taken out."""
    y = smooth() + 2 * on() + 3 * COVARIATE + TRAIT[:, None] * np.sin(np.arange(PERIODS)) ** 2
    found = run(twfe, y, panel={"covariates": {"moving": COVARIATE, "trait": TRAIT}})
    assert found.value == pytest.approx(2)
    assert abs(run(twfe, y, panel={"covariates": {"moving": COVARIATE}}).value - 2) > 1e-4


def test_a_covariate_that_repeats_the_treatment_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"(guard|twin) has no variation of its own"):
        run(twfe, noisy(), panel={"covariates": {"twin": on().astype(float)}})
    with pytest.raises(Unsupported, match="covariate flat is the same"):
        run(twfe, noisy(), panel={"covariates": {"flat": np.ones(UNITS)}})


def test_weights_are_copies() -> None:
    y, weight = noisy(), 1.0 + (np.arange(UNITS) % 3)
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    panel = make_panel(y[copies], {"guard": FIRST[copies]}, cluster=copies)
    copied = twfe.estimate(make_study([treatment("binary")]), panel, np.random.default_rng(0))
    weighted = run(twfe, y, panel={"weight": weight})
    assert weighted.value == pytest.approx(copied.value) and weighted.n_clusters == copied.n_clusters
    assert weighted.standard_error == pytest.approx(copied.standard_error, rel=0.05)
    assert abs(weighted.value - run(twfe, y).value) > 1e-4


def test_a_count_enters_as_its_rate_and_the_percentage_relates_to_the_outcome_without_treatment() -> None:
    people, rate = np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS), 10 + noisy()
    found, plain = run(twfe, rate * people / 1e5 / 12, panel={"exposure": people}), run(twfe, rate)
    assert found.value == pytest.approx(plain.value) and found.standard_error == pytest.approx(plain.standard_error)
    assert found.rate_change == pytest.approx((found.value, *found.interval)) and plain.rate_change is None
    assert "homicides per 100,000 population a year" in found.estimand
    untreated = rate[on()].mean() - found.value
    assert found.percent_change == pytest.approx(tuple(100 * np.array([found.value, *found.interval]) / untreated))
    assert run(twfe, noisy() - 5).percent_change is None


def test_interval_is_students_t_with_one_degree_less_than_clusters() -> None:
    from scipy.stats import t

    found = run(twfe, noisy(), panel={"cluster": np.arange(UNITS) // 3})
    half = t.ppf(0.975, 7) * found.standard_error
    assert found.n_clusters == 8 and found.interval == pytest.approx((found.value - half, found.value + half))


def test_event_studies_of_a_binary_treatment_and_of_a_dose() -> None:
    """Without noise each bin has its own effect; the reference is the last bin before treatment."""
    since = np.where((FIRST >= 0)[:, None], np.arange(PERIODS) - FIRST[:, None], -1)
    rows = run(twfe, smooth() + np.where(since >= 0, since // 3 + 1.0, 0)).rows
    assert list(rows["event_time"]) == [-9, -6, 0, 3, 6]
    np.testing.assert_allclose(rows["value"], [0, 0, 1, 2, 3], atol=1e-9)
    bins = (np.arange(PERIODS) - START) // 3
    rows = dosed(smooth() + DOSE[:, None] * np.select([bins == 0, bins == 1], [1.0, 2.0], 0.0)).rows
    assert list(rows["event_time"]) == [-6, 0, 3] and list(rows["period"]) == ["2015-01", "2015-07", "2015-10"]
    np.testing.assert_allclose(rows["value"], [0, 1, 2], atol=1e-9)
    assert dosed(noisy() + path("reversible"), "reversible").rows is None


def test_event_studies_that_clusters_do_not_carry_or_that_are_collinear_are_refused() -> None:
    few = run(twfe, noisy(), panel={"cluster": np.arange(UNITS) // 4})
    assert few.rows is not None and few.n_clusters == 6
    more = run(twfe, noisy(), study={"event_bins": 1}, panel={"cluster": np.arange(UNITS) // 4})
    assert more.rows is None and more.covariance is None
    assert "14 free coefficients and only 6 clusters" in more.warnings[-1] and "event_bins" in more.warnings[-1]
    without = np.where(FIRST < 0, 9, FIRST)
    found = run(twfe, noisy(first=without), without, study={"event_bins": 1})
    assert found.rows is None and "collinear" in found.warnings[-1]


def test_cohorts_of_few_clusters_are_announced() -> None:
    found = run(twfe, noisy(), panel={"cluster": np.arange(UNITS) // 4})
    assert any("2 of 2 cohorts lie in no more than 2 clusters" in warning for warning in found.warnings)
