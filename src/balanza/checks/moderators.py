"""Moderators: does a treatment work better in one kind of unit than in another?

The two-way fit with the product of treatment and moderator added, one moderator at a time. The moderator is what the
unit was in the last period before any treatment, so that no treatment can have moved it, and has a slope of its own in
each period, so that kinds of units may have trends of their own and the product is the treatment's alone. Where a
treatment is given to whole clusters and the moderator differs within them, units of one cluster are told apart, and
clusters of the same dose do not decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balanza.checks import _pairs, _twoway
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say

SPEC = CheckSpec(
    name="moderators",
    title="Moderators of the treatment",
    question="Does the treatment work better in one kind of unit than in another?",
    reference="Brambor, Clark & Golder (2006), Political Analysis 14(1); MacKinnon, Nielsen & Webb (2023); Benjamini &"
    " Hochberg (1995)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
For each moderator $M_i$ of the study, as it was in the last period before any treatment, with $\bar M$ its mean over
the rows that tell anything, weighted by exposure or weights; beside unit effects, covariates, and for counts by
Poisson:

```math
\cdots + \delta_t + \lambda_t M_i + \sum_a \left(\beta_a D^a_{it} + \gamma_a D^a_{it} (M_i - \bar M)\right)
```

The effect of $a$ where $M$ is at $m$ is $\beta_a + \gamma_a (m - \bar M)$, read at the quartiles of $M$, or at its two
values. Clustered errors are those of the two-way fit (the jackknife CV3 up to 100 clusters), with Student's t; p of all
$\gamma_a$ of the study are adjusted for their number (false discovery rate).
""",
    edge_cases=(
        "For studies that name `moderators`; others are refused",
        "Where some unit is treated from the first period on, the moderator is that of the first period",
        "Units without a value of the moderator before treatment are left out of its fit, and counted",
        "A moderator that is the same for all, or whose product has no variation of its own, has no estimate, and the"
        " reason stands in its place",
        "It informs and does not judge: with few clusters a difference is found only if it is large",
    ),
)
COLUMNS = (
    *("moderator", "effect_of", "level", "at", "value", "standard_error", "low", "high", "p_value", "p_adjusted"),
    *("n_units", "reason"),
)
PRODUCT = say("difference per unit")


