"""Randomization test: hand the treatment's paths to other clusters at random, after Fisher and Wu and Ding (2021).

The Guard was not assigned at random. The test asks how often a random assignment of the same paths would have
produced as strong a link with the outcome as the observed one, if the treatment changed nothing. Paths stay among
clusters whose outcome was alike before the treatment, since it went where violence was high. The fit without the
treatment is that of the two-way estimators: unit and period effects, period x baseline covariates, covariates that
change, and the other treatments of the study. A path that comes to a cluster without rows in some period weighs nothing
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.checks import _null
from balanza.checks._reassign import Strata, all_paths, strata
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _guard
from balanza.kernels import inversion, permutation
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="randomization",
    title="Randomization of the treatment over clusters",
    question="Would a random assignment of the same treatment show as strong a link?",
    reference="Wu & Ding (2021), JASA 116(536); Fisher (1935)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    options={"strata": "auto"},
    option_notes={
        "strata": "quantiles of the clusters' outcome rate in the last full year before treatment, within which paths"
        " are handed on: a whole number (1: none); `auto`: the most, up to four, that leave eight clusters in each on"
        " average and as many different assignments as draws"
    },
    equation=r"""
$r_{it}$ are residuals of a two-way fixed-effects fit without the treatment (Poisson, or weighted least squares times
its weights), and $\tilde D_{it}$ the treatment net of the same effects and of other treatments, with the fit's weights.
With the sums of clusters $c$

```math
T = \frac{\sum_c s_c}{\sqrt{\sum_c s_c^2}}, \quad s_c = \sum_{it \in c} r_{it} \tilde D_{it}
```

A draw $b$ hands the clusters' treatment paths in random order to clusters of the same stratum. With $B$ draws, `draws`
of the run:

```math
p = \frac{1 + \sum_b \mathbf{1}\{|T_b| \geq |T|\}}{1 + B}
```

An effect $\tau$ that is the same for all is tested in the same way on the outcomes that there would have been without
it: $Y_{it} - \tau D_{it}$, or for counts, with an effect proportional to them, $Y_{it} \exp(-\tau D_{it})$. The
interval ends at the first $\tau$ on either side of the estimate, the effect at which $T$ is nil, with
$p \leq 1 - $ `level`.
""",
    edge_cases=(
        "Refused where a treatment differs within a cluster, or there are fewer than five clusters",
        "Refused where a path is not known in a period in which its cluster lacks rows",
        "For counts, units and periods without any event are left out; a cluster without any weighs nothing"
        " and is counted, but its path is handed on as others are",
        "Clusters of equal rate are in one stratum, and clusters without rows in that year in one of their own",
        "A treatment that is there from the first period on has no year before it: there is one stratum",
        "Covariates are in the fit without the treatment, and the treatment is taken net of them",
        "A draw that leaves the treatment without variation of its own counts as a statistic of 0",
        "Other treatments of the study stay where they are",
        "For counts the ends of the interval are exact to a hundredth of a standard error; an end is missing where no"
        " effect within 32 standard errors on that side is refused, or one has no fit",
        "Where few different assignments exist p cannot be small; their number is said if it is below the draws'",
    ),
)


@dataclass(frozen=True)
class _Rows:
    """What the null model is fitted to: units x periods, NaN without a row; `varying` is (k, n_units, n_periods)."""

    outcome: np.ndarray
    weights: np.ndarray
    varying: np.ndarray
    baseline: np.ndarray
    cluster: np.ndarray
    periods: np.ndarray
    silent: int


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Compare the score statistic of each treatment with those of random reassignments, and invert the test.

    Parameters
    ----------
    study, panel, estimates : as in the contract
        A treatment must be the same for all units of a cluster in a period.
    rng : Generator
        Draws `study.draws` reassignments.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has a row for each treatment, `figure` the drawn statistics.

    Raises
    ------
    Unsupported
        If a treatment varies within a cluster, a path is not known in all periods, the fit without the treatment has no
        solution, there are fewer than five clusters, or the option `strata` cannot be met.
    """
    import pandas as pd

    if panel.n_clusters < 5:
        raise Unsupported(
            say("needs five clusters or more, not {n_clusters}", n_clusters=panel.n_clusters), where=SPEC.name
        )
    paths = all_paths(study, panel, SPEC.name)
    wanted = _guard.options(SPEC, study)["strata"]
    within = strata(study, panel, paths, wanted, SPEC.name)
    data = _rows(study, panel)
    rows: list[dict[str, Any]] = []
    drawn = []
    for name, path in paths.items():
        orders = permutation.reorder(within.codes, study.draws, rng)
        found = _test(study, data, paths, name, orders)
        different = permutation.log_assignments(path, within.codes)
        rows.append(
            {
                "treatment": name,
                "statistic": found.statistic[0],
                "p_value": found.p_value,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "draws": study.draws,
                "strata": within.count,
                "assignments": np.exp(different) if different < np.log(study.draws) else None,
            }
        )
        drawn.append(pd.DataFrame({"treatment": name, "statistic": found.statistic[1:]}))
    values = {
        "n_clusters": panel.n_clusters,
        "n_strata": within.count,
        "p_value": rows[0]["p_value"],
        "low": rows[0]["low"] if np.isfinite(rows[0]["low"]) else None,
        "high": rows[0]["high"] if np.isfinite(rows[0]["high"]) else None,
        "level": study.level,
        "assignment": "hypothetical",
    }
    return CheckResult(
        SPEC.name,
        None,
        _sentence(study, panel, rows, within, data.silent),
        values,
        pd.DataFrame(rows),
        pd.concat(drawn, ignore_index=True),
    )


