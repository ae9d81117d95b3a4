"""Two-way fixed effects, of levels and of counts, and what is built on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tasks import Contender, Task, ours, own, study

if TYPE_CHECKING:
    import pandas as pd

BINS = 6
DRAWS = 999
STATES = 32


def pyfixest_linear(data: pd.DataFrame) -> float:
    import pyfixest

    asked: dict[str, Any] = {"vcov": {"CRV1": "unit"}, "ssc": pyfixest.ssc(k_fixef="none")}
    return float(pyfixest.feols("y ~ treated | unit + period", data, **asked).coef()["treated"])


def pyfixest_poisson(data: pd.DataFrame) -> float:
    import pyfixest

    data = data.assign(offset=np.log(data["people"]))
    asked: dict[str, Any] = {"vcov": {"CRV1": "unit"}, "ssc": pyfixest.ssc(k_fixef="none"), "offset": "offset"}
    return float(pyfixest.fepois("count ~ treated | unit + period", data, **asked).coef()["treated"])


def randomization(data: pd.DataFrame) -> float:
    """The p-value of all draws."""
    from balanza.preparation import prepare
    from balanza.registry import find

    asked = study(data, "count", "dose", draws=DRAWS)
    check = find("checks", "randomization").function(asked, prepare(asked, data), {}, np.random.default_rng(0))
    return float(check.table["p_value"].iloc[0])


def bootstrap(data: pd.DataFrame) -> float:
    """The p-value of all draws, units in as many clusters as there are states."""
    from balanza.preparation import prepare
    from balanza.registry import find

    data = data.assign(state=data["unit"] % STATES)
    asked = replace(study(data, "count", "dose", draws=DRAWS), cluster="state")
    check = find("checks", "bootstrap").function(asked, prepare(asked, data), {}, np.random.default_rng(0))
    return float(check.table["p_value"].iloc[0])


HALF_YEARS = "event study in half-years"
NO_EVENTS = "without the event study"
TASKS = (
    Task(
        "twfe",
        f"two-way fixed effects, {HALF_YEARS}",
        ("first", "treated", "y"),
        {
            "balanza": own("twfe", event_bins=BINS),
            "pyfixest": Contender(pyfixest_linear, "pyfixest", ("pyfixest",), NO_EVENTS, times=10),
        },
    ),
    Task(
        "poisson",
        f"two-way Poisson of counts with exposure, {HALF_YEARS}",
        ("first", "treated", "count", "people"),
        {
            "balanza": own("poisson", outcome="count", event_bins=BINS),
            "pyfixest": Contender(pyfixest_poisson, "pyfixest", ("pyfixest",), NO_EVENTS, times=10),
        },
    ),
    Task(
        "negative_binomial",
        f"negative binomial of counts with exposure, {HALF_YEARS}",
        ("first", "count", "people"),
        {"balanza": own("negative_binomial", outcome="count", event_bins=BINS)},
    ),
    Task(
        "spillover",
        f"two-way fixed effects with rings of 25, 50 and 100 km, {HALF_YEARS}",
        ("first", "y", "latitude", "longitude"),
        {
            "balanza": own(
                "spillover",
                event_bins=BINS,
                options={"spillover": {"latitude_column": "latitude", "longitude_column": "longitude"}},
            )
        },
    ),
    Task(
        "dose",
        f"dose-response, {HALF_YEARS}",
        ("dose", "y"),
        {"balanza": own("dose", treatment="dose", event_bins=BINS)},
    ),
    Task(
        "randomization",
        f"{DRAWS} random reassignments of a dose over units, each a cluster of its own; counts with exposure",
        ("dose", "count", "people"),
        {
            "balanza": ours(randomization, "balanza.checks.randomization"),
            "balanza, one fit": own("poisson", outcome="count", treatment="dose", event_bins=BINS),
        },
    ),
    Task(
        "bootstrap",
        f"score bootstrap of a dose over {STATES} clusters, {10 * DRAWS + 9:,} draws, with its interval; counts with"
        " exposure",
        ("dose", "count", "people"),
        {"balanza": ours(bootstrap, "balanza.checks.bootstrap")},
    ),
)
