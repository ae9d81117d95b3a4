"""What every estimator refuses before it computes anything, and how it reads its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from balanza.contract import CheckSpec, EstimatorSpec, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.registry import reason_against
from balanza.say import joined, say

FEW_CLUSTERS = 2
WITHOUT_SOLUTION = {
    "collinear": say("a coefficient is collinear"),
    "separated": say("a coefficient is separated"),
    "diverged": say("a coefficient is diverged"),
}
"""What to say of `balanza.kernels.within.Degenerate`, by its reason."""
LEFT_OUT = say("they have no before and are left out")
COMPARED = say(
    "they tell nothing of the effect, but serve as comparisons that are already treated, so"
    " that changes of their own effect enter with the wrong sign (Goodman-Bacon 2021), and"
    " their event times count from the first period. Leave them out to see what they do"
)


def no_solution(spec: EstimatorSpec, reason: str, what: str, collinear: tuple[str, str]) -> Unsupported:
    """The refusal of a count model without a maximum.

    Parameters
    ----------
    spec : EstimatorSpec
    reason : {"collinear", "separated", "diverged"}
        Of `Degenerate`.
    what : str
        Whose coefficient it is.
    collinear : (str, str)
        What to say of one that the other terms explain, and the cure: what varies, and beside what, is the model's own.
    """
    sentences = {
        "collinear": collinear,
        "separated": (
            say(
                "the coefficient of {what} runs to infinity, because the outcome is zero wherever it would show",
                what=what,
            ),
            say("Use wider units or periods, or remove it"),
        ),
        "diverged": (
            say("the likelihood's maximum was not found"),
            say("Check the outcome and the exposure for outliers"),
        ),
    }
    text, cure = sentences[reason]
    return Unsupported(text, where=spec.name, cure=cure)


def require(spec: EstimatorSpec | CheckSpec, study: Study, panel: Panel) -> None:
    """Refuse studies that the SPEC rules out, and panels that hold no comparison.

    Parameters
    ----------
    spec, study, panel : as in the contract

    Raises
    ------
    Unsupported
        Naming the estimator and the cure: a kind of treatment or outcome that it does not take, a single cluster, a
        constant outcome, no treated unit, no unit seen before its treatment, a treatment that does not vary.
    """
    reason = reason_against(spec, study)
    if reason:
        raise Unsupported(reason, where=spec.name, cure=say("Choose another estimator for this study"))
    if panel.n_clusters < 2:
        raise Unsupported(
            say("all rows lie in one cluster ({cluster})", cluster=study.cluster),
            where=spec.name,
            cure=say("Cluster by a finer column"),
        )
    outcome = panel.frame["outcome"].to_numpy()
    if outcome.min() == outcome.max():
        raise Unsupported(
            say("the outcome {column} is {value:g} in all rows", column=study.outcome.column, value=outcome[0]),
            where=spec.name,
            cure=say("Choose an outcome or rows in which it varies"),
        )
    for treatment in study.treatments:
        _require_contrast(spec, panel, treatment)


def options(spec: EstimatorSpec | CheckSpec, study: Study, **legal: Sequence[str]) -> Mapping[str, Any]:
    """The SPEC's options with those of the study in their place.

    Parameters
    ----------
    spec : EstimatorSpec
    study : Study
    **legal : sequence of str
        The values that an option may take, where they are few.

    Raises
    ------
    Unsupported
        If an option or its value is unknown.
    """
    given = study.options_of(spec.name)
    unknown = [name for name in given if name not in spec.options]
    if unknown:
        raise Unsupported(
            say("has no option {option!r}", option=unknown[0]),
            where=spec.name,
            cure=say("Legal: {options}", options=joined(sorted(spec.options), ", ") or say("none")),
        )
    chosen = {**spec.options, **given}
    for name, values in legal.items():
        if chosen[name] not in values:
            raise Unsupported(
                say("option {name} is {value!r}", name=name, value=chosen[name]),
                where=spec.name,
                cure=say("Legal: {values}", values=joined(values, ", ")),
            )
    return chosen


def whole(spec: EstimatorSpec | CheckSpec, chosen: Mapping[str, Any], name: str, at_least: int) -> int:
    """An option that is a whole number.

    Raises
    ------
    Unsupported
        If it is not, or is too small.
    """
    value = chosen[name]
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise Unsupported(
            say("option {name} is {value!r}", name=name, value=value),
            where=spec.name,
            cure=say("Give a whole number from {at_least} on", at_least=at_least),
        )
    return int(value)


def small_cohorts(study: Study, cluster: np.ndarray, cohort: np.ndarray) -> tuple[str, ...]:
    """A warning where cohorts consist of so few clusters that clustered errors are known to fail.

    Parameters
    ----------
    study : Study
    cluster, cohort : ndarray of int, shape (n_treated_units,)
        Of the treated units only.
    """
    cohorts = np.unique(cohort)
    few = sum(len(np.unique(cluster[cohort == g])) <= FEW_CLUSTERS for g in cohorts)
    if not few:
        return ()
    return (
        say(
            "{few} of {n_cohorts} cohorts lie in no more than {few_clusters} clusters ({cluster}):"
            " clustered standard errors are too small there. Read the checks `conley_taber` and"
            " `randomization`",
            few=few,
            n_cohorts=len(cohorts),
            few_clusters=FEW_CLUSTERS,
            cluster=study.cluster,
        ),
    )


def always_treated(
    panel: Panel, treatment: Treatment, units: np.ndarray, consequence: str, anticipation: int = 0
) -> tuple[str, ...]:
    """A warning with the number of units that an absorbing treatment reached before anyone saw them without it.

    Parameters
    ----------
    panel : Panel
    treatment : Treatment
        Any other than an absorbing one gives no warning.
    units : ndarray of bool, shape (n_units,)
        Units that may enter.
    consequence : str
        What becomes of them: LEFT_OUT, COMPARED, or words of the estimator's own.
    anticipation : int
        Periods before treatment that may already be affected.
    """
    if treatment.kind != "binary":
        return ()
    cohort = panel.by_unit(f"g_{treatment.name}")
    count = int((units & (cohort >= 0) & (cohort <= anticipation)).sum())
    if not count:
        return ()
    when = say("in the first {n} periods", n=anticipation + 1) if anticipation else say("from the first period on")
    return (
        say(
            "{count} units are treated ({name}) {when}: {consequence}",
            count=count,
            name=treatment.name,
            when=when,
            consequence=consequence,
        ),
    )


def two_way(study: Study, panel: Panel, units: np.ndarray) -> tuple[str, ...]:
    """Both warnings, on units treated from the start and on cohorts of few clusters, for two-way fixed effects.

    Parameters
    ----------
    study, panel : as in the contract
    units : ndarray of bool, shape (n_units,)
        Units that enter.
    """
    early = [text for item in study.treatments for text in always_treated(panel, item, units, COMPARED)]
    return (*early, *cohorts_of_few(study, panel, units))


def cohorts_of_few(study: Study, panel: Panel, units: np.ndarray) -> tuple[str, ...]:
    """The warning of `small_cohorts` for each absorbing treatment of a study, on cohorts that start within the window.

    Parameters
    ----------
    study, panel : as in the contract
    units : ndarray of bool, shape (n_units,)
        Units that enter.
    """
    found: tuple[str, ...] = ()
    for treatment in study.treatments:
        if treatment.kind == "binary":
            cohort = panel.by_unit(f"g_{treatment.name}")
            treated = units & (cohort > 0) & (cohort < panel.n_periods)
            found += small_cohorts(study, panel.by_unit("cluster")[treated], cohort[treated])
    return found


def _require_contrast(spec: EstimatorSpec | CheckSpec, panel: Panel, treatment: Treatment) -> None:
    values = panel.frame[f"d_{treatment.name}"].to_numpy()
    where = f"{spec.name}, treatment {treatment.name}"
    if not values.any():
        raise Unsupported(
            say("no unit is treated in these rows"), where=where, cure=say("Check its column, or widen the window")
        )
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")
        if not (cohort[cohort >= 0] > 0).any():
            raise Unsupported(
                say("every treated unit is treated from the first period on, so that there is no before"),
                where=where,
                cure=say("Start the window earlier"),
            )
    elif values.min() == values.max():
        raise Unsupported(
            say("it is {value:g} in all rows", value=values[0]),
            where=where,
            cure=say("Choose a treatment that varies"),
        )
