"""Interaction of two treatments: does one work better where there is more of the other?

The two-way fit with the product of the treatments added. Each is centred first, so that its own coefficient is its
effect where the other is at its mean, and not where the other is absent. Centring changes no fit: it says where the
effects are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from balanza.checks import _pairs, _twoway, _words
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say

SPEC = CheckSpec(
    name="interaction",
    title="Interaction of the treatments",
    question="Does one treatment work better where there is more of the other?",
    reference="Brambor, Clark & Golder (2006), Political Analysis 14(1); MacKinnon, Nielsen & Webb (2023)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    needs_several=True,
    equation=r"""
With treatments $D^a_{it}$ and $D^b_{it}$, and $\bar D$ their means over the rows of the periods in which all treatments
have begun somewhere, weighted by exposure or weights; for each pair of treatments, beside unit and period effects,
covariates, and for counts by Poisson:

```math
\cdots + \beta_a D^a_{it} + \beta_b D^b_{it} + \gamma (D^a_{it} - \bar D^a)(D^b_{it} - \bar D^b)
```

The effect of $a$ where $b$ is at $x$ is $\beta_a + \gamma (x - \bar D^b)$, read at the quartiles of $D^b$ in those rows
(at 0 and 1 where $b$ is switched on and off), with clustered errors as in the two-way fit (the jackknife CV3 up to 100
clusters) and Student's t.
""",
    edge_cases=(
        "For studies with two treatments or more; with more than two, all pairs are in one fit",
        "Refused where the product has no variation of its own beside the treatments",
        "Where the effects hang on a single cluster, which leaves no jackknife, p is not given",
        "It informs and does not judge: with few clusters an interaction is found only if it is large",
    ),
)

COLUMNS = ("effect_of", "other", "level", "at", "value", "standard_error", "low", "high", "p_value")


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Add the products of the centred treatments to the two-way fit.

    Parameters
    ----------
    study, panel : as in the contract
        The study has two treatments or more.
    estimates, rng
        Not used: the check makes its own two-way fit, and draws nothing.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has a row for each product (its coefficient), and one for each treatment
        at each level of the other; errors and p are missing where there is no jackknife.

    Raises
    ------
    Unsupported
        If the study has one treatment, or the fit does not exist.
    """

    design = _twoway.read(SPEC, study, panel)
    rows = _pairs.shared(design)
    if not rows.any():
        raise Unsupported(say("the treatments never stand side by side"), where=SPEC.name, cure=say("Widen the window"))
    pairs = list(combinations(range(len(study.treatments)), 2))
    means = [_pairs.mean_of(design, index, rows) for index in range(len(study.treatments))]
    centred = [(design.treatments[a] - means[a]) * (design.treatments[b] - means[b]) for a, b in pairs]
    wider = replace(
        design,
        treatments=np.concatenate([design.treatments, centred]),
        names=(
            *design.names,
            *(joined([design.names[a], " x ", design.names[b]]) for a, b in pairs),
        ),
    )
    found, _ = _twoway.fit(wider)
    influence, void = _pairs.influence(found)
    n_treatments, told = len(study.treatments), []
    table: list[dict[str, Any]] = []
    for position, pair in enumerate(pairs):
        product = n_treatments + position
        crossed = _pairs.reading({product: 1.0}, found.coefficients, influence, study, void)
        table.append({"effect_of": wider.names[product], "other": None, "level": None, "at": None, **crossed})
        for own, other in (pair, pair[::-1]):
            for level, at in _levels(design, study, other, rows, means[other]).items():
                contrast = {own: 1.0, product: at - means[other]}
                reading = _pairs.reading(contrast, found.coefficients, influence, study, void)
                named = {"effect_of": design.names[own], "other": design.names[other]}
                table.append({**named, "level": level, "at": at, **reading})
        told.append(_sentence(study, design, pair, table, crossed))
    frame = _words.table(table)[list(COLUMNS)]
    values: dict[str, Any] = {f"mean_{name}": mean for name, mean in zip(design.names, means, strict=True)}
    return CheckResult(SPEC.name, None, joined(told, " "), values | {"n_clusters": len(influence)}, frame)


def _levels(design: Design, study: Study, index: int, rows: np.ndarray, mean: float) -> dict[str, float]:
    """Where the effect of the other treatment is read."""
    if study.treatments[index].kind != "dose":
        return {"off": 0.0, say("mean"): mean, "on": 1.0}
    low, high = np.quantile(design.treatments[index][rows], [0.25, 0.75])
    return {say("lower quartile"): float(low), say("mean"): mean, say("upper quartile"): float(high)}


def _sentence(
    study: Study,
    design: Design,
    pair: tuple[int, int],
    table: list[dict[str, Any]],
    product: Mapping[str, float | None],
) -> str:
    own, other = pair
    rows = {
        row["level"]: row
        for row in table
        if row["other"] == design.names[other] and row["effect_of"] == design.names[own]
    }
    (low_word, low), (_, _), (high_word, high) = rows.items()
    counts, outcome = design.counts, study.outcome.column
    start = say(
        "Per {unit}, {outcome} change by {first} where {treatment} is {at}, and by {second} where it is {at_second}",
        unit=_pairs.unit(study.treatments[own]),
        outcome=outcome,
        first=_pairs.read(low["value"], counts),
        treatment=design.names[other],
        at=_at(low_word, low),
        second=_pairs.read(high["value"], counts),
        at_second=_at(high_word, high),
    )
    if product["p_value"] is None:
        return say(
            "{start}; all hangs on a single cluster, so that this difference has no standard error.", start=start
        )
    return say("{start}; the difference {told}.", start=start, told=_pairs.told(product["p_value"], study))


def _at(word: str, row: Mapping[str, Any]) -> str:
    return word if word in ("on", "off") else say("at its {word} ({at:.3g})", word=word, at=row["at"])
