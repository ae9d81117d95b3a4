"""Linear extended two-way fixed effects and Sun-Abraham: samples, rows, unbalanced panels, covariates, refusals."""

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, UNITS, make_panel, make_study, treatment
from tests.estimators.absorbing import noisy, on, run, smooth

from balanza.contract import Estimate
from balanza.errors import Unsupported
from balanza.estimators import _saturated, etwfe, imputation, sun_abraham

both = pytest.mark.parametrize("estimator", [etwfe, sun_abraham], ids=["etwfe", "sun_abraham"])
EVERY = {"event_bins": 1}
RELATIVE = np.arange(PERIODS) - FIRST[:, None]
EFFECT = on() * (1.0 + 0.3 * RELATIVE + 0.5 * (FIRST == 7)[:, None])


def values(found: Estimate, kind: str) -> dict:
    rows = found.rows[found.rows["kind"] == kind]
    column = {"event_time": "event_time", "group": "group", "calendar": "period"}[kind]
    return dict(zip(rows[column], rows["value"], strict=True))


@both
def test_effects_that_differ_by_cohort_and_time_are_averaged_without_bias(estimator) -> None:
    """By hand, without noise: each row is the mean effect of its treated rows."""
    found = run(estimator, smooth() + EFFECT, study=EVERY)
    assert found.value == pytest.approx(EFFECT[on()].mean(), abs=1e-10)
    period = np.broadcast_to(np.arange(PERIODS), on().shape)
    for event, value in values(found, "event_time").items():
        assert value == pytest.approx(EFFECT[(FIRST >= 0)[:, None] & (event == RELATIVE)].mean(), abs=1e-10)
    for label, code in (("2015-05", 4), ("2015-08", 7)):
        assert values(found, "group")[label] == pytest.approx(EFFECT[on() & (code == FIRST)[:, None]].mean())
    for code in range(4, PERIODS):
        assert values(found, "calendar")[f"2015-{code + 1:02d}"] == pytest.approx(
            EFFECT[on() & (period == code)].mean()
        )


def test_rows_by_kind_and_the_reference_before_treatment() -> None:
    found = run(etwfe, noisy(), study=EVERY)
    assert list(found.rows["kind"].unique()) == ["event_time", "group", "calendar", "group_time"]
    assert list(values(found, "event_time")) == list(range(8))
    leads = run(etwfe, noisy(), study=EVERY, control="never")
    assert list(values(leads, "event_time")) == [-7, -6, -5, -4, -3, -2, *range(8)]
    wide = run(sun_abraham, noisy())
    assert list(values(wide, "event_time")) == [-9, -6, 0, 3, 6]
    cells = wide.rows[wide.rows["kind"] == "group_time"]
    assert not cells["event_time"].isin([-3, -2, -1]).any()
    assert len(wide.covariance) == len(wide.rows)


def test_a_wider_reference_compares_with_the_mean_of_its_periods() -> None:
    """By hand: cohort mean after, less its mean in the three periods before, less the same of the never-treated."""
    y = noisy(3)
    found = run(sun_abraham, y)
    never, total = y[FIRST < 0].mean(axis=0), 0.0
    for g in (4, 7):
        change = y[g == FIRST].mean(axis=0) - never
        total += 6 * (change[g:] - change[g - 3 : g].mean()).sum()
    assert found.value == pytest.approx(total / on().sum())


def test_periods_before_the_reference_leave_sun_abraham_alone() -> None:
    """Two more periods at the start: effects after treatment stay, under event times that count from treatment."""
    y = noisy(2)
    longer = np.column_stack([np.random.default_rng(0).normal(size=(UNITS, 2)), y])
    found, other = (
        run(sun_abraham, y, study=EVERY),
        run(sun_abraham, longer, np.where(FIRST < 0, -1, FIRST + 2), study=EVERY),
    )
    assert other.value == pytest.approx(found.value, abs=1e-12)
    before, after = values(found, "event_time"), values(other, "event_time")
    assert {event: after[event] for event in range(8)} == pytest.approx({event: before[event] for event in range(8)})


