"""The baseline where the law of the series is known, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from tests.outlook.worlds import SEASON, frame, series

from balanza.errors import PanelError
from balanza.outlook import baseline, model, naive
from balanza.outlook.series import of_panel
from balanza.outlook.settings import Forecast

PLAN = Forecast(
    column="sesnsp_homicide_victims",
    until="2030-12",
    draws=200,
    held_out="2021-12",
    first_origin="2019-12",
    every=12,
    ahead=12,
)


def test_it_finds_the_law_of_the_series() -> None:
    fitted = model.fit(series(1, n_months=240, n_states=20))
    assert fitted.facts["share_persistence"] == pytest.approx(0.98, abs=0.02)
    assert float(fitted.nation.shock[0]) == pytest.approx(0.03, abs=0.012)
    assert float(np.median(fitted.shares[0].shock)) == pytest.approx(0.09, abs=0.03)
    assert fitted.season == pytest.approx(SEASON - SEASON.mean(), abs=0.03)


def test_it_beats_the_naive_forecasts_where_its_law_holds() -> None:
    known = series(2)
    rows = [baseline.tried(known, origin, 12, 200, 1, "rolling") for origin in baseline.origins(known, PLAN)]
    verdicts = baseline.verdicts(baseline.summary(pd.concat(rows)))
    assert {row["scope"] for row in verdicts} == {"states", "country"}
    assert all(row["beats_all"] for row in verdicts if row["scope"] == "states")


def test_it_says_where_it_does_not_win() -> None:
    table = [
        {"window": "w", "scope": "states", "method": name, "crps": score}
        for name, score in (("baseline", 3.0), ("seasonal_naive", 2.0), ("drift", 4.0))
    ]
    (verdict,) = baseline.verdicts(table)
    assert not verdict["beats_all"]
    assert (verdict["best_rival"], verdict["skill"]) == ("seasonal_naive", -0.5)


def test_paths_are_counts_the_same_for_the_same_seed_and_states_move_with_the_country() -> None:
    fitted = model.fit(series(3))
    one, two, other = (model.simulate(fitted, 24, 300, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert (one == two).all()
    assert (one != other).any()
    assert (one >= 0).all()
    assert (one == np.rint(one)).all()
    # The sum of the states is the country's own path: a random walk of 24 steps, its start and a month's noise.
    nation = fitted.nation
    spread = np.sqrt(24 * nation.shock**2 + nation.now_spread**2 + nation.noise**2)[0] * nation.errors.std()
    assert np.log(one[:, -1].sum(axis=1)).std() == pytest.approx(spread, rel=0.12)


def test_a_forecast_never_sees_what_comes() -> None:
    known = series(4)
    changed = type(known)(
        known.states, known.periods, np.where(np.arange(len(known.periods))[:, None] > 83, 1, known.counts)
    )
    first, second = (baseline.tried(data, "2021-12", 6, 100, 1, "w")["median"] for data in (known, changed))
    assert (first == second).all()


def test_a_month_without_a_report_is_not_zero() -> None:
    known = series(5)
    counts = known.counts.copy()
    counts[[3, 40], 2] = np.nan
    gaps = type(known)(known.states, known.periods, counts)
    whole, holed = (model.simulate(model.fit(data), 6, 400, np.random.default_rng(1)).mean() for data in (known, gaps))
    assert holed == pytest.approx(whole, rel=0.03)


def test_a_state_that_never_changes_stops_nothing() -> None:
    known = series(6)
    counts = known.counts.copy()
    counts[:, 0] = 0.0
    paths = model.simulate(
        model.fit(type(known)(known.states, known.periods, counts)), 6, 100, np.random.default_rng(1)
    )
    assert paths[:, :, 0].max() <= 2


def test_naive_forecasts_by_hand() -> None:
    # Each month repeats the year before exactly, so that the seasonal-naive forecast has no error.
    counts = np.tile(np.arange(12.0), 4)[:, None]
    paths = naive.seasonal_naive(counts, 14, 5, np.random.default_rng(1))
    assert (paths[:, :, 0] == np.r_[np.arange(12), 0, 1]).all()
    # A straight line has the same change in each month.
    line = naive.drift(np.arange(40.0)[:, None], 3, 5, np.random.default_rng(1))
    assert line[:, :, 0] == pytest.approx(np.tile([40.0, 41.0, 42.0], (5, 1)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("drop", "without any row"),
        ("negative", "negative or broken"),
        ("twice", "two rows in one month"),
        ("silent", "state 01 has no"),
        ("short", "too few"),
    ],
)
def test_a_series_that_cannot_be_trusted_is_refused(change: str, words: str) -> None:
    months = pd.date_range("2015-01-01", periods=30 if change == "short" else 60, freq="MS")
    rows = frame(["01", "02"], months, np.full((len(months), 2), 5.0) + np.arange(len(months))[:, None])
    if change == "drop":
        rows = rows[rows["period"] != months[20]]
    elif change == "negative":
        rows.loc[3, "sesnsp_homicide_victims"] = -1
    elif change == "twice":
        rows = pd.concat([rows, rows.iloc[:1]])
    elif change == "silent":
        rows.loc[(rows["state"] == "01") & (rows["period"] < months[12]), "sesnsp_homicide_victims"] = np.nan
    with pytest.raises(PanelError, match=words):
        of_panel(rows)


@pytest.mark.slow
def test_intervals_cover_at_their_level_over_simulated_worlds() -> None:
    """Sixty worlds by the baseline's own law, a year ahead: states' months lie in their intervals as often as said.

    Months of one world hang together; the tolerance is three standard errors of the means over worlds.
    """
    hits = {level: [] for level in (50, 80, 95)}
    for seed in range(60):
        rows = baseline.tried(series(100 + seed, n_months=109), "2023-01", 12, 300, seed, "w")
        own = rows[(rows["method"] == "baseline") & (rows["state"] != baseline.COUNTRY)]
        for level, found in hits.items():
            found.append(own[f"covered_{level}"].mean())
    for level, found in hits.items():
        error = np.std(found) / np.sqrt(len(found))
        assert np.mean(found) == pytest.approx(level / 100, abs=max(3 * error, 0.02))
