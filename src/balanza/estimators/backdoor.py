"""Adjustment for the study's covariates by DoWhy: regression, inverse probability weighting, or doubly robust.

The covariates are those that a graph, or the study file, chose. What a row is depends on the treatment:

- absorbing: one row a unit (`balanza.estimators._collapsed`). The outcome is the unit's change at treatment net of
  common shocks, and its level before treatment is a covariate beside the baseline values of the others, so that units
  are compared with the same past. For staggered cohorts each treated unit has its own window, and a never-treated one
  the mean of all cohorts' windows.
- a dose, or a treatment that may switch off: one row a unit and period, all columns net of unit and period effects (and
  of baseline covariates times period). That is two-way least squares, by another engine.
- a panel with a single period: a cross-section, as it is. A 0/1 treatment is then stated as `reversible`.

The value is DoWhy's. It has no clustered inference for panels, so that the standard error comes from the influence
functions of `balanza.kernels.adjustment`, whose value must agree with DoWhy's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _collapsed, _covariates, _dowhy, _guard, _level, _notes, _rates
from balanza.estimators._dowhy import Method
from balanza.kernels import adjustment as kernel
from balanza.kernels import within
from balanza.kernels.within import Degenerate
from balanza.say import joined, say

SPEC = EstimatorSpec(
    name="backdoor",
    title="Backdoor adjustment (DoWhy)",
    estimand="Effect of one unit of treatment on the outcome (a count with exposure: on its rate per 100,000 a year)"
    " given the covariates: by regression the same for all units, by weights the average over all units or the treated",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Pearl (1995), Biometrika 82(4); Sharma and Kiciman (2020), arXiv:2011.04216 (DoWhy); Lunceford and"
    " Davidian (2004), Statistics in Medicine 23(19)",
    assumptions=(
        "The covariates, with the level before treatment where there is one, block every backdoor path: units that"
        " share them would have changed alike without treatment",
        "Among units with the same covariates some are treated and some are not",
        "By regression, outcomes are linear in the covariates and the effect is the same for all; by weights, the logit"
        " of treatment is; doubly robust, either",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Influence functions that count the estimation of all nuisance coefficients, summed by cluster,"
    " G/(G-1) x (n-1)/(n-k), Student's t with G-1 degrees of freedom",
    options={"method": "regression", "target": "ate", "unbalanced": "refuse"},
    option_notes={
        "method": "`regression`: least squares; `ipw`: weights by a logit without penalty, normalised (Hajek);"
        " `doubly_robust`: the regression mended by the weighted mean of its residuals",
        "target": "Of weights: the average over all units (`ate`) or over the treated (`att`)",
        "unbalanced": f"Of an absorbing treatment. {_notes.UNBALANCED}",
    },
    equation=r"""
A row $r$ has an outcome $Y_r$, a treatment $D_r$ and covariates $X_r$. Of an absorbing treatment it is a unit: with
$\tilde y_{it}$ the outcome less the mean of never-treated units in period $t$, $Y_i$ is the mean of $\tilde y_{it}$
from treatment on less that before, and $X_i$ holds that mean before and the covariates' means over the periods before
any unit is treated. Of other treatments it is a unit and period, all columns net of unit and period effects; of a
single period, the unit as it is.

