"""What the same pesos buy, spent on either of two arms: events avoided, pesos for each, and how sure that is.

Events avoided by the next pesos are taken at the doses and rates as observed: the slope of the Poisson fit times what
the pesos add to the dose. They are linear in the two effects, so that their difference has an interval from the joint
covariance. Pesos for each event avoided turn this over, and are unbounded wherever the effect is not told from zero
(Fieller 1954; Willan and O'Brien 1996, Health Economics 5(4)). What p says and what a prior makes
of it are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from balanza.compare.costs import Spread
from balanza.estimators import _summary
from balanza.kernels import fieller, posterior
from balanza.say import say


@dataclass(frozen=True)
class Effects:
    """Two effects per stated unit of dose, estimated jointly.

    value : shape (2,)
    covariance : shape (2, 2)
    freedom : degrees of freedom of Student's t, clusters less one
    scale : `log`, or `rate`: events per 100,000 people a year
    """

    value: np.ndarray
    covariance: np.ndarray
    freedom: int
    scale: Literal["log", "rate"] = "log"


@dataclass(frozen=True)
class Places:
    """Where the doses lie.

    events : shape (n,), in a year of the time in which both arms are on
    people : shape (n,)
    doses : shape (2, n), mean of each arm from its start on, in stated units
    """

    events: np.ndarray
    people: np.ndarray
    doses: np.ndarray

    @property
    def mean_doses(self) -> np.ndarray:
        """Of both arms, weighted by people, shape (2,)."""
        return np.asarray(self.doses @ self.people / self.people.sum())


def added(places: Places, unit_price: np.ndarray, pesos: float, spread: Spread) -> np.ndarray:
    """What some pesos a year add to the doses, shape (2, n).

    Parameters
    ----------
    places : Places
    unit_price : ndarray, shape (2,)
        Pesos a year of one stated unit of each dose for one person.
    pesos : float
        Spent on each arm.
    spread : str
        `people`: the same pesos for each person; `as_spent`: in the shares of each arm's dose as observed.
    """
    units = places.doses * places.people if spread == "as_spent" else np.broadcast_to(places.people, places.doses.shape)
    shares = units / units.sum(axis=1, keepdims=True)
    return np.asarray(pesos * shares / places.people / unit_price[:, None])


def slopes(places: Places, doses: np.ndarray, scale: Literal["log", "rate"] = "log") -> np.ndarray:
    """Events that a year has less for each unit by which the effects are lower, shape (2,).

    Parameters
    ----------
    places : Places
    doses : ndarray, shape (2, n)
        From `added`.
    scale : str
        Of the effects: a proportion of events, or events per 100,000 people.
    """
    return np.asarray(doses @ (places.events if scale == "log" else places.people / _summary.PER_PEOPLE))


def bought(effects: Effects, slope: np.ndarray, pesos: float, level: float) -> dict[str, Any]:
    """What the same pesos buy on both arms, without a prior.

    Parameters
    ----------
    effects, slope, pesos, level : as in `weigh`

    Returns
    -------
    dict
        `arms` and `contrast` of `weigh`.
    """
    critical = _summary.critical(level, effects.freedom)
    first, second = _parts(slope)
    return {
        "arms": [_arm(effects, part, pesos, critical) for part in (first, second)],
        "contrast": _contrast(effects, second - first, critical),
    }


def _parts(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the effects in the events that each arm avoids."""
    return np.array([-slope[0], 0.0]), np.array([0.0, -slope[1]])


def weigh(effects: Effects, slope: np.ndarray, pesos: float, level: float, deviation: np.ndarray) -> dict[str, Any]:
    """Compare what the same pesos buy on both arms, with effects on the log scale, which the priors are of.

    Parameters
    ----------
    effects : Effects
        On the log scale.
    slope : ndarray, shape (2,)
        From `slopes`.
    pesos : float
        Spent on each arm.
    level : float
    deviation : ndarray, shape (2,)
        Standard deviations of the priors of the effects per stated unit.

    Returns
    -------
    dict
        `arms`: for each, `avoided` (value, low, high; always finite), `told` (whether the interval leaves zero out) and
        `pesos_each` (`value`, `low`, `high`, and `word`: `bounded`, or `unbounded` with null in all three).
        `contrast`: the second arm less the first, with `p_one_sided` of the second buying no more. `posterior`: by arm
        and of the contrast, mean, interval and the probability of being above zero.
    """
    first, second = _parts(slope)
    mixture = posterior.update(effects.value, effects.covariance, effects.freedom, deviation)
    believed = {
        "arms": [_believed(mixture, part, level) for part in (first, second)],
        "contrast": _believed(mixture, second - first, level),
    }
    return bought(effects, slope, pesos, level) | {"posterior": believed}


