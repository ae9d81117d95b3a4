"""The smallest effect that the design could have told from zero, after Bloom (1995): stated before the estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say

if TYPE_CHECKING:
    import pandas as pd

POWER = 0.8

SPEC = CheckSpec(
    name="minimum_detectable_effect",
    title="Minimum detectable effect",
    question="How large must an effect be for this design to find it in four out of five tries?",
    reference="Bloom (1995), Evaluation Review 19(5)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
For each estimate with standard error $\mathrm{se}$ and $G$ clusters, at the level $1 - \alpha$ of the study:

```math
\mathrm{MDE} = \left(t_{G-1,1-\alpha/2} + t_{G-1,0.8}\right) \mathrm{se}
```

On the log scale it reads as a rise of $100 (\exp(\mathrm{MDE}) - 1)$ or a fall of $100 (1 - \exp(-\mathrm{MDE}))$ per
cent.
""",
    edge_cases=(
        "It is as good as the standard error: where few clusters make that too small, so is the detectable effect",
        "Where the headline did not run, the sentence is about the first estimate; the table has all",
        "Refused where no estimator ran",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Multiply each standard error by the sum of the t quantiles of the level and of a power of 80 per cent.

    Parameters
    ----------
    study, panel, rng : as in the contract
    estimates : mapping
        All estimates of the study that ran.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has a row for each estimate.

    Raises
    ------
    Unsupported
        If no estimator ran.
    """
    import pandas as pd

    if not estimates:
        raise Unsupported(say("no estimator ran"), where=SPEC.name)
    table = pd.DataFrame([_row(name, estimate, study.level) for name, estimate in estimates.items()])
    headline = table[table["estimate"].str.split(".").str[0] == study.headline]
    lead = headline if len(headline) else table.iloc[:1]
    units = {treatment.name: treatment.unit or say("unit of treatment") for treatment in study.treatments}
    parts = [say("per {unit}, {size}", unit=units[row["treatment"]], size=_size(row)) for _, row in lead.iterrows()]
    sentence = say(
        "By {estimator}, {parts} would be missed more often than once in five tries at the {level:.0f} % level.",
        estimator=lead["estimate"].iloc[0].split(".")[0],
        parts=joined(parts, "; and "),
        level=100 * (1 - study.level),
    )
    return CheckResult(SPEC.name, None, sentence, {"power": POWER}, table)


def _row(name: str, estimate: Estimate, level: float) -> dict[str, object]:
    from scipy.stats import t

    freedom = max(estimate.n_clusters - 1, 1)
    factor = t.ppf(0.5 + level / 2, freedom) + t.ppf(POWER, freedom)
    effect = float(factor * estimate.standard_error)
    rise, fall = (100 * np.expm1(effect), -100 * np.expm1(-effect)) if estimate.scale == "log" else (None, None)
    return {"estimate": name, "treatment": estimate.treatment, "effect": effect, "rise": rise, "fall": fall}


def _size(row: pd.Series) -> str:
    if row[["rise"]].isna().any():
        return say("an effect smaller than {effect:.4g}", effect=row["effect"])
    return say(
        "a rise of less than {rise:.1f} % or a fall of less than {fall:.1f} %", rise=row["rise"], fall=row["fall"]
    )
