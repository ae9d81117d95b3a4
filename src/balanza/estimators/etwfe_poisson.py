"""Poisson extended two-way fixed effects of Wooldridge (2023), with exposure.

The kernel is `balanza.kernels.saturated`. As in `etwfe`, each cohort has a coefficient in each treated period; the mean
is exponential, so that parallel trends hold in ratios. An effect compares what was observed in treated rows with what
is expected there without the treatment's coefficients: the average marginal effect, given as the logarithm of the ratio
of the two sums (`scale: log`) or as their difference per exposure (`scale: level`). Cells without any event count in
both sums, although their own ratio has no logarithm.

Fixed effects are those of cohorts, as in the paper, R `etwfe` and Stata `jwdid, method(poisson)`: units without events
stay in. `effects: unit` has unit effects instead, profiled out, as `jwdid, method(ppmlhdfe)`; they absorb a change of
the mix of units, in exposure or because rows are missing. Where neither occurs, both give the same ratios, but not the
same errors: cohort effects take the levels of units as drawn, unit effects take them as given. Covariates that are
constant within units have slopes by cohort (with cohort effects), by period and in the cohorts' own cells; those that
change enter as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study, Triple
from balanza.errors import Unsupported
from balanza.estimators import _guard, _notes, _saturated, _summary
from balanza.kernels.jackknife import leaves_out
from balanza.kernels.saturated import Totals
from balanza.say import say

SPEC = EstimatorSpec(
    name="etwfe_poisson",
    title="Poisson extended two-way fixed effects (Wooldridge)",
    estimand="Logarithm of the ratio of the treated rows' expected outcomes with and without treatment",
    treatments=frozenset({"binary"}),
    families=frozenset({"poisson"}),
    reference="Wooldridge (2023), Econometrics Journal 26(3), Simple Approaches to Nonlinear Difference-in-Differences"
    " with Panel Data",
    assumptions=(
        "Treatment is absorbing, and units do not react to it earlier than `anticipation` periods before",
        "Without treatment, expected outcomes per exposure would have moved in the same proportion in all cohorts,"
        " given the covariates",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Clustered where treatment is assigned, delta method with the sample's exposure and covariates as"
    " given, Student's t with G-1 degrees of freedom: up to 100 clusters the jackknife (CV3), beyond that, and where a"
    " coefficient hangs on a single cluster, the sandwich with G/(G-1) x (n-1)/(n-k), k leaving out unit effects, which"
    " are nested in clusters; uniform bands by multiplier bootstrap",
    options={
        "control": "not_yet",
        "effects": "cohort",
        "scale": "log",
        "anticipation": 0,
        "draws": 999,
        "standard_errors": "auto",
    },
    option_notes={
        "control": "`not_yet`: all untreated rows; `never`: never-treated units only, with coefficients"
        " before treatment",
        "effects": "`cohort`: units of a cohort share theirs (with slopes of covariates); `unit`: each"
        " unit has its own",
        "scale": "Of the headline and all rows: `log` of the ratio, or `level`, the difference per exposure",
        "anticipation": _notes.ANTICIPATION,
        "draws": _notes.DRAWS,
        "standard_errors": _notes.STANDARD_ERRORS,
    },
    equation=r"""
With the exposure $P_{it}$ (1 without one), $z_i = (1,$ covariates that are constant within units$)$ and covariates
$x_{it}$ that change, by Poisson pseudo-maximum likelihood:

```math
\mathrm{E}[Y_{it}] = P_{it} \exp\left(z_i'(\alpha_{g_i} + \delta_t) + x_{it}'\beta\right)
```

in untreated cells; in treated ones, $t \geq g - a$ with $a$ for `anticipation`, the cohort has coefficients
$\gamma_{gt}$ of its own in place of $\alpha_g + \delta_t$. `control: never` gives such coefficients to the cells of
treated cohorts before the reference too, the last `event_bins` periods before $g - a$. `effects: unit` has a unit's
own effect in place of $z_i'\alpha_g$. What is expected without treatment, and the headline over treated rows:

```math
\hat\mu_{it}^0 = P_{it} \exp\left(z_i'(\hat\alpha_{g_i} + \hat\delta_t) + x_{it}'\hat\beta\right), \quad
\hat\tau = \log \frac{\sum_{t \geq g_i} Y_{it}}{\sum_{t \geq g_i} \hat\mu_{it}^0}
```

With `scale: level` it is the difference per exposure, where $K$ is 100,000 times the periods of a year with an
exposure, and 1 without:

```math
\hat\tau = K \frac{\sum_{t \geq g_i} (Y_{it} - \hat\mu_{it}^0)}{\sum_{t \geq g_i} P_{it}}
```

