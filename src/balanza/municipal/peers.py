"""The municipalities most like each one before the Guard came: near in people and in homicides per 100,000.

A likeness of two numbers, for reading one place beside others. It is no match for a causal comparison.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

PEERS = 5
YEARS = 4
"""Whole years before the first Guard element: one bad year in a small place is not its level."""
PER = 100_000


def years_before(months: pd.DataFrame) -> tuple[int, int] | None:
    """The first and last of the YEARS whole years before the first Guard element anywhere; None where there is none.

    Parameters
    ----------
    months : DataFrame
        period, guard_elements: rows of states or of municipalities.
    """
    began = months.loc[months["guard_elements"] > 0, "period"].min()
    return None if pd.isna(began) else (began.year - YEARS, began.year - 1)


def nearest(yearly: pd.DataFrame, years: tuple[int, int] | None, n_peers: int = PEERS) -> pd.DataFrame:
    """The nearest municipalities of each.

    The distance is Euclidean in the logarithm of people and the square root of the rate (both means over the years;
    the root makes counts of small places about equally noisy), each divided by its standard deviation over the
    municipalities.

    Parameters
    ----------
    yearly : DataFrame
        cvegeo, year, population, homicides: one row a municipality and year.
    years : (int, int) or None
        The first and last year to compare, from `years_before`; where it is None, nobody has peers.
    n_peers : int
        How many peers each has.

    Returns
    -------
    DataFrame
        cvegeo, rank, peer, distance, population (mean), rate (all homicides of the years over all people-years, per
        100,000), first_year, last_year; rank 0 is the municipality itself, and population and rate are the peer's.
        Municipalities of which a year is unknown, or which nobody lives in, are in no row.
    """
    first, last = years or (0, -1)
    known = _before(yearly, first, last)
    codes = known.index.to_numpy()
    at = np.column_stack([np.log(known["population"]), np.sqrt(known["rate"])])
    spread = at.std(axis=0) if len(at) else np.ones(2)
    at = at / np.where(spread > 0, spread, 1)
    squared = sum((column[:, None] - column[None, :]) ** 2 for column in at.T)
    np.fill_diagonal(squared, -1)  # itself before any twin
    order = np.argsort(squared, axis=1, kind="stable")[:, : n_peers + 1]
    own, peer = np.repeat(np.arange(len(codes)), order.shape[1]), order.ravel()
    found = known.iloc[peer]
    return pd.DataFrame(
        {
            "cvegeo": codes[own],
            "rank": np.tile(np.arange(order.shape[1]), len(codes)),
            "peer": codes[peer],
            "distance": np.sqrt(np.maximum(squared[own, peer], 0)),
            "population": found["population"].to_numpy(),
            "rate": found["rate"].to_numpy(),
            "first_year": first,
            "last_year": last,
        }
    )


def _before(yearly: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """Mean population and rate of each municipality of which every year is known, by cvegeo."""
    inside = yearly[yearly["year"].between(first, last)].dropna(subset=["population", "homicides"])
    total = inside.groupby("cvegeo", sort=True).agg(
        years=("year", "nunique"), people=("population", "sum"), homicides=("homicides", "sum")
    )
    total = total[(total["years"] == last - first + 1) & (total["people"] > 0)]
    return pd.DataFrame(
        {"population": total["people"] / total["years"], "rate": PER * total["homicides"] / total["people"]}
    )