def _linear(effects: Effects, weights: np.ndarray) -> tuple[float, float]:
    return float(weights @ effects.value), float(np.sqrt(weights @ effects.covariance @ weights))


def _arm(effects: Effects, weights: np.ndarray, pesos: float, critical: float) -> dict[str, Any]:
    value, error = _linear(effects, weights)
    low, high = value - critical * error, value + critical * error
    each = fieller.ratio(pesos, value, np.diag([0.0, error**2]), critical)
    found: dict[str, Any] = {"avoided": [value, low, high], "standard_error": error, "told": each.bounded}
    if not each.bounded:
        return found | {"pesos_each": {"word": "unbounded", "value": None, "low": None, "high": None}}
    return found | {"pesos_each": {"word": "bounded", "value": each.value, "low": each.low, "high": each.high}}


def _contrast(effects: Effects, weights: np.ndarray, critical: float) -> dict[str, Any]:
    from scipy.special import stdtr

    value, error = _linear(effects, weights)
    p = float(stdtr(effects.freedom, -value / error)) if error > 0 else float(value <= 0)
    low, high = value - critical * error, value + critical * error
    return {
        "value": value,
        "standard_error": error,
        "interval": [low, high],
        "p_one_sided": p,
        "told": low > 0 or high < 0,
    }


def _believed(mixture: posterior.Mixture, weights: np.ndarray, level: float) -> dict[str, Any]:
    return {
        "mean": mixture.mean(weights),
        "interval": list(mixture.interval(weights, level)),
        "probability": mixture.probability_above(weights),
    }


def flips(effects: Effects, slope: np.ndarray, price: float, level: float) -> dict[str, Any]:
    """Where the choice between the arms turns, at the estimates.

    Parameters
    ----------
    effects, slope, level : as in `weigh`
    price : float
        What one counted unit of the first arm costs.

    Returns
    -------
    dict
        `price`: the price of the first arm's unit at which both buy the same (null where there is none, with the
        reason), with Fieller's set; `effect`: of the first arm, per stated unit, at which they buy the same, and how
        many standard errors away it is.
    """
    value, covariance = effects.value, effects.covariance
    scale = np.diag([slope[0] * price, slope[1]])
    top, bottom = map(float, scale @ value)
    critical = _summary.critical(level, effects.freedom)
    ratio = fieller.ratio(top, bottom, scale @ covariance @ scale, critical)
    avoided = -slope * value
    reason = _no_price(avoided)
    turning = float(slope[1] * value[1] / slope[0])
    error = float(np.sqrt(covariance[0, 0]))
    return {
        "price": {
            "value": None if reason else ratio.value,
            "reason": reason,
            "sort": ratio.sort,
            "low": ratio.low,
            "high": ratio.high,
        },
        "effect": {
            "value": turning,
            "estimate": float(value[0]),
            "errors_away": abs(turning - float(value[0])) / error,
        },
    }


def _no_price(avoided: np.ndarray) -> str | None:
    """Why no price of the first arm makes both buy the same, in whose favour it is."""
    first, second = (bool(amount > 0) for amount in avoided)
    if first and second:
        return None
    if first:
        return say("the first arm avoids events and the second does not: at every price the first buys more")
    if second:
        return say("the second arm avoids events and the first does not: at every price the second buys more")
    return say("neither arm avoids events: the dearer the first, the less harm its pesos do")


def line(effects: Effects, places: Places, doses: np.ndarray, index: int, level: float) -> tuple[float, float, float]:
    """Events avoided by adding doses to one arm, not only at the margin: value and interval.

    Parameters
    ----------
    effects, places, level
    doses : ndarray, shape (n,)
        Added to each place.
    index : int
        Of the arm.
    """
    error = float(np.sqrt(effects.covariance[index, index]))
    bounds = _summary.interval(float(effects.value[index]), error, level, effects.freedom)
    value, high, low = (float(-places.events @ np.expm1(b * doses)) for b in (effects.value[index], *bounds))
    return value, low, high


def unit_prices(per: Mapping[str, float], people: Mapping[str, float], pesos: Mapping[str, float]) -> np.ndarray:
    """Pesos of one stated unit of each dose for one person, shape (n_arms,).

    Parameters
    ----------
    per : mapping
        What effects are stated per, in units of the column, by arm.
    people : mapping
        Per how many people the column counts.
    pesos : mapping
        What one counted unit costs.
    """
    return np.array([pesos[name] * per[name] / people[name] for name in pesos])


def truth_of(known: Mapping[str, Any], slope: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """What the same pesos truly buy, from the effects of a synthetic world per stated unit."""
    avoided = {name: -float(part) * float(known[name]["value"]) for name, part in zip(names, slope, strict=True)}
    first, second = names
    return {"avoided": avoided, "contrast": avoided[second] - avoided[first]}