def _sentence(study: Study, panel: Panel, rows: list[dict[str, Any]], within: Strata, silent: int) -> str:
    parts = [
        joined(["" if len(rows) == 1 else row["treatment"] + ": ", inversion.shown(row["p_value"])]) for row in rows
    ]
    stratified = ""
    if within.count > 1:
        per = say(" per head") if study.outcome.exposure else ""
        stratified = say(
            " within {count} strata of {column}{per} {when}",
            count=within.count,
            column=study.outcome.column,
            per=per,
            when=within.when,
        )
    handed = say(
        "been handed to the {n_clusters:,} clusters at random{stratified} (which it was not)",
        n_clusters=panel.n_clusters,
        stratified=stratified,
    )
    if all(treatment.kind == "binary" for treatment in study.treatments):
        handed = say(
            "been handed round the {n_clusters:,} clusters at random{stratified} (which they were not)",
            n_clusters=panel.n_clusters,
            stratified=stratified,
        )
        what = say("the same paths of first treatment")
    else:
        what = say("the same treatment")
    covariates = [name for name in study.covariates if name != "graph"]
    given = say(", given {covariates}", covariates=joined(covariates, ", ")) if covariates else ""
    lost = ""
    if silent:
        lost = say_n(
            " {n} cluster without any {column} weighs nothing.",
            " {n} clusters without any {column} weigh nothing.",
            silent,
            column=study.outcome.column,
        )
    few = [row["assignments"] for row in rows if row["assignments"]]
    if few:
        number = joined((f"{count:.0f}" for count in few), say(" and "))
        lost += say(
            " Only {number} different assignments exist, so that p can hardly be less than {least:.2g}.",
            number=number,
            least=1 / max(few),
        )
    return say(
        "Had {what} {handed}, as strong a link would have come about with {parts} ({draws} draws{given}). {kept}{lost}",
        what=what,
        handed=handed,
        parts=joined(parts, "; "),
        draws=study.draws,
        given=given,
        kept=_kept(study, rows),
        lost=lost,
    )


