"""Which comparisons a linear two-way effect is made of, after Goodman-Bacon (2021), and which effects it subtracts.

The kernel is `balanza.kernels.bacon`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard, _rates
from balanza.kernels.bacon import FORBIDDEN, SORTS, Comparisons, cohort_means, decompose, effect_weights
from balanza.say import joined, say, say_n

if TYPE_CHECKING:
    import pandas as pd

SPEC = CheckSpec(
    name="bacon",
    title="What the two-way effect compares",
    question="Which comparisons is the two-way effect made of, and how often are already treated units the controls?",
    reference="Goodman-Bacon (2021), Journal of Econometrics 225(2); de Chaisemartin and D'Haultfoeuille (2020),"
    " American Economic Review 110(9)",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
The coefficient of linear two-way fixed effects is a mean of two-by-two comparisons between cohorts. With $n_g$ for the
share of cohort $g$ in all weight and $\bar D_g$ for its share of treated periods, a cohort $k$ that starts before $l$
(or than the never treated, $\bar D_l = 0$) takes part in two:

```math
s_{kl}^k \propto n_k n_l (\bar D_k - \bar D_l) (1 - \bar D_k), \quad
s_{kl}^l \propto n_k n_l (\bar D_k - \bar D_l) \bar D_l
```

```math
\hat\beta_{kl}^k = (\bar y_k^{MID} - \bar y_k^{PRE}) - (\bar y_l^{MID} - \bar y_l^{PRE}), \quad
\hat\beta_{kl}^l = (\bar y_l^{POST} - \bar y_l^{MID}) - (\bar y_k^{POST} - \bar y_k^{MID})
```

PRE are the periods before $k$ starts, MID those from then until $l$ starts, POST those after. The first compares with
units that are not treated (yet); the second with units that are treated already, and subtracts the change of their own
effect. Weights have sum one, and $\hat\beta = \sum (s^k \hat\beta^k + s^l \hat\beta^l)$.

The coefficient is also a weighted sum of the effects of each cohort in each treated period, if trends are parallel:

```math
\hat\beta = \sum_{t \geq g} w_{gt} \tau_{gt}, \quad
w_{gt} \propto n_g (D_{gt} - \bar D_g - \bar D_t + \bar D)
```

Negative $w_{gt}$ are counted and summed: with them the coefficient can be negative where all effects are positive.
""",
    edge_cases=(
        "It informs and judges nothing: what the comparisons do to the estimate depends on how effects change in time",
        "It is about linear two-way fixed effects (`twfe`), also where the headline is another estimator",
        "A count with exposure enters as its rate per 100,000 a year, as in `twfe`",
        "Panels with missing rows, weights that change within a unit, covariates and several treatments are refused",
        "Units treated from the first period on are a comparison of their own sort; their effects have weights too",
        "Units first treated after the window's end count as never treated",
    ),
)
WORDS = {
    SORTS[0]: say("treated with never treated units"),
    SORTS[1]: say("earlier treated with later, not yet treated units"),
    SORTS[2]: say("later with earlier, already treated units"),
    SORTS[3]: say("treated units with those treated from the first period on"),
}


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Take the two-way coefficient apart into comparisons between cohorts, and into effects.

    Parameters
    ----------
    study, panel : as in the contract
        Balanced, with one treatment and without covariates.
    estimates, rng : as in the contract
        Not used.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has a row for each comparison: `sort`, the periods in which the treated
        and the control cohort start (`never`, `always`), `weight` and `value`; `figure` the same columns.

    Raises
    ------
    Unsupported
        If rows are missing, weights change within a unit, or the study has covariates or several treatments.
    """
    outcome, cohort, weights = _sample(study, panel)
    start, means, share = cohort_means(outcome, cohort, weights)
    found = decompose(start, means, share)
    of_effects = effect_weights(start, share, panel.n_periods)
    treated = np.arange(panel.n_periods) >= start[:, None]
    negative = of_effects[treated & (of_effects < -1e-12)]
    table = _table(panel, start, found)
    by_sort = _by_sort(found)
    values: dict[str, Any] = {
        "treatment": study.treatment.name,
        "coefficient": found.coefficient,
        "weights": {sort: weight for sort, (weight, _) in by_sort.items()},
        "means": {sort: value for sort, (_, value) in by_sort.items()},
        "forbidden": sum(weight for sort, (weight, _) in by_sort.items() if sort in FORBIDDEN),
        "n_comparisons": len(table),
        "n_effects": int(treated.sum()),
        "n_negative": len(negative),
        "negative": float(negative.sum()),
    }
    return CheckResult(SPEC.name, None, _sentence(study, panel, found, values), values, table, table.copy())


def _sample(study: Study, panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The outcome of the linear two-way fit, cohorts with n_periods for never, and weights of units."""
    if len(study.treatments) > 1:
        raise Unsupported(say("takes one treatment"), where=SPEC.name, cure=say("Ask about each in a study of its own"))
    _guard.require(SPEC, study, panel)
    if any(name != "graph" for name in study.covariates):
        raise Unsupported(
            say("takes no covariates"), where=SPEC.name, cure=say("Read it on the study without covariates")
        )
    if not panel.balanced:
        raise Unsupported(
            say("needs a row of each unit in each period"),
            where=SPEC.name,
            cure=say("Fill the rows, or leave such units out"),
        )
    weights = np.ones(panel.n_units)
    if study.weights:
        given = panel.matrix("weight")
        if not np.array_equal(given.min(axis=1), given.max(axis=1)):
            raise Unsupported(
                say("needs weights that stay the same within units, and {weights} changes", weights=study.weights),
                where=SPEC.name,
                cure=say("Take the weight of one period"),
            )
        weights = given[:, 0]
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    outside = (cohort < 0) | (cohort >= panel.n_periods)
    return _rates.outcome(study, panel), np.where(outside, panel.n_periods, cohort), weights


