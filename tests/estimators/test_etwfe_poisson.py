"""Poisson extended two-way fixed effects: sums by hand, rates, cells and units without events, refusals."""

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, UNITS, make_panel, make_study, treatment
from tests.estimators.absorbing import on, run

from balanza.contract import Estimate
from balanza.errors import Unsupported
from balanza.estimators import etwfe_poisson
from balanza.kernels import jackknife as jackknife_kernel
from balanza.kernels import poisson

PEOPLE = np.linspace(1e4, 2e5, UNITS)[:, None] * np.linspace(1, 1.05, PERIODS)
RELATIVE = np.arange(PERIODS) - FIRST[:, None]
EVERY = {"event_bins": 1}
effects = pytest.mark.parametrize("effects", ["unit", "cohort"])


def rates() -> np.ndarray:
    """Yearly rates per 100,000 with unit levels and a common course, effects apart."""
    return np.exp(np.linspace(2, 3, UNITS)[:, None] + 0.1 * np.sin(np.arange(PERIODS)))


def counts(seed: int = 0, effect: float = -0.3) -> np.ndarray:
    rate = rates() * np.exp(effect * on())
    return np.random.default_rng(seed).poisson(rate * PEOPLE / 1e5).astype(float)


def estimate(outcome: np.ndarray, first: np.ndarray = FIRST, *, study=None, panel=None, **options) -> Estimate:
    return run(
        etwfe_poisson,
        outcome,
        first,
        study=study,
        panel={"exposure": PEOPLE[: len(outcome)], **(panel or {})},
        **options,
    )


def values(found: Estimate, kind: str) -> np.ndarray:
    return found.rows.loc[found.rows["kind"] == kind, "value"].to_numpy()


