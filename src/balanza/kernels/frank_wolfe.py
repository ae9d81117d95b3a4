"""The algorithm of Frank and Wolfe on a simplex, compiled: tens of thousands of short steps, each on the last.

After R `synthdid` 0.0.9, of Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), American Economic Review 111(12).
"""

from __future__ import annotations

import numpy as np
from numba import njit

TINY = float(np.finfo(float).tiny)
SMALLEST_SCALE = 1e-100


def descend(
    gram: np.ndarray, product: np.ndarray, weights: np.ndarray, ridge: np.ndarray, least: np.ndarray, steps: int
) -> np.ndarray:
    """Step towards the best vertex, each time as far as is best, until a step gains less than `least`.

    Minimises x'Qx - 2 product'x over the simplex, with Q = gram + ridge, from the given weights.

    Parameters
    ----------
    gram : ndarray, shape (k, k), or (n_problems, k, k)
        Shared, or by problem.
    product, weights : ndarray, shape (n_problems, k)
    ridge, least : ndarray, shape (n_problems,)
    steps : int
        At most.

    Returns
    -------
    ndarray, shape (n_problems, k)
        Not negative, rows that add up to one.
    """
    by_problem = np.einsum("nk,nkj->nj", weights, gram) if gram.ndim == 3 else weights @ gram
    slope = by_problem + ridge[:, None] * weights
    found = weights.copy()
    _descend(gram if gram.ndim == 3 else gram[None], product, found, slope, ridge, least, steps)
    return found


@njit(cache=True)
def _descend(
    grams: np.ndarray,
    products: np.ndarray,
    found: np.ndarray,
    slopes: np.ndarray,
    ridges: np.ndarray,
    leasts: np.ndarray,
    steps: int,
) -> None:
    """Move `found`. `slope` is Qx - product; `curve` and `line`, x'Qx and product'x, follow from each step.

    x is kept as `x` times `scale`, so that a step touches all controls once only, to move the slope.
    """
    for problem in range(len(found)):
        gram, product = grams[problem if len(grams) > 1 else 0], products[problem]
        x, slope, ridge, scale = found[problem], slopes[problem], ridges[problem], 1.0
        curve, line = 0.0, 0.0
        for k in range(len(x)):
            if x[k] > 0:
                curve += slope[k] * x[k]
                line += product[k] * x[k]
            slope[k] -= product[k]
        best = slope.argmin()
        for step in range(steps):
            own, across = gram[best, best] + ridge, slope[best] + product[best]
            gain, length = curve - line - slope[best], own - 2 * across + curve
            share = min(max(gain / max(length, TINY), 0.0), 1.0)
            if scale * (1 - share) < SMALLEST_SCALE:
                x *= scale * (1 - share)
                x[best], scale = x[best] + share, 1.0
            else:
                scale *= 1 - share
                x[best] += share / scale
            curve = (1 - share) ** 2 * curve + 2 * share * (1 - share) * across + share**2 * own
            line = (1 - share) * line + share * product[best]
            column = gram[best]
            moved = slope[best] + share * (own - product[best] - slope[best])
            lowest = min(
                _move(slope[:best], column[:best], product[:best], share),
                _move(slope[best + 1 :], column[best + 1 :], product[best + 1 :], share),
            )
            slope[best] = moved
            if lowest < moved:
                best = 0
                while slope[best] != lowest:
                    best += 1
            if step > 0 and share * (2 * gain - share * length) <= leasts[problem]:
                break
        x *= scale


@njit(cache=True, fastmath={"nnan", "nsz"})
def _move(slope: np.ndarray, column: np.ndarray, product: np.ndarray, share: float) -> float:
    """Move the slope towards that of a vertex; its lowest value. Fast, since nothing is missing."""
    lowest = np.inf
    for k in range(len(slope)):
        moved = slope[k] + share * (column[k] - product[k] - slope[k])
        slope[k] = moved
        lowest = min(moved, lowest)
    return lowest