def _table(panel: Panel, start: np.ndarray, found: Comparisons) -> pd.DataFrame:
    import pandas as pd

    labels = np.array(
        [
            "never" if code == panel.n_periods else "always" if code == 0 else str(panel.period_labels[code])
            for code in start
        ]
    )
    return pd.DataFrame(
        {
            "sort": np.array(SORTS)[found.sort],
            "treated": labels[found.treated],
            "control": labels[found.control],
            "weight": found.weight,
            "value": found.value,
        }
    )


def _by_sort(found: Comparisons) -> dict[str, tuple[float, float]]:
    """Weight and mean of each sort that occurs."""
    out = {}
    for code, sort in enumerate(SORTS):
        own = found.sort == code
        if own.any():
            weight = float(found.weight[own].sum())
            out[sort] = (weight, float(found.weight[own] @ found.value[own]) / weight)
    return out


def _sentence(study: Study, panel: Panel, found: Comparisons, values: Mapping[str, Any]) -> str:
    n = values["n_comparisons"]
    start = say(
        "The linear two-way effect of {unit} on {scale}, {coefficient:.4g}, ",
        unit=study.treatment.unit or study.treatment.name,
        scale=_rates.scale(study, panel),
        coefficient=values["coefficient"],
    )
    shares = [
        say(
            "{weight:.1f} % {compared} (mean {mean:.4g})",
            weight=100 * weight,
            compared=WORDS[sort] if place else say("of the weight compares {sort}", sort=WORDS[sort]),
            mean=values["means"][sort],
        )
        for place, (sort, weight) in enumerate(values["weights"].items())
    ]
    if n == 1:
        parts = say("is one comparison, of {sort}.", sort=WORDS[next(iter(values["weights"]))])
    else:
        parts = say("is the mean of {n} comparisons: {listed}.", n=n, listed=_listed(shares))
    forbidden = ""
    if 0 < values["forbidden"] < 1:
        clean = ~np.isin(np.array(SORTS)[found.sort], FORBIDDEN)
        without = float(found.weight[clean] @ found.value[clean] / found.weight[clean].sum())
        forbidden = say(
            " Where already treated units are the controls, changes of their own effect are"
            " subtracted; without these comparisons the mean is {without:.4g}.",
            without=without,
        )
    elif values["forbidden"]:
        forbidden = say(" All controls are already treated units, changes of whose own effect are subtracted.")
    count, of = values["n_negative"], values["n_effects"]
    signs = say(" None of the {of} effects by cohort and period has a negative weight.", of=of)
    if count:
        signs = say_n(
            " Of {of} effects by cohort and period, {n} has a negative weight, of {negative:.3f}"
            " beside {positive:.3f} for all others.",
            " Of {of} effects by cohort and period, {n} have a negative weight, together"
            " {negative:.3f} beside {positive:.3f} for all others.",
            count,
            of=of,
            negative=values["negative"],
            positive=1 - values["negative"],
        )
    return joined([start, parts, forbidden, signs])


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else say("{items} and {last}", items=joined(items[:-1], ", "), last=items[-1])
