"""Own effect and effects on neighbours, by rings of distance (Butts 2021), on imputed untreated outcomes.

The kernels are `balanza.kernels.rings` and `balanza.kernels.imputation`. An untreated unit is exposed as soon as a unit
within the outermost ring is treated; the innermost ring with a treated unit counts. Unit and period effects (and
covariates) are fitted on rows that are neither treated nor exposed, and what is left of the others is averaged: over
treated rows the own effect, over exposed ones the effect of each ring. The total effect is the own effect plus the
rings', each times its rows per treated row: what happens in all, for each treated row. Rows are weighted by the
study's `weights`. Places come from the options `latitude_column` and `longitude_column`, in degrees; `rings` are their
outer edges in kilometres, and `neighbours: k` puts the k nearest units into an innermost ring of their own. A count
with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _guard, _imputed, _level, _notes, _rates, _summary
from balanza.kernels.group_time import NEVER
from balanza.kernels.imputation import Imputation, Means, impute, two_stage_means
from balanza.kernels.rings import exposed_since, exposure
from balanza.kernels.within import Degenerate
from balanza.say import joined, say

SPEC = EstimatorSpec(
    name="spillover",
    title="Own effect and spillovers by distance (Butts)",
    estimand="Average effect on the treated of their own and nearby treatment against none within the outermost ring,"
    " on the scale of the outcome (a count with exposure: of its rate per 100,000 a year), over all treated rows; with"
    " `target: total`, plus the effects on exposed rows, per treated row",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Butts (2021), Difference-in-Differences Estimation with Spatial Spillovers, arXiv:2105.03737",
    assumptions=(
        "Treatment is absorbing, and units do not react to it, or to that of others, before it starts",
        "Without any treatment, the outcome is the sum of a unit effect, a period effect and the covariates' terms, in"
        " all rows alike (parallel trends in all periods and cohorts)",
        "Treatment affects no unit beyond the outermost ring",
        "Only the innermost ring with a treated unit matters, not the number of treated units in it",
    ),
    standard_errors="Clustered, of both stages as one method of moments, without a small-sample factor, normal"
    " intervals; uniform bands by Rademacher multipliers",
    needs_option="latitude_column",
    options={
        "latitude_column": None,
        "longitude_column": None,
        "rings": (25, 50, 100),
        "neighbours": 0,
        "target": "own",
        "draws": 999,
    },
    option_notes={
        "latitude_column": "Column of the units' latitudes in degrees; required",
        "longitude_column": "Column of the units' longitudes in degrees; required",
        "rings": "Outer edges of the rings in kilometres, increasing; a ring holds its outer edge",
        "neighbours": "Number of nearest units (with ties) that make up an innermost ring of their own; 0 for none",
        "target": "The headline: `own` effect, or `total` per treated row",
        "draws": _notes.DRAWS,
    },
    equation=r"""
A row's state $s_{it}$ is 0 where the unit is treated, else the innermost ring $r = 1, 2, \ldots$ that holds a treated
unit, and none elsewhere. Unit effects, period effects (with slopes of constant covariates, $z_i = (1, \ldots)$) and
slopes of covariates that change are fitted by weighted least squares on rows without a state, and carried to all:

```math
\hat\tau_{it} = Y_{it} - \hat\alpha_i - z_i'\hat\delta_t - x_{it}'\hat\beta, \quad
\hat\tau_s = \frac{1}{W_s} \sum_{s_{it} = s} w_{it} \hat\tau_{it}, \quad
W_s = \sum_{s_{it} = s} w_{it}
```

The headline is the own effect $\hat\tau_0$, or with `target: total` what happens in all, for each treated row:

```math
\hat\tau_{total} = \hat\tau_0 + \sum_{r \geq 1} \frac{W_r}{W_0} \hat\tau_r
```

