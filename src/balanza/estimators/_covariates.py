"""The covariates of a study, told apart: constant within units, or changing in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.contract import CheckSpec, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.say import say


@dataclass(frozen=True)
class Covariates:
    """Those that change, shape (n_names, n_units, n_periods), and those that do not, shape (n_units, n_baseline)."""

    names: tuple[str, ...]
    varying: np.ndarray
    baseline: np.ndarray


def split(spec: EstimatorSpec | CheckSpec, study: Study, panel: Panel) -> Covariates:
    """Covariates of all units and periods, NaN where there is no row; the constant ones in alphabetical order.

    Raises
    ------
    Unsupported
        If one is the same in all rows.
    """
    columns = {name: panel.matrix(name) for name in study.covariates if name != "graph"}
    for name, values in columns.items():
        if np.nanmin(values) == np.nanmax(values):
            raise Unsupported(
                say("the covariate {name} is the same in all rows", name=name), where=spec.name, cure=say("Remove it")
            )
    lowest = {name: np.nanmin(values, axis=1) for name, values in columns.items()}
    constant = sorted(name for name in columns if np.array_equal(lowest[name], np.nanmax(columns[name], axis=1)))
    varying = tuple(name for name in columns if name not in constant)
    return Covariates(
        names=varying,
        varying=np.array([columns[name] for name in varying]).reshape(-1, panel.n_units, panel.n_periods),
        baseline=np.array([lowest[name] for name in constant]).reshape(-1, panel.n_units).T,
    )


def require(spec: EstimatorSpec, study: Study, columns: tuple[str, ...], lacking: str, cure: str) -> None:
    """Refuse a study without anything to adjust for, before anything is imported.

    Parameters
    ----------
    spec, study : as in the contract
    columns : tuple of str
        What the estimator adjusts for.
    lacking : str
        What the study does not name, and what the estimator would be without it.
    cure : str
        What to do instead.

    Raises
    ------
    Unsupported
    """
    if not any(name != "graph" for name in columns):
        raise Unsupported(
            say("the study {name} names {lacking}", name=study.name, lacking=lacking), where=spec.name, cure=cure
        )
