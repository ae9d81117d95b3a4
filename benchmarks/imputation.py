"""Imputation, two-stage, stacked regressions and local projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.tasks import Contender, Run, Task, own

if TYPE_CHECKING:
    import pandas as pd

BEFORE, AFTER = 12, 2


def diff_diff(name: str) -> Run:
    """The estimator of that class, with its event study."""

    def run(data: pd.DataFrame) -> float:
        import diff_diff as library

        model = getattr(library, name)(**({"kappa_pre": BEFORE, "kappa_post": AFTER} if name == "StackedDiD" else {}))
        found = model.fit(data, "y", "unit", "period", "first")
        found.aggregate("event_study")
        return float(found.overall_att)

    return run


def diff_diff_lp(data: pd.DataFrame) -> float:
    from diff_diff import LPDiD

    data = data.assign(treated=data["treated"].astype(int))
    found = LPDiD(pre_window=BEFORE, post_window=AFTER).fit(data, "y", "unit", "period", "treated")
    return float(found.pooled.set_index("window").loc["post", "coefficient"])


def pyfixest_two_stage(data: pd.DataFrame) -> float:
    import pyfixest

    stages = {"first_stage": "~ 0 | unit + period", "second_stage": "~ i(treated, ref=0)"}
    found = pyfixest.did2s(data, yname="y", treatment="treated", cluster="unit", **stages)
    return float(found.tidy()["Estimate"].iloc[0])


def pyfixest_lp(data: pd.DataFrame) -> float:
    import pyfixest

    keys = {"yname": "y", "idname": "unit", "tname": "period", "gname": "first"}
    pyfixest.lpdid(data, **keys, att=False)
    return float(pyfixest.lpdid(data, **keys, att=True, post_window=AFTER).tidy()["Estimate"].iloc[0])


def _peer(name: str) -> Contender:
    return Contender(diff_diff(name), "diff-diff", ("diff_diff",))


TASKS = (
    Task(
        "imputation",
        "imputation (Borusyak, Jaravel and Spiess), event study of all months",
        ("first", "y"),
        {"balanza": own("imputation"), "diff-diff": _peer("ImputationDiD")},
    ),
    Task(
        "two_stage",
        "two-stage (Gardner), event study of all months",
        ("first", "treated", "y"),
        {
            "balanza": own("two_stage"),
            "diff-diff": _peer("TwoStageDiD"),
            "pyfixest": Contender(pyfixest_two_stage, "pyfixest", ("pyfixest",), "without the event study"),
        },
    ),
    Task(
        "stacked",
        "stacked regressions, from 12 months before to 2 after",
        ("first", "y"),
        {
            "balanza": own("stacked", options={"stacked": {"before": BEFORE, "after": AFTER}}),
            "diff-diff": _peer("StackedDiD"),
        },
    ),
    Task(
        "lp_did",
        "local projections, horizon of 2 months after",
        ("first", "treated", "y"),
        {
            "balanza": own("lp_did", options={"lp_did": {"horizon": AFTER}}),
            "diff-diff": Contender(diff_diff_lp, "diff-diff", ("diff_diff",), "12 leads"),
            "pyfixest": Contender(pyfixest_lp, "pyfixest", ("pyfixest",), "and an event study of all months"),
        },
    ),
)
