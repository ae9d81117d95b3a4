"""Nodes are read from the panels at their own level and on their own scale."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT

from balanza.errors import PanelError
from balanza.graph.measures import Measures, read
from balanza.graph.model import CausalGraph, Node

CODEBOOK = ROOT / "data" / "variables.yaml"
COLUMNS = {
    "HINE": ("homicides", "t+"),
    "HSES": ("sesnsp_homicide_victims", "t+"),
    "GN": ("guard_per_100k", "t"),
    "POP": ("population", "t"),
    "SOC": ("marginalization", "t"),
    "ALIGN": ("mayor_aligned", "t-1"),
    "PARTY": ("mayor_party", "t"),
}


def graph(columns: dict[str, tuple[str, str]] = COLUMNS) -> CausalGraph:
    nodes = {name: Node(name, name, "context", time, True, column) for name, (column, time) in columns.items()}
    return CausalGraph("small", "Small", nodes, (), ("t-1", "t", "t+"))


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    """Two states, of two municipalities and one, in 2018 and 2019 and one month of 2020."""
    months = pd.date_range("2018-01-01", "2020-01-01", freq="MS")
    places = pd.DataFrame(
        {
            "cvegeo": ["01001", "01002", "02001"],
            "state": ["01", "01", "02"],
            "population": [100_000, 300_000, 200_000],
            "marginalization": [0.2, 0.6, 0.5],
            "guard_per_100k": [10.0, 10.0, 30.0],
            "mayor_party": ["A", "B", "A"],
            "homicides": [1.0, 3.0, 2.0],
        }
    )
    rows = places.merge(pd.DataFrame({"period": months, "year": months.year}), how="cross")
    rows["population"] += np.where((rows["cvegeo"] == "01002") & (rows["year"] == 2019), 100_000, 0)
    rows["mayor_aligned"] = ((rows["cvegeo"] == "01002") & (rows["year"] == 2018)).astype(float)
    rows.loc[(rows["cvegeo"] == "02001") & (rows["period"] == "2019-05-01"), "homicides"] = np.nan
    rows.to_parquet(tmp_path / "municipality_month.parquet")
    pd.DataFrame(
        {
            "state": ["01", "01", "02", "02"],
            "year": [2018, 2019, 2018, 2019],
            "population": [400_000, 500_000, 200_000, 200_000],
            "homicides": [48.0, 48.0, 24.0, np.nan],
            "sesnsp_homicide_victims": [16.0, 20.0, 8.0, 18.0],
            "guard_per_100k": [10.0, 10.0, 30.0, 30.0],
        }
    ).to_parquet(tmp_path / "state_year.parquet")
    return tmp_path


def values(table: Measures, node: str) -> list[list[float]]:
    return [[float(value) for value in row] for row in np.round(table.values[node], 6)]


def test_by_state_counts_are_roots_of_rates_and_municipal_columns_weighted_means(panel: Path) -> None:
    state = read(graph(), panel, CODEBOOK)["state"]
    assert (state.units, state.years, state.groups) == (("01", "02"), (2018, 2019), None)
    assert values(state, "HSES") == [[2.0, 2.0], [2.0, 3.0]]
    assert values(state, "GN") == [[10.0, 10.0], [30.0, 30.0]]
    # Weights are mean populations over the years: 100,000 and (300,000 + 400,000) / 2.
    assert values(state, "SOC") == [[round((0.2 + 0.6 * 3.5) / 4.5, 6)] * 2, [0.5, 0.5]]
    assert "SOC" in state.constant()


def test_columns_that_differ_within_states_are_read_by_municipality_too(panel: Path) -> None:
    local = read(graph(), panel, CODEBOOK)["municipality"]
    assert local.units == ("01001", "01002", "02001")
    assert local.groups is not None
    assert local.groups.tolist() == [0, 0, 1]
    assert set(local.values) == {"HINE", "POP", "SOC", "ALIGN"}
    assert values(local, "POP")[1] == pytest.approx([np.log(300_000), np.log(400_000)], abs=1e-6)


def test_a_year_with_a_missing_month_has_no_count_and_the_year_begun_is_left_out(panel: Path) -> None:
    local = read(graph(), panel, CODEBOOK)["municipality"]
    assert local.years == (2018, 2019)
    assert values(local, "HINE")[0] == pytest.approx([12**0.5] * 2, abs=1e-6)
    assert np.isnan(local.values["HINE"][2, 1])


def test_a_node_of_the_time_before_is_read_one_year_before(panel: Path) -> None:
    aligned = read(graph(), panel, CODEBOOK)["municipality"].values["ALIGN"]
    assert np.isnan(aligned[:, 0]).all()
    assert aligned[:, 1].tolist() == [0.0, 1.0, 0.0]


def test_words_are_no_quantity(panel: Path) -> None:
    assert read(graph(), panel, CODEBOOK)["state"].left_out == {"PARTY": "mayor_party is no quantity"}


def test_an_unknown_column_is_refused_by_name(panel: Path) -> None:
    with pytest.raises(PanelError, match="SOC: poverty"):
        read(graph({"SOC": ("poverty", "t")}), panel, CODEBOOK)
