"""Group-time effects, effects of switching and the other methods that compare cohorts with controls."""

from __future__ import annotations

from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from benchmarks.tasks import Contender, Run, Task, own

if TYPE_CHECKING:
    import pandas as pd

COVARIATES = ("x1", "x2", "x3")
DRAWS, EFFECTS = 999, 12
MOST_ROWS_WITH_DRAWS = 400_000


def diff_diff(data: pd.DataFrame) -> float:
    from diff_diff import CallawaySantAnna

    draws = DRAWS if len(data) <= MOST_ROWS_WITH_DRAWS else 0
    model = CallawaySantAnna(control_group="not_yet_treated", estimation_method="dr", n_bootstrap=draws, seed=0)
    found = model.fit(data, "y", "unit", "period", "first", covariates=list(COVARIATES))
    effects = found.aggregate("event_study").to_dataframe().set_index("event_time")["att"]
    return float(effects[effects.index >= 0].mean())


def csdid(faster: bool) -> Run:
    """In the mode that csdid takes by itself, or in the older one that goes cell by cell."""

    def run(data: pd.DataFrame) -> float:
        from csdid.att_gt import ATTgt

        keys = {"yname": "y", "tname": "period", "idname": "unit", "gname": "first"}
        model = ATTgt(
            **keys, data=data, xformla="y ~ x1 + x2 + x3", control_group=["notyettreated"], faster_mode=faster
        )
        with redirect_stdout(None):
            found = model.fit("dr", bstrap=False).aggte("dynamic", bstrap=True, biters=DRAWS, cband=True)
        return float(found.atte["overall_att"])

    return run


def moderndid(data: pd.DataFrame) -> float:
    import moderndid

    keys = {"yname": "y", "tname": "period", "idname": "unit", "dname": "treated"}
    found = moderndid.did_multiplegt(data, **keys, effects=EFFECTS, placebo=EFFECTS)
    return float(found.ate.estimate)


TASKS = (
    Task(
        "callaway_santanna",
        "group-time effects: doubly robust with three covariates, not-yet-treated controls, event study, 999 draws",
        ("first", "y", *COVARIATES),
        {
            "balanza": own(
                "callaway_santanna",
                covariates=COVARIATES,
                options={"callaway_santanna": {"control": "not_yet", "aggregate": "dynamic", "draws": DRAWS}},
            ),
            "diff-diff": Contender(
                diff_diff, "diff-diff", ("diff_diff",), "without draws where there are over 400,000 rows", times=10
            ),
            "csdid": Contender(csdid(True), "csdid", ("csdid.att_gt",)),
            "csdid, cell by cell": Contender(csdid(False), "csdid", ("csdid.att_gt",), "`faster_mode=False`"),
        },
    ),
    Task(
        "switchers",
        "effects of switching: 12 effects and 12 placebos",
        ("first", "treated", "y"),
        {
            "balanza": own("switchers", options={"switchers": {"effects": EFFECTS, "placebos": EFFECTS}}),
            "moderndid": Contender(moderndid, "moderndid", ("moderndid",), apart=True),
        },
    ),
    Task(
        "triple_difference",
        "triple difference by a group within units, event study",
        ("first", "y", "eligible"),
        {"balanza": own("triple_difference", options={"triple_difference": {"group_column": "eligible"}})},
    ),
)
