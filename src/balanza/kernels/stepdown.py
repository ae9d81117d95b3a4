"""P values for many hypotheses: step-down by the largest of joint draws, and the false discovery rate.

After Romano and Wolf (2005), Econometrica 73(4), with p values as in Romano and Wolf (2016), Statistics & Probability
Letters 113, and Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1).
"""

from __future__ import annotations

import numpy as np

from balanza.kernels.inversion import TIE


def romano_wolf(statistics: np.ndarray) -> np.ndarray:
    """P values adjusted so that the chance of any false finding among the hypotheses is kept.

    Parameters
    ----------
    statistics : ndarray, shape (n_hypotheses, n_draws)
        Each drawn under its own null, all from the same draws; the observed ones come first and count as a draw.

    Returns
    -------
    ndarray, shape (n_hypotheses,)
    """
    size = np.abs(statistics)
    order = np.argsort(-size[:, 0], kind="stable")
    # The largest of this and all less striking hypotheses, in each draw.
    largest = np.maximum.accumulate(size[order[::-1]], axis=0)[::-1]
    p = (largest >= size[order, :1] * (1 - TIE)).mean(axis=1)
    out = np.empty(len(p))
    out[order] = np.maximum.accumulate(p)
    return out


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """P values adjusted so that the expected share of false findings among all findings is kept.

    Parameters
    ----------
    p_values : ndarray, shape (n_hypotheses,)

    Returns
    -------
    ndarray, shape (n_hypotheses,)
    """
    order = np.argsort(-p_values, kind="stable")
    n = len(p_values)
    adjusted = np.minimum.accumulate(p_values[order] * n / np.arange(n, 0, -1))
    out = np.empty(n)
    out[order] = np.minimum(adjusted, 1.0)
    return out
