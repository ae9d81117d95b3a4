"""The local-projections estimator: its horizons, base, weighting and covariates, and what it says and refuses."""

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, UNITS
from tests.estimators.absorbing import by_time, noisy, on, smooth
from tests.estimators.absorbing import run as run_any

from balanza.errors import Unsupported
from balanza.estimators import lp_did

EVERY = {"event_bins": 1}


def run(*args, **options):
    return run_any(lp_did, *args, **options)


def test_the_headline_pools_the_horizons_that_every_cohort_shows() -> None:
    found = run(noisy(), study=EVERY, panel={"cluster": np.arange(UNITS)})
    assert "first 5 treated period(s)" in found.estimand and found.n_treated == 12
    assert list(found.rows["event_time"]) == [*range(-7, -1), *range(8)]


def test_a_longer_horizon_leaves_late_cohorts_out_and_says_so() -> None:
    found = run(noisy(), horizon=7)
    assert found.n_treated == 6
    assert any("6 of 12 treated units are not seen for 7 period(s)" in warning for warning in found.warnings)
    with pytest.raises(Unsupported, match="no cohort is seen for 8 period"):
        run(noisy(), horizon=8)


def test_cohorts_weigh_by_variance_or_by_treated_units() -> None:
    """By hand: cohorts of 6 and 3 units with effects 1 and 3; clean controls are the 15 others, then the 15 never
    treated."""
    first = np.where(np.isin(np.arange(UNITS), [9, 10, 11]), -1, FIRST)
    y = smooth() + on(first) * np.where(first == 7, 3.0, 1.0)[:, None]
    assert run(y, first, weighting="equal").value == pytest.approx((6 * 1 + 3 * 3) / 9)
    variance = np.array([6 * 15 / 21, 3 * 15 / 18])
    assert run(y, first).value == pytest.approx(variance @ [1, 3] / variance.sum())


def test_rows_are_windows_of_bins_against_the_last_bin() -> None:
    """By hand: effects that grow by 1 a period, in bins of three against the mean of the three periods before."""
    y = smooth() + on() * (np.arange(PERIODS) - FIRST[:, None] + 1.0) + 0.001 * noisy()
    rows = by_time(run(y))
    assert list(rows) == [-9, -6, 0, 3, 6]
    assert [rows[time] for time in (-6, 0, 3)] == pytest.approx([0, 2, 5], abs=0.01)
    assert rows[6] == pytest.approx(7.5, abs=0.01)


def test_the_base_can_be_all_earlier_periods() -> None:
    early = 0.9 * ((FIRST >= 0)[:, None] & (np.arange(PERIODS) == FIRST[:, None] - 1))
    y = smooth() + on() + early
    last, whole = (run(y, study=EVERY, base=base, weighting="equal").value for base in ("last", "all"))
    assert last == pytest.approx(1 - 0.9)
    assert whole == pytest.approx(1 - 0.9 * np.mean([1 / 4, 1 / 7]))


def test_never_treated_controls_only() -> None:
    y = smooth() + on() - 2.0 * (on() & (FIRST == 7)[:, None])
    y += (FIRST == 7)[:, None] * np.arange(PERIODS)
    assert run(y, horizon=0, control="never").value != pytest.approx(run(y, horizon=0).value, abs=1e-3)


@pytest.mark.parametrize("weighting", ["variance", "equal"])
def test_covariates_enter_as_before_entry(weighting) -> None:
    """A trend that depends on a covariate; its value at and after entry, which treatment moves, plays no part."""
    x = np.linspace(-1, 1, UNITS) + (FIRST == 4)
    moved = np.repeat(x[:, None], PERIODS, axis=1) + 5 * on()
    y = smooth() + on() + 0.3 * np.arange(PERIODS) * x[:, None]
    for values in (x, moved):
        found = run(y, study=EVERY, panel={"covariates": {"x": values}}, weighting=weighting)
        assert found.value == pytest.approx(1)
    assert abs(run(y, study=EVERY, weighting=weighting).value - 1) > 0.1
    with pytest.raises(Unsupported, match="covariates are collinear"):
        run(y, panel={"covariates": {"x": x, "w": 2 * x}}, weighting=weighting)


def test_unbalanced_panels_weights_and_rates() -> None:
    y, people = 10 + noisy(), np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS)
    y[0, 3] = np.nan
    found = run(y)
    assert found.n_treated == 11
    assert any("1 of 12 treated units are not seen" in warning for warning in found.warnings)
    rate = run(y * people / 1e5 / 12, panel={"exposure": people})
    assert rate.rate_change == pytest.approx((found.value, *found.interval))
    assert rate.percent_change == pytest.approx(found.percent_change)
    weight = 1.0 + np.arange(UNITS) % 2
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    weighted = run(noisy(), panel={"weight": weight, "cluster": np.arange(UNITS)})
    copied = run(noisy()[copies], FIRST[copies], panel={"cluster": copies})
    assert weighted.value == pytest.approx(copied.value)
    assert weighted.standard_error == pytest.approx(copied.standard_error, rel=0.02)


def test_illegal_options_and_too_fine_event_studies_are_refused() -> None:
    for options in ({"horizon": -1}, {"weighting": "wing"}, {"base": 1}, {"control": "all"}):
        with pytest.raises(Unsupported, match=next(iter(options))):
            run(noisy(), **options)
    found = run(noisy(), study=EVERY, panel={"cluster": np.arange(UNITS) // 2})
    assert found.rows is None and any("only 12 clusters" in warning for warning in found.warnings)
