"""Two-stage least squares with unit and period effects, for the instruments of a study.

The kernel is `balanza.kernels.instrument`. Outcome, treatment and instruments enter net of unit and period effects and
of the covariates (those that do not change in time times period); in a panel with a single period, of a constant and
the covariates. The interval and the p-value are Anderson and Rubin's, which need no strong instruments, but many
clusters: with few of them, or an instrument that few of them share, they are an approximation that errs towards wide
intervals in our simulations. The interval is unbounded where the instruments are too weak to exclude any effect, and
empty where several contradict each other. A count with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _guard, _notes, _rates, _summary
from balanza.kernels import instrument as kernel
from balanza.kernels import within
from balanza.kernels.instrument import ConfidenceSet
from balanza.kernels.within import Degenerate
from balanza.say import joined, say, say_n

SPEC = EstimatorSpec(
    name="instrument",
    title="Instrumental variables",
    estimand="Change of the outcome (a count with exposure: of its rate per 100,000 a year) per unit of treatment, for"
    " the units and periods whose treatment the instruments move",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Montiel Olea and Pflueger (2013), Journal of Business and Economic Statistics 31(3); Anderson and Rubin"
    " (1949), Annals of Mathematical Statistics 20(1); Andrews, Stock and Sun (2019), Annual Review of Economics 11",
    assumptions=(
        "The instruments move the treatment",
        "They reach the outcome through the treatment alone, and share no cause with it but for effects and covariates",
        "They move the treatment of all units in the same direction, or the effect is the same for all",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Of two-stage least squares, clustered, G/(G-1) x (n-1)/(n-k) with unit effects nested; interval"
    " and p-value by inverting the clustered Anderson-Rubin test with the null imposed, chi-square with as many degrees"
    " of freedom as instruments",
    needs=("instruments",),
    options={},
    equation=r"""
Outcome $Y$, treatment $D$ and instruments $Z$ enter net of unit and period effects and of covariates (baseline ones
times period), times the square root of the study's weights; in a single period, net of a constant and covariates. With
$Z$ made orthonormal and $\hat D = Z Z'D$:

```math
\hat\tau = \frac{\hat D'Y}{\hat D'D}, \quad
\hat V = \frac{G}{G-1} \frac{n-1}{n-k} \frac{\sum_c \left(\sum_{r \in c} \hat D_r (Y_r - \hat\tau D_r)\right)^2}
{(\hat D'D)^2}
```

With $\hat\Sigma$ the clustered covariance of the first stage's slopes $Z'D$ and $m$ instruments, the clustered and the
effective $F$ are

```math
F = \frac{1}{m} D'Z \hat\Sigma^{-1} Z'D, \quad F_{\mathrm{eff}} = \frac{D'Z Z'D}{\mathrm{tr} \hat\Sigma}
```

The interval holds each $b$ at which the instruments explain nothing of $Y - b D$, by a test whose variance is that
under $b$, $\hat\Omega(b) = \sum_c s_c(b) s_c(b)'$ with $s_c(b)$ the sum over a cluster of instruments times
$Y - b D$:

```math
(Y - b D)'Z \hat\Omega(b)^{-1} Z'(Y - b D) \leq \chi^2_{m}
```

The test needs no strong first stage. Its $\chi^2$ holds as clusters grow in number, none of which dominates. The left
side is at most $G$, so that few clusters reject little.
""",
    edge_cases=(
        "Refused without `instruments` in the study, and with as many as clusters less one",
        "Refused where an instrument, or the treatment, has no variation of its own beside effects and covariates,"
        " where instruments repeat each other, or where they explain nothing of the treatment",
        "An unbounded interval has infinite ends, an empty one none; a sentence says so, and it has no reading in per"
        " cent or as a rate",
        "The effective F and its critical value for a bias of 10 % of the worst case stand in a sentence",
        *_notes.TWO_WAY,
        _notes.RATE,
        "There is no event study",
    ),
    since="0.1.0",
)
NOISE = 1e-9


@dataclass(frozen=True)
class _Rows:
    """Rows net of effects and covariates, times the square root of weights, shape (n,) and (n, k)."""

    outcome: np.ndarray
    treatment: np.ndarray
    instruments: np.ndarray
    cluster: np.ndarray
    size: float
    untreated: tuple[float, float]
    n_treated: int


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Fit two stages.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. The interval is infinite where unbounded, and NaN where empty; then it has no reading in per cent
        or as a rate, and a sentence says so.

    Raises
    ------
    Unsupported
        If the study has no instruments, or more than clusters allow; if an instrument has no variation of its own, or
        explains nothing of the treatment.
    """
    if not study.instruments:
        raise Unsupported(
            say("the study names no instruments"), where=SPEC.name, cure=say("Add `instruments: [column]`")
        )
    _guard.require(SPEC, study, panel)
    _guard.options(SPEC, study)
    if panel.n_clusters <= len(study.instruments) + 1:
        raise Unsupported(
            say(
                "has {n_instruments} instruments and only {n_clusters} clusters ({cluster})",
                n_instruments=len(study.instruments),
                n_clusters=panel.n_clusters,
                cluster=study.cluster,
            ),
            where=SPEC.name,
            cure=say("Use fewer instruments"),
        )
    rows = _rows(study, panel)
    data = (rows.outcome, rows.treatment, rows.instruments, rows.cluster)
    try:
        fit = kernel.two_stage(*data, rows.size)
    except Degenerate as problem:
        what = (
            say("the instruments explain nothing of the treatment")
            if problem.index is None
            else (say("instrument {instrument} repeats the others", instrument=study.instruments[problem.index]))
        )
        raise Unsupported(what, where=SPEC.name, cure=say("Choose other instruments")) from None
    return _estimate(study, panel, rows, fit, kernel.anderson_rubin(*data))