The study's weights multiply outcome and exposure. Errors follow by the delta method: by the jackknife (CV3) the
coefficients move by one Newton step as each cluster is left out in turn; by the sandwich over clusters both sums are
multiplied by $G/(G-1) \cdot (n-1)/(n-k)$, where $k$ counts all coefficients, unit effects as one.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "A cell that no unit links with untreated rows has no estimate: its rows are counted"
        " in a warning and are missing from all aggregates",
        "Refused where no effect can be told apart from unit and period effects, where there"
        " are as many coefficients as rows, or where the units that enter lie in one cluster",
        "Periods and cohorts without any event in untreated rows are left out and counted:"
        " nothing can be expected there",
        "With `effects: unit` units without any event tell nothing of a ratio, and a warning counts them",
        "A cell without any event has no row of its own on the log scale, and counts in all aggregates",
        "Refused where treated rows have no event at all, where what is expected runs to zero"
        " (separation), or where the likelihood's maximum is not found",
        "With `effects: cohort` on a panel with missing rows a warning says that the mix of units may matter",
        "The jackknife holds the exposure that effects are averaged over as given: with `effects: cohort` and a dozen"
        " clusters its error was 9 % below that of exact refits, with `effects: unit` half a per cent",
        _notes.EVENTS,
        _notes.KEPT_CELLS,
    ),
    since="0.1.0",
)
REFERENCE = (
    Published(
        "mpdta, employment",
        "R etwfe, inst/tinytest/test_emfx.R",
        {
            "event_time 0": (-25.3497484355494, 15.8862762958862),
            "event_time 1": (1.09175116997388, 40.2952222352926),
            "event_time 2": (-75.1246321552693, 23.1541376499351),
            "event_time 3": (-101.823979344829, 27.0877431076141),
        },
        ("lpop",),
        options={"scale": "level"},
        tolerance=1e-5,  # of some 100 jobs: fixest stops at a relative change of the deviance of 1e-8
        error_tolerance=1e-4,  # and marginaleffects takes its derivatives numerically
    ),
)


@dataclass(frozen=True)
class _Level:
    """Differences per exposure: per 100,000 people a year where there are people at risk, per row where there are none.

    Callable on totals, like `_log_ratio`.
    """

    factor: float

    def __call__(self, sums: Totals) -> tuple[np.ndarray, np.ndarray]:
        factor = self.factor / sums.size
        influence = (sums.observed_influence - sums.expected_influence) * factor
        return (sums.observed - sums.expected) * factor, influence


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate the effect of each cohort in each treated period, and join them over treated rows.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: log, or level with that option. Rows of kind event_time (from treatment on, unless `control: never`),
        group, calendar and group_time on the same scale; `covariance` joins them all where there are no more than 500
        cells, and otherwise leaves the cells out. `rate_change` is the difference per 100,000 people a year, with an
        interval of its own.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, the likelihood has no maximum, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(
        SPEC,
        study,
        control=("not_yet", "never"),
        effects=("unit", "cohort"),
        scale=("log", "level"),
        standard_errors=("auto", "jackknife", "sandwich"),
    )
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    model = _saturated.Model(
        control=chosen["control"],
        slopes=True,
        effects=chosen["effects"],
        anticipation=_guard.whole(SPEC, chosen, "anticipation", 0),
        bins=study.event_bins,
    )
    sample = _sample(study, panel, model)
    level = _Level(_summary.PER_PEOPLE * (panel.periods_per_year or 1.0) if study.outcome.exposure else 1.0)
    effect = level if chosen["scale"] == "level" else _log_ratio
    left_out = leaves_out(int(sample.layout.cluster.max()) + 1, chosen["standard_errors"])
    found = _saturated.estimated(SPEC, study, panel, sample, "poisson", effect, rng, draws, left_out)
    if not found.overall.observed[0] > 0:
        raise Unsupported(
            say(
                "treated rows have no {column} at all, so that the ratio has no logarithm", column=study.outcome.column
            ),
            where=SPEC.name,
            cure=say("Use wider rows, or an estimator in levels"),
        )
    return _estimate(study, panel, found, chosen, level)


