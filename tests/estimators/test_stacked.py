"""The stacked estimator: its window, what it leaves out and says, its units and refusals."""

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, UNITS
from tests.estimators.absorbing import by_time, noisy, on, smooth
from tests.estimators.absorbing import run as run_any

from balanza.errors import Unsupported
from balanza.estimators import stacked

EVERY = {"event_bins": 1}


def run(*args, **options):
    return run_any(stacked, *args, **options)


def test_the_window_is_the_widest_that_every_cohort_shows() -> None:
    found = run(noisy(), study=EVERY, panel={"cluster": np.arange(UNITS)})
    assert list(found.rows["event_time"]) == [-4, -3, -2, 0, 1, 2, 3, 4]
    assert "first 5 treated period(s)" in found.estimand and found.n_treated == 12
    assert found.value == pytest.approx(np.mean([value for time, value in by_time(found).items() if time >= 0]))


def test_the_window_can_be_set_and_cohorts_outside_it_are_named() -> None:
    found = run(noisy(), study=EVERY, before=5, after=1)
    assert list(found.rows["event_time"]) == [-5, -4, -3, -2, 0, 1]
    assert found.n_treated == 6
    assert any("1 cohort(s) (6 units, first treated from 2015-05 to 2015-05)" in text for text in found.warnings)
    with pytest.raises(Unsupported, match="no cohort is seen 9 period"):
        run(noisy(), before=9)


def test_effects_are_the_mean_over_the_treated_with_corrective_weights_only() -> None:
    """By hand: cohorts of 6 and 3 units with effects 1 and 3, and 12 controls."""
    first = np.where(np.isin(np.arange(UNITS), [9, 10, 11]), -1, FIRST)
    y = smooth() + on(first) * np.where(first == 7, 3.0, 1.0)[:, None]
    assert run(y, first).value == pytest.approx((6 * 1 + 3 * 3) / 9)
    share = np.array([6 * 15 / 21, 3 * 15 / 18])
    assert run(y, first, weighting="cengiz").value == pytest.approx(share @ [1, 3] / share.sum())


def test_units_with_gaps_leave_the_windows_that_they_do_not_fill() -> None:
    y = noisy()
    y[0, 3] = y[20, 5] = np.nan
    found = run(y)
    assert any("3 units of sub-experiments lack rows" in warning for warning in found.warnings)
    assert found.n_treated == 11 and found.n_units == UNITS - 2 and found.n_observations == (UNITS - 2) * PERIODS


def test_weights_are_those_of_units() -> None:
    weight = 1.0 + np.arange(UNITS) % 2
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    weighted = run(noisy(), panel={"weight": weight, "cluster": np.arange(UNITS)})
    copied = run(noisy()[copies], FIRST[copies], panel={"cluster": copies})
    assert weighted.value == pytest.approx(copied.value)
    assert weighted.standard_error == pytest.approx(copied.standard_error, rel=0.02)  # but for n
    moving = run(noisy(), panel={"weight": weight[:, None] * np.linspace(1, 2, PERIODS)})
    assert moving.value == pytest.approx(weighted.value)
    assert any("change within units" in warning for warning in moving.warnings)


def test_a_count_enters_as_its_rate_and_per_cent_relate_to_the_outcome_without_treatment() -> None:
    people = np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS)
    rate = 10 + noisy()
    found, plain = run(rate * people / 1e5 / 12, panel={"exposure": people}), run(rate)
    assert found.rate_change == pytest.approx((plain.value, *plain.interval))
    treated = np.concatenate([rate[g == FIRST, g : g + 5].mean(axis=1) for g in (4, 7)]).mean()
    percent = 100 * np.array([plain.value, *plain.interval]) / (treated - plain.value)
    assert found.percent_change == pytest.approx(tuple(percent))


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(Unsupported, match="takes no covariates"):
        run(noisy(), panel={"covariates": {"x": np.arange(UNITS)}})
    with pytest.raises(Unsupported, match="without corrective weights"):
        run(noisy(), weighting="cengiz", effects="event_time")
    for options in ({"before": 0}, {"after": -1}, {"weighting": "equal"}, {"effects": "unit"}):
        with pytest.raises(Unsupported, match=next(iter(options))):
            run(noisy(), **options)
    found = run(noisy(), study=EVERY, panel={"cluster": np.arange(UNITS) // 4})
    assert found.rows is None and any("only 6 clusters" in warning for warning in found.warnings)
