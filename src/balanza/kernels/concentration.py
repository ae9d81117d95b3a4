"""Concentration curves and indices: who gets what, when places are lined up by something else.

After Kakwani, Wagstaff and van Doorslaer (1997), Journal of Econometrics 77(1). Places are lined up from the highest to
the lowest; what lies above the diagonal goes to the high ones first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curves:
    """Curves through (0, 0) and (1, 1), places of equal rank in one step.

    people : shape (n_steps + 1,), cumulative share of the people
    shares : shape (n_curves, n_steps + 1), cumulative share of each amount
    index : shape (n_curves,), twice the area between the curve and the diagonal: 1 where all goes to the highest place
        (in the limit of many places), -1 where all goes to the lowest, 0 where each person gets the same
    """

    people: np.ndarray
    shares: np.ndarray
    index: np.ndarray


def curves(rank_by: np.ndarray, people: np.ndarray, amounts: np.ndarray) -> Curves:
    """Cumulative shares of amounts over people in places lined up from the highest to the lowest.

    Parameters
    ----------
    rank_by : ndarray, shape (n,)
        What places are lined up by.
    people : ndarray, shape (n,)
        Not negative, with a positive sum.
    amounts : ndarray, shape (n_curves, n)
        Not negative, each with a positive sum.

    Returns
    -------
    Curves
    """
    _, step = np.unique(-rank_by, return_inverse=True)
    sums = [np.bincount(step, values) for values in (people, *amounts)]
    shares = np.cumsum([np.r_[0.0, values] / values.sum() for values in sums], axis=1)
    width = np.diff(shares[0])
    area = ((shares[1:, 1:] + shares[1:, :-1]) / 2) @ width
    return Curves(shares[0], shares[1:], np.asarray(2 * area - 1))
