"""What estimators for balanced panels share: units without gaps, weights by unit, and the refusal of covariates."""

from __future__ import annotations

import numpy as np

from balanza.contract import EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.say import say


def full_units(spec: EstimatorSpec, outcome: np.ndarray, unbalanced: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Units with a row in each period, shape (n_units,), and a sentence on the others.

    Parameters
    ----------
    spec : EstimatorSpec
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row.
    unbalanced : {"refuse", "drop"}
        The option of that name.

    Raises
    ------
    Unsupported
        If units lack rows and may not be left out.
    """
    full = ~np.isnan(outcome).any(axis=1)
    if full.all():
        return full, ()
    if unbalanced == "refuse" or not full.any():
        raise Unsupported(
            say(
                "takes balanced panels, and {lacking} of {total} units lack rows",
                lacking=(~full).sum(),
                total=len(full),
            ),
            where=spec.name,
            cure=say("Fill the rows, or leave these units out with the option unbalanced: drop"),
        )
    return full, (say("{lacking} of {total} units lack rows and are left out", lacking=(~full).sum(), total=len(full)),)


def unit_weights(study: Study, panel: Panel, units: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """One weight per unit, shape (n_units,), or None where the study has none; and a sentence where they change."""
    if not study.weights:
        return None, ()
    weights = panel.matrix("weight")[units]
    if np.array_equal(weights.min(axis=1), weights.max(axis=1)):
        return weights[:, 0], ()
    return weights[:, 0], (
        say(
            "The weights {weights} change within units: each unit keeps that of its first period", weights=study.weights
        ),
    )


def no_covariates(spec: EstimatorSpec, study: Study) -> None:
    """Refuse a study with covariates, for estimators that cannot use them.

    Raises
    ------
    Unsupported
    """
    if any(name != "graph" for name in study.covariates):
        raise Unsupported(
            say("takes no covariates"),
            where=spec.name,
            cure=say("Remove them from the study, or choose another estimator"),
        )
