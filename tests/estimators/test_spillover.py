"""The spillover estimator: own and ring effects, their total, what it needs to know of places, what it leaves out."""

import numpy as np
import pytest
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import Estimate
from balanza.errors import Unsupported
from balanza.estimators import two_stage
from balanza.estimators.spillover import estimate

N, PERIODS = 30, 8
KM = 1 / 111.195  # degrees of latitude
# Three treated units; neighbours 10, 40 and 80 km away of the first two; the rest far from all and from each other.
LATITUDE = np.concatenate(
    [[15, 20, 25], [15 + 10 * KM, 15 + 40 * KM, 15 + 80 * KM, 20 + 10 * KM], 30 + 2 * np.arange(23.0)]
)
LONGITUDE = np.full(N, -100.0)
FIRST = np.concatenate([[4, 6, 4], np.full(27, -1)])
AFTER = np.arange(PERIODS) >= np.where(FIRST < 0, 99, FIRST)[:, None]
EFFECTS = {
    "own": -3.0,
    "0-25 km": 1.0,
    "25-50 km": 0.5,
    "50-100 km": 0.25,
    "total": -3 + (6 * 1 + 4 * 0.5 + 4 * 0.25) / 10,
}


def noise(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, 1)) + np.sin(np.arange(PERIODS)) + rng.normal(size=(N, PERIODS))


def affected() -> np.ndarray:
    """The effects of EFFECTS where they belong: units 3 to 5 are near unit 0 (from 4 on), unit 6 near unit 1."""
    time = np.arange(PERIODS)
    y = EFFECTS["own"] * AFTER
    for unit, ring in ((3, "0-25 km"), (4, "25-50 km"), (5, "50-100 km")):
        y[unit] += EFFECTS[ring] * (time >= 4)
    y[6] += EFFECTS["0-25 km"] * (time >= 6)
    return y


def run(y: np.ndarray, first=FIRST, latitude=LATITUDE, longitude=LONGITUDE, study=None, **options) -> Estimate:
    more = {name: options.pop(name) for name in ("cluster", "weight", "exposure") if name in options}
    panel = make_panel(y, {"guard": first}, covariates={"lat": latitude, "lon": longitude}, **more)
    places = {"latitude_column": "lat", "longitude_column": "lon"}
    family = (study or {}).pop("family", "gaussian")
    asked = make_study([treatment("binary")], family, **{"options": {"spillover": places | options}, **(study or {})})
    return estimate(asked, panel, np.random.default_rng(0))


def groups(found: Estimate) -> dict[str, float]:
    rows = found.rows[found.rows["kind"] == "group"]
    return dict(zip(rows["group"], rows["value"], strict=True))


def test_own_ring_and_total_effects_are_told_apart() -> None:
    """Ten treated rows; six, four and four exposed ones: the total is -3 + (6 x 1 + 4 x .5 + 4 x .25) / 10."""
    y = affected() + 1e-9 * noise()
    found = run(y)
    assert groups(found) == pytest.approx(EFFECTS, abs=1e-6)
    assert found.value == pytest.approx(-3, abs=1e-6)
    total = run(y, target="total")
    assert total.value == pytest.approx(EFFECTS["total"], abs=1e-6) and "per treated row" in total.estimand
    assert found.n_treated == 3 and found.n_units == N


def test_ignoring_spillovers_is_biased_and_far_units_agree_with_two_stages() -> None:
    y = affected() + 1e-9 * noise()
    study = make_study([treatment("binary")])
    panel = make_panel(y, {"guard": FIRST})
    assert abs(two_stage.estimate(study, panel, np.random.default_rng(0)).value + 3) > 0.05
    y = noise()
    far = run(y, latitude=np.linspace(-80, 80, N))
    plain = two_stage.estimate(study, make_panel(y, {"guard": FIRST}), np.random.default_rng(0))
    assert far.value == pytest.approx(plain.value)
    assert far.standard_error == pytest.approx(plain.standard_error)
    events = far.rows[far.rows["kind"] == "event_time"]
    np.testing.assert_allclose(events["value"], plain.rows["value"])
    assert any("No untreated row is exposed at 0-25 km, 25-50 km, 50-100 km" in text for text in far.warnings)


def test_agrees_with_diff_diff() -> None:
    """Own and ring effects of a random map, to the 1e-6 at which its first stage stops; its errors have a factor."""
    diff_diff = pytest.importorskip("diff_diff")
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    n = 80
    latitude, longitude = rng.uniform(18, 24, n), rng.uniform(-102, -96, n)
    first = np.where(rng.random(n) < 0.1, rng.choice([3, 5], n), -1)
    y = rng.normal(size=(n, PERIODS)) + (first >= 0)[:, None] * (np.arange(PERIODS) >= first[:, None])
    found = groups(run(y, first, latitude, longitude))
    table = pandas.DataFrame(
        {
            "unit": np.repeat(np.arange(n), PERIODS),
            "period": np.tile(np.arange(PERIODS), n),
            "y": y.ravel(),
            "first": np.repeat(np.maximum(first, 0), PERIODS),
            "lat": np.repeat(latitude, PERIODS),
            "lon": np.repeat(longitude, PERIODS),
        }
    )
    theirs = diff_diff.SpilloverDiD(rings=[0, 25, 50, 100], conley_coords=("lat", "lon"), cluster="unit").fit(
        table, outcome="y", unit="unit", time="period", first_treat="first"
    )
    assert found["own"] == pytest.approx(theirs.att, abs=1e-6)
    rings = [found[name] for name in ("0-25 km", "25-50 km", "50-100 km")]
    np.testing.assert_allclose(rings, theirs.spillover_effects["coef"], atol=1e-6)


