"""What every estimator refuses before it computes anything, and how it reads its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from balanza.contract import CheckSpec, EstimatorSpec, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.registry import reason_against

FEW_CLUSTERS = 2


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
        raise Unsupported(reason, where=spec.name, cure="Choose another estimator for this study")
    if panel.n_clusters < 2:
        raise Unsupported(
            f"all rows lie in one cluster ({study.cluster})", where=spec.name, cure="Cluster by a finer column"
        )
    outcome = panel.frame["outcome"].to_numpy()
    if outcome.min() == outcome.max():
        raise Unsupported(
            f"the outcome {study.outcome.column} is {outcome[0]:g} in all rows",
            where=spec.name,
            cure="Choose an outcome or rows in which it varies",
        )
    for treatment in study.treatments:
        _require_contrast(spec, panel, treatment)


def options(spec: EstimatorSpec, study: Study, **legal: Sequence[str]) -> Mapping[str, Any]:
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
            f"has no option {unknown[0]!r}", where=spec.name, cure=f"Legal: {', '.join(sorted(spec.options)) or 'none'}"
        )
    chosen = {**spec.options, **given}
    for name, values in legal.items():
        if chosen[name] not in values:
            raise Unsupported(f"option {name} is {chosen[name]!r}", where=spec.name, cure=f"Legal: {', '.join(values)}")
    return chosen


def whole(spec: EstimatorSpec, chosen: Mapping[str, Any], name: str, at_least: int) -> int:
    """An option that is a whole number.

    Raises
    ------
    Unsupported
        If it is not, or is too small.
    """
    value = chosen[name]
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise Unsupported(
            f"option {name} is {value!r}", where=spec.name, cure=f"Give a whole number from {at_least} on"
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
        f"{few} of {len(cohorts)} cohorts lie in no more than {FEW_CLUSTERS} clusters ({study.cluster}): clustered"
        " standard errors are too small there. Use randomization inference",
    )


def cohorts_of_few(study: Study, panel: Panel, units: np.ndarray) -> tuple[str, ...]:
    """The same warning for each absorbing treatment of a study.

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
            treated = units & (cohort >= 0)
            found += small_cohorts(study, panel.by_unit("cluster")[treated], cohort[treated])
    return found


def _require_contrast(spec: EstimatorSpec | CheckSpec, panel: Panel, treatment: Treatment) -> None:
    values = panel.frame[f"d_{treatment.name}"].to_numpy()
    where = f"{spec.name}, treatment {treatment.name}"
    if not values.any():
        raise Unsupported("no unit is treated in these rows", where=where, cure="Check its column, or widen the window")
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")
        if not (cohort[cohort >= 0] > 0).any():
            raise Unsupported(
                "every treated unit is treated from the first period on, so that there is no before",
                where=where,
                cure="Start the window earlier",
            )
    elif values.min() == values.max():
        raise Unsupported(f"it is {values[0]:g} in all rows", where=where, cure="Choose a treatment that varies")
