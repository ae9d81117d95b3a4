"""Each treatment alone beside the joint fit: what does holding the others fixed change?

Where doses go together across places, an effect estimated alone carries part of the others'. Both fits are made on the
same rows, and the difference has a standard error of its own, since the same clusters are left out of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balanza.checks import _pairs, _twoway
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.estimators import _summary
from balanza.kernels import cluster_moments
from balanza.kernels.cluster_moments import Moments
from balanza.say import joined, say

SPEC = CheckSpec(
    name="arms_alone",
    title="Each treatment alone beside the joint fit",
    question="What changes when the treatments are estimated jointly and not each alone?",
    reference="Hausman (1978), Econometrica 46(6), for the comparison; Clogg, Petkova & Haritou (1995), American"
    " Journal of Sociology 100(5), for coefficients with and without other terms",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    needs_several=True,
    equation=r"""
$\hat\beta_a$ is the coefficient of treatment $a$ in the two-way fit with all treatments, $\hat\beta_a^0$ that of the
fit with $a$ as the only treatment, on the same rows and with the same covariates. Leaving out each cluster $c$ of both:

```math
\hat V(\hat\beta_a^0 - \hat\beta_a) = \frac{G-1}{G} \sum_c
\left(\hat\beta^0_{a(c)} - \hat\beta^0_a - \hat\beta_{a(c)} + \hat\beta_a\right)^2
```

with Student's $t(G-1)$; beyond 100 clusters the sandwich of the two influence functions. The correlation is that of the
treatments net of unit and period effects and covariates, with the joint fit's weights: 0 where joining can change
nothing, near -1 or 1 where the data cannot tell the treatments apart.
""",
    edge_cases=(
        "For studies with two treatments or more",
        "Where an effect hangs on a single cluster, which leaves no jackknife, no p is given",
        "The rows are those of the joint study: a study of one treatment alone may have another window",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Fit each treatment alone and all jointly, and compare.

    Parameters
    ----------
    study, panel : as in the contract
        The study has two treatments or more.
    estimates, rng
        Not used: the check makes its own two-way fits, and draws nothing.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has a row for each treatment: alone, joint, and alone less joint, each
        with its standard error, and p of the difference.

    Raises
    ------
    Unsupported
        If the study has one treatment, or a fit does not exist.
    """
    import pandas as pd

    design = _twoway.read(SPEC, study, panel)
    joint, _ = _twoway.fit(design)
    influence, void = _pairs.influence(joint)
    rows = [_row(study, design, index, joint.coefficients, influence, void) for index in range(len(study.treatments))]
    names = design.names
    correlation = _correlations(design, joint)
    table = pd.DataFrame(rows)
    values: dict[str, Any] = {"n_clusters": len(influence)}
    pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    values |= {f"correlation_{names[a]}_{names[b]}": float(correlation[a, b]) for a, b in pairs}
    parts = [_sentence(study, design, index, row) for index, row in enumerate(rows)]
    parts += [
        say(
            "Net of all other terms, {one} and {other} correlate by {correlation:.2f}.",
            one=names[a],
            other=names[b],
            correlation=correlation[a, b],
        )
        for a, b in pairs
    ]
    return CheckResult(SPEC.name, None, joined(parts, " "), values, table)


def _row(
    study: Study, design: Design, index: int, coefficients: np.ndarray, influence: np.ndarray, void: bool
) -> dict[str, Any]:
    single = replace(design, treatments=design.treatments[[index]], names=(design.names[index],))
    found, _ = _twoway.fit(single)
    own, own_void = _pairs.influence(found)
    freedom = len(influence) - 1
    alone, together = float(found.coefficients[0]), float(coefficients[index])
    row: dict[str, Any] = {"treatment": design.names[index], "alone": alone, "joint": together}
    row |= {"difference": alone - together}
    if void or own_void:
        return row | dict.fromkeys(("alone_error", "joint_error", "difference_error", "p_value"))
    errors = [float(np.linalg.norm(part)) for part in (own[:, 0], influence[:, index], own[:, 0] - influence[:, index])]
    row |= dict(zip(("alone_error", "joint_error", "difference_error"), errors, strict=True))
    return row | {"p_value": _summary.p_value(row["difference"], errors[2], freedom)}


def _correlations(design: Design, joint: Moments) -> np.ndarray:
    """Of the treatments net of unit and period effects and covariates, weighted by the joint fit."""
    own = cluster_moments.information(
        joint, np.arange(len(design.names)), np.arange(len(design.names), joint.gram.shape[1])
    )
    size = np.sqrt(np.diag(own))
    return np.asarray(own / np.outer(size, size))


def _sentence(study: Study, design: Design, index: int, row: Mapping[str, Any]) -> str:
    alone, joint = (_pairs.read(row[key], design.counts) for key in ("alone", "joint"))
    start = say(
        "Per {unit}, {column} change by {alone} with {treatment} alone and by {joint} jointly",
        unit=_pairs.unit(study.treatments[index]),
        column=study.outcome.column,
        alone=alone,
        treatment=design.names[index],
        joint=joint,
    )
    if row["p_value"] is None:
        return say(
            "{start}; an effect hangs on a single cluster, so that the difference has no standard error.", start=start
        )
    return say("{start}: the difference {told}.", start=start, told=_pairs.told(row["p_value"], study))
