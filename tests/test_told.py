"""What a verb says about each file it wrote."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from balanza.__main__ import app
from balanza.provenance import read_json, write_json, write_parquet, write_text
from balanza.told import wrote


def test_a_line_for_each_sort_of_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet(tmp_path / "rows.parquet", pd.DataFrame({"a": range(1500), "b": 0}))
    write_json(tmp_path / "check.json", {"status": "ran", "passed": False, "sentence": "Leads move together."})
    write_json(tmp_path / "other.json", {"study": "toy"})
    write_text(tmp_path / "index.html", "<p>")
    names = ["rows.parquet", "check.json", "other.json", "index.html"]
    wrote(*(tmp_path / name for name in names))
    said = ["1,500 rows, 2 columns", "not passed. Leads move together.", "20 bytes", "3 bytes"]
    expected = [f"{tmp_path / name}: {text}" for name, text in zip(names, said, strict=True)]
    assert capsys.readouterr().out.splitlines() == expected


ESTIMATE = {
    "status": "ran",
    "value": 0.5,
    "level": 0.95,
    "scale": "level",
    "estimand": "Effect on wages per year of school",
    "n_clusters": 9,
    "warnings": ["The instrument is weak"],
}


@pytest.mark.parametrize(
    ("interval", "change", "line"),
    [
        ([0.1, None], None, "0.5 (95 % interval 0.1 to unbounded), level scale; 9 clusters"),
        (
            [0.1, 0.9],
            [3.0, None, 6.25],
            "0.5 (95 % interval 0.1 to 0.9), level scale; change 3 % (unbounded to 6.25); 9 clusters",
        ),
        (
            [None, None],
            None,
            "0.5 (95 % interval unbounded or empty, as a warning says), level scale; 9 clusters",
        ),
    ],
)
def test_an_estimate_with_its_estimand_and_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], interval: list[float], change: list[float] | None, line: str
) -> None:
    write_json(tmp_path / "found.json", ESTIMATE | {"interval": interval, "percent_change": change})
    wrote(tmp_path / "found.json")
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/found.json: {line}",
        "  estimand: Effect on wages per year of school",
        "  warning: The instrument is weak",
    ]


GRAPH = """digraph small {
  title="A small graph"
  times="t, t+"
  Z [title="Unrest", theme=context, time="t", observed=yes, column=unrest]
  W [title="Weather", theme=context, time="t", observed=yes]
  D [title="The Guard", theme=militarization, time="t", observed=yes, column=guard]
  M [title="Arrests", theme=militarization, time="t", observed=yes, column=arrests]
  Y [title="Homicides", theme=outcome, time="t+", observed=yes, column=homicides]
  Z -> D [reason="r", source="s"]
  Z -> Y [reason="r", source="s"]
  W -> D [reason="r", source="s"]
  W -> Y [reason="r", source="s"]
  D -> M [reason="r", source="s"]
  M -> Y [reason="r", source="s"]
}
"""
STUDY = """name: small
title: Small
question: Does it work?
panel: {file: small.csv, unit: place, period: year}
outcome: {column: homicides}
treatment: {kind: dose, column: guard}
cluster: place
graph: small.dot
"""


def test_what_a_graph_says(tmp_path: Path) -> None:
    write_text(tmp_path / "small.dot", GRAPH)
    write_text(tmp_path / "small.yaml", STUDY)
    out = tmp_path / "answer.json"
    run = CliRunner().invoke(app, ["identify", "--study", str(tmp_path / "small.yaml"), "--out", str(out)])
    assert run.exit_code == 0, run.output
    first, reason, *others = run.output.splitlines()
    assert first == f"{out}: what the graph small says"
    assert reason == f"  treatment: {read_json(out)['arms'][0]['reason']}"
    # By hand: both common causes must be held fixed, one of which nothing measures; arrests are a mediator.
    assert others == [
        "  cheapest adjustment set: W, Z (columns: unrest; unmeasured nodes: W)",
        "  minimal adjustment sets: 1",
        "  covariates that it forbids: 1",
    ]
