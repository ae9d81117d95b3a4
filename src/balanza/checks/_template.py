"""Agreement on direction: a form to fill in, which `python -m balanza new-check NAME` copies.

The example counts the estimates that have the sign of the headline, treatment by treatment.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import say

SPEC = CheckSpec(
    name="_template",
    title="Agreement on direction",
    question="Do the estimators agree on the direction of the effect?",
    reference="Who wrote the method, where",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
With $\hat\tau_m$ for the estimates of a treatment, and $\hat\tau_0$ for that of the headline among these:

```math
A = \sum_m \mathbf{1}\{\hat\tau_m \hat\tau_0 > 0\}
```
""",
    edge_cases=(
        "Refused where the study names no headline, or that did not run",
        "An estimate of exactly zero agrees with none",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Compare the sign of each estimate with that of the headline.

    Parameters
    ----------
    study, panel, rng : as in the contract
        Change none of the three.
    estimates : mapping
        All estimates of the study that ran, by the stem of their files: `poisson`, or with several treatments
        `poisson.guard`.

    Returns
    -------
    CheckResult
        `passed` is True or False where the check judges, and None where it informs. `table` has a row for each
        estimate.

    Raises
    ------
    Unsupported
        Whenever the check cannot be made, with the cure. Never return a verdict then.
    """
    import pandas as pd

    headline = {item.treatment: item.value for stem, item in estimates.items() if stem.split(".")[0] == study.headline}
    if not headline:
        raise Unsupported(
            say("the headline did not run"), where=SPEC.name, cure=say("Name one that does as `headline`")
        )
    table = pd.DataFrame(
        [
            {"estimate": stem, "treatment": item.treatment, "agrees": item.value * headline[item.treatment] > 0}
            for stem, item in estimates.items()
            if item.treatment in headline
        ]
    )
    agree, total = int(table["agrees"].sum()), len(table)
    sentence = say(
        "{agree} of {total} estimates have the sign of the headline, {headline}, itself included.",
        agree=agree,
        total=total,
        headline=study.headline,
    )
    return CheckResult(SPEC.name, None, sentence, {"agree": agree, "total": total}, table)