def _kept(study: Study, rows: list[dict[str, Any]]) -> str:
    """What effects, the same for all, the draws leave standing."""
    counts = study.outcome.family == "poisson"

    def shown(value: float) -> str:
        if not np.isfinite(value):
            return say("no bound")
        return say("{change:+.1f} %", change=100 * np.expm1(value)) if counts else say("{value:.4g}", value=value)

    parts = [
        say(
            "{treatment}{low} to {high}",
            treatment="" if len(rows) == 1 else row["treatment"] + ": ",
            low=shown(row["low"]),
            high=shown(row["high"]),
        )
        for row in rows
    ]
    kind = say("An effect in proportion, the same for all,") if counts else say("An effect the same for all")
    return say(
        "{kind} is not refused at the {level:.0f} % level from {parts}.",
        kind=kind,
        level=100 * (1 - study.level),
        parts=joined(parts, "; "),
    )


def _rows(study: Study, panel: Panel) -> _Rows:
    """The rows that tell anything: for counts without units and periods in which nothing happened."""
    outcome = panel.matrix("outcome")
    weights = panel.matrix("weight") if study.weights else np.where(np.isnan(outcome), np.nan, 1.0)
    covariates, cluster = _covariates.split(SPEC, study, panel), panel.by_unit("cluster")
    units, periods = np.ones(panel.n_units, bool), np.ones(panel.n_periods, bool)
    if study.outcome.family == "poisson":
        exposure = panel.matrix("exposure") if study.outcome.exposure else 1.0
        outcome, weights = outcome * weights, weights * exposure
        units, periods = np.nansum(outcome, axis=1) > 0, np.nansum(outcome, axis=0) > 0
    return _Rows(
        outcome=outcome[np.ix_(units, periods)],
        weights=weights[np.ix_(units, periods)],
        varying=covariates.varying[:, units][:, :, periods],
        baseline=covariates.baseline[units],
        cluster=cluster[units],
        periods=periods,
        silent=panel.n_clusters - len(np.unique(cluster[units])),
    )


def _test(
    study: Study, data: _Rows, paths: Mapping[str, np.ndarray], name: str, orders: np.ndarray
) -> inversion.Inverted:
    """The observed statistic and the drawn ones, from one fit without the treatment, and from others the interval."""
    others = [path[data.cluster][:, data.periods] for other, path in paths.items() if other != name]
    regressors = np.concatenate([data.varying, np.array(others).reshape(-1, *data.outcome.shape)])
    path = paths[name][:, data.periods]
    treated, counts = path[data.cluster], study.outcome.family == "poisson"

    def scores(*outcomes: np.ndarray) -> permutation.Scores:
        fits = [_null.fit(one, data.weights, regressors, data.baseline, counts, SPEC.name) for one in outcomes]
        residual = np.stack([one.residual for one in fits])
        return permutation.draw(residual, fits[0].mass, path, orders, regressors, data.cluster, data.baseline)

    if counts:
        evaluated: dict[float, permutation.Scores] = {}

        def evaluate(tau: float) -> tuple[np.ndarray, np.ndarray]:
            if tau not in evaluated:
                with np.errstate(over="ignore"):
                    evaluated[tau] = scores(data.outcome * np.exp(-tau * treated))
            return evaluated[tau].sums[:, 0], evaluated[tau].products[:, 0, 0]

        evaluate(0.0)
        information = evaluated[0.0].information[0]
    else:
        both = scores(data.outcome, np.where(np.isnan(data.outcome), np.nan, treated))
        information = both.information[0]

        def evaluate(tau: float) -> tuple[np.ndarray, np.ndarray]:
            shift = np.array([1.0, -tau])
            return both.sums @ shift, np.einsum("bmn,m,n->b", both.products, shift, shift)

    if not information > 0:
        raise Unsupported(
            say("{name} has no variation of its own beside unit and period effects and the other terms", name=name),
            where=SPEC.name,
            cure=say("See what the estimators say of this study"),
        )
    return inversion.invert(lambda tau: _null.attempted(evaluate, tau), float(information), study.level)