Distances are great circles on a sphere of radius 6,371.0088 km. The covariance is that of both stages as one method of
moments, as in `two_stage`, without a small-sample factor, with the weights $W_r / W_0$ as given.
""",
    edge_cases=(
        "A treated unit counts as treated, whatever its neighbours are",
        "Units first treated after the window's end count as never treated, and expose nobody",
        "Units without any row that is neither treated nor exposed, and rows that such rows do"
        " not determine, are left out and counted; refused where no treated row is left",
        "Refused where a place is missing, not in degrees, or changes within a unit",
        "A ring without an exposed row is named in a warning and has no row",
        "A covariate that does not vary in unexposed rows beside the other terms is refused",
        "The total of a rate adds up units of any size: a warning asks for `weights` by the people at risk",
        _notes.RATE,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        _notes.EVENTS,
    ),
    since="0.1.0",
)
OWN = 0
EARLY = say("they have no before and no own effect here, but expose units nearby")


@dataclass(frozen=True)
class _Sample:
    """Rows that enter, (n_units, n_periods): the fit, what each is exposed to (-1: nothing), and names of that."""

    outcome: np.ndarray
    fit: Imputation
    state: np.ndarray
    names: tuple[str, ...]
    cohort: np.ndarray
    cluster: np.ndarray
    warnings: tuple[str, ...]


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Impute untreated outcomes, and average what is left by exposure.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time (own effect; before treatment the mean residual of unexposed rows of units
        treated later) and of kind group: `own`, `0-25 km` and so on, and `total`. `percent_change` relates to the mean
        imputed outcome of treated rows.

    Raises
    ------
    Unsupported
        If the options name no places, nothing is left that is neither treated nor exposed, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, target=("own", "total"))
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel, chosen)
    found, key = _imputed.codes(sample.state, sample.state >= 0)
    parts = two_stage_means(sample.fit, key, sample.cluster)
    weight = np.bincount(key[key >= 0], sample.fit.weights[key >= 0])
    total = Means(
        np.append(parts.value, parts.value @ weight / weight[0]),
        np.column_stack([parts.influence, parts.influence @ weight / weight[0]]),
    )
    groups = np.array([*(sample.names[code] for code in found), "total"])
    events = _events(study, sample, total, groups, rng, draws)
    return _estimate(study, panel, sample, total, chosen["target"], events)


def _sample(study: Study, panel: Panel, chosen: Mapping[str, Any]) -> _Sample:
    """Fit rows that are neither treated nor exposed; leave out units and rows that they do not determine."""
    edges, neighbours = _rings(chosen["rings"]), _guard.whole(SPEC, chosen, "neighbours", 0)
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    cohort = np.where((cohort < 0) | (cohort >= panel.n_periods), NEVER, cohort)
    latitude = _degrees(panel, chosen, "latitude_column", 90)
    longitude = _degrees(panel, chosen, "longitude_column", 180)
    if neighbours >= panel.n_units:
        raise Unsupported(
            say("option neighbours is {neighbours}", neighbours=neighbours),
            where=SPEC.name,
            cure=say("There are fewer other units"),
        )
    since = exposed_since(latitude, longitude, cohort, edges, neighbours)
    state, outcome = exposure(since, cohort, panel.n_periods), _rates.outcome(study, panel)
    seen = ~np.isnan(outcome)
    units = ((state < 0) & seen).any(axis=1)
    if not units.any():
        raise _nothing_clean()
    fit = _fit(study, panel, outcome, state, units)
    lost = seen.sum() - fit.determined.sum()
    state = np.where(fit.determined, state[units], -1)
    if not (state == OWN).any():
        raise _nothing_clean()
    names = ("own", *(["neighbours"] if neighbours else []), *_names(edges))
    empty = [name for code, name in enumerate(names) if not (state == code).any()]
    return _Sample(
        outcome=outcome[units],
        fit=fit,
        state=state,
        names=names,
        cohort=cohort[units],
        cluster=panel.by_unit("cluster")[units],
        warnings=_guard.always_treated(panel, study.treatment, np.ones(panel.n_units, bool), EARLY)
        + _warnings(study, empty, int(lost), int((~units).sum()))
        + _guard.cohorts_of_few(study, panel, units & (cohort != NEVER)),
    )


def _nothing_clean() -> Unsupported:
    return Unsupported(
        say("no treated row can be imputed: too few rows are neither treated nor within the outermost ring"),
        where=SPEC.name,
        cure=say("Use narrower rings, widen the window, or choose rows with more units far from treatment"),
    )


def _fit(study: Study, panel: Panel, outcome: np.ndarray, state: np.ndarray, units: np.ndarray) -> Imputation:
    covariates = _covariates.split(SPEC, study, panel)
    try:
        return impute(
            outcome[units],
            state[units] >= 0,
            panel.matrix("weight")[units] if study.weights else None,
            covariates.varying[:, units],
            covariates.baseline[units],
        )
    except Degenerate as problem:
        raise Unsupported(
            say(
                "the covariate {name} does not vary in rows that are neither treated nor exposed beside"
                " unit and period effects and the others",
                name=covariates.names[problem.index or 0],
            ),
            where=SPEC.name,
            cure=say("Remove it"),
        ) from None


def _rings(given: Any) -> np.ndarray:
    """The outer edges of the rings, checked."""
    try:
        edges = np.array(given, float) if isinstance(given, Sequence) and not isinstance(given, str) else np.zeros(0)
    except (TypeError, ValueError):
        edges = np.zeros(0)
    if edges.ndim != 1 or not len(edges) or not (np.diff(edges, prepend=0) > 0).all() or not np.isfinite(edges).all():
        raise Unsupported(
            say("option rings is {given!r}", given=given),
            where=SPEC.name,
            cure=say("Give increasing kilometres, such as [25, 50, 100]"),
        )
    return edges


def _names(edges: np.ndarray) -> list[str]:
    starts = [0.0, *edges[:-1]]
    return [say("{low:g}-{high:g} km", low=low, high=high) for low, high in zip(starts, edges, strict=True)]


def _degrees(panel: Panel, chosen: Mapping[str, Any], option: str, limit: float) -> np.ndarray:
    """A coordinate by unit, refused where it is missing, changes within a unit or is no coordinate."""
    column = chosen[option]
    if not isinstance(column, str) or column not in panel.frame:
        raise Unsupported(
            say("needs each unit's place, and the option {option} names no column", option=option),
            where=SPEC.name,
            cure=say(
                "Give both in the study, such as options: {spillover: {latitude_column: latitude,"
                " longitude_column: longitude}}, in degrees"
            ),
        )
    values = panel.frame.groupby("unit", sort=True)[column].agg(["min", "max"]).to_numpy(float)
    if (values[:, 0] != values[:, 1]).any() or (np.abs(values) > limit).any():
        unit = np.flatnonzero((values[:, 0] != values[:, 1]) | (np.abs(values) > limit).any(axis=1))[0]
        raise Unsupported(
            say("unit {unit} has no fixed place in degrees", unit=panel.unit_labels[unit]),
            where=f"{SPEC.name}, column {column}",
            cure=say("Give each unit one number between -{limit} and {limit}", limit=limit),
        )
    return np.asarray(values[:, 0])


def _events(
    study: Study, sample: _Sample, total: Means, groups: np.ndarray, rng: np.random.Generator, draws: int
) -> _level.EventStudy:
    """Own effects by event time, and the rows of all parts and their total, with the covariance of all."""
    import pandas as pd

    relative = np.arange(sample.state.shape[1]) - np.where(sample.cohort == NEVER, 0, sample.cohort)[:, None]
    bins = relative // study.event_bins
    before = (sample.state < 0) & sample.fit.determined & (sample.cohort != NEVER)[:, None] & (bins < -1)
    time, key = _imputed.codes(bins, (sample.state == OWN) | before)
    own = two_stage_means(sample.fit, key, sample.cluster)
    events = _level.events(study, time * study.event_bins, own.value, own.influence, rng, draws)
    error = np.linalg.norm(total.influence, axis=0)
    rows = _summary.rows_frame("group", total.value, error, study.level, group=groups)
    influence = total.influence
    if events.rows is not None:
        rows = pd.concat([events.rows, rows], ignore_index=True)
        influence = np.hstack([own.influence, influence])
    return _level.EventStudy(rows, _summary.covariance_frame(influence, [*map(str, range(len(rows)))]), events.warnings)


def _estimate(
    study: Study, panel: Panel, sample: _Sample, total: Means, target: str, events: _level.EventStudy
) -> Estimate:
    index = 0 if target == "own" else -1
    own = sample.state == OWN
    weight = sample.fit.weights[own]
    what = (
        say("own effect of treated units")
        if target == "own"
        else say("own effect and effects on rings, per treated row,")
    )
    return _level.estimate(
        study,
        panel,
        say(
            "Average {what} on {scale}, against no treatment within the outermost ring",
            what=what,
            scale=_rates.scale(study, panel),
        ),
        float(total.value[index]),
        float(np.linalg.norm(total.influence[:, index])),
        _level.Sample(
            n_observations=int(sample.fit.determined.sum()),
            n_units=len(sample.outcome),
            n_treated=int(own.any(axis=1).sum()),
            n_clusters=len(total.influence),
            untreated=float(weight @ (sample.outcome - sample.fit.effect)[own] / weight.sum()),
            lowest=float(np.nanmin(sample.outcome)),
            warnings=sample.warnings,
        ),
        events,
        say("two stages, method of moments, clustered by {cluster}, normal", cluster=study.cluster),
        "balanza.kernels.imputation",
    )


def _warnings(study: Study, empty: Sequence[str], lost: int, units: int) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ()
    if lost:
        warnings += (
            say(
                "{lost} rows, among them all of {units} units, are left out: no row that is neither"
                " treated nor exposed tells what they would have been",
                lost=lost,
                units=units,
            ),
        )
    if empty:
        warnings += (say("No untreated row is exposed at {empty}", empty=joined(empty, ", ")),)
    if _rates.is_rate(study) and not study.weights:
        warnings += (
            say(
                "The total adds rates of units of any size; set `weights` to {exposure} to count {column}",
                exposure=study.outcome.exposure,
                column=study.outcome.column,
            ),
        )
    return warnings