def _rows(study: Study, panel: Panel) -> _Rows:
    outcome, doses = _rates.outcome(study, panel), panel.matrix(f"d_{study.treatment.name}")
    seen = np.isfinite(outcome)
    weights = panel.matrix("weight") if study.weights else np.ones_like(outcome)
    mass = np.where(seen, weights, 0.0) / weights[seen].mean()
    tools = np.stack([panel.matrix(name) for name in study.instruments])
    covariates = _covariates.split(SPEC, study, panel)
    stack = np.concatenate([outcome[None], doses[None], tools, covariates.varying])
    if panel.n_periods > 1:
        net = within.within(stack, mass, covariates.baseline)
        absorbed = panel.n_periods + covariates.baseline.shape[1] * (panel.n_periods - 1)
    else:
        net, absorbed = np.where(seen, stack, 0.0), 1 + covariates.baseline.shape[1]
        others = np.column_stack([np.ones(panel.n_units), covariates.baseline])[:, :, None].swapaxes(0, 1)
        net = _partial_out(net, others, mass)
    n_first = 2 + len(tools)
    net = _partial_out(net[:n_first], net[n_first:], mass)
    _require_variation(study, np.where(seen, stack[1:n_first], 0.0), net[1:], mass)
    flat = (net * np.sqrt(mass))[:, seen]
    cluster = np.broadcast_to(panel.by_unit("cluster")[:, None], seen.shape)[seen]
    n_coefficients = 1 + len(covariates.varying) + absorbed
    treated = seen & (np.nan_to_num(doses) != 0)
    average = tuple(float(np.average(column[treated], weights=mass[treated])) for column in (outcome, doses))
    return _Rows(
        outcome=flat[0],
        treatment=flat[1],
        instruments=flat[2:].T,
        cluster=cluster,
        size=within.small_sample(panel.n_clusters, int(seen.sum()), n_coefficients),
        untreated=(average[0], average[1]),
        n_treated=int(treated.any(axis=1).sum()),
    )


