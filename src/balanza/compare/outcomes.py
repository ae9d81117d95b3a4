"""Both arms on other measured outcomes, by the same joint fit: beside the pesos, never folded into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.checks import _twoway
from balanza.contract import CheckSpec, Outcome, Study
from balanza.errors import BalanzaError
from balanza.estimators import _summary
from balanza.preparation import prepare
from balanza.strict import Strict

if TYPE_CHECKING:
    import pandas as pd

SPEC = CheckSpec(
    name="weigh",
    title="Other outcomes",
    question="What else do the arms change?",
    reference="as the two-way Poisson estimator",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
)


class Measured(Strict):
    """An outcome of the panel, what it is about, and what else than violence may move it."""

    column: str
    about: str
    title: str
    caution: str = ""


class Unmeasured(Strict):
    """An outcome that the panel lacks, why, and which file would bring it."""

    title: str
    about: str
    reason: str
    closes: str


class Outcomes(Strict):
    """All of config/outcomes.yaml."""

    measured: tuple[Measured, ...]
    unmeasured: tuple[Unmeasured, ...] = ()


@dataclass(frozen=True)
class _Fitted:
    value: float
    error: float
    freedom: int


def table(study: Study, panel: pd.DataFrame, listed: Outcomes) -> list[dict[str, Any]]:
    """Each listed outcome with the effects of all treatments on it.

    Parameters
    ----------
    study : Study
        Its outcome is put aside; treatments, window, exposure, covariates and clusters stay.
    panel : DataFrame
        The world's panel of the study's rows.
    listed : Outcomes

    Returns
    -------
    list of dict
        column, title, about, status (`ran` or `declined`), reason, n_rows, first, last, and `arms`: treatment, value
        (log), standard_error, interval, percent_change, p_value and p_adjusted, which keeps the share of false
        findings over all rows of the table (Benjamini and Hochberg 1995).
    """
    rows = [_row(study, panel, item) for item in listed.measured]
    arms = [arm for row in rows for arm in row["arms"] if arm["p_value"] is not None]
    for arm, adjusted in zip(arms, _adjusted([arm["p_value"] for arm in arms]), strict=True):
        arm["p_adjusted"] = adjusted
    return rows


def _row(study: Study, panel: pd.DataFrame, item: Measured) -> dict[str, Any]:
    base: dict[str, Any] = item.model_dump() | {"status": "ran", "reason": None, "arms": []}
    own = replace(
        study, outcome=Outcome(item.column, "poisson", study.outcome.exposure), families={}, variants={}, missing="drop"
    )
    try:
        if item.column not in panel or panel[item.column].isna().all():
            raise BalanzaError("no value of it is in the panel", where=item.column)
        ready = prepare(own, panel, f"the panel for {item.column}")
        _, effects = _twoway.fit(_twoway.read(SPEC, own, ready))
    except BalanzaError as refusal:
        return base | {"status": "declined", "reason": str(refusal)}
    labels = ready.period_labels
    base |= {"n_rows": len(ready.frame), "first": str(labels[0]), "last": str(labels[-1])}
    fits = [_Fitted(effect.value, effect.error, effect.freedom) for effect in effects]
    names = [treatment.name for treatment in study.treatments]
    return base | {"arms": [_arm(name, fit, study.level) for name, fit in zip(names, fits, strict=False)]}


def _arm(name: str, fit: _Fitted, level: float) -> dict[str, Any]:
    bounds = _summary.interval(fit.value, fit.error, level, fit.freedom)
    return {
        "treatment": name,
        "value": fit.value,
        "standard_error": fit.error,
        "interval": list(bounds),
        "percent_change": list(_summary.log_percent(fit.value, bounds)),
        "p_value": _summary.p_value(fit.value, fit.error, fit.freedom),
        "p_adjusted": None,
    }


def _adjusted(p_values: list[float]) -> list[float]:
    from scipy.stats import false_discovery_control

    return list(map(float, false_discovery_control(np.array(p_values)))) if p_values else []


def found_in(checks: Mapping[str, Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """The p-values of a check of the study by treatment, where it ran."""
    check = checks.get(name, {})
    rows = check.get("table") or [] if check.get("status") == "ran" else []
    return [
        {"check": name, "title": check["title"], "treatment": row["treatment"], "p_value": row["p_value"]}
        for row in rows
        if row.get("p_value") is not None and "treatment" in row
    ]