def imputed(y: np.ndarray, people: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Expected counts from a two-way Poisson of untreated rows, by sums over `by`: effects of cohorts or of units."""
    groups = np.unique(by)
    table, exposure = (np.array([v[by == g].sum(axis=0) for g in groups]) for v in (np.where(on(), np.nan, y), people))
    untreated = np.where(np.isnan(table), np.nan, exposure)
    fitted = poisson.fit(table, untreated, np.empty((0, *table.shape)))
    period = np.nanmean(np.where(np.isnan(table), np.nan, np.log(fitted.fitted / untreated))[groups < 0], axis=0)
    level = [np.nanmean(np.log(fitted.fitted / untreated)[i] - period) for i in range(len(groups))]
    return people * np.exp(np.array(level)[np.searchsorted(groups, by), None] + period)


def test_effects_are_ratios_of_sums_to_those_expected_from_untreated_rows() -> None:
    """With cohort effects the treated cells are fitted exactly, so that untreated rows alone make what is expected."""
    y = counts()
    expected = imputed(y, PEOPLE, FIRST)
    found = estimate(y, study=EVERY)
    assert found.value == pytest.approx(np.log(y[on()].sum() / expected[on()].sum()), abs=1e-8)
    for event, value in enumerate(values(found, "event_time")):
        mine = on() & (event == RELATIVE)
        assert value == pytest.approx(np.log(y[mine].sum() / expected[mine].sum()), abs=1e-8)
    assert found.percent_change[0] == pytest.approx(100 * (y[on()].sum() / expected[on()].sum() - 1))
    scale = 12e5 / PEOPLE[on()].sum()
    assert found.rate_change[0] == pytest.approx(scale * (y[on()].sum() - expected[on()].sum()))


@effects
def test_effects_that_differ_are_joined_without_bias(effects) -> None:
    """By hand, without noise: sums with and without effects that differ by cohort and time; exposure moves alike."""
    effect = on() * (-0.1 * (1 + RELATIVE) + 0.2 * (FIRST == 7)[:, None])
    base = rates() * PEOPLE / 1e5
    found = estimate(base * np.exp(effect), effects=effects)
    assert found.value == pytest.approx(np.log((base * np.exp(effect))[on()].sum() / base[on()].sum()), abs=1e-10)
    groups = [np.log((base * np.exp(effect))[on() & at].sum() / base[on() & at].sum()) for at in _cohorts()]
    np.testing.assert_allclose(values(found, "group"), groups, atol=1e-10)


def _cohorts() -> list[np.ndarray]:
    return [(g == FIRST)[:, None] for g in (4, 7)]


def test_unit_effects_absorb_a_change_of_the_mix_of_units() -> None:
    """People move to units of high rates after treatment, and no unit's rate changes: cohort effects find a change."""
    people = np.where(on() & (np.arange(UNITS) % 6 > 2)[:, None], 2 * PEOPLE, PEOPLE)
    rate = rates() * np.where(np.arange(UNITS) % 6 > 2, 3, 1)[:, None]
    panel = {"exposure": people}
    assert estimate(rate * people, panel=panel, effects="unit").value == pytest.approx(0, abs=1e-10)
    assert estimate(rate * people, panel=panel).value > 0.1


@effects
def test_level_scale_and_its_interval(effects) -> None:
    """The difference of rates has an interval of its own; both scales rest on the same sums."""
    log, level = estimate(counts(), effects=effects), estimate(counts(), effects=effects, scale="level")
    assert level.scale == "level" and level.rate_change == pytest.approx((level.value, *level.interval))
    assert log.rate_change == pytest.approx(level.rate_change) and log.percent_change == level.percent_change
    observed = counts()[on()].sum() / PEOPLE[on()].sum() * 12e5
    assert level.value == pytest.approx(observed * (1 - np.exp(-log.value)))
    np.testing.assert_array_equal(np.sign(level.rows["value"]), np.sign(log.rows["value"]))
    assert "per 100,000 population a year" in level.estimand
    assert estimate(counts(), panel={"periods_per_year": None}).rate_change is None


def test_without_exposure_effects_are_per_row() -> None:
    asked = make_study([treatment("binary")], "poisson", options={"etwfe_poisson": {"scale": "level"}})
    outcome = type(asked.outcome)("homicides", "poisson")
    asked = type(asked)(**{**asked.__dict__, "outcome": outcome})
    y = counts()
    found = etwfe_poisson.estimate(asked, make_panel(y, {"guard": FIRST}), np.random.default_rng(0))
    expected = imputed(y, np.ones_like(PEOPLE), FIRST)
    assert found.value == pytest.approx((y - expected)[on()].mean()) and found.rate_change is None


def test_cells_without_events_count_in_sums_and_have_no_row() -> None:
    y = counts()
    y[(FIRST == 4)[:, None] & (RELATIVE == 2)] = 0
    y[(FIRST == 7)[:, None] & (RELATIVE == 2)] = 0
    found = estimate(y, study=EVERY)
    assert found.n_observations == y.size
    assert any(warning.startswith("2 of 13 cells have no homicides") for warning in found.warnings)
    times = found.rows.loc[found.rows["kind"] == "event_time", "event_time"]
    assert list(times) == [0, 1, 3, 4, 5, 6, 7] and len(values(found, "group_time")) == 11
    expected = imputed(y, PEOPLE, FIRST)
    assert found.value == pytest.approx(np.log(y[on()].sum() / expected[on()].sum()))
    # one event time, one period (in which the first cohort alone is treated) and two cells
    assert len(estimate(y, study=EVERY, scale="level").rows) == len(found.rows) + 4


def test_units_without_events() -> None:
    """With cohort effects they are units like others; with unit effects they say nothing, but people live there."""
    y = counts()
    y[[2, 20]] = 0
    by_cohort, by_unit = estimate(y), estimate(y, effects="unit")
    assert by_cohort.n_units == UNITS and by_unit.n_units == UNITS - 2
    assert by_unit.n_observations == (UNITS - 2) * PERIODS and by_unit.n_treated == 11
    assert any("2 of 24 units have no homicides in any period" in warning for warning in by_unit.warnings)
    rest = np.setdiff1d(np.arange(UNITS), [2, 20])
    alone = estimate(y[rest], FIRST[rest], panel={"exposure": PEOPLE[rest]}, effects="unit")
    assert by_unit.value == pytest.approx(alone.value)
    people = PEOPLE[on()].sum() / PEOPLE[rest][on()[rest]].sum()
    assert by_unit.rate_change[0] * people == pytest.approx(alone.rate_change[0])


@effects
def test_periods_and_cohorts_for_which_nothing_can_be_expected_are_left_out(effects) -> None:
    y = counts()
    y[~on() & (np.arange(PERIODS) == 9)] = 0
    found = estimate(y, effects=effects)
    assert any(warning.startswith("1 of 12 periods have no homicides in untreated rows") for warning in found.warnings)
    kept = np.arange(PERIODS) != 9
    y[FIRST == 4, :4] = 0
    found = estimate(y, effects=effects)
    assert any("1 of 3 cohorts have no homicides in untreated rows" in warning for warning in found.warnings)
    assert found.n_units == 18 and found.n_observations == 18 * kept.sum() and found.n_treated == 6
    y[FIRST == 7, :7] = 0
    with pytest.raises(Unsupported, match="no effect can be told apart"):
        estimate(y, effects=effects)


def test_treated_rows_without_any_event_are_refused() -> None:
    with pytest.raises(Unsupported, match="treated rows have no homicides at all"):
        estimate(np.where(on(), 0, counts()))


@effects
def test_unbalanced_panels_keep_their_rows(effects) -> None:
    base = rates() * PEOPLE / 1e5
    y = base * np.exp(-0.3 * on())
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    found = estimate(y, effects=effects)
    assert found.n_observations == np.isfinite(y).sum()
    if effects == "unit":
        assert found.value == pytest.approx(-0.3) and found.warnings == ()
    else:
        assert any("cohort effects take the units seen" in warning for warning in found.warnings)


@effects
def test_covariates_in_each_of_their_ways(effects) -> None:
    rng = np.random.default_rng(2)
    trait, moving = rng.normal(size=UNITS), rng.normal(size=(UNITS, PERIODS))
    level = 0.0 if effects == "cohort" else 1.0  # cohort effects leave levels of units to their covariates
    rate = np.exp(
        level * rng.normal(size=(UNITS, 1)) + trait[:, None] * (0.5 + 0.05 * np.arange(PERIODS)) + 0.3 * moving
    )
    y = rate * PEOPLE * 1e-4
    effect = on() * (-0.2 + 0.1 * trait[:, None])
    panel = {"covariates": {"trait": trait, "moving": moving}}
    found = estimate(y * np.exp(effect), panel=panel, effects=effects)
    assert found.value == pytest.approx(np.log((y * np.exp(effect))[on()].sum() / y[on()].sum()), abs=1e-9)


def test_anticipation_and_never_treated_controls() -> None:
    reacts = (FIRST >= 0)[:, None] & (RELATIVE == -1)
    y = rates() * PEOPLE / 1e5 * np.exp(-0.3 * on() + 0.2 * reacts)
    found = estimate(y, study=EVERY, control="never", anticipation=1)
    rows = found.rows[found.rows["kind"] == "event_time"].set_index("event_time")["value"]
    assert found.value == pytest.approx(-0.3) and rows[-1] == pytest.approx(0.2) and -2 not in rows
    np.testing.assert_allclose(rows[[-7, -6, -5, -4, -3]], 0, atol=1e-10)


def test_weights_are_copies() -> None:
    y, weight = counts(), 1.0 + (np.arange(UNITS) % 3)
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    panel = make_panel(y[copies], {"guard": FIRST[copies]}, exposure=PEOPLE[copies], cluster=copies)
    copied = etwfe_poisson.estimate(make_study([treatment("binary")], "poisson"), panel, np.random.default_rng(0))
    weighted = estimate(y, panel={"weight": weight})
    assert weighted.value == pytest.approx(copied.value) and weighted.n_clusters == copied.n_clusters
    assert weighted.rate_change[0] == pytest.approx(copied.rate_change[0])


def test_clusters_above_the_unit_and_students_t() -> None:
    from scipy.stats import t

    found = estimate(counts(), panel={"cluster": np.arange(UNITS) // 3})
    half = t.ppf(0.975, 7) * found.standard_error
    assert found.n_clusters == 8 and found.interval == pytest.approx((found.value - half, found.value + half))


@pytest.mark.parametrize("options", [{"control": "all"}, {"effects": "none"}, {"scale": "odds"}, {"draws": 0}])
def test_illegal_options_are_refused(options) -> None:
    with pytest.raises(Unsupported, match=next(iter(options))):
        estimate(counts(), **options)


def test_few_clusters_are_left_out_in_turn_and_many_are_not(monkeypatch) -> None:
    """The jackknife is larger where few large units carry the estimate, and moves no value."""
    y = counts()
    jackknife, sandwich = (estimate(y, standard_errors=errors) for errors in ("jackknife", "sandwich"))
    assert jackknife.standard_error > sandwich.standard_error and jackknife.value == sandwich.value
    assert "CV3" in jackknife.standard_error_type and "sandwich" in sandwich.standard_error_type
    assert estimate(y).standard_error == jackknife.standard_error
    monkeypatch.setattr(jackknife_kernel, "FEW", UNITS - 1)
    assert estimate(y).standard_error == sandwich.standard_error


def test_cohorts_in_one_cluster_fall_back_to_the_sandwich_and_say_so() -> None:
    found = estimate(counts(), panel={"cluster": np.where(FIRST == 4, 0, 1 + np.arange(UNITS) // 3)})
    assert "sandwich" in found.standard_error_type
    assert any("cohorts lie in no more than 2 clusters" in text for text in found.warnings)
