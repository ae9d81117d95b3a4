"""Synthetic difference-in-differences and synthetic control: one cohort of 4 per cent of the units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.tasks import Contender, Task, own

if TYPE_CHECKING:
    import pandas as pd

PLACEBOS = 20


def balanza(name: str) -> Contender:
    return own(name, outcome="y_once", treatment="once", event_bins=12, options={name: {"draws": PLACEBOS}})


def diff_diff(data: pd.DataFrame) -> float:
    from diff_diff import SyntheticDiD

    start = int(data["once"].max())
    data = data.assign(ever=(data["once"] > 0).astype(int))
    model = SyntheticDiD(variance_method="placebo", n_bootstrap=PLACEBOS, seed=0)
    after = list(range(start, int(data["period"].max()) + 1))
    return float(model.fit(data, "y_once", "ever", "unit", "period", post_periods=after).att)


COLUMNS = ("once", "y_once")
TASKS = (
    Task(
        "synthetic_did",
        f"synthetic difference-in-differences, {PLACEBOS} placebos",
        COLUMNS,
        {"balanza": balanza("synthetic_did"), "diff-diff": Contender(diff_diff, "diff-diff", ("diff_diff",))},
    ),
    Task(
        "synthetic_control",
        f"synthetic control, {PLACEBOS} draws",
        COLUMNS,
        {"balanza": balanza("synthetic_control")},
    ),
)
