"""The dose estimator: which change it takes, what it shows, what it says without untreated units, what it refuses."""

import numpy as np
import pytest
from tests.contract.panels import DOSE, PERIODS, START, UNITS, make_panel, make_study, treatment

from balanza.errors import Unsupported
from balanza.estimators.dose import estimate
from balanza.kernels.dose import respond, spline

AFTER = np.arange(PERIODS) >= START
PEOPLE = np.linspace(2e4, 9e4, UNITS)[:, None] * np.linspace(1, 1.1, PERIODS)


def outcome(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(UNITS, 1)) + 0.1 * np.arange(PERIODS) + rng.normal(size=(UNITS, PERIODS))


def run(y: np.ndarray, dose: np.ndarray = DOSE, family: str = "gaussian", study=None, **options):
    more = {name: options.pop(name) for name in ("cluster", "weight", "exposure", "covariates") if name in options}
    path = dose[:, None] * AFTER if dose.ndim == 1 else dose
    panel = make_panel(y, {"guard": path}, start={"guard": START}, **more)
    asked = make_study([treatment("dose")], family, **{"options": {"dose": options}, **(study or {})})
    return estimate(asked, panel, np.random.default_rng(0))


def test_headline_is_the_average_slope_of_means_after_less_means_before() -> None:
    y, cluster = outcome(), np.arange(UNITS) // 2
    change = y[:, AFTER].mean(axis=1) - y[:, ~AFTER].mean(axis=1)
    curve = spline(DOSE[DOSE > 0])
    fitted = respond(change[:, None], DOSE, curve, cluster=cluster)
    value, influence = fitted.mean(curve.slope(np.where(DOSE > 0, DOSE, 0.2)))
    found = run(y, cluster=cluster)
    assert found.value == pytest.approx(value[0])
    assert found.standard_error == pytest.approx(np.linalg.norm(influence))
    assert "per unit" in found.estimand and found.n_treated == 18 and found.n_clusters == 12
    level = run(y, cluster=cluster, target="level")
    assert level.value == pytest.approx(change[DOSE > 0].mean() - change[DOSE == 0].mean())


def test_curves_and_events() -> None:
    """Effect d + d^2 in the first bin after the start, twice that in the second; noise of 1e-4 stays below 2e-3."""
    size = np.select([np.arange(PERIODS) >= 9, AFTER], [2.0, 1.0], 0.0)
    found = run(size * (DOSE + DOSE**2)[:, None] + np.cos(np.arange(PERIODS)) + 1e-4 * outcome())
    positive = DOSE[DOSE > 0]
    rows = found.rows
    events, curves = rows[rows["kind"] == "event_time"], rows[rows["kind"] == "dose"]
    assert events["event_time"].tolist() == [-6, 0, 3]
    slope = (1 + 2 * positive).mean()
    np.testing.assert_allclose(events["value"], [0, slope, 2 * slope], atol=2e-3)
    for group, effect in (("level", lambda d: d + d**2), ("slope", lambda d: 1 + 2 * d)):
        part = curves[curves["group"] == group]
        np.testing.assert_allclose(part["dose"], np.quantile(positive, np.arange(1, 10) / 10))
        np.testing.assert_allclose(part["value"], 1.5 * effect(part["dose"]), atol=2e-3)


def test_without_untreated_units_levels_start_at_the_lowest_dose_and_it_says_so() -> None:
    dose = np.linspace(0.2, 2.0, UNITS)
    found = run(3 * dose[:, None] * AFTER + 1e-7 * outcome(), dose, target="level")
    assert any("No unit is untreated" in text and "strong parallel trends" in text for text in found.warnings)
    assert found.value == pytest.approx(3 * (dose - 0.2).mean(), abs=1e-5)
    level = found.rows[found.rows["group"] == "level"]
    np.testing.assert_allclose(level["value"], 3 * (level["dose"] - 0.2), atol=1e-5)
    assert run(3 * dose[:, None] * AFTER + 1e-7 * outcome(), dose).value == pytest.approx(3, abs=1e-5)


def test_bins_by_hand() -> None:
    dose = np.repeat([0.0, 1.0, 3.0], 8)
    found = run(np.repeat([0.0, 2.0, 5.0], 8)[:, None] * AFTER + 1e-9 * outcome(), dose, curve="bins", bins=2)
    curves = found.rows[found.rows["kind"] == "dose"]
    np.testing.assert_allclose(curves["value"], [2, 5, 2, 1.5], atol=1e-6)
    assert curves["dose"].tolist() == [1, 3, 1, 3]
    assert found.value == pytest.approx(1.75, abs=1e-6)


def test_one_dose_has_a_slope_only_against_the_untreated_and_in_bins() -> None:
    dose = np.where(np.arange(UNITS) < 12, 2.0, 0.0)
    with pytest.raises(Unsupported, match="all treated units have the dose 2"):
        run(outcome(), dose)
    y = outcome()
    slope, level = run(y, dose, curve="bins"), run(y, dose, curve="bins", target="level")
    assert slope.value == pytest.approx(level.value / 2)


def test_counts_enter_as_a_rate_a_year_and_percent_is_of_the_untreated_mean() -> None:
    rate = 20 - 2 * DOSE[:, None] * AFTER + 1e-9 * outcome()
    found = run(rate * PEOPLE / 1.2e6, family="poisson", exposure=PEOPLE)
    assert found.value == pytest.approx(-2, abs=1e-6)
    assert found.rate_change == (found.value, *found.interval)
    assert found.percent_change[0] == pytest.approx(-10, abs=1e-5)


def test_covariates_enter_by_their_mean_before_the_start() -> None:
    x = np.random.default_rng(5).normal(size=(UNITS, PERIODS))
    given = {"covariates": {"x": x, "z": np.arange(UNITS) % 5}, "study": {"covariates": ("x", "z")}}
    y = outcome()
    moved = y + (7 * x[:, :START].mean(axis=1) - 3 * (np.arange(UNITS) % 5))[:, None] * AFTER
    assert run(moved, **given).value == pytest.approx(run(y, **given).value)
    assert run(moved).value != pytest.approx(run(y).value)


@pytest.mark.parametrize(
    "dose",
    [
        DOSE[:, None] * AFTER * np.arange(PERIODS),
        DOSE[:, None] * (np.arange(PERIODS) >= START + np.arange(UNITS)[:, None] % 2),
        -DOSE[:, None] * AFTER,
        DOSE[:, None] + 0 * AFTER,
    ],
    ids=["moves", "staggered", "negative", "from the first period"],
)
def test_doses_that_do_not_start_together_and_stay_are_refused(dose) -> None:
    with pytest.raises(Unsupported, match="start in one period, stay") as refusal:
        run(outcome(), dose)
    assert "mean_post" in refusal.value.cure and "guard" in refusal.value.where


def test_too_many_knots_are_refused() -> None:
    with pytest.raises(Unsupported, match="18 different doses of 18 units do not pin down"):
        run(outcome(), knots=30)
    with pytest.raises(Unsupported, match="option degree is 0"):
        run(outcome(), degree=0)


def test_gaps_are_refused_or_lose_the_unit() -> None:
    y = outcome()
    y[2, 3] = np.nan
    with pytest.raises(Unsupported, match="1 of 24 units lack rows"):
        run(y)
    kept = np.arange(UNITS) != 2
    expected = estimate(
        make_study([treatment("dose")]),
        make_panel(outcome()[kept], {"guard": DOSE[kept, None] * AFTER}, start={"guard": START}),
        np.random.default_rng(0),
    )
    assert run(y, unbalanced="drop").value == pytest.approx(expected.value)
