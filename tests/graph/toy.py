"""A small study with a graph and a panel of its own, as files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

GRAPH = """digraph toy {
  times="before, after"
  WEALTH [title="Wealth", theme=context, time=before, observed=yes, column=wealth]
  LATENT [title="Hidden", theme=context, time=before, observed=no]
  MONEY [title="Money", theme=prevention, time=before, observed=yes, column=money]
  JOBS [title="Jobs", theme=prevention, time=after, observed=yes, column=jobs]
  CRIME [title="Crime", theme=outcome, time=after, observed=yes, column=crime]
  FEAR [title="Fear", theme=outcome, time=after, observed=yes, column=fear]
  WEALTH -> MONEY [reason="r", source="s"]
  WEALTH -> CRIME [reason="r", source="s"]
  MONEY -> JOBS [reason="r", source="s"]
  JOBS -> CRIME [reason="r", source="s"]
  CRIME -> FEAR [reason="r", source="s"]
  LATENT -> CRIME [reason="r", source="s"]
}
"""
STUDY: dict[str, Any] = {
    "name": "toy",
    "title": "Toy",
    "question": "Does money lower crime?",
    "panel": {"file": "toy.csv", "unit": "place", "period": "year"},
    "outcome": {"column": "crime", "family": "poisson"},
    "treatment": {"kind": "dose", "column": "money", "start": 2005},
    "cluster": "place",
    "graph": "toy.dot",
    "covariates": "graph",
    "estimators": ["poisson"],
    "checks": [],
}


def panel(units: int = 20) -> pd.DataFrame:
    """Ten years of a panel in which wealth moves, raises money, and bends the path of crime."""
    rng = np.random.default_rng(7)
    unit, year = np.repeat(np.arange(units), 10), np.tile(np.arange(2000, 2010), units)
    wealth = rng.normal(size=units)
    money = np.where(year >= 2005, (1 + wealth + rng.normal(size=units))[unit], 0.0)
    crime = rng.poisson(np.exp(3 - 0.1 * money + 0.05 * wealth[unit] * (year - 2000)))
    return pd.DataFrame(
        {
            "place": [f"p{code:02d}" for code in unit],
            "year": year,
            "crime": crime,
            "money": money,
            "wealth": np.round(wealth[unit] + 0.1 * (year - 2004), 6),
            "jobs": 5 - money,
            "fear": crime / 2,
        }
    )


def write(folder: Path, table: pd.DataFrame | None = None, graph: str = GRAPH, **changes: Any) -> Path:
    """The study's file, with its graph and its panel beside it."""
    (folder / "toy.dot").write_text(graph)
    (panel() if table is None else table).to_csv(folder / "toy.csv", index=False)
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **changes}))
    return path
