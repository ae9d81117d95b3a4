"""Inference for few treated clusters, after Conley and Taber (2011): the error is read off the untreated ones.

The design is two-way least squares on clusters. An absorbing treatment changes only when a cohort starts, so that the
periods between two such starts are one stretch, weighted by its length: the coefficient is that of all periods, and the
serial dependence within a stretch does no harm. Each cluster counts once. A count enters as the logarithm of its rate
over the stretch, so that the effect is a ratio as in the Poisson estimators; half an event is added to each count,
which takes most of the logarithm's bias away and lets short stretches be empty (Haldane 1956, Annals of Human Genetics
20). Where empty stretches make up more than a twentieth of all cluster-periods a logarithm says little, and the count
enters as its rate per 100,000 people a year (or per period, where periods are neither months nor years). Other outcomes
enter as means. Since small clusters vary more, placebo coefficients are brought to the spread that the sizes of the
treated clusters give, after Ferman and Pinto (2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _rates, _summary
from balanza.kernels.conley_taber import Placebos, placebos
from balanza.say import joined, say

SPEC = CheckSpec(
    name="conley_taber",
    title="Inference for few treated clusters (Conley and Taber)",
    question="Is the effect larger than what untreated clusters show in the place of the treated?",
    reference="Conley & Taber (2011), Review of Economics and Statistics 93(1); on clusters of unlike size Ferman &"
    " Pinto (2019), Review of Economics and Statistics 101(3)",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
$\hat\tau_b$ is the two-way least-squares coefficient of the treated clusters' paths handed to other clusters by the
assignment $b$, $b = 0$ the observed one, and $o_b$ that of the observed treatment $D$ in place of the outcome. With
$x_{ck}$ for the contrast of cluster $c$ with path $k$, of $m$, and $S_c$ for its size (exposure, or summed weights),

```math
\mathrm{Var}(x_{ck}) = a_k + b_k / S_c, \quad a_k, b_k \geq 0
```

is fitted to the squares of the untreated clusters' centred contrasts (least squares, weighted by the inverse squares of
the fit), and likewise $V_c$ of $\sum_k x_{ck}$. So an assignment of paths $k$ to clusters $b(k)$ has the spread

```math
\sigma_b^2 = \left(1 - \frac{2m}{n}\right) \sum_k \left(a_k + \frac{b_k}{S_{b(k)}}\right)
+ \frac{1}{n^2} \sum_c V_c
```

and the hypothesis of an effect $\tau$, over all assignments or $B$ drawn ones, the p value below. The interval holds
all effects with $p > 1 - $ `level`.

```math
p(\tau) = \frac{1}{1 + B} \sum_{b=0}^{B} \mathbf{1}\left\{\frac{|\hat\tau_b - \tau o_b|}{\sigma_b} \geq
\frac{|\hat\tau_0 - \tau|}{\sigma_0}\right\}
```
""",
    edge_cases=(
        "Refused with covariates, several treatments, missing rows, or a treatment that differs within a cluster",
        "Refused with more than 10 treated clusters or fewer than 10 untreated ones",
        "Clusters treated from the first period on are left out and counted",
        "With equal sizes nothing is rescaled, and the test is the exact permutation test of alike clusters",
        "The variance's two parts are read off few clusters: in simulated worlds of 32 states of very unlike size, a"
        " test at 5 % refused 1 to 9 % where there was no effect (0 to 34 % without rescaling)",
        "Only size is allowed for: treated clusters that vary more for another reason make the test too ready",
        "Treated clusters of very unlike size, one of which makes up all the spread, may leave the interval open",
        "Counts enter in logs plus half an event, as rates where empty stretches are more than a twentieth",
    ),
)
MOST_TREATED = 10
LEAST_CONTROLS = 10
MOST_EMPTY = 0.05


