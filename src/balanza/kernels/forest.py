"""What a causal forest's predictions say once they are held against data of other clusters.

Average effects on the treated: augmented inverse probability weights (Robins, Rotnitzky and Zhao 1994, JASA 89(427)).
Effects of a dose: residual on residual (Robinson 1988, Econometrica 56(4)). Calibration: Chernozhukov, Demirer, Duflo
and Fernandez-Val (2025), Econometrica 93(4), in the form of Athey and Wager (2019), Observational Studies 5(2). Scores
are orthogonal, so that nuisances and forest count as known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels.adjustment import least_squares

FLAT = 1e-8
LIMIT = 0.02


@dataclass(frozen=True)
class Nuisances:
    """Rows with what was predicted for them from other clusters, shape (n,) each.

    outcome, treatment : as observed
    expected, chance : given the covariates
    effect : predicted by the forest
    """

    outcome: np.ndarray
    treatment: np.ndarray
    expected: np.ndarray
    chance: np.ndarray
    effect: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """Coefficients and influence, (2,) and (n, 2), of the mean prediction and of departures from it.

    The second is NaN where predictions do not differ.
    """

    coefficients: np.ndarray
    influence: np.ndarray


def effect_on_treated(data: Nuisances, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """Average effect on the treated among some rows, and the influence of every row.

    Chances enter the weights no closer than LIMIT to 0 and 1.

    Parameters
    ----------
    data : Nuisances
        With a 0/1 treatment.
    rows : ndarray of bool, shape (n,)

    Returns
    -------
    float, ndarray of shape (n,)
        NaN and zeros where the rows are all treated or all untreated.
    """
    untreated = data.outcome - (data.expected - data.chance * data.effect)
    chance = np.clip(data.chance, LIMIT, 1 - LIMIT)
    arms = (rows * data.treatment, rows * (1 - data.treatment) * chance / (1 - chance))
    value, influence = 0.0, np.zeros(len(rows))
    for sign, weight in zip((1, -1), arms, strict=True):
        if not weight.any():
            return float("nan"), np.zeros(len(rows))
        mean = float(weight @ untreated / weight.sum())
        value += sign * mean
        influence += sign * weight * (untreated - mean) / weight.sum()
    return value, influence


def partial_effect(data: Nuisances, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """Effect of one unit of dose among some rows, weighted by the variance of dose that covariates leave.

    Parameters, Returns
    -------------------
    As `effect_on_treated`; NaN where nothing of the dose is left.
    """
    dose, outcome = rows * (data.treatment - data.chance), data.outcome - data.expected
    if dose @ dose <= FLAT * (data.treatment @ data.treatment):
        return float("nan"), np.zeros(len(rows))
    value = float(dose @ outcome / (dose @ dose))
    return value, dose * (outcome - value * dose) / (dose @ dose)


def calibrate(data: Nuisances) -> Calibration:
    """Regress what is left of the outcome on the treatment times the mean prediction, and times departures from it.

    The first coefficient is 1 if the mean prediction is right; the second is 1 if departures are right, and above zero
    only if effects differ in the way that the forest says.
    """
    treatment, outcome = data.treatment - data.chance, data.outcome - data.expected
    mean = float(data.effect.mean())
    departures = data.effect - mean
    if departures.std() <= FLAT * max(abs(mean), float(np.abs(data.outcome).max()), np.finfo(float).tiny):
        first = treatment * mean
        scale = float(first @ first)
        coefficient = float(first @ outcome / scale) if scale > 0 else float("nan")
        influence = first * (outcome - coefficient * first) / scale if scale > 0 else np.zeros(len(first))
        return Calibration(np.array([coefficient, np.nan]), np.column_stack([influence, np.full(len(first), np.nan)]))
    return Calibration(*least_squares(outcome, np.column_stack([treatment * mean, treatment * departures])))