@dataclass(frozen=True)
class _Fitted:
    """Rows of the table for one moderator, and its sentences."""

    rows: list[dict[str, Any]]
    left_out: int


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Add the products of treatments and each moderator to the two-way fit.

    Parameters
    ----------
    study, panel : as in the contract
        The study names moderators.
    estimates, rng
        Not used: the check makes its own two-way fits, and draws nothing.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has for each moderator and treatment the product's coefficient (`level`:
        PRODUCT) and the effect at two levels of the moderator, or the reason why there is none.

    Raises
    ------
    Unsupported
        If the study names no moderators, or the panel holds no comparison.
    """
    import pandas as pd

    if not study.moderators:
        raise Unsupported(say("the study names no `moderators`"), where=SPEC.name, cure=say("Add columns of numbers"))
    whole, before = _twoway.whole(SPEC, study, panel), _last_before(study, panel)
    found = {name: _fit(study, whole, _values(panel, name, before), name) for name in study.moderators}
    rows = [row for fitted in found.values() for row in fitted.rows]
    _adjust(rows)
    told = [_sentence(study, whole, name, fitted) for name, fitted in found.items()]
    values = {"n_clusters": panel.n_clusters, "as_of": str(panel.period_labels[before])}
    return CheckResult(SPEC.name, None, joined(told, " "), values, pd.DataFrame(rows, columns=list(COLUMNS)))


def _last_before(study: Study, panel: Panel) -> int:
    """The last period in which no unit is treated yet, or the first one."""
    treated = np.any([np.nan_to_num(panel.matrix(f"d_{item.name}")).any(axis=0) for item in study.treatments], axis=0)
    return max(int(np.argmax(treated)) - 1, 0)


def _values(panel: Panel, name: str, before: int) -> np.ndarray:
    """The moderator of each unit in its last row up to a period, NaN without one, shape (n_units,)."""
    early = panel.matrix(name)[:, : before + 1]
    known = np.isfinite(early)
    last = early.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), early[np.arange(len(early)), last], np.nan)


def _fit(study: Study, whole: Design, moderator: np.ndarray, name: str) -> _Fitted:
    """The fit with one moderator."""
    known = np.isfinite(moderator)
    try:
        return _Fitted(_rows(study, _twoway.of_units(whole, known), moderator[known], name), int((~known).sum()))
    except Unsupported as refusal:
        blank = dict.fromkeys(COLUMNS) | {"moderator": name, "reason": refusal.problem}
        return _Fitted([blank | {"effect_of": item.name} for item in study.treatments], int((~known).sum()))


def _rows(study: Study, design: Design, moderator: np.ndarray, name: str) -> list[dict[str, Any]]:
    if len(np.unique(moderator)) < 2:
        raise Unsupported(say("{name} is the same for all units that have it", name=name), where=SPEC.name)
    own = [] if name in design.baseline_names else [moderator]
    units, _ = _twoway.told(design)
    moderator = moderator[units]
    design = _twoway.trimmed(replace(design, baseline=np.column_stack([design.baseline, *own])))
    mean = float(np.average(moderator, weights=np.nansum(design.weight, axis=1)))
    products = design.treatments * (moderator - mean)[:, None]
    names = tuple(f"{item} x {name}" for item in design.names)
    wider = replace(design, treatments=np.concatenate([design.treatments, products]), names=(*design.names, *names))
    found, _ = _twoway.fit(wider)
    influence, void = _pairs.influence(found)
    n_treatments, rows = len(design.names), []
    for index, item in enumerate(design.names):
        product, fixed = n_treatments + index, {"moderator": name, "effect_of": item, "n_units": len(moderator)}
        readings: dict[str, tuple[float | None, dict[int, float]]] = {PRODUCT: (None, {product: 1.0})}
        readings |= {word: (at, {index: 1.0, product: at - mean}) for word, at in _levels(moderator).items()}
        for level, (at, contrast) in readings.items():
            reading = _pairs.reading(contrast, found.coefficients, influence, study, void)
            rows.append({**fixed, "level": level, "at": at, **reading, "p_adjusted": None, "reason": None})
    return rows


def _levels(moderator: np.ndarray) -> dict[str, float]:
    """Where effects are read: at both values of two, else at the quartiles of units."""
    values = np.unique(moderator)
    if len(values) == 2:
        return {say("lower value"): float(values[0]), say("higher value"): float(values[1])}
    low, high = np.quantile(moderator, [0.25, 0.75])
    return {say("lower quartile"): float(low), say("upper quartile"): float(high)}


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Give each product the p that counts all products of the study."""
    from scipy.stats import false_discovery_control

    products = [row for row in rows if row["level"] == PRODUCT and row["p_value"] is not None]
    if products:
        adjusted = false_discovery_control(np.array([row["p_value"] for row in products]))
        for row, value in zip(products, adjusted, strict=True):
            row["p_adjusted"] = float(value)


def _sentence(study: Study, design: Design, name: str, fitted: _Fitted) -> str:
    """What one moderator does to the effect of each treatment."""
    parts = []
    for treatment in study.treatments:
        product, *levels = (row for row in fitted.rows if row["effect_of"] == treatment.name)
        if product["reason"]:
            return say("By {name} there is no estimate: {reason}.", name=name, reason=product["reason"])
        (low, high), counts = levels, design.counts
        start = say(
            "Per {unit}, {column} change by {read} where {name} is at its {level} ({at:.3g}), and by"
            " {read_2} at its {level_2} ({at_2:.3g})",
            unit=_pairs.unit(treatment),
            column=study.outcome.column,
            read=_pairs.read(low["value"], counts),
            name=name,
            level=low["level"],
            at=low["at"],
            read_2=_pairs.read(high["value"], counts),
            level_2=high["level"],
            at_2=high["at"],
        )
        if product["p_value"] is None:
            parts.append(
                say(
                    "{start}; all hangs on a single cluster, so that this difference has no standard error.",
                    start=start,
                )
            )
            continue
        also = (
            say("; p adjusted for all moderators: {p_adjusted:.3f}", p_adjusted=product["p_adjusted"])
            if len(study.moderators) > 1
            else ""
        )
        parts.append(
            say(
                "{start}; the difference {told}{also}.",
                start=start,
                told=_pairs.told(product["p_value"], study),
                also=also,
            )
        )
    lost = (
        say(
            " {left_out:,} units have no {name} before treatment and are left out.", left_out=fitted.left_out, name=name
        )
        if fitted.left_out
        else ""
    )
    return joined(parts, " ") + lost
