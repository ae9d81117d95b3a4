"""Difference of differences of means: a form to fill in, which `python -m balanza new-estimator NAME` copies.

Each treated unit's mean after treatment less its mean before, net of the never-treated units' mean in the same periods,
averaged over treated units.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _guard, _level, _notes, _rates
from balanza.say import say

SPEC = EstimatorSpec(
    name="_template",
    title="Difference of differences of means",
    estimand="Mean over treated units of their average effect, on the scale of the outcome",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Who wrote the method, where",
    assumptions=("Without treatment, treated and never-treated units would have moved in parallel",),
    standard_errors="Clustered, treated and never-treated clusters drawn apart, normal intervals",
    options={},  # name: default; a study may set these and no others
    option_notes={},  # name: what it means, and which values are legal
    equation=r"""
With $M_i^1$ and $M_i^0$ for unit $i$'s means over the periods of its treatment and over those before, and the same of
unit $j$ over the periods of unit $i$, for the $N_1$ treated and the $N_0$ never-treated units:

```math
\hat\tau = \frac{1}{N_1} \sum_{i} \left(M_i^1 - M_i^0 - \frac{1}{N_0} \sum_{j} (M_{ij}^1 - M_{ij}^0)\right)
```
""",
    edge_cases=(
        "Units treated from the first period on, or only after the last one, are left out and counted",
        "Refused where a unit lacks a row, or none is never treated",
        "Studies with weights are refused",
        _notes.NO_COVARIATES,
        _notes.RATE,
        _notes.COHORTS_OF_FEW,
    ),
    since="",  # the first release with it; until then the comparison of a study marks it as new
)
# Figures that a paper or another package printed; tests/published/test_reference.py holds the estimator to them, as in
# REFERENCE = (Published("mpdta", "R did 2.5.1", {"headline": (-0.039951, 0.012034)}),)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Compare each treated unit's change with the mean change of the never-treated.

    Parameters
    ----------
    study, panel, rng : as in the contract
        Read the rows with `panel.matrix(column)` and `panel.by_unit(column)`; change none of the three.

    Returns
    -------
    Estimate

    Raises
    ------
    Unsupported
        Whenever the panel is not what the method needs, with the cure. Never return a number then.
    """
    _guard.require(SPEC, study, panel)
    _guard.options(SPEC, study)
    _balanced.no_covariates(SPEC, study)
    if study.weights:
        raise Unsupported(
            say("takes no weights"), where=SPEC.name, cure=say("Remove them, or choose another estimator")
        )
    name = study.treatment.name
    outcome, treated = _rates.outcome(study, panel), panel.matrix(f"d_{name}") == 1
    never = ~treated.any(axis=1)  # in the window
    use = ~never & ~treated.all(axis=1)
    enter = use | never
    if not panel.balanced or not never.any():
        raise Unsupported(
            say("needs a balanced panel with never-treated units"), where=SPEC.name, cure=say("Choose other rows")
        )
    after = treated[use] / treated[use].sum(axis=1, keepdims=True)
    before = ~treated[use] / (~treated[use]).sum(axis=1, keepdims=True)
    contrast = after - before
    own = (contrast * outcome[use]).sum(axis=1)
    others = outcome[never] @ contrast.mean(axis=0)
    value = float(own.mean() - others.mean())

    influence = np.zeros(panel.n_units)
    influence[use] = (own - own.mean()) / use.sum()
    influence[never] = -(others - others.mean()) / never.sum()
    error = float(np.linalg.norm(np.bincount(panel.by_unit("cluster"), influence)))
    return _level.estimate(
        study,
        panel,
        say("Mean over treated units of their average effect on {scale}", scale=_rates.scale(study, panel)),
        value,
        error,
        _level.Sample(
            n_observations=int(enter.sum()) * panel.n_periods,
            n_units=int(enter.sum()),
            n_treated=int(use.sum()),
            n_clusters=len(np.unique(panel.by_unit("cluster")[enter])),
            untreated=float((after * outcome[use]).sum(axis=1).mean()) - value,
            lowest=float(outcome[enter].min()),
            warnings=_guard.always_treated(panel, study.treatment, ~enter, _guard.LEFT_OUT)
            + _guard.cohorts_of_few(study, panel, enter),
        ),
        _level.EventStudy(None, None, ()),
        say("clustered by {cluster}, normal", cluster=study.cluster),
        "numpy",
    )