def _partial_out(values: np.ndarray, others: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Weighted residuals of the values on the others, both (k, n_units, n_periods)."""
    if not len(others):
        return values
    root = np.sqrt(mass).ravel()
    x, y = others.reshape(len(others), -1).T, values.reshape(len(values), -1).T
    slopes = np.linalg.lstsq(x * root[:, None], y * root[:, None], rcond=None)[0]
    return np.asarray((y - x @ slopes).T.reshape(values.shape) * (mass > 0))


def _require_variation(study: Study, raw: np.ndarray, net: np.ndarray, mass: np.ndarray) -> None:
    """Refuse a treatment, and instruments, of which effects and covariates leave nothing."""
    for name, before, after in zip((study.treatment.name, *study.instruments), raw, net, strict=True):
        try:
            within.refuse_collinear(mass, before[None], np.array([[(mass * after**2).sum()]]))
        except Degenerate:
            raise Unsupported(
                say("{name} has no variation of its own beside unit and period effects and the covariates", name=name),
                where=SPEC.name,
                cure=say(
                    "An instrument that is constant in time enters times something that moves, as a column of its own"
                ),
            ) from None


def _estimate(study: Study, panel: Panel, rows: _Rows, fit: kernel.TwoStage, moments: kernel.Moments) -> Estimate:
    k, clusters = len(study.instruments), panel.n_clusters
    error = float(np.linalg.norm(fit.influence))
    found, p_value = _anderson_rubin(study, fit.value, error, rows, moments, clusters)
    bounds = _bounds(found)
    finite = bool(np.isfinite(bounds).all())
    untreated = rows.untreated[0] - fit.value * rows.untreated[1]
    lowest = float(panel.frame["outcome"].min())
    return Estimate(
        treatment=study.treatment.name,
        estimand=say_n(
            "Change of {scale} per {unit}, where {instruments} moves the treatment",
            "Change of {scale} per {unit}, where {instruments} move the treatment",
            k,
            scale=_rates.scale(study, panel),
            unit=study.treatment.unit or say("unit of treatment"),
            instruments=joined(study.instruments, say(" and ")),
        ),
        scale="level",
        value=fit.value,
        standard_error=error,
        interval=bounds,
        p_value=p_value,
        n_observations=len(rows.outcome),
        n_units=panel.n_units,
        n_treated=rows.n_treated,
        n_clusters=clusters,
        standard_error_type=say(
            "two-stage least squares clustered by {cluster}, G/(G-1) x (n-1)/(n-k); interval and"
            " p-value: Anderson-Rubin, null imposed, chi-square({k})",
            cluster=study.cluster,
            k=k,
        ),
        engine="balanza.kernels.instrument",
        percent_change=_rates.percent_change(study, fit.value, bounds, untreated, lowest) if finite else None,
        rate_change=_rates.rate_change(study, panel, fit.value, bounds) if finite else None,
        warnings=_guard.two_way(study, panel, np.ones(panel.n_units, bool))
        + _first_stage(study, fit)
        + _shape(study, found),
    )


def _anderson_rubin(
    study: Study, value: float, error: float, rows: _Rows, moments: kernel.Moments, clusters: int
) -> tuple[ConfidenceSet, float]:
    """Values that are not rejected, and the p-value of no effect; without noise the value itself."""
    from scipy.stats import chi2

    size = float(np.linalg.norm(rows.outcome) / np.linalg.norm(rows.treatment))
    if error <= NOISE * size:
        return ConfidenceSet((_summary.interval(value, error, study.level, clusters - 1),)), _summary.p_value(
            value, error, clusters - 1
        )
    k = len(study.instruments)
    p_value = float(chi2.sf(kernel.statistic(moments, 0.0), k))
    critical = float(chi2.ppf(study.level, k))
    return kernel.confidence_set(moments, critical, value, error), p_value


def _bounds(found: ConfidenceSet) -> tuple[float, float]:
    """The ends of the set: infinite where it is unbounded, NaN where it is empty."""
    if not found.pieces:
        return float("nan"), float("nan")
    return found.pieces[0][0], found.pieces[-1][1]


def _first_stage(study: Study, fit: kernel.TwoStage) -> tuple[str, ...]:
    weak = fit.f_effective < fit.f_critical
    return (
        say(
            "First stage: F = {f_robust:.1f} (clustered by {cluster}), effective F ="
            " {f_effective:.1f} against {f_critical:.1f} for a bias of at most 10 % of the worst"
            " case: the instruments are {weak}",
            f_robust=fit.f_robust,
            cluster=study.cluster,
            f_effective=fit.f_effective,
            f_critical=fit.f_critical,
            weak=say("weak, so that the estimate itself leans towards least squares") if weak else say("not weak"),
        ),
    )


def _shape(study: Study, found: ConfidenceSet) -> tuple[str, ...]:
    """A sentence where the interval is not a plain one."""
    level = say("{level:.0f} % Anderson-Rubin set", level=100 * study.level)
    if not found.pieces:
        return (
            say(
                "The {level} is empty: no effect agrees with all instruments, so that one of them is not valid",
                level=level,
            ),
        )
    if len(found.pieces) == 1 and found.bounded:
        return ()
    if found.pieces == ((-np.inf, np.inf),):
        return (say("The {level} is unbounded: the instruments exclude no effect at all", level=level),)
    pieces = joined((_piece(low, high) for low, high in found.pieces), say(" and "))
    unbounded = "" if found.bounded else "unbounded: "
    return (say("The {level} is {unbounded}{pieces}", level=level, unbounded=unbounded, pieces=pieces),)


def _piece(low: float, high: float) -> str:
    if np.isinf(low):
        return say("up to {high:.4g}", high=high)
    return (
        say("from {low:.4g} on", low=low) if np.isinf(high) else say("from {low:.4g} to {high:.4g}", low=low, high=high)
    )