`regression` is least squares of $Y_r$ on a constant, $D_r$ and $X_r$. The others rest on a logit without penalty,
$e_r = \Lambda(X_r'\gamma)$. `ipw`, for all units:

```math
\hat\tau = \frac{\sum_r D_r Y_r / e_r}{\sum_r D_r / e_r} -
\frac{\sum_r (1 - D_r) Y_r / (1 - e_r)}{\sum_r (1 - D_r) / (1 - e_r)}
```

For the treated (`target: att`) weights are 1 in the first term and $e_r / (1 - e_r)$ in the second. `doubly_robust`,
with $\hat Y_r$ fitted by the regression and $\hat\beta$ its coefficient of $D_r$:

```math
\hat\tau = \hat\beta + \frac{1}{n} \sum_r \left(\frac{D_r}{e_r} - \frac{1 - D_r}{1 - e_r}\right) (Y_r - \hat Y_r)
```

The value is DoWhy's. With $\psi_r$ the influence of a row, that through all nuisance coefficients included:

```math
\hat V = \frac{G}{G-1} \frac{n-1}{n-k} \sum_c \psi_c^2, \quad \psi_c = \sum_{r \in c} \psi_r
```

$k$ counts all coefficients, those of period effects and baseline slopes that were taken out too, and none of units.
""",
    edge_cases=(
        "Of an absorbing treatment, units treated from the first period on have no before: left out and counted",
        _notes.FLAT,
        "`ipw` and `doubly_robust` are refused for doses and for treatments that switch off, unless the panel has a"
        " single period and the treatment is 0 or 1; `doubly_robust` with `target: att` is refused",
        "Of a dose, or a treatment that switches off, in more than one period: refused without covariates, since"
        " two-way least squares (`twfe`) says the same",
        "Refused where covariates tell treated from untreated rows without error, or are collinear",
        "Refused where DoWhy's value and that of our own kernel differ by more than 1e-6",
        "Rows with a probability of treatment below .02 or above .98 are counted in a warning",
        _notes.RATE,
        "Studies with weights are refused. There is no event study",
    ),
    since="0.1.0",
)
WORDS = {
    "regression": say("linear regression"),
    "ipw": say("inverse probability weights"),
    "doubly_robust": say("doubly robust"),
}
AVERAGE = {"ate": say("average over all units"), "att": say("average over the treated")}
EXTREME = 0.02


@dataclass(frozen=True)
class _Rows:
    """Rows to adjust, shape (n,) and (n, k), already net of what is absorbed; `n_absorbed` coefficients were."""

    outcome: np.ndarray
    treatment: np.ndarray
    covariates: np.ndarray
    names: tuple[str, ...]
    cluster: np.ndarray
    what: str
    n_absorbed: int
    treated_level: float
    treated_dose: float
    n_observations: int
    n_units: int
    n_treated: int
    lowest: float
    warnings: tuple[str, ...]


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Adjust for the covariates.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. `percent_change` relates the effect to the mean outcome that treated rows would have had.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, units lack rows and may not be left out, the method does not fit the
        treatment, covariates are collinear or tell treated from untreated units without error, the study has weights,
        or a treatment that does not begin once for all comes without covariates.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(
        SPEC,
        study,
        method=("regression", "ipw", "doubly_robust"),
        target=("ate", "att"),
        unbalanced=("refuse", "drop"),
    )
    method, target = chosen["method"], chosen["target"]
    _collapsed.no_weights(SPEC, study)
    _require_fit(study, panel, method, target)
    rows = _rows(study, panel, chosen["unbalanced"])
    try:
        own = _adjust(rows, method, target)
    except Degenerate as problem:
        raise _refusal(problem, rows) from None
    value = _dowhy.effect(rows.outcome, rows.treatment, rows.covariates, method, target)
    _require_agreement(value, own.value, float(np.abs(rows.outcome).max()))
    return _estimate(study, panel, rows, value, own, method, target)


def _require_fit(study: Study, panel: Panel, method: Method, target: str) -> None:
    """Refuse weights for treatments that are not one switch a row, and DoWhy's gap."""
    if method != "regression" and study.treatment.kind != "binary" and panel.n_periods > 1:
        raise Unsupported(
            say(
                "method {method} weighs treated against untreated units, and {name} is no single switch",
                method=method,
                name=study.treatment.name,
            ),
            where=SPEC.name,
            cure=say("Use method: regression"),
        )
    if method != "regression" and not panel.frame[f"d_{study.treatment.name}"].isin((0, 1)).all():
        raise Unsupported(
            say("method {method} takes 0/1 treatments", method=method),
            where=SPEC.name,
            cure=say("Use method: regression"),
        )
    if method == "doubly_robust" and target == "att":
        raise Unsupported(
            say("DoWhy's doubly robust estimate is of the average over all units only"),
            where=SPEC.name,
            cure=say("Use target: ate, or method: ipw"),
        )


def _rows(study: Study, panel: Panel, unbalanced: str) -> _Rows:
    if panel.n_periods == 1:
        return _cross_section(study, panel)
    if study.treatment.kind == "binary":
        return _one_a_unit(study, panel, unbalanced)
    return _within(study, panel)


def _one_a_unit(study: Study, panel: Panel, unbalanced: str) -> _Rows:
    data = _collapsed.collapse(SPEC, study, panel, unbalanced)
    size = float(np.abs(_rates.outcome(study, panel)[data.units]).max())
    covariates, names = _collapsed.varying(
        np.column_stack([data.before, data.traits]), (say("the level before treatment"), *data.names), size
    )
    return _Rows(
        outcome=data.change,
        treatment=data.treatment,
        covariates=covariates,
        names=names,
        cluster=data.cluster,
        what=say("change at treatment, given the level before and the covariates"),
        n_absorbed=0,
        treated_level=data.treated_level,
        treated_dose=data.treated_dose,
        n_observations=data.n_observations,
        n_units=len(data.units),
        n_treated=int((data.treatment != 0).sum()),
        lowest=data.lowest,
        warnings=data.warnings + _collapsed.constant(data.names, names, say(" before treatment")),
    )


def _seen(panel: Panel) -> np.ndarray:
    return np.asarray(np.isfinite(panel.matrix("outcome")))


def _cross_section(study: Study, panel: Panel) -> _Rows:
    columns = [name for name in study.covariates if name != "graph"]
    values = np.column_stack([np.zeros(panel.n_units), *(panel.matrix(name)[:, 0] for name in columns)])
    covariates, names = _collapsed.varying(values, ("", *columns), 1.0)
    rows = _long(
        study, panel, _rates.outcome(study, panel), panel.matrix(f"d_{study.treatment.name}"), covariates, names
    )
    return replace(rows, warnings=_collapsed.constant(tuple(columns), names, ""))


def _within(study: Study, panel: Panel) -> _Rows:
    """Rows of all units and periods, net of unit and period effects and of baseline covariates times period."""
    lacking = say("no covariates, and without covariates it is two-way least squares")
    _covariates.require(SPEC, study, study.covariates, lacking, say("Add `covariates`, or use twfe"))
    split = _covariates.split(SPEC, study, panel)
    seen = _seen(panel)
    doses = panel.matrix(f"d_{study.treatment.name}")
    net = within.within(
        np.concatenate([_rates.outcome(study, panel)[None], doses[None], split.varying]), seen * 1.0, split.baseline
    )
    within.refuse_collinear(seen * 1.0, np.where(seen, doses, 0.0)[None], np.array([[(net[1] ** 2).sum()]]))
    slopes = split.baseline.shape[1] * (panel.n_periods - 1)
    return _long(study, panel, net[0], net[1], net[2:][:, seen].T, split.names, n_absorbed=panel.n_periods - 1 + slopes)


def _long(
    study: Study,
    panel: Panel,
    outcome: np.ndarray,
    treatment: np.ndarray,
    covariates: np.ndarray,
    names: tuple[str, ...],
    n_absorbed: int = 0,
) -> _Rows:
    """Rows of a panel as they are seen; `outcome` and `treatment` are units x periods."""
    seen, raw, doses = _seen(panel), _rates.outcome(study, panel), panel.matrix(f"d_{study.treatment.name}")
    treated = seen & (np.nan_to_num(doses) != 0)
    return _Rows(
        outcome=outcome[seen],
        treatment=treatment[seen],
        covariates=covariates,
        names=names,
        cluster=np.broadcast_to(panel.by_unit("cluster")[:, None], seen.shape)[seen],
        what=say("change") if n_absorbed else say("difference of the outcome, given the covariates"),
        n_absorbed=n_absorbed,
        treated_level=float(raw[treated].mean()),
        treated_dose=float(doses[treated].mean()),
        n_observations=int(seen.sum()),
        n_units=panel.n_units,
        n_treated=int(treated.any(axis=1).sum()),
        lowest=float(raw[seen].min()),
        warnings=(),
    )


def _adjust(rows: _Rows, method: Method, target: kernel.Target) -> kernel.Adjusted:
    if method == "regression":
        return kernel.regression(rows.outcome, rows.treatment, rows.covariates)
    if method == "ipw":
        return kernel.weighting(rows.outcome, rows.treatment, rows.covariates, target)
    return kernel.doubly_robust(rows.outcome, rows.treatment, rows.covariates)


def _refusal(problem: Degenerate, rows: _Rows) -> Unsupported:
    names = joined((name for name in rows.names if name), ", ") or say("none")
    if problem.reason == "separated":
        return Unsupported(
            say(
                "the covariates ({names}) tell treated from untreated units without error, or are"
                " collinear, so that no logit fits",
                names=names,
            ),
            where=SPEC.name,
            cure=say("Use fewer covariates, or method: regression"),
        )
    what = say("the treatment") if problem.index == 0 else say("a covariate")
    return Unsupported(
        say(
            "{what} has no variation of its own beside the others ({names}) and what is absorbed",
            what=what,
            names=names,
        ),
        where=SPEC.name,
        cure=say("Remove what it repeats, or use rows in which it varies"),
    )


def _require_agreement(value: float, own: float, size: float) -> None:
    if not abs(value - own) <= 1e-6 * max(abs(own), 1e-3 * size, np.finfo(float).tiny):
        raise Unsupported(
            say(
                "DoWhy's value {value:.8g} and our own {own:.8g} differ: its logit has not converged",
                value=value,
                own=own,
            ),
            where=SPEC.name,
            cure=say("Use fewer or better scaled covariates, or method: regression"),
        )


def _estimate(
    study: Study, panel: Panel, rows: _Rows, value: float, own: kernel.Adjusted, method: Method, target: str
) -> Estimate:
    influence = kernel.clustered(own.influence, rows.cluster)
    n_clusters, n_rows = len(influence), len(rows.outcome)
    size = within.small_sample(n_clusters, n_rows, own.n_coefficients + rows.n_absorbed)
    freedom = n_clusters - 1
    over = say("the same for all units") if method == "regression" else AVERAGE[target]
    unit = study.treatment.unit or say("unit of treatment")
    return _level.estimate(
        study,
        panel,
        say(
            "Effect on {scale} per {unit} ({what}), {over}",
            scale=_rates.scale(study, panel),
            unit=unit,
            what=rows.what,
            over=over,
        ),
        value,
        float(size * np.linalg.norm(influence)),
        _level.Sample(
            n_observations=rows.n_observations,
            n_units=rows.n_units,
            n_treated=rows.n_treated,
            n_clusters=n_clusters,
            untreated=rows.treated_level - value * rows.treated_dose,
            lowest=rows.lowest,
            warnings=rows.warnings + _overlap(own.propensity),
        ),
        _level.EventStudy(None, None, ()),
        say(
            "{method}: influence functions clustered by {cluster}, G/(G-1) x (n-1)/(n-k), t({freedom})",
            method=WORDS[method],
            cluster=study.cluster,
            freedom=freedom,
        ),
        say("dowhy {version} (value), balanza.kernels.adjustment (standard error)", version=_dowhy.version()),
        freedom,
    )


def _overlap(propensity: np.ndarray) -> tuple[str, ...]:
    """A sentence on units that are all but sure to be treated or not."""
    extreme = int(((propensity < EXTREME) | (propensity > 1 - EXTREME)).sum())
    if not extreme:
        return ()
    return (
        say(
            "{extreme} of {rows} rows have a probability of treatment below {low} or"
            " above {high}: few comparable rows carry much weight",
            extreme=extreme,
            rows=len(propensity),
            low=EXTREME,
            high=1 - EXTREME,
        ),
    )
