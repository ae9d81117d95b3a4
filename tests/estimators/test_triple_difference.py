"""The triple-difference estimator: who is eligible, where the policy starts, and what it says and refuses."""

import numpy as np
import pytest
from tests.contract.panels import PERIODS, UNITS
from tests.estimators.absorbing import by_time, noisy, smooth
from tests.estimators.absorbing import run as run_any

from balanza.errors import Unsupported
from balanza.estimators import triple_difference

AREA = np.repeat([0, 1, 2, 3], 6)
START = np.array([4, 7, -1, -1])[AREA]
ELIGIBLE = np.arange(UNITS) % 2 == 0
REACHED = ELIGIBLE & (START >= 0)


def treated() -> np.ndarray:
    return REACHED[:, None] & (np.arange(PERIODS) >= START[:, None])


def run(y: np.ndarray, first: np.ndarray = START, columns: dict | None = None, panel: dict | None = None, **options):
    """Where `first` covers the ineligible too (the default), no areas are needed."""
    columns = {"eligible": ELIGIBLE} if columns is None else columns
    options = {"group_column": "eligible", **options}
    return run_any(triple_difference, y, first, panel={"covariates": columns, **(panel or {})}, **options)


def test_shocks_to_eligible_units_and_to_areas_cancel() -> None:
    rng = np.random.default_rng(0)
    y = smooth() + 1.5 * treated() + ELIGIBLE[:, None] * rng.normal(size=PERIODS)
    y += (START == 4)[:, None] * rng.normal(size=PERIODS) + (START == 7)[:, None] * rng.normal(size=PERIODS)
    for control in ("never", "not_yet"):
        found = run(y, control=control)
        assert found.value == pytest.approx(1.5)
        assert (found.n_treated, found.n_units, found.n_observations) == (6, UNITS, UNITS * PERIODS)


def test_start_for_eligible_units_only_needs_areas() -> None:
    only, columns = np.where(ELIGIBLE, START, -1), {"eligible": ELIGIBLE, "area": AREA}
    whole = run(noisy())
    assert run(noisy(), only, columns, area_column="area").value == pytest.approx(whole.value)
    by_cluster = run(noisy(), only, panel={"cluster": AREA}, area_column="cluster")
    assert by_cluster.value == pytest.approx(whole.value)
    with pytest.raises(Unsupported, match="no ineligible unit has a first treated period"):
        run(noisy(), only)
    mixed = np.where(np.arange(UNITS) == 0, 5, only)
    with pytest.raises(Unsupported, match="within an area"):
        run(noisy(), mixed, columns, area_column="area")


def test_eligibility_must_be_told_and_fixed() -> None:
    with pytest.raises(Unsupported, match="needs the option `group_column`"):
        run(noisy(), group_column=None)
    with pytest.raises(Unsupported, match="there is no column 'poor'"):
        run(noisy(), group_column="poor")
    for wrong in (ELIGIBLE * 2.0, ELIGIBLE[:, None] * (np.arange(PERIODS) > 3)):
        with pytest.raises(Unsupported, match="not 0 or 1 throughout a unit"):
            run(noisy(), columns={"eligible": wrong})


def test_the_four_groups_are_needed() -> None:
    with pytest.raises(Unsupported, match="no cell can be estimated"):
        run(noisy(), columns={"eligible": ELIGIBLE | (START < 0)}, control="never")


def test_rows_headline_per_cent_and_rate() -> None:
    people = np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS)
    y = 10 + noisy()
    found, plain = run(y * people / 1e5 / 12, panel={"exposure": people}), run(y)
    assert found.rate_change == pytest.approx((plain.value, *plain.interval))
    untreated = y[treated()].mean() - plain.value
    assert found.percent_change == pytest.approx(tuple(100 * np.array([plain.value, *plain.interval]) / untreated))
    dynamic = run(y, aggregate="dynamic")
    assert dynamic.value == pytest.approx(np.mean([v for time, v in by_time(dynamic).items() if time >= 0]))


def test_covariates_gaps_weights_and_options() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=UNITS)
    y = smooth() + 1.5 * treated() + 0.2 * np.arange(PERIODS) * x[:, None]
    columns = {"eligible": ELIGIBLE, "x": x}
    assert run(y, columns=columns, method="reg").value == pytest.approx(1.5)
    moving = {"eligible": ELIGIBLE, "x": x[:, None] + np.zeros(PERIODS) + 1e-9 * np.arange(PERIODS)}
    assert run(y, columns=moving, method="reg").value == pytest.approx(1.5)
    gap = noisy()
    gap[1, 2] = np.nan
    with pytest.raises(Unsupported, match="1 of 24 units lack rows"):
        run(gap)
    kept = run(gap, unbalanced="drop", panel={"weight": np.linspace(1, 2, UNITS)})
    assert kept.n_units == UNITS - 1
    for wrong in ({"control": "all"}, {"method": "ols"}, {"aggregate": "mean"}):
        with pytest.raises(Unsupported, match=next(iter(wrong))):
            run(noisy(), **wrong)
