"""Effects of switching treatment by horizon (de Chaisemartin and D'Haultfoeuille 2024), as in `did_multiplegt_dyn`.

The kernel is `balanza.kernels.switchers`. Treatment may be any number, and may go up and down: a unit is compared, from
the period before its first change on, with the units that began with the same treatment and have not changed it yet. A
switcher counts up to the period in which its treatment comes to lie on the other side of its first one. A count with
exposure enters as its rate per 100,000 a year. All horizons are estimated unless `effects` and `placebos` say
otherwise (the authors' default is one effect and no placebo); all else is as in the authors' package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _guard, _level, _notes, _rates
from balanza.kernels.switchers import NoStayers, Switching, paths, switching
from balanza.say import joined, say

SPEC = EstimatorSpec(
    name="switchers",
    title="Effects of switching (de Chaisemartin and D'Haultfoeuille)",
    estimand="Average total effect of one unit of treatment: the outcomes of all switchers after their first change,"
    " less what they would have been with their first treatment, per unit of treatment that they had more",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="de Chaisemartin and D'Haultfoeuille (2024), Review of Economics and Statistics,"
    " Difference-in-Differences Estimators of Intertemporal Treatment Effects",
    assumptions=(
        "Units do not react to a change of treatment before it comes",
        "Had their first treatment gone on, units with the same first treatment would have moved in parallel",
        "For each switcher there are units with the same first treatment that stay longer",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Analytic and conservative, from deviations from the mean of alike units summed within clusters,"
    " normal intervals; uniform bands by multiplier bootstrap",
    options={"effects": None, "placebos": None, "normalised": False, "unbalanced": "refuse", "draws": 999},
    option_notes={
        "effects": "Number of horizons after the switch; by default all (the authors: 1)",
        "placebos": "Number of placebos before it; by default all (the authors: none)",
        "normalised": "Whether rows are per unit of treatment summed up to their period",
        "unbalanced": _notes.UNBALANCED,
        "draws": _notes.DRAWS,
    },
    equation=r"""
$F_i$ is the first period with another treatment than that of period 1, and $S_i = \pm 1$ the direction. At horizon
$h = 1, 2, \ldots$ a switcher is compared with the units $C_{ih}$ that began with the same treatment and have not
changed it by period $F_i - 1 + h$:

```math
\hat\delta_h = \frac{1}{N_h} \sum_i w_i S_i \left(Y_{i,F_i-1+h} - Y_{i,F_i-1} -
\frac{\sum_{j \in C_{ih}} w_j (Y_{j,F_i-1+h} - Y_{j,F_i-1})}{\sum_{j \in C_{ih}} w_j}\right)
```

over the switchers, of weight $N_h$, that have such units and whose treatment has not come to lie on the other side of
its first one. The placebo of horizon $h$ has $Y_{F_i-1-h}$ in place of $Y_{F_i-1+h}$, with the same units. The headline
divides by what the treatment changed, $\bar d_h$ being the mean of $S_i (D_{i,F_i-1+h} - D_{i1})$:

```math
\hat\theta = \frac{\sum_h N_h \hat\delta_h}{\sum_h N_h \bar d_h}
```

