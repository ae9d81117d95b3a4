"""Intervals by inverting a resampling test: all effects that the draws do not refuse.

A test refits under each hypothesis. In least squares each draw's score is linear in the hypothesised effect and its sum
of squares quadratic, so that three hypotheses give all others exactly. For counts three give others nearly, and the
ends are evaluated again until they stay. After Fisher (1935) and Davidson and MacKinnon (2010), Journal of Business &
Economic Statistics 28(1), who invert bootstrap tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from balanza.say import say

Draws = tuple[np.ndarray, np.ndarray]
Evaluate = Callable[[float], Draws | None]
TIE = 1e-9
ROUNDS = 6
SETTLED = 0.01
REACH = (3, 6, 12, 32)
"""Distances from the estimate, in standard errors, up to which the end of an interval is looked for, one by one."""


@dataclass(frozen=True)
class Inverted:
    """A test of no effect, the effect at which the statistic is nil, and the interval, infinite where it has no end."""

    p_value: float
    value: float
    low: float
    high: float
    statistic: np.ndarray


def statistics(numerator: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Score sums over the roots of their sums of squares, 0 where there are none.

    Parameters
    ----------
    numerator, square : ndarray, any shape
    """
    usable = square > 0
    return np.where(usable, numerator / np.sqrt(np.where(usable, square, 1.0)), 0.0)


def p_value(statistic: np.ndarray) -> np.ndarray:
    """Share of draws at least as large as the first, which is the observed one and counts itself.

    Parameters
    ----------
    statistic : ndarray, shape (..., n_draws)

    Returns
    -------
    ndarray, shape (...)
    """
    size = np.abs(statistic)
    return np.asarray((size >= size[..., :1] * (1 - TIE)).mean(axis=-1))


def shown(p: float) -> str:
    """A p value in words that never says that it is nil."""
    return "p < 0.001" if p < 0.001 else say("p = {p:.3f}", p=p)


def invert(evaluate: Evaluate, information: float, level: float) -> Inverted:
    """Test no effect, and all others.

    Parameters
    ----------
    evaluate : callable
        Takes an effect and gives, with that effect as the null, each draw's sum of scores and sum of their squares,
        shape (n_draws,) each; the observed ones come first. None where the null has no fit; no effect must have one.
    information : float
        Change of the observed sum of scores per unit of effect, at no effect.
    level : float
        Of the interval, which holds the effects with p > 1 - level: its ends are the first refused ones on both sides,
        infinite where none is refused within 32 standard errors, or before the null has no fit any more.

    Returns
    -------
    Inverted
    """
    known: dict[float, Draws] = {}
    if not _know(known, evaluate, 0.0):
        raise ValueError("no effect has no fit")
    numerator, square = known[0.0]
    zero = statistics(numerator, square)
    centre, spread = float(numerator[0] / information), float(np.sqrt(square[0]) / information)
    if not spread > 0:
        return Inverted(float(p_value(zero)), centre, -np.inf, np.inf, zero)
    for node in _nodes(centre, spread):
        _know(known, evaluate, node)
    if len(known) < 3:
        return Inverted(float(p_value(zero)), centre, -np.inf, np.inf, zero)
    value = _root(known, centre)
    low, high = (_end(evaluate, known, value, side * spread, level) for side in (-1.0, 1.0))
    return Inverted(float(p_value(zero)), _root(known, value), low, high, zero)


def _end(evaluate: Evaluate, known: dict[float, Draws], value: float, step: float, level: float) -> float:
    """The first refused effect on one side of the estimate, infinite where none is within reach."""
    inner = 0.0
    for reach in REACH:
        place = value + reach * step
        if inner and not _know(known, evaluate, place):
            break
        for _ in range(ROUNDS):
            found = _first(known, place, (value + inner * step, value + reach * step), level)
            if found is None:
                break
            if place in known and abs(found - place) < SETTLED * abs(step):
                return found
            place = found
            if not _know(known, evaluate, place):
                break
        else:
            return place
        inner = reach
    return float(np.sign(step) * np.inf)


def _know(known: dict[float, Draws], evaluate: Evaluate, place: float) -> bool:
    """Evaluate a hypothesis once; whether it has a fit."""
    if place not in known:
        found = evaluate(place)
        if found is None:
            return False
        known[place] = found
    return True


def _nodes(centre: float, spread: float) -> list[float]:
    """Three well separated hypotheses around the estimate; no effect is one of them where it lies near."""
    low, high = centre - 2.1 * spread, centre + 2.1 * spread
    if abs(centre) > 6 * spread:
        return [low, centre, high]
    apart = [end for end in (low, high) if abs(end) > 0.7 * spread]
    return [0.0, *apart] if len(apart) == 2 else [0.0, *apart, centre]


def _near(known: dict[float, Draws], place: float) -> list[float]:
    return sorted(known, key=lambda node: abs(node - place))[:3]


def _weights(nodes: list[float], places: np.ndarray) -> np.ndarray:
    """Lagrange's weights of three nodes at some places, shape (n_places, 3)."""
    columns = []
    for own in nodes:
        others = [node for node in nodes if node != own]
        columns.append(np.prod([(places - node) / (own - node) for node in others], axis=0))
    return np.stack(columns, axis=1)


def _refused(known: dict[float, Draws], nodes: list[float], places: np.ndarray, level: float) -> np.ndarray:
    """Whether the draws refuse some effects, by interpolation between three of those that were evaluated."""
    weights = _weights(nodes, places)
    numerator = weights @ np.stack([known[node][0] for node in nodes])
    square = weights @ np.stack([known[node][1] for node in nodes])
    floor = 1e-12 * np.stack([known[node][1] for node in nodes]).max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(square > floor, numerator / np.sqrt(np.maximum(square, floor)), np.sign(numerator) * np.inf)
    found = np.where(floor > 0, found, 0.0)
    return np.asarray(p_value(found) <= 1 - level + 1e-12)


def _first(known: dict[float, Draws], place: float, span: tuple[float, float], level: float) -> float | None:
    """The first refused effect from one place to another, by the hypotheses nearest to a third; None without any."""
    nodes = _near(known, place)
    inner, outer = span
    for _ in range(7):
        inside = np.linspace(inner, outer, 13)[1:]
        refused = _refused(known, nodes, inside, level)
        if not refused.any():
            return None
        first = int(refused.argmax())
        inner, outer = (inside[first - 1] if first else inner), inside[first]
    return float(outer)


def _root(known: dict[float, Draws], place: float) -> float:
    """Where the observed statistic is nil, by the parabola through the three nearest hypotheses."""
    for _ in range(20):
        nodes = _near(known, place)
        values = np.array([known[node][0][0] for node in nodes])
        step = 1e-4 * (max(nodes) - min(nodes))
        at, above, below = _weights(nodes, np.array([place, place + step, place - step])) @ values
        change = float(at * 2 * step / (above - below)) if above != below else 0.0
        place -= change
        if abs(change) < step * 1e-8:
            break
    return place
