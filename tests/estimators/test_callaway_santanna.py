"""The group-time estimator: what it leaves out, refuses and warns of, its rows and its units."""

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, UNITS, make_panel, make_study, treatment

from balanza.contract import Estimate
from balanza.errors import Unsupported
from balanza.estimators import callaway_santanna
from balanza.estimators.callaway_santanna import estimate

NAME = "callaway_santanna"


def noisy(seed: int = 0, effect: float = 0.5, first: np.ndarray = FIRST) -> np.ndarray:
    rng = np.random.default_rng(seed)
    on = (first >= 0)[:, None] & (np.arange(PERIODS) >= first[:, None])
    return 5 + rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(UNITS, PERIODS)) + effect * on


def run(
    outcome: np.ndarray, first: np.ndarray = FIRST, *, study: dict | None = None, panel: dict | None = None, **options
):
    panel, study = dict(panel or {}), dict(study or {})
    if "covariates" in panel:
        study["covariates"] = tuple(panel["covariates"])
    if "weight" in panel:
        study["weights"] = "weight"
    family = "poisson" if "exposure" in panel else "gaussian"
    asked = make_study([treatment("binary")], family, options={NAME: options}, **study)
    found = estimate(asked, make_panel(outcome, {"guard": first}, **panel), np.random.default_rng(0))
    assert isinstance(found, Estimate)
    return found


def values(found: Estimate, kind: str) -> np.ndarray:
    return found.rows.loc[found.rows["kind"] == kind, "value"].to_numpy()


def test_unbalanced_panels_are_refused_with_the_count_or_dropped_on_demand() -> None:
    y = noisy()
    y[3, 5] = y[9, 2] = y[9, 3] = np.nan
    with pytest.raises(Unsupported, match="2 of 24 units lack rows"):
        run(y)
    kept = np.setdiff1d(np.arange(UNITS), [3, 9])
    dropped, alone = run(y, unbalanced="drop"), run(y[kept], FIRST[kept])
    assert dropped.value == pytest.approx(alone.value) and dropped.n_units == UNITS - 2
    assert any("2 of 24 units lack rows and are left out" in warning for warning in dropped.warnings)


def test_units_without_a_before_are_left_out_and_counted() -> None:
    first = np.where(np.arange(UNITS) < 3, 0, FIRST)
    found = run(noisy(), first)
    assert found.n_units == UNITS - 3 and found.n_treated == 9
    assert any("3 units are treated (guard) from the first period on" in warning for warning in found.warnings)
    assert found.value == pytest.approx(run(noisy()[3:], FIRST[3:]).value)


def test_last_cohort_serves_as_control_where_none_is_never_treated() -> None:
    first = np.where(FIRST < 0, 10, FIRST)
    found = run(noisy(first=first), first)
    cut = make_panel(noisy(first=first)[:, :10], {"guard": FIRST})
    alone = estimate(make_study([treatment("binary")]), cut, np.random.default_rng(0))
    assert found.value == pytest.approx(alone.value) and found.n_observations == UNITS * 10
    assert any("12 units first treated in 2015-11 serve as controls" in warning for warning in found.warnings)


def test_cohorts_beyond_the_window_count_as_never_treated() -> None:
    beyond = np.where((FIRST < 0) & (np.arange(UNITS) % 2 == 0), PERIODS + 3, FIRST)
    assert run(noisy(), beyond).value == pytest.approx(run(noisy()).value)


@pytest.mark.parametrize(
    ("first", "anticipation"),
    [(FIRST, 8), (np.where(FIRST < 0, 4, FIRST), 8), (np.full(UNITS, 5), 0)],
    ids=["all too early", "all too early and none never", "all at once"],
)
def test_without_a_before_or_a_control_it_is_refused(first, anticipation) -> None:
    with pytest.raises(Unsupported, match="both before and after"):
        run(noisy(first=first), first, anticipation=anticipation)


def test_a_count_enters_as_its_rate_per_hundred_thousand_a_year() -> None:
    people = np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS)
    rate = 10 + noisy()
    found = run(rate * people / 1e5 / 12, panel={"exposure": people})
    plain = run(rate)
    assert found.value == pytest.approx(plain.value) and found.standard_error == pytest.approx(plain.standard_error)
    assert found.rate_change == pytest.approx((found.value, *found.interval))
    assert plain.rate_change is None
    assert "homicides per 100,000 population a year" in found.estimand


def test_percent_change_relates_to_the_outcome_without_treatment() -> None:
    y = noisy()
    on = (FIRST >= 0)[:, None] & (np.arange(PERIODS) >= FIRST[:, None])
    found = run(y)
    untreated = y[on].mean() - found.value
    assert found.percent_change == pytest.approx(tuple(100 * np.array([found.value, *found.interval]) / untreated))
    assert run(y - 5).percent_change is None


