"""The moment functions, by hand and on the real file, where they must give the figures that the simulation is held to.

The figures are those of the calibration tables: homicides by municipality and month of occurrence, CONAPO's population
of each year, polygons of 2020. Simplification broke the shared borders of the public polygons, so that those within
400 m count as neighbours, which gives the published Moran's I to .002.
"""

from pathlib import Path

import numpy as np
import pytest

from balanza.acquire.synthetic.geography import contiguity
from balanza.acquire.synthetic.moments import moran, size_moments, top_share, year_moments
from balanza.sources import homicides_month, municipalities_geojson, population

# total, zero months, zero years, top 10, top 50, top 100, Moran's I of the rate and of its log1p
YEARS = {
    2015: (20262, 0.7934, 0.3822, 0.2048, 0.4380, 0.5768, 0.2733, 0.3013),
    2017: (31712, 0.7568, 0.3543, 0.2126, 0.4673, 0.6134, 0.2835, 0.3524),
    2019: (35188, 0.7484, 0.3441, 0.2213, 0.4843, 0.6252, 0.2345, 0.3454),
    2021: (33626, 0.7675, 0.3851, 0.2462, 0.5101, 0.6472, 0.3179, 0.3896),
}
# 2019: municipalities, share, rate, zero months, zero years, alpha across, variance over mean within
SIZES = (
    (666, 0.0084, 18.6922, 0.9728, 0.7808, 4.0203, 2.0021),
    (620, 0.0332, 20.1702, 0.8832, 0.3823, 1.4489, 1.5277),
    (728, 0.1281, 22.5873, 0.7127, 0.1264, 1.3873, 1.7803),
    (218, 0.1084, 24.9105, 0.4534, 0.0, 1.3942, 2.6094),
    (184, 0.3210, 29.4631, 0.1753, 0.0, 0.9678, 2.6110),
    (51, 0.4008, 30.5711, 0.0163, 0.0, 1.0645, 3.2503),
)


def test_moran_of_a_line() -> None:
    # values 1, 2, 3 in a row: centred -1, 0, 1; lags 0, 0, 0 (the middle one has neighbours -1 and 1)
    pairs = np.array([(0, 1), (1, 0), (1, 2), (2, 1)])
    assert moran(np.array([1.0, 2.0, 3.0]), pairs) == 0.0
    # values 1, 1, 4: centred -1, -1, 2; lags -1, 0.5, -1; sum of products 1 - 0.5 - 2 over sum of squares 6
    assert moran(np.array([1.0, 1.0, 4.0]), pairs) == pytest.approx(-1.5 / 6)


def test_dispersion_by_hand() -> None:
    # two places of one size with 12 and 36 deaths, expected 24 each: ((144 + 144) - 48) / (2 * 576)
    counts = np.array([[1] * 12, [3] * 12])
    (found,) = size_moments(counts, np.array([1000, 1000]), edges=())
    assert found.nb_alpha_across == pytest.approx(240 / 1152)
    assert found.var_mean_within == 0.0
    assert found.rate == pytest.approx(48 / 2000 * 1e5)
    assert top_share(np.array([5, 1, 4]), 2) == pytest.approx(0.9)


@pytest.fixture(scope="module")
def real(mirror: Path):
    deaths = homicides_month.read({"homicides_month": mirror / "homicides_month.csv.gz"})
    people = population.read({"population": mirror / "population.csv"})
    people = people.pivot_table(index="cvegeo", columns="year", values="population")
    shapes = municipalities_geojson.read({"municipalities_geojson": mirror / "municipalities_geojson.geojson"})
    shapes = shapes.set_index("cvegeo").to_crs(6372)["geometry"]
    counts = deaths.pivot_table(index="cvegeo", columns="period", values="homicides")
    return counts, people.loc[counts.index], shapes


@pytest.mark.parametrize("year", YEARS)
def test_yearly_moments_of_the_real_file(real, year: int) -> None:
    counts, people, shapes = real
    counts = counts.loc[:, counts.columns.year == year]
    found = year_moments(counts.to_numpy(), people[year].to_numpy(), np.array([[0, 1]]))
    total, *shares, raw, log = YEARS[year]
    assert found.total == total
    got = (found.zero_month, found.zero_year, found.top10, found.top50, found.top100)
    assert got == pytest.approx(tuple(shares), abs=6e-5)
    drawn = counts.index.intersection(shapes.index)
    found = year_moments(
        counts.loc[drawn].to_numpy(), people.loc[drawn, year].to_numpy(), contiguity(shapes[drawn].to_numpy(), 400.0)
    )
    assert (found.moran_rate, found.moran_log1p_rate) == pytest.approx((raw, log), abs=0.002)


def test_moments_by_size_of_the_real_file(real) -> None:
    counts, people, _ = real
    found = size_moments(counts.loc[:, counts.columns.year == 2019].to_numpy(), people[2019].to_numpy())
    for row, wanted in zip(found, SIZES, strict=True):
        got = (row.n, row.share, row.rate, row.zero_month, row.zero_year, row.nb_alpha_across, row.var_mean_within)
        assert got == pytest.approx(wanted, abs=6e-5)