A row of event time $e \geq 0$ is horizon $e + 1$, and one of $e \leq -2$ the placebo of horizon $-1 - e$. For the
standard error deviations of changes of the outcome from their mean among alike units (switchers of one date to one
treatment; controls), times the root of $m/(m-1)$ with $m$ clusters among these, are weighted as the units enter the
estimate, summed within clusters, squared and added up.
""",
    edge_cases=(
        _notes.RATE,
        _notes.NO_COVARIATES,
        _notes.WEIGHTS_BY_UNIT,
        "Refused where no switcher has a unit that stays, or those that serve as controls lie"
        " in one or two clusters, with the number of units that stay by period",
        "Switchers without a unit that stays longer show no effect and are counted in a warning",
        "A switcher whose treatment comes to lie on the other side of its first one counts up to then, with a warning",
        "Alike units that lie in one cluster deviate from the mean of switchers and controls"
        " together, as in the authors' package",
        _notes.COHORTS_OF_FEW,
        _notes.EVENTS,
    ),
    since="0.1.0",
)
REFERENCE = (
    Published(
        "mpdta",
        "did_multiplegt_dyn; the placebos by the authors' package for Python, 0.1.9",
        {
            "headline": (-0.035258, 0.011337),
            "event_time -3": (-0.003769, 0.031703),
            "event_time -2": (0.024269, 0.014487),
            "event_time 0": (-0.018922, 0.012068),
            "event_time 1": (-0.053589, 0.017040),
            "event_time 2": (-0.136274, 0.036226),
        },
        options={"effects": 3, "placebos": 2},
    ),
)
SHOWN = 6
EARLY = say("they never switch, no switcher began like them, and they tell nothing")


@dataclass(frozen=True)
class _Sample:
    """The units that enter; outcome and treatment are (n_units, n_periods)."""

    outcome: np.ndarray
    treatment: np.ndarray
    weights: np.ndarray | None
    cluster: np.ndarray
    warnings: tuple[str, ...]


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate effects and placebos by horizon, and head them with the average total effect.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level, per unit of treatment. Rows of kind event_time: event time 0 is the period of the switch, -2 the
        first placebo; effects are those of the treatment path as it was, or with `normalised: true` per unit of
        treatment summed up to that period. `percent_change` relates to the mean outcome that switchers would have had
        with their first treatment.

    Raises
    ------
    Unsupported
        If no unit stays that a switcher could be compared with (with the number of units that stay by period), the
        panel is unbalanced, the study has covariates, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, unbalanced=("refuse", "drop"))
    if not isinstance(chosen["normalised"], bool):
        raise Unsupported(
            say("option normalised is {value!r}", value=chosen["normalised"]),
            where=SPEC.name,
            cure=say("Legal: true, false"),
        )
    effects, placebos = _most(chosen, "effects", 1), _most(chosen, "placebos", 0)
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    _balanced.no_covariates(SPEC, study)
    sample = _sample(study, panel, chosen["unbalanced"])
    try:
        found = switching(
            sample.outcome, sample.treatment, sample.weights, sample.cluster, effects=effects, placebos=placebos
        )
    except NoStayers:
        raise _declined(panel, sample) from None
    if len(np.unique(sample.cluster[found.controls])) <= _guard.FEW_CLUSTERS:
        raise _declined(panel, sample)
    return _estimate(study, panel, sample, found, chosen["normalised"], draws, rng)


def _most(chosen: Mapping[str, Any], name: str, at_least: int) -> int | None:
    return None if chosen[name] is None else _guard.whole(SPEC, chosen, name, at_least)


def _sample(study: Study, panel: Panel, unbalanced: str) -> _Sample:
    outcome = _rates.outcome(study, panel)
    units, lost = _balanced.full_units(SPEC, outcome, unbalanced)
    weights, changing = _balanced.unit_weights(study, panel, units)
    return _Sample(
        outcome=outcome[units],
        treatment=panel.matrix(f"d_{study.treatment.name}")[units],
        weights=weights,
        cluster=np.unique(panel.by_unit("cluster")[units], return_inverse=True)[1],
        warnings=_guard.always_treated(panel, study.treatment, units, EARLY) + lost + changing,
    )


def _declined(panel: Panel, sample: _Sample) -> Unsupported:
    """The refusal of a panel in which too few units stay, with their number by period."""
    stay = (paths(sample.treatment).first[:, None] > np.arange(panel.n_periods)).sum(axis=0)
    starts = np.flatnonzero(np.diff(stay, prepend=-1))
    runs = [
        say("{stay} from {period} on", stay=stay[start], period=panel.period_labels[start]) for start in starts[:SHOWN]
    ]
    more = say(", and {n} more changes", n=len(starts) - SHOWN) if len(starts) > SHOWN else ""
    return Unsupported(
        say(
            "compares switchers with units that keep the same first treatment, in more than"
            " {few_clusters} clusters; of {units} units there stay: {runs}{more}",
            few_clusters=_guard.FEW_CLUSTERS,
            units=len(sample.outcome),
            runs=joined(runs, ", "),
            more=more,
        ),
        where=SPEC.name,
        cure=say("Choose rows or a treatment in which some units stay, or an estimator that compares doses"),
    )


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    found: Switching,
    normalised: bool,
    draws: int,
    rng: np.random.Generator,
) -> Estimate:
    effects = found.effects
    value, influence = effects.mean(np.ones(len(effects.weight), bool), "change")
    times, values, columns = _events(found, study.event_bins, "cumulated" if normalised else None)
    return _level.estimate(
        study,
        panel,
        say(
            "Average total effect on {scale} per {unit}, over {n} period(s) from the switch on",
            scale=_rates.scale(study, panel),
            unit=study.treatment.unit or say("unit of treatment"),
            n=len(effects.weight),
        ),
        value,
        float(np.linalg.norm(influence)),
        _level.Sample(
            n_observations=int(sample.outcome.size),
            n_units=len(sample.outcome),
            n_treated=int(sample.treatment.any(axis=1).sum()),
            n_clusters=len(influence),
            untreated=found.status_quo,
            lowest=float(sample.outcome.min()),
            warnings=sample.warnings + _warnings(study, sample, found),
        ),
        _level.events(study, times, values, columns, rng, draws),
        say("analytic, deviations from means of alike units summed by {cluster}, normal", cluster=study.cluster),
        "balanza.kernels.switchers",
    )


def _events(
    found: Switching, event_bins: int, per: Literal["cumulated"] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First periods of the bins of event time, their effects, and the influence, (n_clusters, n_bins)."""
    n_placebos, n_effects = len(found.placebos.weight), len(found.effects.weight)
    times, values, influence = [], [], []
    for part, time in ((found.placebos, -2 - np.arange(n_placebos)), (found.effects, np.arange(n_effects))):
        bins = time // event_bins
        for key in np.unique(bins[part.weight > 0]):
            value, column = part.mean(bins == key, per)
            times.append(key * event_bins)
            values.append(value)
            influence.append(column)
    return np.array(times), np.array(values), np.column_stack(influence)


def _warnings(study: Study, sample: _Sample, found: Switching) -> tuple[str, ...]:
    path = paths(sample.treatment)
    n_periods = sample.treatment.shape[1]
    switchers = path.first < n_periods
    warnings = _guard.small_cohorts(study, sample.cluster[found.used], path.first[found.used])
    if (switchers & ~found.used).any():
        warnings += (
            say(
                "{lost} of {switchers} switchers have no unit with the same first treatment that stays"
                " longer, and show no effect",
                lost=(switchers & ~found.used).sum(),
                switchers=switchers.sum(),
            ),
        )
    crossing = found.used & (path.until < n_periods)
    if crossing.any():
        warnings += (
            say(
                "{crossing} of {used} switchers come to lie on the other side of their first treatment:"
                " they count up to then",
                crossing=crossing.sum(),
                used=found.used.sum(),
            ),
        )
    return warnings
