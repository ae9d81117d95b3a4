"""The switchers estimator: what it compares, what it says, what it refuses."""

import dataclasses

import numpy as np
import pytest
from tests.contract.panels import PERIODS, START, UNITS, make_panel, make_study, path, treated, treatment

from balanza.contract import Estimate, Outcome
from balanza.errors import Unsupported
from balanza.estimators import callaway_santanna
from balanza.estimators.switchers import estimate

PEOPLE = np.linspace(2e4, 9e4, UNITS)[:, None] * np.linspace(1, 1.1, PERIODS)


def outcome(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(UNITS, 1)) + 0.1 * np.arange(PERIODS) + rng.normal(size=(UNITS, PERIODS))


def run(y: np.ndarray, kind: str = "binary", given: np.ndarray | None = None, family="gaussian", study=None, **options):
    more = {name: options.pop(name) for name in ("cluster", "weight", "exposure", "covariates") if name in options}
    panel = make_panel(y, {"guard": treated(kind) if given is None else given}, **more)
    asked = make_study([treatment(kind)], family, **{"options": {"switchers": options}, **(study or {})})
    return estimate(asked, panel, np.random.default_rng(0))


def same_numbers(first: Estimate, second: Estimate) -> None:
    assert second.value == pytest.approx(first.value)
    assert second.standard_error == pytest.approx(first.standard_error)
    np.testing.assert_allclose(second.rows["value"], first.rows["value"])


def test_absorbing_treatment_gives_the_not_yet_treated_group_time_effect() -> None:
    """All horizons weighed by switchers are all cells weighed by cohort: Callaway and Sant'Anna's simple aggregate."""
    y = outcome()
    study = make_study([treatment("binary")], options={"callaway_santanna": {"control": "not_yet"}})
    panel = make_panel(y, {"guard": treated("binary")})
    theirs = callaway_santanna.estimate(study, panel, np.random.default_rng(0))
    assert run(y).value == pytest.approx(theirs.value)


def test_event_study_is_binned_and_weighed_by_switchers() -> None:
    """Without noise: effect h in horizon h; cohorts of six start in 4 and 7, so that 8 and 5 horizons are seen.

    The later cohort has five placebos, as many as effects.
    """
    horizon = np.where(path("binary") > 0, np.cumsum(path("binary"), axis=1), 0)
    rows = run(outcome() * 0 + horizon + np.sin(np.arange(PERIODS)) + 1e-6 * outcome(), study={"event_bins": 3}).rows
    assert rows["event_time"].tolist() == [-6, -3, 0, 3, 6]
    np.testing.assert_allclose(rows["value"], [0, 0, 2, (2 * 4 + 2 * 5 + 6) / 5, 7.5], atol=1e-5)


def test_normalised_effects_are_per_unit_of_treatment_summed() -> None:
    """A dose of 2 whose effect is .5 per unit and period: 1 in each horizon, .5 / h when normalised."""
    dose = 2 * path("binary")
    y = 0.5 * dose + 1e-6 * outcome()
    plain = run(y, "reversible", dose, study={"event_bins": 1}, placebos=1)
    normal = run(y, "reversible", dose, study={"event_bins": 1}, placebos=1, normalised=True)
    np.testing.assert_allclose(plain.rows["value"], [0, *np.ones(8)], atol=1e-5)
    np.testing.assert_allclose(normal.rows["value"], [0, *0.5 / np.arange(1, 9)], atol=1e-5)
    assert plain.value == normal.value == pytest.approx(0.5, abs=1e-5)


def test_horizons_can_be_limited() -> None:
    y = outcome()
    found = run(y, effects=2, placebos=1, study={"event_bins": 1})
    assert found.rows["event_time"].tolist() == [-2, 0, 1]
    whole = run(y, study={"event_bins": 1}).rows.set_index("event_time")["value"]
    np.testing.assert_allclose(found.rows["value"], whole.loc[[-2, 0, 1]])
    assert found.value == pytest.approx(whole.loc[[0, 1]].mean())