def test_on_balanced_panels_it_imputes() -> None:
    found, other = run(etwfe, noisy(1), study=EVERY), run(imputation, noisy(1), study=EVERY)
    assert found.value == pytest.approx(other.value, abs=1e-12)
    theirs = other.rows[other.rows["event_time"] >= 0].set_index("event_time")["value"]
    for event, value in values(found, "event_time").items():
        assert value == pytest.approx(theirs[event], abs=1e-12)
    weighted = {"weight": np.linspace(1, 3, UNITS)}
    assert run(etwfe, noisy(1), panel=weighted).value == pytest.approx(run(imputation, noisy(1), panel=weighted).value)


@both
def test_unbalanced_panels_keep_their_rows(estimator) -> None:
    y = smooth() + EFFECT
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    found = run(estimator, y)
    assert found.value == pytest.approx(EFFECT[on() & np.isfinite(y)].mean())
    assert found.n_observations == np.isfinite(y).sum() and found.n_units == UNITS


@both
def test_cells_that_nothing_links_with_untreated_rows_are_left_out_and_counted(estimator) -> None:
    y = noisy()
    y[FIRST == 4, :4] = np.nan
    found = run(estimator, y)
    assert any(warning.startswith("48 rows lie in cells") for warning in found.warnings)
    assert list(values(found, "group")) == ["2015-08"] and found.n_treated == 6
    y[FIRST == 7, :7] = np.nan
    with pytest.raises(Unsupported, match="no effect can be told apart"):
        run(estimator, y)


def test_cohort_effects_on_an_unbalanced_panel_say_what_they_take_for_granted() -> None:
    y = noisy()
    y[3, 5] = np.nan
    found = run(etwfe, y, effects="cohort")
    assert any("cohort effects take the units seen in each period to be alike" in text for text in found.warnings)
    assert found.value != pytest.approx(run(etwfe, y).value, abs=1e-6)
    assert run(etwfe, noisy(), effects="cohort").value == pytest.approx(run(etwfe, noisy()).value)


@both
def test_who_enters_as_treated_and_as_control(estimator) -> None:
    early = np.where(np.arange(UNITS) < 3, 0, FIRST)
    found = run(estimator, noisy(), early)
    assert found.n_units == UNITS - 3 and found.value == pytest.approx(run(estimator, noisy()[3:], FIRST[3:]).value)
    assert any("3 units are treated (guard) from the first period on" in warning for warning in found.warnings)
    late = np.where(FIRST < 0, 10, FIRST)
    found = run(estimator, noisy(first=late), late)
    assert found.value == pytest.approx(run(estimator, noisy(first=late)[:, :10]).value)
    assert any("12 units first treated in 2015-11 serve as controls" in warning for warning in found.warnings)
    beyond = np.where((FIRST < 0) & (np.arange(UNITS) % 2 == 0), PERIODS + 3, FIRST)
    assert run(estimator, noisy(), beyond).value == pytest.approx(run(estimator, noisy()).value)
    with pytest.raises(Unsupported, match="both before and after"):
        run(estimator, noisy(), np.full(UNITS, 5))


@both
def test_anticipation_keeps_what_may_react_out_of_the_reference(estimator) -> None:
    reacts = (FIRST >= 0)[:, None] & (RELATIVE == -1)
    y = smooth() + EFFECT + 5 * reacts
    assert run(estimator, y, study=EVERY).value != pytest.approx(EFFECT[on()].mean(), abs=0.1)
    found = run(estimator, y, study=EVERY, anticipation=1)
    assert found.value == pytest.approx(EFFECT[on()].mean())
    assert values(found, "event_time")[-1] == pytest.approx(5)


def test_covariates_in_each_of_their_ways() -> None:
    """Constant ones shift trends and effects, changing ones enter as they are: without noise all is taken out."""
    rng = np.random.default_rng(2)
    trait, moving = rng.normal(size=UNITS), rng.normal(size=(UNITS, PERIODS))
    y = 2 * np.sin(np.arange(PERIODS)) + trait[:, None] * np.sin(np.arange(PERIODS)) ** 2 + 3 * moving
    levels = smooth()[:, :1]  # cohort effects leave levels of units to their covariates
    panel = {"covariates": {"trait": trait, "moving": moving}}
    for estimator in (etwfe, sun_abraham):
        assert run(estimator, y + levels + EFFECT, panel=panel).value == pytest.approx(EFFECT[on()].mean())
    by_trait = EFFECT * (1 + trait[:, None])
    for effects in ("unit", "cohort"):
        found = run(etwfe, y + by_trait, study=EVERY, panel=panel, effects=effects)
        assert found.value == pytest.approx(by_trait[on()].mean())
        assert values(found, "event_time")[2] == pytest.approx(by_trait[(FIRST >= 0)[:, None] & (RELATIVE == 2)].mean())
    with pytest.raises(Unsupported, match="covariate flat is the same"):
        run(etwfe, y, panel={"covariates": {"flat": np.ones(UNITS)}})


