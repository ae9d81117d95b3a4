"""Peers against a naive search of all pairs, and by hand where a case is special."""

import math

import numpy as np
import pandas as pd
import pytest

from balanza.municipal.peers import nearest, years_before

YEARS = (2015, 2018)


def country(people: list[float], homicides: list[float]) -> pd.DataFrame:
    """Municipalities with the same people and homicides in each year."""
    return pd.DataFrame(
        [
            {"cvegeo": f"{unit:05d}", "year": year, "population": people[unit], "homicides": homicides[unit]}
            for unit in range(len(people))
            for year in range(YEARS[0] - 1, YEARS[1] + 2)
        ]
    )


def naive(table: pd.DataFrame, n_peers: int) -> dict[str, list[str]]:
    """The nearest by two loops over places."""
    places = {}
    for code, rows in table[table["year"].between(*YEARS)].groupby("cvegeo"):
        rate = 1e5 * rows["homicides"].sum() / rows["population"].sum()
        places[code] = (math.log(rows["population"].mean()), math.sqrt(rate))
    spread = [np.std([place[axis] for place in places.values()]) for axis in (0, 1)]
    found = {}
    for code, own in places.items():
        apart = {
            other: math.hypot(*((own[axis] - at[axis]) / spread[axis] for axis in (0, 1)))
            for other, at in places.items()
            if other != code
        }
        found[code] = sorted(apart, key=lambda other: (apart[other], other))[:n_peers]
    return found


def test_peers_are_those_of_a_naive_search() -> None:
    draw = np.random.default_rng(7)
    people = np.exp(draw.normal(9.5, 1.3, 60)).round()
    table = country(people.tolist(), draw.poisson(people * 3e-4).tolist())
    found = nearest(table, YEARS, 4)
    own = found[found["rank"] == 0]
    assert (own["cvegeo"] == own["peer"]).all()
    assert (own["distance"] == 0).all()
    chosen = found[found["rank"] > 0].groupby("cvegeo")["peer"].agg(list).to_dict()
    assert chosen == naive(table, 4)


def test_twins_come_first_and_in_the_order_of_their_codes() -> None:
    found = nearest(country([1000, 1000, 1000, 90_000], [1, 1, 1, 4]), YEARS, 2)
    chosen = found[found["rank"] > 0].groupby("cvegeo")["peer"].agg(list).to_dict()
    assert chosen["00001"] == ["00000", "00002"]
    assert chosen["00002"] == ["00000", "00001"]
    assert found.loc[found["cvegeo"] == "00003", "rate"].iloc[0] == pytest.approx(1e5 * 4 / 90_000)


@pytest.mark.parametrize("lacking", ["homicides", "population"])
def test_a_municipality_with_an_unknown_year_has_no_peers_and_is_nobodys(lacking: str) -> None:
    table = country([1000, 1100, 1200], [1, 2, 3]).astype({lacking: float})
    table.loc[(table["cvegeo"] == "00001") & (table["year"] == 2016), lacking] = np.nan
    found = nearest(table, YEARS)
    assert set(found["cvegeo"]) == set(found["peer"]) == {"00000", "00002"}


def test_the_years_are_the_whole_ones_before_the_first_element() -> None:
    months = pd.DataFrame(
        {"period": pd.to_datetime(["2019-06-01", "2019-07-01", "2019-08-01"]), "guard_elements": [0.0, 12.0, None]}
    )
    assert years_before(months) == (2015, 2018)
    assert years_before(months.iloc[:1]) is None
    assert nearest(country([1000, 1100], [1, 2]), None).empty
