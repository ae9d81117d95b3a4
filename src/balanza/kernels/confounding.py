"""How strong a hidden cause would have to be: omitted variable bias, E-values, proportional selection, weak proxies.

After Cinelli and Hazlett (2020), JRSS B 82(1); VanderWeele and Ding (2017), Annals of Internal Medicine 167(4); Oster
(2019), Journal of Business & Economic Statistics 37(2); and, for proxies, Ogburn and VanderWeele (2013), Biometrika
100(1), with the errors-in-variables correction of Fuller (1987), Measurement Error Models, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg


def partial_r2(t: float, freedom: int) -> float:
    """Share of what is left of the outcome that the treatment explains, from its classical t statistic."""
    return t**2 / (t**2 + freedom)


def robustness_value(t: float, freedom: int, critical: float = 0.0, q: float = 1.0) -> float:
    """Share of the residual variation of both treatment and outcome that a hidden cause must explain.

    Parameters
    ----------
    t : float
        Classical t statistic of the treatment, which here is a measure of size and not of doubt.
    freedom : int
        Residual degrees of freedom.
    critical : float
        Critical value of t below which the interval contains zero; 0 for the estimate itself. With clustered errors
        times their ratio to the classical ones.
    q : float
        Share of the estimate that is to be explained away.

    Returns
    -------
    float
        Between 0 and 1; 0 where nothing is left to be explained away.
    """
    f = q * abs(t) / np.sqrt(freedom)
    bar = critical / np.sqrt(freedom - 1)
    left = f - bar
    if left <= 0:
        return 0.0
    if bar > 0 and f > 1 / bar:  # the strongest hidden cause need not explain all of the outcome
        return float((f**2 - bar**2) / (1 + f**2))
    return float((np.sqrt(left**4 + 4 * left**2) - left**2) / 2)


def adjusted(
    estimate: float, error: float, freedom: int, r2_treatment: np.ndarray, r2_outcome: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate and classical standard error had a hidden cause of some strength been in the regression.

    Parameters
    ----------
    estimate, error : float
        Coefficient of the treatment and its classical standard error.
    freedom : int
    r2_treatment, r2_outcome : ndarray
        Shares of what is left of treatment and outcome that the hidden cause explains; it draws the estimate to zero.
    """
    bias = error * np.sqrt(freedom * r2_outcome * r2_treatment / (1 - r2_treatment))
    errors = error * np.sqrt((1 - r2_outcome) / (1 - r2_treatment) * freedom / (freedom - 1))
    return np.sign(estimate) * (abs(estimate) - bias), errors


def benchmark(r2_treatment: float, r2_outcome: float, k: float) -> tuple[float, float] | None:
    """Strength of a hidden cause that is k times as strong as a measured covariate, net of all others.

    Parameters
    ----------
    r2_treatment : float
        Partial R2 of the covariate with the treatment, given the other covariates.
    r2_outcome : float
        Partial R2 of the covariate with the outcome, given treatment and other covariates.
    k : float

    Returns
    -------
    (float, float) or None
        Shares of treatment and outcome; None where so strong a cause cannot be.
    """
    ours = k * r2_treatment / (1 - r2_treatment)
    if ours >= 1 or k * r2_treatment >= 1:
        return None
    shared = k * r2_treatment**2 / ((1 - k * r2_treatment) * (1 - r2_treatment))
    if shared >= 1:
        return None
    size = (np.sqrt(k) + np.sqrt(shared)) / np.sqrt(1 - shared)
    return ours, float(min(1.0, size**2 * r2_outcome / (1 - r2_outcome)))


def e_value(ratio: float) -> float:
    """Risk ratio that a hidden cause needs with both treatment and outcome to explain away a rate ratio."""
    above = max(ratio, 1 / ratio)
    return float(above + np.sqrt(above * (above - 1)))


def e_value_of_limit(low: float, high: float) -> float:
    """E-value of the limit of a rate ratio's interval that is nearest to 1; 1 where the interval contains 1."""
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


@dataclass(frozen=True)
class Selection:
    """What regressions without and with the controls say, for Oster's proportional selection.

    uncontrolled, controlled : coefficients of the treatment
    r2_uncontrolled, r2_controlled : of the outcome
    outcome, treatment : variation of both (sums of squares or variances, of the same rows)
    left : variation of the treatment that the controls leave
    """

    uncontrolled: float
    controlled: float
    r2_uncontrolled: float
    r2_controlled: float
    outcome: float
    treatment: float
    left: float


def selection_ratio(given: Selection, r2_max: float, effect: float = 0.0) -> float | None:
    """How much stronger selection on the unobserved must be than on the controls for the effect to be as told.

    Oster (2019), Proposition 2. None where no finite ratio does it.
    """
    gap = given.controlled - effect
    moved = given.uncontrolled - given.controlled
    sx, tau = given.treatment, given.left
    shared = gap**2 * tau * moved * sx + gap**3 * (tau * sx - tau**2)
    above = gap * (given.r2_controlled - given.r2_uncontrolled) * given.outcome * tau
    above += gap * sx * tau * moved**2 + gap**2 * tau * moved * sx + shared
    below = (r2_max - given.r2_controlled) * given.outcome * (moved * sx + gap * (sx - tau)) + shared
    return None if below == 0 else float(above / below)


def equal_selection_bound(given: Selection, r2_max: float) -> float:
    """The effect if selection on the unobserved were as strong as on the controls.

    Oster (2019), Proposition 2 with a ratio of 1, which leaves a quadratic with a root on each side of the controlled
    estimate. The root is that which goes on in the direction in which the controls moved it. At the other one the part
    of the outcome that the controls cause is related to the treatment with the opposite sign to what the regressions
    say, against her Assumption 3, or not at all: so it is with a single control, whose ratio is then 0/0 and not 1.

    Parameters
    ----------
    given : Selection
    r2_max : float
        At least `given.r2_controlled`.
    """
    moved = given.uncontrolled - given.controlled
    if moved == 0:
        return given.controlled
    sx, tau = given.treatment, given.left
    spare = (r2_max - given.r2_controlled) * given.outcome
    square = -tau * moved * sx
    linear = spare * (sx - tau) - (given.r2_controlled - given.r2_uncontrolled) * given.outcome * tau
    linear -= moved**2 * tau * sx
    gaps = np.roots([square, linear, spare * moved * sx]).real
    return float(given.controlled - gaps[np.argmax(gaps * np.sign(moved))])


def with_reliable_proxy(gram: np.ndarray, moment: np.ndarray, noise: np.ndarray) -> np.ndarray | None:
    """Coefficients had the proxies been measured without error.

    Parameters
    ----------
    gram, moment : ndarray, shapes (n, n) and (n,)
        Of the regressors, net of fixed effects, and with the outcome.
    noise : ndarray, shape (n, n)
        The part of `gram` that is error of measurement.

    Returns
    -------
    ndarray, shape (n,), or None
        None where the proxies vary too little beside the rest to hold so much error.
    """
    true = gram - noise
    size = np.sqrt(np.diag(gram))
    if linalg.eigvalsh(true / np.outer(size, size))[0] < 1e-8:
        return None
    return np.asarray(linalg.solve(true, moment, assume_a="pos"))
