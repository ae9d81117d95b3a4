"""Dose-response of Callaway, Goodman-Bacon and Sant'Anna (2024), as in R `contdid` where it is documented.

The kernel is `balanza.kernels.dose`. All doses start in one period, and each unit keeps its own: the outcome's mean
from then on, less its mean before, is regressed on a function of the dose and compared with the untreated. `curve:
spline` (as `contdid`: cubic, no inner knots unless `knots` says so) or `curve: bins`. Level effects are those of a
dose against none; slopes those of one more unit of dose. Without untreated units levels are differences from the
lowest dose. A count with exposure enters as its rate per 100,000 a year; covariates enter by their mean before the
start, linearly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _covariates, _guard, _level, _notes, _rates, _summary
from balanza.kernels.dose import Bins, Curve, Response, Singular, bins, respond, spline
from balanza.kernels.multiplier import critical_value
from balanza.say import say

SPEC = EstimatorSpec(
    name="dose",
    title="Dose-response (Callaway, Goodman-Bacon and Sant'Anna)",
    estimand="Average slope: the effect of one more unit of dose at the dose that each treated unit has, on the scale"
    " of the outcome (a count with exposure: of its rate per 100,000 a year), averaged over treated units; with"
    " `target: level`, their average effect against no dose",
    treatments=frozenset({"dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Callaway, Goodman-Bacon and Sant'Anna (2024), Difference-in-Differences with a Continuous Treatment,"
    " NBER Working Paper 32117",
    assumptions=(
        "Doses start together and then stay, and units do not react before",
        "Parallel trends against the untreated: each level effect is that of its dose on units that chose it;"
        " differences between doses still mix the effect of dose with who chose which",
        "Strong parallel trends (units with any dose would have responded alike to each dose): level effects hold for"
        " all treated units, and slopes and comparisons of doses are causal. Without untreated units all rests on this",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich summed within clusters, doses counting as drawn, G/(G-1) x (n-1)/(n-k), Student's t with"
    " G-1 degrees of freedom; uniform bands by multiplier bootstrap",
    options={
        "target": "slope",
        "curve": "spline",
        "degree": 3,
        "knots": 0,
        "bins": 4,
        "unbalanced": "refuse",
        "draws": 999,
    },
    option_notes={
        "target": "The headline: `slope` (one more unit of dose, at the dose that is) or `level` (the"
        " dose against none)",
        "curve": "`spline` of the dose, or one level for each of some `bins`",
        "degree": "Of the spline",
        "knots": "Inner knots of the spline, at quantiles of the positive doses",
        "bins": "Bins of the positive doses, between their quantiles; fewer where doses repeat",
        "unbalanced": _notes.UNBALANCED,
        "draws": _notes.DRAWS,
    },
    equation=r"""
All doses $d_i$ start in period $s$. The change of the outcome from the $s$ periods before to the $T - s$ from then on,

```math
\Delta_i = \frac{1}{T - s} \sum_{t \geq s} Y_{it} - \frac{1}{s} \sum_{t < s} Y_{it},
```

is fitted by weighted least squares on a curve of the dose and a mean of its own for untreated units:

```math
\Delta_i = \beta_0 \mathbf{1}\{d_i = 0\} + \mathbf{1}\{d_i > 0\} \sum_k \beta_k \psi_k(d_i) + X_i'\gamma + \varepsilon_i
```

```math
\widehat{ATT}(d) = \sum_k \hat\beta_k \psi_k(d) - \hat\beta_0, \quad
\widehat{ACRT}(d) = \sum_k \hat\beta_k \psi_k'(d), \quad
\hat\theta = \frac{\sum_{d_i > 0} w_i \widehat{ACRT}(d_i)}{\sum_{d_i > 0} w_i}
```