@both
def test_weights_are_copies(estimator) -> None:
    y, weight = noisy(), 1.0 + (np.arange(UNITS) % 3)
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    panel = make_panel(y[copies], {"guard": FIRST[copies]}, cluster=copies)
    copied = estimator.estimate(make_study([treatment("binary")]), panel, np.random.default_rng(0))
    weighted = run(estimator, y, panel={"weight": weight})
    assert weighted.value == pytest.approx(copied.value) and weighted.n_clusters == copied.n_clusters
    np.testing.assert_allclose(weighted.rows["value"], copied.rows["value"], atol=1e-10)


@both
def test_scales(estimator) -> None:
    people, rate = np.linspace(2e4, 9e4, UNITS)[:, None] * np.ones(PERIODS), 10 + noisy()
    found = run(estimator, rate * people / 1e5 / 12, panel={"exposure": people})
    plain = run(estimator, rate)
    assert found.value == pytest.approx(plain.value) and found.standard_error == pytest.approx(plain.standard_error)
    assert found.rate_change == pytest.approx((found.value, *found.interval)) and plain.rate_change is None
    untreated = rate[on()].mean() - plain.value
    assert plain.percent_change == pytest.approx(tuple(100 * np.array([plain.value, *plain.interval]) / untreated))
    assert run(estimator, noisy() - 5).percent_change is None


def test_many_cells_have_rows_and_no_covariance(monkeypatch) -> None:
    whole = run(sun_abraham, noisy())
    monkeypatch.setattr(_saturated, "KEPT_CELLS", 10)
    part = run(sun_abraham, noisy())
    aggregates = (part.rows["kind"] != "group_time").sum()
    assert len(part.rows) == len(whole.rows) and len(part.covariance) == aggregates
    np.testing.assert_allclose(part.covariance, whole.covariance.iloc[:aggregates, :aggregates])


@both
def test_event_study_with_more_rows_than_clusters_allow_is_refused_and_says_so(estimator) -> None:
    found = run(estimator, noisy(), study=EVERY, panel={"cluster": np.arange(UNITS) // 4})
    assert "event_time" not in set(found.rows["kind"]) and "group" in set(found.rows["kind"])
    assert any("only 6 clusters" in text and "event_bins" in text for text in found.warnings)
    assert len(found.covariance) == len(found.rows)
    assert any("2 of 2 cohorts lie in no more than 2 clusters" in text for text in found.warnings)


def test_covariance_joins_the_rows() -> None:
    """The overall effect is the mean of event times by their rows: its variance follows from the rows' covariance."""
    found = run(etwfe, noisy())
    use = (found.rows["kind"] == "event_time").to_numpy()
    sizes = np.array([((e // 3 == RELATIVE // 3) & on()).sum() for e in found.rows.loc[use, "event_time"]])
    share = sizes / sizes.sum()
    assert share @ found.rows.loc[use, "value"] == pytest.approx(found.value)
    variance = share @ found.covariance.to_numpy()[np.ix_(use, use)] @ share
    assert variance == pytest.approx(found.standard_error**2)


@pytest.mark.parametrize(
    "options", [{"control": "all"}, {"effects": "none"}, {"anticipation": -1}, {"draws": 0.5}, {"base": "varying"}]
)
def test_illegal_options_are_refused(options) -> None:
    with pytest.raises(Unsupported, match=next(iter(options))):
        run(etwfe, noisy(), **options)


def test_as_many_coefficients_as_rows_are_refused() -> None:
    """Two units and one period before treatment: cohort effects, period effects and cells fit all 16 rows exactly."""
    y = np.random.default_rng(0).normal(size=(2, 8))
    with pytest.raises(Unsupported, match="16 coefficients on 16 rows"):
        run(etwfe, y, np.array([1, -1]), effects="cohort")
