"""What a benchmark is: a task, its columns of the panel, and the contenders that do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.panel import dose_start

if TYPE_CHECKING:
    import pandas as pd

    from balanza.contract import Study

Run = Callable[["pd.DataFrame"], float]
OWN = "balanza"


@dataclass(frozen=True)
class Contender:
    """One package's way to do a task.

    `imports` are loaded before the clock of the fit starts. `times` is the largest multiple of the monthly panel that
    it is run on, `note` what it leaves out, and one that is `apart` lives in the environment of `--peers`.
    """

    run: Run
    package: str
    imports: tuple[str, ...]
    note: str = ""
    times: int = 1
    apart: bool = False


@dataclass(frozen=True)
class Task:
    """One piece of work; `name` is that of an estimator or check of this package."""

    name: str
    what: str
    columns: tuple[str, ...]
    contenders: dict[str, Contender] = field(default_factory=dict)


def own(name: str, **given: Any) -> Contender:
    """This package's estimator of that name on a `study` with these fields."""

    def run(data: pd.DataFrame) -> float:
        from balanza.preparation import prepare
        from balanza.registry import find

        asked = study(data, **given)
        return find("estimators", name).function(asked, prepare(asked, data), np.random.default_rng(0)).value

    return ours(run, f"balanza.estimators.{name}")


def ours(run: Run, module: str) -> Contender:
    """A contender of this package, run on panels of all sizes."""
    imports = ("pandas", "scipy.optimize", "scipy.stats", "balanza.preparation", module)
    return Contender(run, OWN, imports, times=10)


def study(data: pd.DataFrame, outcome: str = "y", treatment: str = "first", **given: Any) -> Study:
    """A study of the panel: an outcome (`count` has its exposure), a treatment by its column, clusters of one unit."""
    from balanza.contract import Outcome, Study, Treatment

    cohort = Treatment("opening", "binary", first_treated=treatment)
    dose = Treatment("dose", "dose", column="dose", start=dose_start(data["period"].nunique()), dose="mean_post")
    return Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("count", "poisson", "people") if outcome == "count" else Outcome(outcome),
        treatments=(dose if treatment == "dose" else cohort,),
        cluster="unit",
        **given,
    )
