"""Sun-Abraham, linear and Poisson extended two-way fixed effects: an effect for each cohort and period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tasks import Contender, Run, Task, own

if TYPE_CHECKING:
    import pandas as pd


def diff_diff_sun_abraham(data: pd.DataFrame) -> float:
    from diff_diff import SunAbraham

    return float(SunAbraham().fit(data, "y", "unit", "period", "first").overall_att)


def pyfixest_sun_abraham(data: pd.DataFrame) -> float:
    import pyfixest

    keys = {"yname": "y", "idname": "unit", "tname": "period", "gname": "first"}
    found = pyfixest.event_study(data, **keys, estimator="saturated", att=False).aggregate(weighting="shares")
    return float(found["Estimate"][found.index >= 0].mean())


def diff_diff_etwfe(data: pd.DataFrame) -> float:
    from diff_diff import WooldridgeDiD

    counted = "count" in data
    model = WooldridgeDiD(method="poisson" if counted else "ols", control_group="not_yet_treated")
    found = model.fit(data, outcome="count" if counted else "y", unit="unit", time="period", first_treat="first")
    found.aggregate("event_study")
    return float(found.overall_att)


def pyfixest_etwfe(effects: str) -> Run:
    """Cohort by period as one factor, 0 for all untreated rows."""

    def run(data: pd.DataFrame) -> float:
        import pyfixest

        cell = np.where(data["treated"] > 0, data["first"] * 1000 + data["period"], 0)
        asked: dict[str, Any] = {"vcov": {"CRV1": "unit"}, "ssc": pyfixest.ssc(k_fixef="none")}
        if "count" not in data:
            found = pyfixest.feols(f"y ~ i(cell, ref=0) | {effects} + period", data.assign(cell=cell), **asked)
        else:
            data = data.assign(cell=cell, offset=np.log(data["people"]))
            found = pyfixest.fepois(f"count ~ i(cell, ref=0) | {effects} + period", data, offset="offset", **asked)
        return float(found.coef().mean())

    return run


PLAIN = "mean of coefficients, no event study"
TASKS = (
    Task(
        "sun_abraham",
        "Sun-Abraham: an effect for each cohort and period, event study",
        ("first", "y"),
        {
            "balanza": own("sun_abraham"),
            "diff-diff": Contender(diff_diff_sun_abraham, "diff-diff", ("diff_diff",)),
            "pyfixest": Contender(pyfixest_sun_abraham, "pyfixest", ("pyfixest",)),
        },
    ),
    Task(
        "etwfe",
        "linear extended two-way fixed effects, unit effects, event study",
        ("first", "treated", "y"),
        {
            "balanza": own("etwfe"),
            "diff-diff": Contender(diff_diff_etwfe, "diff-diff", ("diff_diff",)),
            "pyfixest": Contender(pyfixest_etwfe("unit"), "pyfixest", ("pyfixest",), PLAIN),
        },
    ),
    Task(
        "etwfe_poisson",
        "Poisson extended two-way fixed effects of counts with exposure, cohort effects, event study",
        ("first", "treated", "count", "people"),
        {
            "balanza": own("etwfe_poisson", outcome="count"),
            "balanza, unit effects": own(
                "etwfe_poisson", outcome="count", options={"etwfe_poisson": {"effects": "unit"}}
            ),
            "diff-diff": Contender(diff_diff_etwfe, "diff-diff", ("diff_diff",), "takes no exposure"),
            "pyfixest": Contender(pyfixest_etwfe("first"), "pyfixest", ("pyfixest",), PLAIN),
        },
    ),
)