def _log_ratio(sums: Totals) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of observed over expected, NaN where there is none."""
    fine = (sums.observed > 0) & (sums.expected > 0)
    observed, expected = np.where(fine, sums.observed, 1.0), np.where(fine, sums.expected, 1.0)
    value = np.where(fine, np.log(observed / expected), np.nan)
    return value, sums.observed_influence / observed - sums.expected_influence / expected


def _sample(study: Study, panel: Panel, model: _saturated.Model) -> _saturated.Sample:
    """The sample without periods and cohorts for which nothing can be expected, as untreated rows have no events."""
    outcome = panel.matrix("outcome")
    exposure = panel.matrix("exposure") if study.outcome.exposure else np.where(np.isnan(outcome), np.nan, 1.0)
    weight = panel.matrix("weight") if study.weights else 1.0
    sample = _saturated.sample(SPEC, study, panel, outcome * weight, exposure * weight, model)
    own, n_cohorts = sample.layout.own[sample.layout.cohort], len(sample.cohorts)
    seen = ~np.isnan(sample.outcome)
    periods, cohorts = np.ones(own.shape[1], bool), np.ones(n_cohorts, bool)
    while True:
        kept = cohorts[sample.layout.cohort][:, None] & periods
        events = np.where(seen & ~own & kept, sample.outcome, 0.0)
        by_cohort = np.bincount(sample.layout.cohort, events.sum(axis=1), n_cohorts) > 0
        by_period = events.sum(axis=0) > 0
        if (by_cohort == cohorts).all() and (by_period == periods).all():
            break
        periods, cohorts = periods & by_period, cohorts & by_cohort
    warnings = _lost(study, sample, seen, periods, cohorts) + _silent(study, sample, model)
    return replace(sample, outcome=np.where(kept, sample.outcome, np.nan), warnings=sample.warnings + warnings)


def _lost(
    study: Study, sample: _saturated.Sample, seen: np.ndarray, periods: np.ndarray, cohorts: np.ndarray
) -> tuple[str, ...]:
    """Sentences on periods and cohorts that are left out."""
    found, column = [], study.outcome.column
    if not periods.all():
        found.append(
            say(
                "{periods} of {n_periods} periods have no {column} in untreated rows: left out ({seen:,} rows)",
                periods=(~periods).sum(),
                n_periods=len(periods),
                column=column,
                seen=seen[:, ~periods].sum(),
            )
        )
    if not cohorts.all():
        gone = ~cohorts[sample.layout.cohort]
        found.append(
            say(
                "{cohorts} of {n_cohorts} cohorts have no {column} in untreated rows, so that any ratio"
                " to what is expected is infinite: left out ({gone} units, {seen:,} rows)",
                cohorts=(~cohorts).sum(),
                n_cohorts=len(cohorts),
                column=column,
                gone=gone.sum(),
                seen=seen[gone].sum(),
            )
        )
    return tuple(found)


def _silent(study: Study, sample: _saturated.Sample, model: _saturated.Model) -> tuple[str, ...]:
    """A sentence on units without events, where unit effects make them say nothing."""
    silent = ~(np.nansum(sample.outcome, axis=1) > 0)
    if model.effects == "cohort" or not silent.any():
        return ()
    return (
        say(
            "{silent} of {units} units have no {column} in any period and tell nothing of a"
            " proportional effect; their exposure counts where effects are stated as rates",
            silent=silent.sum(),
            units=len(silent),
            column=study.outcome.column,
        ),
    )


def _estimate(
    study: Study, panel: Panel, found: _saturated.Found, chosen: Mapping[str, Any], level: _Level
) -> Estimate:
    freedom = len(found.overall.observed_influence) - 1

    def triple(sums: tuple[np.ndarray, np.ndarray]) -> tuple[float, float, Triple]:
        value, error = float(sums[0][0]), float(np.linalg.norm(sums[1]))
        return value, error, (value, *_summary.interval(value, error, study.level, freedom))

    log, difference = triple(_log_ratio(found.overall)), triple(level(found.overall))
    value, error, (_, *bounds) = log if chosen["scale"] == "log" else difference
    rows = found.fit.rows
    used = rows.used.any(axis=1)
    column = study.outcome.column
    words = say(
        "Log ratio of the expected {column} of treated rows with and without {unit}",
        column=column,
        unit=study.treatment.unit or say("treatment"),
    )
    if chosen["scale"] == "level":
        words = say("Difference of the expected {column} of treated rows with and without treatment", column=column)
        words += (
            say(
                " per {per_people:,} {exposure} a year", per_people=_summary.PER_PEOPLE, exposure=study.outcome.exposure
            )
            if study.outcome.exposure
            else ""
        )
    return Estimate(
        treatment=study.treatment.name,
        estimand=words,
        scale="log" if chosen["scale"] == "log" else "level",
        value=value,
        standard_error=error,
        interval=(bounds[0], bounds[1]),
        p_value=_summary.p_value(value, error, freedom),
        n_observations=int((rows.weight[used] > 0).sum()),
        n_units=int(used.sum()),
        n_treated=int((used & found.treated).sum()),
        n_clusters=freedom + 1,
        standard_error_type=say(
            "clustered by {cluster}, delta method, {errors}, t({freedom})",
            cluster=study.cluster,
            errors=_errors(found, chosen),
            freedom=freedom,
        ),
        engine="balanza.kernels.saturated",
        percent_change=_summary.log_percent(log[0], (log[2][1], log[2][2])),
        rate_change=difference[2] if study.outcome.exposure and panel.periods_per_year else None,
        rows=found.rows,
        covariance=found.covariance,
        warnings=found.warnings,
    )


def _errors(found: _saturated.Found, chosen: Mapping[str, Any]) -> str:
    if found.fit.changes is not None:
        return say("jackknife (CV3) with {effects} effects", effects=chosen["effects"])
    nested = " nested" if chosen["effects"] == "unit" else ""
    return say(
        "sandwich, {errors} with {effects} effects{nested}",
        errors=_saturated.ERRORS,
        effects=chosen["effects"],
        nested=nested,
    )
