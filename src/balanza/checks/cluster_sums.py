"""Rows of units beside the sums of their clusters: does a treatment of whole clusters need the finer rows?

Where all units of a cluster have the same treatment, a two-way Poisson fit of the units gives the answer of the
clusters' sums exactly, if people at risk keep their shares of the cluster (or there are none) and each unit has a row
in each period: unit effects hand the cluster's expected events out by the units' shares in all its events, which
leaves the equations of the sums. So both answers can differ only where people move between units, or by gaps; the
check tells these apart, and sets aside the people of units without any event, who are in the sums and not in the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balanza.checks import _pairs, _refit, _twoway
from balanza.checks._reassign import known_paths
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels.cluster_moments import Moments
from balanza.say import joined, say

SPEC = CheckSpec(
    name="cluster_sums",
    title="Rows of units beside sums of clusters",
    question="Do the sums of the clusters, to which the treatment is given whole, have the same answer?",
    reference="Wooldridge (1999), Journal of Econometrics 90(1), for the conditional likelihood; Hausman (1978),"
    " Econometrica 46(6), for the comparison",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"poisson"}),
    equation=r"""
With units $i$ in clusters $c$, exposure $P_{it}$ and a treatment $D_{ct}$ of the cluster, the two-way Poisson fits of

```math
\mathrm{E}[Y_{it}] = P_{it} \exp(\alpha_i + \delta_t + D_{ct}'\beta),
```

```math
\mathrm{E}\left[\sum_{i \in c} Y_{it}\right] = \left(\sum_{i \in c} P_{it}\right)
\exp(\alpha_c + \delta_t + D_{ct}'\beta)
```

give the same $\hat\beta$ if $P_{it} / \sum_{j \in c} P_{jt}$ does not change in time and no row is missing. The
difference of the two is cut in two: what leaving the people of units without any event out of the sums changes, and the
rest, by people who move between units with events. A third fit gives each unit the exposure of its whole cluster: the
distance of that one to the sums is what gaps in the rows do. Clustered errors of the differences leave out each cluster
of both fits at once (CV3 up to 100 clusters, beyond that the sandwich of the two influence functions).
""",
    edge_cases=(
        "Refused where each cluster is one unit, a treatment differs within a cluster, or the study has covariates",
        "Passed where the two answers lie within one standard error of the estimate, for each treatment",
    ),
)
ROWS, SUMS, HEARD, HELD = (
    say("rows of units"),
    say("sums of clusters"),
    say("sums without silent units"),
    say("shares of people held"),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Fit the units' rows and the clusters' sums, and explain how they differ.

    Parameters
    ----------
    study, panel : as in the contract
        Each treatment must be the same for all units of a cluster in a period.
    estimates, rng
        Not used: the check makes its own two-way fits, and draws nothing.

    Returns
    -------
    CheckResult
        `passed` is whether each difference is below one standard error. `table` has a row for each treatment: both
        answers, their difference with its error, and what of it is due to units without events, to people who move
        between other units, and to gaps. `figure` has all fits.

    Raises
    ------
    Unsupported
        If clusters are units, a treatment differs within a cluster, there are covariates, or a fit does not exist.
    """
    import pandas as pd

    if panel.n_units == panel.n_clusters:
        raise Unsupported(say("each cluster is one unit, so that the rows are the sums"), where=SPEC.name)
    if any(name != "graph" for name in study.covariates):
        raise Unsupported(
            say("covariates of units have no sums"), where=SPEC.name, cure=say("Run it on a study without")
        )
    for treatment in study.treatments:
        known_paths(treatment, panel, SPEC.name)
    whole = _twoway.whole(SPEC, study, panel)
    events, _ = _twoway.told(whole)
    designs = {
        ROWS: _twoway.trimmed(whole),
        SUMS: _summed(whole, np.ones(len(events), bool)),
        HEARD: _summed(whole, events),
        HELD: _twoway.trimmed(_held(whole)),
    }
    fits = {name: _twoway.fit(design) for name, design in designs.items()}
    moments = {name: found for name, (found, _) in fits.items()}
    rows = [_row(treatment.name, index, moments) for index, treatment in enumerate(study.treatments)]
    lines = [line for name, (_, effects) in fits.items() for line in _refit.from_effects(name, study, effects)]
    values = {
        "n_units": panel.n_units,
        "n_clusters": panel.n_clusters,
        "silent_units": int((~events).sum()),
        "silent_people": float(np.nansum(whole.weight[~events]) / np.nansum(whole.weight)),
    }
    passed = all(abs(row["difference"]) <= row["standard_error"] for row in rows)
    parts = [_sentence(study, index, row) for index, row in enumerate(rows)]
    silent = say(
        " {silent_units:,} units, with {silent_people:.1f} % of the people, have no {column} at"
        " all and tell nothing in rows of units; in the sums their people count.",
        silent_units=values["silent_units"],
        silent_people=100 * values["silent_people"],
        column=study.outcome.column,
    )
    sentence = joined(parts, " ") + (silent if values["silent_units"] else "")
    return CheckResult(SPEC.name, passed, sentence, values, pd.DataFrame(rows), _refit.strip(lines))


