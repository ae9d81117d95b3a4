"""Placebo worlds: real rows before treatment, reassigned treatments, and an effect that is exact in expectation."""

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT

from balanza.config import load_study
from balanza.contract import Study
from balanza.errors import Unsupported
from balanza.preparation import prepare
from balanza.registry import find
from balanza.validation.plasmode import EFFECTS, POST, inject, plasmode

STATES = [f"{number:02d}" for number in range(1, 33)]


def study(name: str) -> Study:
    return load_study(ROOT / "config" / "studies" / f"{name}.yaml")


def guard_rows(mean: float = 40.0, seed: int = 0) -> pd.DataFrame:
    """States by month, with doses since July 2019 that differ by state."""
    rng = np.random.default_rng(seed)
    months = pd.date_range("2015-01-01", "2021-12-01", freq="MS")
    rows = pd.MultiIndex.from_product([STATES, months], names=["state", "period"]).to_frame(index=False)
    place = rows["state"].astype(int)
    rows["homicides"] = rng.poisson(mean * (1 + place / 16))
    rows["population"] = 100_000 * place
    rows["guard_per_100k"] = np.where(rows["period"] >= "2019-07-01", 20.0 + 4 * place, 0.0)
    rows.loc[rows["period"] > "2021-07-01", "guard_per_100k"] = np.nan
    return rows


def operation_rows(units: int = 3) -> pd.DataFrame:
    """Municipalities by month; two states opened in December 2006, one in March 2008."""
    rng = np.random.default_rng(1)
    codes = [f"{state}{number:03d}" for state in STATES for number in range(1, units + 1)]
    months = pd.date_range("2000-01-01", "2011-12-01", freq="MS")
    rows = pd.MultiIndex.from_product([codes, months], names=["cvegeo", "period"]).to_frame(index=False)
    rows["state"] = rows["cvegeo"].str[:2]
    opened = {"16": "2006-12-01", "02": "2006-12-01", "26": "2008-03-01"}
    rows["operation"] = pd.to_datetime(rows["state"].map(opened))
    return rows.assign(
        homicides=rng.poisson(3, len(rows)), population=50_000, latitude=20.0, longitude=rows.index % 97 - 100.0
    )


@pytest.mark.parametrize("effect", [-0.7, -0.2, 0.0, 0.2, 0.7])
def test_an_injected_effect_is_exact_in_expectation_and_leaves_poisson_counts_poisson(effect: float) -> None:
    rng = np.random.default_rng(3)
    counts = rng.poisson(8.0, 400_000)
    found = inject(counts, np.full(len(counts), effect), rng)
    # The mean of 400,000 counts has a standard error of .5 % of their standard deviation or less.
    assert found.mean() == pytest.approx(8 * np.exp(effect), abs=0.03)
    if effect <= 0:
        assert found.var() == pytest.approx(found.mean(), rel=0.02)
        assert (found <= counts).all()
    else:
        assert (found >= counts).all()
    assert (found[counts == 0] == 0).all()


def test_no_effect_leaves_every_count_as_it_is() -> None:
    counts = np.arange(50)
    np.testing.assert_array_equal(inject(counts, np.zeros(50), np.random.default_rng(0)), counts)


def test_doses_are_those_observed_dealt_out_over_states_from_a_placebo_start() -> None:
    table = guard_rows()
    made = plasmode(study("guard"), table, "null", 0, 7)
    assert made.table["period"].max() == pd.Timestamp("2018-12-01")
    last = made.table[made.table["period"] == "2018-12-01"].set_index("state")["guard_per_100k"]
    assert sorted(last) == pytest.approx([20.0 + 4 * number for number in range(1, 33)])
    assert list(last) != sorted(last)
    start = pd.Timestamp(str(made.study.treatment.start))
    assert POST[0] <= len(pd.date_range(start, "2018-12-01", freq="MS")) <= POST[1]
    assert (made.table.loc[made.table["period"] < start, "guard_per_100k"] == 0).all()
    assert (made.table.loc[made.table["period"] >= start, "guard_per_100k"] > 0).all()
    kept = table[table["period"] <= "2018-12-01"].reset_index(drop=True)
    pd.testing.assert_series_equal(made.table["homicides"], kept["homicides"], check_dtype=False)
    assert made.truth["treatment"]["value"] == 0


def test_all_flavours_of_a_draw_share_the_assignment_and_draws_differ() -> None:
    table = guard_rows()
    null, worse, other = (
        plasmode(study("guard"), table, flavour, draw, 7)
        for flavour, draw in (("null", 0), ("adverse", 0), ("null", 1))
    )
    pd.testing.assert_series_equal(null.table["guard_per_100k"], worse.table["guard_per_100k"])
    assert (worse.table["homicides"] >= null.table["homicides"]).all()
    assert worse.table["homicides"].sum() > null.table["homicides"].sum()
    assert not null.table["guard_per_100k"].equals(other.table["guard_per_100k"])


@pytest.mark.parametrize("flavour", list(EFFECTS))
def test_the_effect_that_was_put_in_is_found_where_counts_are_large(flavour: str) -> None:
    made = plasmode(study("guard"), guard_rows(mean=200_000), flavour, 2, 7)
    panel = prepare(made.study, made.table)
    found = find("estimators", "poisson").function(made.study, panel, np.random.default_rng(0))
    assert found.value == pytest.approx(EFFECTS[flavour], abs=0.005)


def test_cohorts_keep_their_distance_and_their_number() -> None:
    made = plasmode(study("operations"), operation_rows(), "beneficial", 0, 7)
    assert made.table["period"].max() == pd.Timestamp("2006-11-01")
    by_state = made.table.groupby("state")["operation"]
    assert by_state.nunique(dropna=False).max() == 1
    first = by_state.first().dropna().sort_values()
    assert len(first) == 3
    assert set(first.index) != {"16", "02", "26"}
    months = first.dt.year * 12 + first.dt.month
    assert (months - months.min()).tolist() == [0, 0, 15]
    panel = prepare(made.study, made.table)
    treated = panel.frame["d_treatment"].to_numpy() > 0
    assert 0 < treated.sum() < len(treated)
    plain = plasmode(study("operations"), operation_rows(), "null", 0, 7).table["homicides"].to_numpy()
    found = made.table["homicides"].to_numpy()
    np.testing.assert_array_equal(found[~treated], plain[~treated])
    assert found[treated].sum() == pytest.approx(np.exp(-0.2) * plain[treated].sum(), rel=0.1)


def test_large_panels_keep_a_sample_of_units_from_every_state() -> None:
    made = plasmode(study("operations"), operation_rows(units=60), "null", 0, 7)
    homes = made.table.drop_duplicates("cvegeo").groupby("state").size()
    assert len(homes) == 32
    assert 550 <= homes.sum() <= 650
    other = plasmode(study("operations"), operation_rows(units=60), "null", 1, 7)
    assert set(other.table["cvegeo"]) != set(made.table["cvegeo"])


def test_a_study_without_a_last_month_before_its_treatment_is_refused() -> None:
    with pytest.raises(Unsupported, match="has no placebo worlds"):
        plasmode(study("versus"), guard_rows(), "null", 0, 7)


def test_units_of_one_cluster_that_were_treated_apart_are_refused() -> None:
    rows = operation_rows()
    rows.loc[rows["cvegeo"] == "16002", "operation"] = pd.Timestamp("2008-05-01")
    with pytest.raises(Unsupported, match="one cluster at different times"):
        plasmode(study("operations"), rows, "null", 0, 7)
