"""Who drives the estimate: the clusters and units that weigh most, and what leaving each out does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.checks import _twoway
from balanza.checks._twoway import Design, Linearised
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.kernels import cluster_moments
from balanza.kernels.influence import Influence, effective_clusters, influence
from balanza.say import joined, say

SPEC = CheckSpec(
    name="weights",
    title="Who drives the estimate",
    question="Does the estimate rest on a few clusters or units?",
    reference="Aronow & Samii (2016), American Journal of Political Science 60(1); Belsley, Kuh & Welsch (1980);"
    " Carter, Schnepel & Steigerwald (2017), Review of Economics and Statistics 99(4)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
With $\tilde D_{it}$ for the treatment net of all other terms of the two-way fit, $w_{it}$ the weights of the fit (for
counts, the fitted counts) and $\hat u_{it}$ its residuals, a cluster or unit $j$ has the weight

```math
h_j = \frac{\sum_{it \in j} w_{it} \tilde D_{it}^2}{\sum_{it} w_{it} \tilde D_{it}^2}
```

Clusters are left out and all else is fitted anew, $\hat\tau_{(c)} - \hat\tau$; for counts by one Newton step. For
units, and where there are more than 500 clusters, the other terms are held:

```math
\hat\tau_{(j)} - \hat\tau \approx
\frac{- \sum_{it \in j} w_{it} \tilde D_{it} \hat u_{it}}{(1 - h_j) \sum_{it} w_{it} \tilde D_{it}^2}
```

The $G$ clusters are worth as much as so many equal ones, with errors taken as independent within clusters:

```math
G^* = \frac{G}{1 + \Gamma}, \quad \Gamma = \frac{1}{G} \sum_c \left(\frac{h_c - \bar h}{\bar h}\right)^2
```
""",
    edge_cases=(
        "It informs and does not judge: that one state drives an estimate is no error, but must be known",
        "An estimate that does not exist without a cluster has no figure, and is said first",
        "Units are listed where they are not the clusters themselves",
        "Units without rows, or for counts without events, have no weight and are not listed",
        "Speaks of the two-way fit; other estimators weigh units in other ways",
    ),
)
MOST_LEFT_OUT = 500
LISTED = 10


@dataclass(frozen=True)
class _Fit:
    design: Design
    linear: Linearised
    left_out: np.ndarray | None
    units: np.ndarray
    clusters: np.ndarray


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Weigh clusters and units, and leave each out.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        Not used: the check makes its own two-way fit.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has the ten clusters and the ten units of most influence on each
        treatment's effect, `figure` the same for a bar chart.

    Raises
    ------
    Unsupported
        If the two-way fit does not exist.
    """
    import pandas as pd

    fitted = _fit(study, panel)
    rows: list[dict[str, Any]] = []
    texts, worth = [], []
    for index, name in enumerate(fitted.design.names):
        clusters = _influence(fitted, index, fitted.design.cluster)
        own = _listed(name, "cluster", fitted.clusters, clusters)
        if len(fitted.units) > len(fitted.clusters):
            own += _listed(name, "unit", fitted.units, _influence(fitted, index, None))
        worth.append(effective_clusters(clusters.share))
        texts.append(_text(study, fitted, clusters, joined([name, ": "]) if len(study.treatments) > 1 else ""))
        rows += own
    table = pd.DataFrame(rows)
    values = {"n_clusters": len(fitted.clusters), "effective_clusters": worth, "exact": fitted.left_out is not None}
    return CheckResult(SPEC.name, None, joined(texts, " "), values, table, table[list(table.columns[:5])])


def _fit(study: Study, panel: Panel) -> _Fit:
    whole = _twoway.whole(SPEC, study, panel)
    design = _twoway.trimmed(whole)
    linear = _twoway.linearise(design, design.regressors)
    units, _ = _twoway.told(whole)
    n_clusters, left_out = int(design.cluster.max()) + 1, None
    if n_clusters <= MOST_LEFT_OUT:
        left_out = cluster_moments.refitted(_twoway.moments(design, linear), 1.0 - np.eye(n_clusters))
    return _Fit(
        design=design,
        linear=linear,
        left_out=left_out,
        units=np.asarray(panel.unit_labels)[units],
        clusters=np.asarray(panel.cluster_labels)[np.unique(whole.cluster[units])],
    )


def _influence(fitted: _Fit, index: int, cluster: np.ndarray | None) -> Influence:
    """Of clusters, each left out where they are not too many, or of units."""
    design, linear = fitted.design, fitted.linear
    found = influence(linear.response, linear.mass, design.regressors, index, design.baseline, cluster)
    if cluster is None or fitted.left_out is None:
        return found
    return Influence(found.coefficient, found.share, fitted.left_out[:, index] - found.coefficient)


def _listed(name: str, kind: str, labels: np.ndarray, found: Influence) -> list[dict[str, Any]]:
    """The rows of those with most influence; without a figure comes first."""
    size = np.where(np.isnan(found.change), np.inf, np.abs(found.change))
    return [
        {
            "treatment": name,
            "kind": kind,
            "label": str(labels[place]),
            "change": float(found.change[place]),
            "weight": float(found.share[place]),
            "estimate_without": found.coefficient + float(found.change[place]),
            "estimate": found.coefficient,
        }
        for place in np.argsort(-size, kind="stable")[:LISTED]
    ]


def _text(study: Study, fitted: _Fit, found: Influence, name: str) -> str:
    """One sentence on clusters and one on weights."""
    counts, whole = fitted.design.counts, found.coefficient

    def shown(value: float) -> str:
        return say("{change:+.1f} %", change=100 * np.expm1(value)) if counts else say("{value:.4g}", value=value)

    def called(place: int) -> str:
        return joined([study.cluster, " ", fitted.clusters[place]])

    lost = np.flatnonzero(np.isnan(found.change))
    if len(lost):
        first = say("{name}Without {called} there is no two-way effect at all.", name=name, called=called(int(lost[0])))
    else:
        most = int(np.abs(found.change).argmax())
        about = say("about ") if counts or fitted.left_out is None else ""
        turned = int((np.sign(whole + found.change) != np.sign(whole)).sum())
        sign = {0: say("no cluster turns its sign by being left out"), 1: say("leaving out one cluster turns its sign")}
        several = say("leaving out one of {turned} clusters turns its sign", turned=turned)
        first = say(
            "{name}The two-way effect of {own} would be {about}{other} without {called}, which moves it most; {turns}.",
            name=name,
            own=shown(whole),
            about=about,
            other=shown(whole + found.change[most]),
            called=called(most),
            turns=sign.get(turned, several),
        )
    heaviest, total = int(found.share.argmax()), len(found.share)
    return say(
        "{first} The heaviest, {called}, has {share:.0f} % of the variation that the effect is"
        " read from, and the {total:,} clusters are worth {effective_clusters:.1f} equal ones.",
        first=first,
        called=called(heaviest),
        share=100 * found.share[heaviest],
        total=total,
        effective_clusters=effective_clusters(found.share),
    )