def _summed(design: Design, units: np.ndarray) -> Design:
    """A design of clusters: sums of outcome and people over some units; a row where any unit has one."""
    codes, cluster = np.unique(design.cluster[units], return_inverse=True)
    outcome, weight = design.outcome[units], design.weight[units]
    seen = ~np.isnan(outcome)

    def total(values: np.ndarray) -> np.ndarray:
        out = np.zeros((len(codes), values.shape[1]))
        np.add.at(out, cluster, values)
        return out

    rows = total(seen.astype(float))

    def mean(values: np.ndarray) -> np.ndarray:
        sums = total(np.where(seen, values, 0.0))
        return np.asarray(np.divide(sums, rows, out=np.full(rows.shape, np.nan), where=rows > 0))

    some = rows > 0
    summed = replace(
        design,
        outcome=np.where(some, total(np.where(seen, outcome, 0.0)), np.nan),
        weight=np.where(some, total(np.where(seen, weight, 0.0)), np.nan),
        treatments=np.stack([mean(values) for values in design.treatments[:, units]]),
        covariates=np.zeros((0, *rows.shape)),
        baseline=np.zeros((len(codes), 0)),
        cluster=codes,
    )
    return _twoway.trimmed(summed)


def _held(design: Design) -> Design:
    """The design with the people of the whole cluster in each of its units."""
    n_clusters = int(design.cluster.max()) + 1
    total = np.zeros((n_clusters, design.weight.shape[1]))
    np.add.at(total, design.cluster, np.nan_to_num(design.weight))
    return replace(design, weight=np.where(np.isnan(design.outcome), np.nan, total[design.cluster]))


def _row(name: str, index: int, fits: Mapping[str, Moments]) -> dict[str, Any]:
    values = {label: float(found.coefficients[index]) for label, found in fits.items()}
    gap = _refit.difference(fits[ROWS], fits[SUMS], index)
    own = _twoway.effects(fits[ROWS])[index]
    return {
        "treatment": name,
        "rows": values[ROWS],
        "sums": values[SUMS],
        "standard_error": own.error,
        "difference": gap.value,
        "difference_error": gap.error,
        "by_silent_units": values[HEARD] - values[SUMS],
        "by_moving_people": values[ROWS] - values[HEARD],
        "by_gaps": values[HELD] - values[SUMS],
    }


def _sentence(study: Study, index: int, row: Mapping[str, Any]) -> str:
    treatment, share = study.treatments[index], abs(row["difference"]) / row["standard_error"]
    rows, sums = (_pairs.read(row[key], counts=True) for key in ("rows", "sums"))
    start = say(
        "Per {unit}, {column} change by {rows} in rows of units and by {sums} in sums of"
        " clusters: {share:.2g} standard errors apart",
        unit=_pairs.unit(treatment),
        column=study.outcome.column,
        rows=rows,
        sums=sums,
        share=share,
    )
    causes = {
        say("people of units without events"): row["by_silent_units"],
        say("people who move between other units"): row["by_moving_people"],
    }
    told = joined(
        (say("{value:+.2g} by {cause}", value=value, cause=cause) for cause, value in causes.items()), say(" and ")
    )
    gaps = (
        say("; gaps in the rows do {by_gaps:+.1g}", by_gaps=row["by_gaps"]) if abs(row["by_gaps"]) > NEGLIGIBLE else ""
    )
    return say("{start} ({told}, in logs{gaps}).", start=start, told=told, gaps=gaps)


NEGLIGIBLE = 1e-6
"""In logs: two converged fits agree to less."""
