"""The verbs `falsify` and `discover`, from a graph file and a panel folder to JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT

pytest.importorskip("balanza.graph.load", reason="graphs cannot be read yet")

from typer.testing import CliRunner

from balanza.__main__ import app

GRAPH = """digraph small {
  title="A small graph"
  times="t-1, t, t+"
  TIME [title="Common shocks", theme=context, time="t-1", observed=yes, absorbed="period effects"]
  POP [title="Population", theme=context, time="t-1", observed=yes, column=population]
  GN [title="The Guard", theme=militarization, time="t", observed=yes, column=guard_per_100k]
  PREV [title="Prevention", theme=prevention, time="t", observed=yes, column=jcf_pesos_per_capita]
  ELIG [title="Eligibility", theme=prevention, time="t", observed=yes]
  VIOL [title="Violence", theme=outcome, time="t+", observed=no]
  HINE [title="Homicides", theme=outcome, time="t+", observed=yes, column=homicides, measures=VIOL]
  TIME -> GN [reason="r", source="s"]
  TIME -> VIOL [reason="r", source="s"]
  ELIG -> PREV [reason="r", source="s"]
  GN -> VIOL [reason="r", source="s"]
  PREV -> VIOL [reason="r", source="s"]
  VIOL -> HINE [reason="r", source="s"]
}
"""
STATED = """implications:
  - {left: ELIG, right: GN, given: [TIME], reading: The Guard followed eligibility.}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-two states and sixty-four municipalities over 2016-2021, in which nothing causes anything."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(6)
    states = [f"{number:02d}" for number in range(1, 33)]
    years = range(2016, 2022)
    grid = pd.DataFrame([(state, year) for state in states for year in years], columns=["state", "year"])
    grid["population"] = rng.integers(1_000_000, 2_000_000, len(grid))
    grid["guard_per_100k"] = rng.gamma(2, 20, len(grid))
    grid["jcf_pesos_per_capita"] = rng.gamma(2, 20, len(grid))
    grid["homicides"] = rng.poisson(200, len(grid)).astype(float)
    grid.to_parquet(folder / "state_year.parquet")
    halves = pd.concat([grid.assign(cvegeo=grid["state"] + f"00{place}") for place in (1, 2)])
    halves["population"] = rng.integers(500_000, 1_000_000, len(halves))
    months = halves.merge(pd.DataFrame({"month": range(12)}), how="cross")
    months["homicides"] = rng.poisson(8, len(months)).astype(float)
    months.to_parquet(folder / "municipality_month.parquet")
    (folder / "small.dot").write_text(GRAPH)
    (folder / "small.implications.yaml").write_text(STATED)
    return folder


def run(world: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.chdir(ROOT)
    out = world / f"{words[0]}.json"
    options = ["--graph", str(world / "small.dot"), "--panel", str(world), "--out", str(out), "--world", "toy"]
    result = CliRunner().invoke(app, [*words, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(out.read_text())


def test_falsify_writes_every_implication_with_its_test_or_the_reason(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(world, monkeypatch, "falsify", "--stated", str(world / "small.implications.yaml"), "--draws", "199")
    tested = {(row["left"], row["right"]): row for row in found["implications"]}
    assert set(tested) == {("POP", "GN"), ("POP", "PREV"), ("POP", "HINE"), ("GN", "PREV"), ("ELIG", "GN")}
    assert tested["ELIG", "GN"]["tested"] is False
    assert tested["ELIG", "GN"]["reason"] == "column missing for ELIG"
    assert tested["ELIG", "GN"]["reading"] == "The Guard followed eligibility."
    guard = tested["GN", "PREV"]
    assert (guard["level"], guard["design"], guard["clusters"], guard["years"]) == (
        "state",
        "unit and period effects",
        32,
        [2016, 2021],
    )
    assert 0 < guard["p_value"] <= guard["adjusted_p_value"] <= 1
    assert tested["POP", "HINE"]["level"] == "municipality"
    assert {(a["left"], a["right"]) for a in found["adjacencies"]} == {("GN", "HINE"), ("PREV", "HINE")}
    assert (found["n_implications"], found["n_tested"]) == (5, 4)
    assert found["n_failed"] == sum(bool(row["failed"]) for row in found["implications"])
    assert found["passed"] is (found["n_failed"] == 0)
    assert found["node_permutation"]["ran"] is True
    assert (found["world"], found["level"], found["columns"]["GN"]) == ("toy", 0.05, "guard_per_100k")


def test_falsify_gives_the_same_file_twice(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(world, monkeypatch, "falsify") == run(world, monkeypatch, "falsify")


def test_discover_compares_three_searches_with_the_drawn_graph(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(world, monkeypatch, "discover")
    assert [search["algorithm"] for search in found["searches"]] == ["PC", "FCI", "GES"]
    for search in found["searches"]:
        drawn = {(p["left"], p["right"]) for p in search["pairs"] if p["drawn"]}
        assert drawn == {("GN", "HINE"), ("PREV", "HINE")}
        assert sum(search["counts"].values()) == len(search["pairs"])
    assert (found["n_rows"], found["start"], found["nodes"]) == (32, 2019, ["POP", "GN", "PREV", "HINE"])
    assert found["sentence"].startswith("On 32 states, PC finds ")


def test_a_missing_panel_is_one_sentence(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words = [
        "falsify",
        "--graph",
        str(world / "small.dot"),
        "--panel",
        str(tmp_path),
        "--out",
        str(tmp_path / "x.json"),
    ]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, OSError)
    assert not (tmp_path / "x.json").exists()