def test_rows_are_the_aggregates_and_then_the_cells() -> None:
    found = run(noisy(), study={"event_bins": 1})
    rows = found.rows
    assert list(rows["kind"].unique()) == ["event_time", "group", "calendar", "group_time"]
    assert list(rows.loc[rows["kind"] == "group", "group"]) == ["2015-05", "2015-08"]
    assert list(rows.loc[rows["kind"] == "calendar", "period"]) == [f"2015-{month:02d}" for month in range(5, 13)]
    cells = rows[rows["kind"] == "group_time"]
    assert len(cells) == 2 * (PERIODS - 1) and cells["event_time"].min() == -6
    assert run(noisy(), aggregate="dynamic", study={"event_bins": 1}).value == pytest.approx(
        rows.loc[(rows["kind"] == "event_time") & (rows["event_time"] >= 0), "value"].mean()
    )
    assert run(noisy(), aggregate="calendar").value == pytest.approx(values(found, "calendar").mean())
    assert run(noisy(), aggregate="group").value == pytest.approx(values(found, "group").mean())


def test_universal_base_has_no_row_for_the_base_period() -> None:
    found = run(noisy(), base="universal", study={"event_bins": 1})
    times = found.rows.loc[found.rows["kind"] == "event_time", "event_time"]
    assert -1 not in set(times) and {-2, 0} <= set(times)


def test_covariance_leaves_the_cells_out_where_there_are_many(monkeypatch) -> None:
    whole = run(noisy())
    assert len(whole.covariance) == len(whole.rows)
    monkeypatch.setattr(callaway_santanna, "KEPT_CELLS", 10)
    part = run(noisy())
    aggregates = (part.rows["kind"] != "group_time").sum()
    assert len(part.covariance) == aggregates < len(part.rows)
    np.testing.assert_allclose(part.covariance, whole.covariance.iloc[:aggregates, :aggregates])
    assert part.rows.loc[part.rows["kind"] == "group_time", "low_uniform"].isna().all()


def test_small_cohorts_and_singular_covariances_are_announced() -> None:
    cluster = np.arange(UNITS) // 4
    found = run(noisy(), study={"event_bins": 1}, panel={"cluster": cluster})
    assert any("2 of 2 cohorts lie in no more than 2 clusters" in warning for warning in found.warnings)
    assert any("event-time rows have a singular covariance with 6 clusters" in warning for warning in found.warnings)
    assert run(noisy()).warnings == ()


def test_clusters_above_the_unit_add_their_units() -> None:
    """Copies of a unit in its own cluster say nothing new: the error stays."""
    y = np.vstack([noisy(), noisy()])
    copied = run_copies(y)
    assert copied.standard_error == pytest.approx(run(noisy()).standard_error) and copied.n_clusters == UNITS


def run_copies(y: np.ndarray) -> Estimate:
    panel = make_panel(y, {"guard": np.tile(FIRST, 2)}, cluster=np.tile(np.arange(UNITS), 2))
    return estimate(make_study([treatment("binary")]), panel, np.random.default_rng(0))


def test_weights_that_change_keep_their_first_value_and_say_so() -> None:
    weight = np.linspace(1, 3, UNITS)
    moving = weight[:, None] * np.linspace(1, 2, PERIODS)
    found = run(noisy(), panel={"weight": moving})
    assert found.value == pytest.approx(run(noisy(), panel={"weight": weight}).value)
    assert abs(found.value - run(noisy()).value) > 1e-4
    assert any("change within units" in warning for warning in found.warnings)


def test_covariates_without_overlap_are_announced_and_a_constant_one_refused() -> None:
    apart = np.where(FIRST == 4, 50.0, 0.0) + np.random.default_rng(1).normal(size=UNITS)
    found = run(noisy(), panel={"covariates": {"x": apart}})
    assert any("11 of 22 cells cannot be estimated" in warning for warning in found.warnings)
    with pytest.raises(Unsupported, match="no cell can be estimated"):
        run(noisy(), panel={"covariates": {"x": np.where(FIRST >= 0, 50.0, 0.0) + apart}})
    with pytest.raises(Unsupported, match="covariate x is the same"):
        run(noisy(), panel={"covariates": {"x": np.ones(UNITS)}})


@pytest.mark.parametrize(
    "options",
    [{"control": "all"}, {"method": "ols"}, {"aggregate": "mean"}, {"anticipation": -1}, {"draws": 0.5}, {"base": 1}],
)
def test_illegal_options_are_refused(options) -> None:
    with pytest.raises(Unsupported, match=next(iter(options))):
        run(noisy(), **options)


def test_uniform_bands_are_wider_and_use_the_generator_given() -> None:
    first = run(noisy()).rows
    assert (first["low_uniform"] < first["low"]).mean() > 0.9
    wider = run(noisy(), multiplier="mammen").rows
    assert not np.allclose(first["low_uniform"], wider["low_uniform"])
