"""The outcome of a variant on the scale that it names, for linear estimators.

log1p and asinh are of the rate per 100,000 a year where people at risk are known, else of the outcome itself. Both are
near a logarithm where the outcome is large, and depend on its units where it is near zero (Chen and Roth 2024, QJE
139(2)): effects on them are read in per cent of one plus the outcome.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from balanza.contract import Outcome, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _rates
from balanza.say import say

TRANSFORM = {"log1p": np.log1p, "asinh": np.arcsinh}


def on_scale(study: Study, panel: Panel, scale: str) -> tuple[Study, Panel]:
    """The study and its panel with the outcome transformed; both as they are on any scale but log1p and asinh.

    Raises
    ------
    Unsupported
        If an outcome is negative.
    """
    if scale not in TRANSFORM:
        return study, panel
    values = _linear(study, panel)
    if values.min() < 0:
        raise Unsupported(
            say("{column} is negative in places, and has no {scale}", column=study.outcome.column, scale=scale),
            where=scale,
        )
    return _replaced(study, panel, TRANSFORM[scale](values), log=True)


def linear(study: Study, panel: Panel) -> tuple[Study, Panel]:
    """The study as linear estimators take it: a count as it is, or as its rate per 100,000 a year."""
    if study.outcome.family == "gaussian":
        return study, panel
    return _replaced(study, panel, _linear(study, panel), log=False)


def _linear(study: Study, panel: Panel) -> np.ndarray:
    """The outcome or its rate by row, shape (n_rows,)."""
    rows = panel.frame["unit"].to_numpy(), panel.frame["period"].to_numpy()
    return np.asarray(_rates.outcome(study, panel)[rows])


def _replaced(study: Study, panel: Panel, values: np.ndarray, *, log: bool) -> tuple[Study, Panel]:
    frame = panel.frame.drop(columns="exposure", errors="ignore").assign(outcome=values)
    outcome = Outcome(study.outcome.column, "gaussian", None, log)
    return replace(study, outcome=outcome), replace(panel, frame=frame, digest="")
