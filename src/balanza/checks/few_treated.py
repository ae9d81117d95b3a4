"""How much the design rests on: treated clusters and units by cohort, and the weight of the heaviest cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balanza.checks import _null, _twoway
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study, Treatment
from balanza.estimators import _guard
from balanza.kernels.influence import effective_clusters, influence
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="few_treated",
    title="Treated clusters",
    question="Are there enough treated clusters for clustered standard errors?",
    reference="Conley & Taber (2011), Review of Economics and Statistics 93(1); MacKinnon & Webb (2017), Journal of"
    " Applied Econometrics 32(2)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
The weight of cluster $c$ is its share of the treatment's own variation in the two-way fit: with $\tilde D_{it}$ the
treatment net of all other terms, and $w_{it}$ the weights of the fit (for counts, the fitted counts),

```math
h_c = \frac{\sum_{it \in c} w_{it} \tilde D_{it}^2}{\sum_{it} w_{it} \tilde D_{it}^2}
```
""",
    edge_cases=(
        "Fails where a treatment that is on or off changes in fewer than five clusters, or the effect of one hangs on"
        " a single cluster, so that it has no jackknife (looked at up to 100 clusters)",
        "A dose has one row, of the clusters in which it is ever other than zero",
        "A cluster whose units start at different times counts in each of their cohorts, and once in the sum",
        "Cohorts treated before the first period or after the last one are not counted",
        "Cohorts of two clusters or fewer are said, and do not fail: their own effects have errors that are too small",
        "Where the weights are worth fewer than ten equal clusters (see `weights`), `bootstrap` is to be read beside",
        "Units without rows, or for counts without events, count as treated and have no weight",
    ),
)

FEW_EFFECTIVE = 10
"""Below so many equal clusters the sentence advises the bootstrap; it does not fail the check."""


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Count treated clusters, and weigh them.

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
        `passed`: False where the standard error of a treatment is no ground for a verdict (`_twoway.void_error`), else
        True. `table` has a row for each treatment and cohort.

    Raises
    ------
    Unsupported
        If the two-way fit does not exist.
    """
    import pandas as pd

    whole = _twoway.whole(SPEC, study, panel)
    design = _twoway.trimmed(whole)
    effects = _null.unrestricted(design)
    linear = _twoway.linearise(design, design.regressors)
    units, _ = _twoway.told(whole)
    rows: list[dict[str, Any]] = []
    treated: list[int] = []
    texts, void, worth = [], [], []
    for index, treatment in enumerate(study.treatments):
        share = np.zeros(panel.n_units)
        share[units] = influence(linear.response, linear.mass, design.regressors, index, design.baseline).share
        members = _members(panel, whole.treatments[index], treatment)
        own = [_row(treatment, label, one, members, whole.cluster, share) for label, one in members.items()]
        by_cluster = np.bincount(whole.cluster, share)
        treated.append(len(np.unique(whole.cluster[np.logical_or.reduce(list(members.values()))])))
        texts.append(_text(study, panel, treatment, own, treated[-1], by_cluster))
        worth.append(effective_clusters(by_cluster))
        reason = _twoway.void_error(design, index, treatment, effects[index])
        void += [reason] if reason else []
        rows += own
    values = {
        "n_clusters": panel.n_clusters,
        "n_treated_clusters": treated,
        "effective_clusters": worth,
        "failed": void,
    }
    sentence = joined([joined(texts, "; "), "."]) + _verdict(rows, void, min(worth))
    return CheckResult(SPEC.name, not void, sentence, values, pd.DataFrame(rows))


def _members(panel: Panel, values: np.ndarray, treatment: Treatment) -> dict[str, np.ndarray]:
    """Which units are in each cohort that starts within the panel, or which are ever treated, by label."""
    if treatment.kind != "binary":
        return {"all": (np.nan_to_num(values) != 0).any(axis=1)}
    first = panel.by_unit(f"g_{treatment.name}")
    inside = [code for code in np.unique(first) if 0 < code < panel.n_periods]
    return {str(panel.period_labels[code]): first == code for code in inside}


def _row(
    treatment: Treatment,
    label: str,
    own: np.ndarray,
    members: Mapping[str, np.ndarray],
    cluster: np.ndarray,
    share: np.ndarray,
) -> dict[str, Any]:
    return {
        "treatment": treatment.name,
        "cohort": label,
        "clusters": len(np.unique(cluster[own])),
        "units": int(own.sum()),
        "share_of_treated": float(own.sum() / sum(one.sum() for one in members.values())),
        "weight": float(share[own].sum()),
    }


def _text(
    study: Study,
    panel: Panel,
    treatment: Treatment,
    rows: list[dict[str, Any]],
    clusters: int,
    by_cluster: np.ndarray,
) -> str:
    name = joined([treatment.name, ": "]) if len(study.treatments) > 1 else ""
    heaviest = joined([study.cluster, " ", panel.cluster_labels[by_cluster.argmax()]])
    what = say("a dose") if treatment.kind == "dose" else say("the treatment")
    units = sum(row["units"] for row in rows)
    text = say_n(
        "{name}{n:,} cluster of {n_clusters:,} ({cluster}), with {units}, gets {what}",
        "{name}{n:,} clusters of {n_clusters:,} ({cluster}), with {units}, get {what}",
        clusters,
        name=name,
        n_clusters=panel.n_clusters,
        cluster=study.cluster,
        units=say_n("{n:,} unit", "{n:,} units", units),
        what=what,
    )
    if treatment.kind == "binary":
        largest = max(rows, key=lambda row: row["units"])
        text += say(
            " in {cohorts}, the largest of which ({cohort}) has {share:.0f} % of these units",
            cohorts=_cohorts(len(rows)),
            cohort=largest["cohort"],
            share=100 * largest["share_of_treated"],
        )
    return text + (
        say(
            "; {heaviest} alone has {share:.0f} % of the variation that the effect is read from"
            " (all together are worth {effective_clusters:.1f} equal clusters)",
            heaviest=heaviest,
            share=100 * by_cluster.max(),
            effective_clusters=effective_clusters(by_cluster),
        )
    )


def _verdict(rows: list[dict[str, Any]], void: list[str], worth: float) -> str:
    if void:
        return say(" Clustered standard errors are known to fail here: {void}.", void=joined(void, "; "))
    text = say(" No case in which clustered standard errors are known to fail outright is at hand")
    small = [row for row in rows if row["cohort"] != "all" and row["clusters"] <= _guard.FEW_CLUSTERS]
    if small:
        text += say_n(
            ", but {n:,} cohort of {few_clusters} clusters or fewer: for effects on this one {instead}",
            ", but {n:,} cohorts of {few_clusters} clusters or fewer: for effects on these {instead}",
            len(small),
            few_clusters=_guard.FEW_CLUSTERS,
            instead=_twoway.INSTEAD,
        )
    if worth < FEW_EFFECTIVE:
        text += say(
            "{but} fewer than {few_effective} equal clusters: read `bootstrap` beside them",
            but=";" if small else say(", but"),
            few_effective=FEW_EFFECTIVE,
        )
    return text + "."


def _cohorts(number: int) -> str:
    return say_n("{n:,} cohort", "{n:,} cohorts", number)