def test_total_is_the_sum_with_its_covariance() -> None:
    found = run(noise(), study={"event_bins": 4})
    rows = found.rows.reset_index().rename(columns={"index": "row"})
    part = rows[rows["kind"] == "group"]
    labels = part["row"].astype(str).tolist()
    covariance = found.covariance.loc[labels[:-1], labels[:-1]].to_numpy()
    weight = np.array([10, 6, 4, 4]) / 10
    assert part["value"].iloc[-1] == pytest.approx(weight @ part["value"].iloc[:-1])
    assert part["standard_error"].iloc[-1] == pytest.approx(np.sqrt(weight @ covariance @ weight))


def test_weights_make_the_total_a_count_of_people() -> None:
    """Exposed units ten times as large as treated ones: their rows count ten times."""
    y, weight = affected() + 1e-9 * noise(), np.where(FIRST < 0, 10.0, 1.0)
    found = run(y, weight=weight, study={"weights": "people"})
    assert groups(found)["total"] == pytest.approx(-3 + 10 * (6 + 2 + 1) / 10, abs=1e-6)


def test_counts_enter_as_rates_and_the_total_warns_of_unequal_units() -> None:
    people = np.full((N, PERIODS), 5e4)
    rate = 20 + affected() + 1e-9 * noise()
    found = run(rate * people / 1.2e6, exposure=people, study={"family": "poisson"})
    assert found.value == pytest.approx(-3, abs=1e-6) and found.rate_change[0] == found.value
    assert any("set `weights` to population" in text for text in found.warnings)
    assert found.percent_change[0] == pytest.approx(-15, abs=1e-5)


def test_nearest_neighbours_form_a_ring_of_their_own() -> None:
    """Unit 3 is 10 km from treated unit 0, which is the nearest of all to it; so is unit 6 to unit 1."""
    found = groups(run(affected() + 1e-9 * noise(), neighbours=1))
    assert list(found) == ["own", "neighbours", "25-50 km", "50-100 km", "total"]
    assert found["neighbours"] == pytest.approx(EFFECTS["0-25 km"], abs=1e-6)
    with pytest.raises(Unsupported, match="option neighbours is 30"):
        run(noise(), neighbours=30)


def test_rings_can_be_chosen_and_are_checked() -> None:
    found = groups(run(affected() + 1e-9 * noise(), rings=[30, 100]))
    assert list(found) == ["own", "0-30 km", "30-100 km", "total"]
    assert found["30-100 km"] == pytest.approx(0.375, abs=1e-6)
    for bad in ([50, 25], [], "25", [0, 10], [10, float("inf")], ["a"], 25):
        with pytest.raises(Unsupported, match="option rings is"):
            run(noise(), rings=bad)


def test_places_must_be_named_fixed_and_on_earth() -> None:
    panel = make_panel(noise(), {"guard": FIRST}, covariates={"lat": LATITUDE, "lon": LONGITUDE})
    with pytest.raises(Unsupported, match="needs the option `latitude_column`"):
        estimate(make_study([treatment("binary")]), panel, np.random.default_rng(0))
    half = make_study([treatment("binary")], options={"spillover": {"latitude_column": "lat"}})
    with pytest.raises(Unsupported, match="longitude_column names no column"):
        estimate(half, panel, np.random.default_rng(0))
    wrong = LATITUDE.copy()
    wrong[5] = 123
    with pytest.raises(Unsupported, match="unit unit 005 has no fixed place"):
        run(noise(), latitude=wrong)
    moving = np.tile(LATITUDE[:, None], PERIODS)
    moving[7, 3] += 1
    with pytest.raises(Unsupported, match="unit 007"):
        run(noise(), latitude=moving)


def test_what_no_clean_row_tells_is_left_out_and_counted() -> None:
    first = FIRST.copy()
    first[0] = 0
    found = run(noise(), first)
    assert found.n_units == N - 4
    assert any("32 rows, among them all of 4 units, are left out" in text for text in found.warnings)
    with pytest.raises(Unsupported, match="too few rows are neither treated nor within"):
        run(
            noise(), latitude=np.full(N, 20.0), first=np.where(np.arange(N) == 0, 0, np.where(np.arange(N) == 1, 3, -1))
        )