@dataclass(frozen=True)
class _Cells:
    """Clusters x stretches: outcome and treatment; `length` in periods, `size` of each cluster, and the scale."""

    outcome: np.ndarray
    treatment: np.ndarray
    length: np.ndarray
    size: np.ndarray
    scale: Literal["log", "level"]
    what: str
    left_out: int

    @property
    def treated(self) -> np.ndarray:
        """Whether a cluster is ever treated, shape (n_clusters,)."""
        return np.asarray(self.treatment.any(axis=1))


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Compare the two-way coefficient with those of the same paths in other clusters, and invert the comparison.

    Parameters
    ----------
    study, panel, estimates : as in the contract
        The treatment must be the same for all units of a cluster.
    rng : Generator
        Draws `study.draws` assignments where there are more than 2,000.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has one row: the estimate on the stated scale with its interval (infinite
        where there are too few clusters to refuse any effect) and p. `figure` holds the placebo coefficients.

    Raises
    ------
    Unsupported
        If treated clusters are many or untreated ones few, the treatment varies within a cluster, rows are missing, or
        the study has covariates or several treatments.
    """
    import pandas as pd

    _require(study, panel)
    cells = _cells(study, panel, _cohorts(study, panel))
    found = placebos(cells.outcome, cells.treatment, cells.length, study.draws, rng, cells.size)
    treated, p = cells.treated, found.p_value()
    low, high = found.interval(study.level)
    row: dict[str, Any] = {
        "treatment": study.treatment.name,
        "scale": cells.scale,
        "value": found.value,
        "low": low,
        "high": high,
        "p_value": p,
        "n_treated_clusters": int(treated.sum()),
        "n_control_clusters": int((~treated).sum()),
        "n_assignments": len(found.coefficient),
    }
    values = row | {
        "outcome": cells.what,
        "level": study.level,
        "relative_size": float(np.median(cells.size[treated]) / np.median(cells.size[~treated])),
        "n_left_out": cells.left_out,
    }
    figure = pd.DataFrame({"treatment": study.treatment.name, "coefficient": found.coefficient[1:]})
    return CheckResult(SPEC.name, None, _sentence(study, cells, found, values), values, pd.DataFrame([row]), figure)


def _require(study: Study, panel: Panel) -> None:
    if len(study.treatments) > 1:
        raise Unsupported(say("takes one treatment"), where=SPEC.name, cure=say("Read `randomization` instead"))
    if any(name != "graph" for name in study.covariates):
        raise Unsupported(
            say("takes no covariates"), where=SPEC.name, cure=say("Read `randomization`, or a study without covariates")
        )
    if not panel.balanced:
        raise Unsupported(
            say("needs a row of each unit in each period"),
            where=SPEC.name,
            cure=say("Fill the rows, or read `randomization`"),
        )


def _cohorts(study: Study, panel: Panel) -> np.ndarray:
    """First treated period of each cluster, shape (n_clusters,); n_periods for those untreated in the window."""
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    cohort = np.where((cohort < 0) | (cohort >= panel.n_periods), panel.n_periods, cohort)
    first, last = np.full(panel.n_clusters, panel.n_periods), np.zeros(panel.n_clusters, int)
    np.minimum.at(first, panel.by_unit("cluster"), cohort)
    np.maximum.at(last, panel.by_unit("cluster"), cohort)
    if (first != last).any():
        raise Unsupported(
            say("{treatment} differs within a cluster", treatment=study.treatment.name),
            where=SPEC.name,
            cure=say("Cluster where it is assigned"),
        )
    treated, controls = int(((first > 0) & (first < panel.n_periods)).sum()), int((first == panel.n_periods).sum())
    if not 0 < treated <= MOST_TREATED or controls < LEAST_CONTROLS:
        raise Unsupported(
            say(
                "is for 1 to {most_treated} treated clusters beside {least_controls} or more untreated"
                " ones, not for {treated} beside {controls} ({cluster})",
                most_treated=MOST_TREATED,
                least_controls=LEAST_CONTROLS,
                treated=treated,
                controls=controls,
                cluster=study.cluster,
            ),
            where=SPEC.name,
            cure=say("Read the clustered errors where treated clusters are many, and `randomization` otherwise"),
        )
    return first


def _cells(study: Study, panel: Panel, cohort: np.ndarray) -> _Cells:
    """Clusters that are not treated from the first period on, summed over stretches between starts."""
    keep = cohort > 0
    starts = np.unique(cohort[keep & (cohort < panel.n_periods)])
    stretch = np.searchsorted(starts, np.arange(panel.n_periods), side="right")
    length = np.bincount(stretch).astype(float)
    cluster, weight = panel.by_unit("cluster"), np.ones((panel.n_units, panel.n_periods))
    if study.weights:
        weight = panel.matrix("weight")

    def summed(values: np.ndarray) -> np.ndarray:
        out = np.zeros((panel.n_clusters, panel.n_periods))
        np.add.at(out, cluster, values)
        return out[keep]

    outcome, at_risk = summed(weight * panel.matrix("outcome")), summed(weight)
    if study.outcome.exposure:
        at_risk = summed(weight * panel.matrix("exposure"))
    values, scale, what = _outcome(study, panel, outcome, at_risk, stretch)
    return _Cells(
        outcome=values,
        treatment=(np.arange(len(length)) > np.searchsorted(starts, cohort[keep])[:, None]).astype(float),
        length=length,
        size=at_risk.mean(axis=1),
        scale=scale,
        what=what,
        left_out=int((~keep).sum()),
    )


def _outcome(
    study: Study, panel: Panel, outcome: np.ndarray, at_risk: np.ndarray, stretch: np.ndarray
) -> tuple[np.ndarray, Literal["log", "level"], str]:
    """The outcome by stretch, its scale and its name: means, or for counts the logarithm of rates where it exists."""

    def by_stretch(values: np.ndarray) -> np.ndarray:
        return np.stack([values[:, stretch == code].sum(axis=1) for code in range(stretch.max() + 1)], axis=1)

    if study.outcome.family == "gaussian":
        return by_stretch(outcome / at_risk) / np.bincount(stretch), "level", study.outcome.column
    count, length = by_stretch(outcome), np.bincount(stretch)
    empty = float(((count == 0) @ length).mean() / length.sum())
    rate = count / by_stretch(at_risk)
    if empty <= MOST_EMPTY:
        per_head = say("{outcome} per head, in logs,", outcome=study.outcome.column)
        what = per_head if study.outcome.exposure else say("{outcome}, in logs,", outcome=study.outcome.column)
        return np.log((count + 0.5) / by_stretch(at_risk)), "log", what
    if not study.outcome.exposure:
        return rate, "level", study.outcome.column
    return rate * _summary.PER_PEOPLE * (panel.periods_per_year or 1.0), "level", _rates.scale(study, panel)


def _sentence(study: Study, cells: _Cells, found: Placebos, values: Mapping[str, Any]) -> str:
    def shown(value: float) -> str:
        return (
            say("{change:+.1f} %", change=100 * np.expm1(value))
            if cells.scale == "log"
            else say("{value:.4g}", value=value)
        )

    low, high = values["low"], values["high"]
    ends = joined((shown(end) if np.isfinite(end) else say("no bound") for end in (low, high)), " to ")
    how = "all" if found.exhaustive else say("drawn at random")
    left_out = (
        say(" {left_out} cluster(s) treated from the first period on are left out.", left_out=cells.left_out)
        if cells.left_out
        else ""
    )
    return say(
        "With {n_treated_clusters} treated clusters ({cluster}) and {n_control_clusters}"
        " untreated ones, the two-way effect on {what} is {shown}; against {n_assignments}"
        " placebo assignments ({how}) its {level:.0f} % interval is {ends}, p = {p_value:.3f}."
        " This takes clusters of one size to vary alike; the median treated one has"
        " {relative_size:.2g} times the size of the median untreated one, which the placebos are"
        " rescaled for.{left_out}",
        n_treated_clusters=values["n_treated_clusters"],
        cluster=study.cluster,
        n_control_clusters=values["n_control_clusters"],
        what=cells.what,
        shown=shown(found.value),
        n_assignments=values["n_assignments"] - 1,
        how=how,
        level=100 * study.level,
        ends=ends,
        p_value=values["p_value"],
        relative_size=values["relative_size"],
        left_out=left_out,
    )
