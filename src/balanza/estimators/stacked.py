"""Stacked difference-in-differences with the corrective weights of Wing, Freedman and Hollingsworth (2024).

The kernel is `balanza.kernels.stacked`. Each cohort is compared with units that stay untreated to the end of its
window, and the sub-experiments are joined: with `weighting: wing` (default) so that controls weigh as much as treated
units in each, which identifies the mean effect over the treated (the trimmed aggregate effect); with `cengiz` as the
regression of Cengiz, Dube, Lindner and Zipperer (2019). The window, `before` and `after` in periods, is by default the
widest in which every cohort is seen. The reference is the last bin before treatment, which is the last period, as in
the paper, with `event_bins: 1`. In the regression units and event times have effects of their own in each
sub-experiment; `effects: event_time` has one for each event time, as the R code of Wing and others, whose estimates are
the same and whose standard errors grow with shocks that all units share (98 % coverage in a small simulation). A count
with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _guard, _level, _notes, _rates, _staggered
from balanza.estimators._staggered import Design
from balanza.kernels.group_time import NEVER
from balanza.kernels.stacked import Stacked, stacked
from balanza.say import say

SPEC = EstimatorSpec(
    name="stacked",
    title="Stacked difference-in-differences (Wing, Freedman and Hollingsworth)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over the treated units whose window is seen and the window's periods after treatment",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Wing, Freedman and Hollingsworth (2024), NBER Working Paper 32054; Cengiz, Dube, Lindner and Zipperer"
    " (2019), Quarterly Journal of Economics 134(3)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it before it starts",
        "Without treatment, the treated of each cohort and the units not treated by the end of its window would have"
        " moved in parallel",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich of the stacked regression clustered over all copies of a unit, G/(G-1) x (n-1)/(n-k) with"
    " k leaving the unit effects out, Student's t with G-1 degrees of freedom; uniform bands by Rademacher multipliers",
    options={"before": None, "after": None, "weighting": "wing", "effects": "sub_experiment", "draws": 999},
    option_notes={
        "before": "Periods of the window before treatment, at least 1; by default as many as every cohort has",
        "after": "Periods of the window after the first treated one; by default as many as every cohort has",
        "weighting": "`wing`: controls weigh as much as the treated of their sub-experiment; `cengiz`:"
        " unweighted regression",
        "effects": "Of units and event times: their own in each `sub_experiment`, or of each `event_time`"
        " in all (only `wing`)",
        "draws": _notes.DRAWS,
    },
    equation=r"""
The sub-experiment of cohort $g$ holds, in its window from `before` periods before $g$ to `after` periods after it,
cohort $g$ and as controls the units with $g_i > g + after$, in so far as they have all rows of the window. The copies
are joined in one weighted regression, with $e$ for bins of event time:

```math
Y_{igt} = \alpha_{ig} + \lambda_{g,t-g} + \sum_{e \neq -1} \beta_e \mathbf{1}\{g_i = g, t - g \in e\} +
\varepsilon_{igt}
```

As windows are complete, its estimates are differences of weighted means of $\Delta_{ige}$, the mean outcome of a bin
less that of the reference, the last bin before treatment:

```math
\hat\beta_e = \frac{\sum_g q_g (\bar\Delta_{ge}^{treated} - \bar\Delta_{ge}^{control})}{\sum_g q_g}
```

