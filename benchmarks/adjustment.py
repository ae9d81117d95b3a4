"""Adjustment for covariates by regression, learners and instruments."""

from __future__ import annotations

from benchmarks.group_time import COVARIATES
from benchmarks.tasks import Task, own

COLUMNS = ("dose", "y", *COVARIATES)
TASKS = (
    Task(
        "backdoor",
        "backdoor adjustment of a dose by regression, three covariates",
        COLUMNS,
        {"balanza": own("backdoor", treatment="dose", covariates=COVARIATES)},
    ),
    Task(
        "double_ml",
        "double machine learning of a dose, three covariates, lasso",
        COLUMNS,
        {"balanza": own("double_ml", treatment="dose", covariates=COVARIATES)},
    ),
    Task(
        "causal_forest",
        "causal forest of a dose, three covariates, 500 trees",
        COLUMNS,
        {"balanza": own("causal_forest", treatment="dose", covariates=COVARIATES)},
    ),
    Task(
        "instrument",
        "a dose by one instrument",
        ("dose", "offered", "y"),
        {"balanza": own("instrument", treatment="dose", instruments=("offered",))},
    ),
)