With `target: level` the headline is the mean of $\widehat{ATT}(d_i)$. `curve: spline` has the powers of the dose up to
`degree`, and that of its excess over each of the inner `knots`. With `curve: bins` $\psi_k$ are indicators, and the
slope of a bin leads from the bin before it, at mean doses, to it; that of the first bin from no dose, or without
untreated units it is that of the second. Without untreated units $\widehat{ATT}(d)$ is less that of the lowest dose.
Rows of event time come from the same regression, of the mean of a bin less that of the last bin before $s$. $X_i$ are
means before $s$. The covariance is a sandwich over clusters, with the doses over which $\hat\theta$ averages counting
as drawn, times $G/(G-1) \cdot (n-1)/(n-k)$ with $n$ units and $k$ columns.
""",
    edge_cases=(
        "Doses that do not all start in one period after the first, change later or are"
        " negative are refused; `dose: mean_post` with `start` in the study gives each unit its mean",
        "Refused where all treated have one dose, unless `curve: bins` compares them with untreated units",
        "Refused where doses and covariates do not pin down the curve, or there are no more units than columns",
        "Without untreated units a warning says that levels and slopes rest on strong parallel trends",
        _notes.RATE,
        _notes.WEIGHTS_BY_UNIT,
        _notes.CONSTANT_COVARIATE,
        _notes.EVENTS,
    ),
    since="0.1.0",
)
SHOWN = np.arange(1, 10) / 10


@dataclass(frozen=True)
class _Sample:
    """One row per unit: dose, changes of the outcome (the headline first, then those by event-time bin), and the rest.

    after : shape (n_units,), mean outcome from the start on; time : shape (n_bins,), first periods of the bins
    """

    dose: np.ndarray
    change: np.ndarray
    after: np.ndarray
    lowest: float
    time: np.ndarray
    covariates: np.ndarray | None
    weights: np.ndarray | None
    cluster: np.ndarray
    warnings: tuple[str, ...]


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Fit the dose-response of the change from before to after the start, and that of each event-time bin.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level, per unit of dose (or, with `target: level`, of the dose as it was). Rows of kind event_time (the
        target, against the last bin before the start) and of kind dose, with group `level` and `slope`, at the deciles
        of positive doses or the means of bins. `percent_change` relates to the mean outcome that treated units would
        have had without a dose (without untreated units: with the lowest one).

    Raises
    ------
    Unsupported
        If doses do not start together or do not stay, the panel is unbalanced, the doses do not pin down the curve, or
        an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(
        SPEC, study, target=("slope", "level"), curve=("spline", "bins"), unbalanced=("refuse", "drop")
    )
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel, chosen["unbalanced"])
    positive, untreated = sample.dose[sample.dose > 0], bool((sample.dose == 0).any())
    curve = _curve(chosen, positive, untreated)
    try:
        fitted = respond(sample.change, sample.dose, curve, sample.covariates, sample.weights, sample.cluster)
    except Singular:
        raise Unsupported(
            say(
                "{doses} different doses of {units} units do not pin down the curve",
                doses=len(np.unique(positive)),
                units=len(positive),
            ),
            where=SPEC.name,
            cure=say("Set a lower degree or fewer knots or bins, or remove covariates"),
        ) from None
    return _estimate(study, panel, sample, curve, fitted, chosen["target"], draws, rng)


def _curve(chosen: Mapping[str, Any], positive: np.ndarray, untreated: bool) -> Curve:
    degree, knots = _guard.whole(SPEC, chosen, "degree", 1), _guard.whole(SPEC, chosen, "knots", 0)
    count = _guard.whole(SPEC, chosen, "bins", 1 if untreated else 2)
    if chosen["curve"] == "spline" and positive.min() < positive.max():
        return spline(positive, degree, knots)
    curve = bins(positive, count, untreated)
    if len(curve.centre) > 1 or (chosen["curve"] == "bins" and untreated):
        return curve
    raise Unsupported(
        say("all treated units have the dose {dose:g}, which has no slope", dose=positive[0]),
        where=SPEC.name,
        cure=say("State it as a binary treatment, or set curve: bins"),
    )


def _sample(study: Study, panel: Panel, unbalanced: str) -> _Sample:
    outcome = _rates.outcome(study, panel)
    units, lost = _balanced.full_units(SPEC, outcome, unbalanced)
    outcome, (dose, start) = outcome[units], _doses(study, panel, units)
    weights, changing = _balanced.unit_weights(study, panel, units)
    time = np.unique((np.arange(panel.n_periods) - start) // study.event_bins)
    code = np.searchsorted(time, (np.arange(panel.n_periods) - start) // study.event_bins)
    means = np.stack([outcome[:, code == index].mean(axis=1) for index in range(len(time))], axis=1)
    reference = means[:, time == -1]
    after, before = outcome[:, start:].mean(axis=1), outcome[:, :start].mean(axis=1)
    return _Sample(
        dose=dose,
        change=np.column_stack([after - before, means[:, time != -1] - reference]),
        after=after,
        lowest=float(outcome.min()),
        time=time[time != -1] * study.event_bins,
        covariates=_before(study, panel, units, start),
        weights=weights,
        cluster=np.unique(panel.by_unit("cluster")[units], return_inverse=True)[1],
        warnings=lost + changing,
    )


def _doses(study: Study, panel: Panel, units: np.ndarray) -> tuple[np.ndarray, int]:
    """The dose of each unit and the period in which all doses start."""
    path = panel.matrix(f"d_{study.treatment.name}")[units]
    start = int(path.any(axis=0).argmax())
    dose = path[:, -1]
    if start == 0 or (path[:, start:] != dose[:, None]).any() or (dose < 0).any():
        raise Unsupported(
            say("takes doses that all start in one period, stay what they are and are not negative"),
            where=f"{SPEC.name}, treatment {study.treatment.name}",
            cure=say("Set `start` and `dose: mean_post` to use each unit's mean dose, or choose switchers or poisson"),
        )
    if not dose.any():
        raise Unsupported(say("no unit without gaps has a dose"), where=SPEC.name, cure=say("Fill the missing rows"))
    return dose, start


def _before(study: Study, panel: Panel, units: np.ndarray, start: int) -> np.ndarray | None:
    """Means of covariates before the start, shape (n_units, k)."""
    found = _covariates.split(SPEC, study, panel)
    values = np.column_stack([found.baseline[units], found.varying[:, units, :start].mean(axis=2).T])
    return values if values.shape[1] else None


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    curve: Curve,
    fitted: Response,
    target: str,
    draws: int,
    rng: np.random.Generator,
) -> Estimate:
    treated = sample.dose > 0
    dose = np.where(treated, sample.dose, sample.dose[treated].min())
    base = curve.level(dose.min(keepdims=True)) if treated.all() else np.zeros(1)
    level, slope = fitted.mean(curve.level(dose) - base), fitted.mean(curve.slope(dose))
    value, influence = slope if target == "slope" else level
    freedom = len(influence) - 1
    mass = np.where(treated, 1.0 if sample.weights is None else sample.weights, 0.0)
    what = say("effect of the dose as it was") if target == "level" else say("slope")
    per = say(" per {unit}", unit=study.treatment.unit or say("unit of dose")) if target == "slope" else ""
    return _level.estimate(
        study,
        panel,
        say(
            "Average {what} on {scale}{per}, after the start against before",
            what=what,
            scale=_rates.scale(study, panel),
            per=per,
        ),
        float(value[0]),
        float(np.linalg.norm(influence[:, 0])),
        _level.Sample(
            n_observations=len(sample.dose) * panel.n_periods,
            n_units=len(sample.dose),
            n_treated=int(treated.sum()),
            n_clusters=len(influence),
            untreated=float(mass @ sample.after / mass.sum() - level[0][0]),
            lowest=sample.lowest,
            warnings=sample.warnings + _warnings(sample),
        ),
        _rows(
            study,
            _level.events(study, sample.time, value[1:], influence[:, 1:], rng, draws, freedom),
            influence[:, 1:],
            _curves(curve, sample.dose[treated], base),
            fitted,
            draws,
            rng,
        ),
        say(
            "sandwich clustered by {cluster}, doses drawn, G/(G-1) x (n-1)/(n-k), t({freedom})",
            cluster=study.cluster,
            freedom=freedom,
        ),
        "balanza.kernels.dose",
        freedom,
    )


def _curves(curve: Curve, positive: np.ndarray, base: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Doses at which level effects and slopes are shown, and their weights of the coefficients."""
    dose = curve.centre if isinstance(curve, Bins) else np.unique(np.quantile(positive, SHOWN))
    level, slope = curve.level(dose) - base, curve.slope(dose)
    beyond = level.any(axis=1)
    return {"level": (dose[beyond], level[beyond]), "slope": (dose, slope)}