def test_counts_enter_as_a_rate_a_year() -> None:
    rate = np.exp(outcome() / 10 + 3)
    counts = run(rate * PEOPLE / 1.2e6, family="poisson", exposure=PEOPLE)
    same_numbers(run(rate), counts)
    assert counts.rate_change == (counts.value, *counts.interval)
    assert run(rate).rate_change is None


def test_percent_change_relates_to_the_status_quo_of_switchers() -> None:
    """By hand, without noise: 20 without treatment, 15 with it."""
    found = run(20 - 5 * path("binary") + 1e-9 * outcome())
    assert found.percent_change[0] == pytest.approx(-25, abs=1e-6)
    logs = run(outcome(), study={"outcome": Outcome("homicides", log=True)})
    assert logs.percent_change[0] == pytest.approx(100 * np.expm1(logs.value))


def test_declines_where_all_doses_move_and_says_how_many_stay() -> None:
    dose = np.linspace(0.2, 2, UNITS)[:, None] * (np.arange(PERIODS) >= START)
    with pytest.raises(Unsupported, match="of 24 units there stay: 24 from 2015-01 on, 0 from 2015-07 on") as refusal:
        run(outcome(), "dose", dose)
    assert refusal.value.where == "switchers" and "stay" in refusal.value.cure


def test_stayers_in_two_clusters_are_too_few() -> None:
    first = np.where(np.arange(UNITS) < 20, 4, -1)
    with pytest.raises(Unsupported, match=r"more than 2 clusters.*4 from 2015-05 on"):
        run(outcome(), given=first, cluster=np.arange(UNITS) // 2)
    assert run(outcome(), given=first).n_clusters == UNITS


def test_says_which_switchers_show_no_effect_and_which_cross() -> None:
    given = path("reversible")
    given[0] = [5, 5, 5, 6, *np.ones(8) * 6]
    given[1] = [0, 0, 1, 1, -1, *np.zeros(7)]
    found = run(outcome(), "dose", given)
    assert any("switchers have no unit with the same first treatment" in text for text in found.warnings)
    assert any("1 of" in text and "other side" in text for text in found.warnings)


def test_unbalanced_panels_are_refused_or_lose_the_units_with_gaps() -> None:
    y = outcome()
    y[3, 5] = np.nan
    with pytest.raises(Unsupported, match="1 of 24 units lack rows"):
        run(y)
    kept = np.arange(UNITS) != 3
    found = run(y, unbalanced="drop")
    same_numbers(run(outcome()[kept], given=treated("binary")[kept]), found)
    assert "1 of 24 units lack rows and are left out" in found.warnings


def test_weights_count_units() -> None:
    y, copies = outcome(), np.repeat(np.arange(UNITS), np.arange(UNITS) % 3 + 1)
    found = run(y, weight=np.arange(UNITS) % 3 + 1.0, study={"weights": "people"})
    same_numbers(run(y[copies], given=treated("binary")[copies], cluster=copies), found)
    changing = np.ones((UNITS, PERIODS)) + np.arange(PERIODS)
    assert any("change within units" in text for text in run(y, weight=changing, study={"weights": "w"}).warnings)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"effects": 0}, "effects"),
        ({"placebos": -1}, "placebos"),
        ({"normalised": 1}, "normalised"),
        ({"draws": 0}, "draws"),
    ],
)
def test_illegal_options_are_refused(options, what) -> None:
    with pytest.raises(Unsupported, match=f"option {what} is"):
        run(outcome(), **options)


def test_covariates_are_refused() -> None:
    with pytest.raises(Unsupported, match="takes no covariates"):
        run(outcome(), covariates={"x": np.arange(UNITS)}, study={"covariates": ("x",)})


def test_event_study_needs_more_clusters_than_bins() -> None:
    found = run(outcome(), cluster=np.arange(UNITS) // 3, study={"event_bins": 1})
    assert found.rows is None and found.covariance is None
    assert "event_bins" in found.warnings[-1]
    assert dataclasses.replace(found, warnings=()).value == found.value