$q_g$ is the weight of treated units $N_g$ with `weighting: wing`, whose controls are weighted by $N_g / M_g$ in the
regression, with $M_g$ their own weight; with `cengiz` it is $N_g M_g / (N_g + M_g)$. The headline takes the mean
outcome of all periods after treatment as one bin. The covariance is a sandwich over clusters, where all copies of a
unit lie together, times $G/(G-1) \cdot (n-1)/(n-k)$ with $n$ rows of the stack; $k$ counts the coefficients and the
event times of each sub-experiment (with `effects: event_time` those in common), and no unit effects.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.NO_COVARIATES,
        _notes.WEIGHTS_BY_UNIT,
        "Cohorts whose window is not seen, or that have no controls in it, are left out and"
        " counted; refused where none is left",
        "A unit that lacks rows in the window of a sub-experiment is left out of that one, and counted",
        "`weighting: cengiz` with `effects: event_time` is refused: without the weights common"
        " effects bias the estimate",
        _notes.COHORTS_OF_FEW,
        _notes.EVENTS,
    ),
    since="0.1.0",
)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate the effects by event time and their mean after treatment.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time. `percent_change` relates the effect to the mean outcome that treated
        units would have had in the window after treatment.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, the study has covariates, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, weighting=("wing", "cengiz"), effects=("sub_experiment", "event_time"))
    if chosen["weighting"] == "cengiz" and chosen["effects"] == "event_time":
        raise Unsupported(
            say("without corrective weights, effects common to all sub-experiments bias the estimate"),
            where=SPEC.name,
            cure=say("Set the option weighting: wing, or effects: sub_experiment"),
        )
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    _balanced.no_covariates(SPEC, study)
    design = _staggered.design(SPEC, study, panel, np.ones(panel.n_units, bool), 0)
    cohort, cluster = design.cohort[design.units], panel.by_unit("cluster")[design.units]
    outcome = _rates.outcome(study, panel)[design.units, : design.n_periods]
    before, after = _window(chosen, cohort, design.n_periods)
    weights, warnings = _weights(study, panel, design.units)
    found = stacked(
        outcome,
        cohort,
        np.unique(cluster, return_inverse=True)[1],
        weights,
        before=before,
        after=after,
        event_bins=study.event_bins,
        weighting=chosen["weighting"],
        effects=chosen["effects"],
    )
    if found is None:
        raise Unsupported(
            say(
                "no cohort is seen {before} period(s) before and {after} after its first treated one beside controls",
                before=before,
                after=after,
            ),
            where=SPEC.name,
            cure=say("Set the options `before` and `after` to a narrower window"),
        )
    ever = found.entered & np.isin(cohort, found.cohort)
    warnings += design.warnings + _lost(panel, design, cohort, found) + _incomplete(found)
    warnings += _guard.small_cohorts(study, cluster[ever], cohort[ever])
    return _estimate(study, panel, outcome, cluster, found, warnings, (before, after), rng, draws)


def _window(chosen: Mapping[str, Any], cohort: np.ndarray, n_periods: int) -> tuple[int, int]:
    """Periods before and after, by default as many as every cohort has."""
    treated = cohort[cohort != NEVER]
    before, after = int(treated.min()), n_periods - 1 - int(treated.max())
    if chosen["before"] is not None:
        before = _guard.whole(SPEC, chosen, "before", 1)
    if chosen["after"] is not None:
        after = _guard.whole(SPEC, chosen, "after", 0)
    return before, after


def _weights(study: Study, panel: Panel, units: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if not study.weights:
        return None, ()
    weights = panel.matrix("weight")[units]
    first = panel.by_unit("weight")[units].astype(float)
    if np.array_equal(np.nanmin(weights, axis=1), np.nanmax(weights, axis=1)):
        return first, ()
    return first, (
        say(
            "The weights {weights} change within units: each unit keeps that of its first period", weights=study.weights
        ),
    )


def _lost(panel: Panel, design: Design, cohort: np.ndarray, found: Stacked) -> tuple[str, ...]:
    """A sentence on cohorts whose window is not seen, or that have no controls in it."""
    lost = np.setdiff1d(np.unique(cohort[cohort < design.n_periods]), found.cohort)
    if not len(lost):
        return ()
    first, last = _staggered.label(panel, lost[[0, -1]])
    return (
        say(
            "{cohorts} cohort(s) ({units} units, first treated from {first} to {last}) are left out:"
            " their window is not seen, or has no controls. Set the options `before` and `after` to a"
            " narrower one",
            cohorts=len(lost),
            units=np.isin(cohort, lost).sum(),
            first=first,
            last=last,
        ),
    )


def _incomplete(found: Stacked) -> tuple[str, ...]:
    if not found.incomplete:
        return ()
    return (
        say(
            "{incomplete} units of sub-experiments lack rows in the window and are left out of them",
            incomplete=found.incomplete,
        ),
    )


def _estimate(
    study: Study,
    panel: Panel,
    outcome: np.ndarray,
    cluster: np.ndarray,
    found: Stacked,
    warnings: tuple[str, ...],
    window: tuple[int, int],
    rng: np.random.Generator,
    draws: int,
) -> Estimate:
    n_clusters = len(np.unique(cluster[found.entered]))
    freedom = n_clusters - 1
    return _level.estimate(
        study,
        panel,
        say(
            "Average effect on the treated on {scale}, over the first {n} treated period(s)"
            " against the last bin before treatment",
            scale=_rates.scale(study, panel),
            n=window[1] + 1,
        ),
        found.overall,
        float(np.linalg.norm(found.overall_influence)),
        _level.Sample(
            n_observations=int(np.isfinite(outcome[found.entered]).sum()),
            n_units=int(found.entered.sum()),
            n_treated=int(found.treated.sum()),
            n_clusters=n_clusters,
            untreated=found.untreated,
            lowest=float(np.nanmin(outcome)),
            warnings=warnings,
        ),
        _level.events(study, found.time, found.value, found.influence, rng, draws, freedom),
        say(
            "stacked regression, clustered by {cluster}, G/(G-1) x (n-1)/(n-k), t({freedom})",
            cluster=study.cluster,
            freedom=freedom,
        ),
        "balanza.kernels.stacked",
        freedom,
    )