def _rows(
    study: Study,
    events: _level.EventStudy,
    spread: np.ndarray,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    fitted: Response,
    draws: int,
    rng: np.random.Generator,
) -> _level.EventStudy:
    """The event study's rows, then those of both curves of the headline, with the covariance of all."""
    import pandas as pd

    frames, parts = ([], []) if events.rows is None else ([events.rows], [spread])
    for group, (dose, weights) in curves.items():
        values, influence = (part[..., 0] for part in fitted.at(weights))
        error, uniform = np.linalg.norm(influence, axis=0), critical_value(influence, draws, study.level, rng)
        names, freedom = np.repeat(group, len(dose)), len(influence) - 1
        frames.append(_summary.rows_frame("dose", values, error, study.level, freedom, uniform, dose=dose, group=names))
        parts.append(influence)
    rows = pd.concat(frames, ignore_index=True)
    covariance = _summary.covariance_frame(np.hstack(parts), [str(row) for row in range(len(rows))])
    return _level.EventStudy(rows, covariance, events.warnings)


def _warnings(sample: _Sample) -> tuple[str, ...]:
    if (sample.dose == 0).any():
        return ()
    return (
        say(
            "No unit is untreated: levels are differences from the lowest dose ({dose:.3g}), and"
            " levels and slopes alike rest on strong parallel trends",
            dose=sample.dose.min(),
        ),
    )
