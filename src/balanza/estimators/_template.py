"""A form to fill in: copy it to `<name>.py`, set SPEC.name to that name, and it joins every study that it supports.

The example is a difference of differences of means: each treated unit's mean after treatment less its mean before, net
of the never-treated units' mean in the same periods, averaged over treated units.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard, _summary

SPEC = EstimatorSpec(
    name="_template",
    title="Difference of differences of means",
    estimand="Mean over treated units of their average effect, on the scale of the outcome",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian"}),
    reference="Who wrote the method, where",
    assumptions=("Without treatment, treated and never-treated units would have moved in parallel",),
    standard_errors="Clustered, treated and never-treated clusters drawn apart, normal intervals",
    options={},  # name: default; a study may set these and no others
)


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
    name = study.treatment.name
    outcome, treated = panel.matrix("outcome"), panel.matrix(f"d_{name}") == 1
    never = panel.by_unit(f"g_{name}") < 0
    use = treated.any(axis=1) & (~treated).any(axis=1)
    if not panel.balanced or not never.any():
        raise Unsupported("needs a balanced panel with never-treated units", where=SPEC.name, cure="Choose other rows")
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
    bounds = _summary.interval(value, error, study.level)
    return Estimate(
        treatment=name,
        estimand=SPEC.estimand,
        scale="level",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error),
        n_observations=int((use | never).sum()) * panel.n_periods,
        n_units=int((use | never).sum()),
        n_treated=int(use.sum()),
        n_clusters=len(np.unique(panel.by_unit("cluster")[use | never])),
        standard_error_type=f"clustered by {study.cluster}, normal",
        engine="numpy",
        warnings=_guard.always_treated(panel, study.treatment, np.ones(panel.n_units, bool), _guard.LEFT_OUT),
    )
