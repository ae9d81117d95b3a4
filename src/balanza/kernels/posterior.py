"""A normal prior on some effects, and estimates of them with a t distribution: their posterior as a mixture of normals.

A t distribution is a normal one whose precision is drawn from a gamma distribution (Gelman et al. 2013, Bayesian Data
Analysis, section 17.2). Given the precision all is normal and in closed form; the precisions are laid out on a grid of
equal probability, so that nothing is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NODES = 400


@dataclass(frozen=True)
class Mixture:
    """Normal distributions of k effects: weights (n,) that sum to 1, means (n, k) and covariances (n, k, k)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def probability_above(self, contrast: np.ndarray, bound: float = 0.0) -> float:
        """The probability that contrast @ effects is above a bound; the contrast has shape (k,)."""
        from scipy.special import ndtr

        centre, spread = self._along(contrast)
        return float(self.weights @ ndtr((centre - bound) / spread))

    def mean(self, contrast: np.ndarray) -> float:
        """The expected value of contrast @ effects."""
        return float(self.weights @ self._along(contrast)[0])

    def interval(self, contrast: np.ndarray, level: float) -> tuple[float, float]:
        """The bounds that leave half of 1 - level out on either side."""
        from scipy.optimize import brentq

        centre, spread = self._along(contrast)
        widest = (float((centre - 40 * spread).min()), float((centre + 40 * spread).max()))
        tails = ((1 + level) / 2, (1 - level) / 2)
        low, high = (brentq(lambda x, tail=tail: self.probability_above(contrast, x) - tail, *widest) for tail in tails)
        return float(low), float(high)

    def _along(self, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        variance = np.einsum("i,nij,j->n", contrast, self.covariances, contrast)
        return self.means @ contrast, np.sqrt(variance)


def update(
    estimate: np.ndarray, covariance: np.ndarray, freedom: float, deviation: np.ndarray, nodes: int = NODES
) -> Mixture:
    """The posterior of effects under independent normal priors around zero.

    Parameters
    ----------
    estimate : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
        The scale of the t distribution of the estimates around the effects: the square of their standard errors.
    freedom : float
        Of that distribution.
    deviation : ndarray, shape (k,)
        Standard deviations of the priors.
    nodes : int
        Precisions on the grid.

    Returns
    -------
    Mixture
    """
    from scipy.special import gammaincinv

    precision = gammaincinv(freedom / 2, (np.arange(nodes) + 0.5) / nodes) / (freedom / 2)
    prior = np.diag(deviation**2)
    noise = covariance[None] / precision[:, None, None]
    total = noise + prior
    gain = prior @ np.linalg.inv(total)
    means = gain @ estimate
    covariances = prior - gain @ prior
    fit = np.einsum("i,nij,j->n", estimate, np.linalg.inv(total), estimate)
    log_weight = -0.5 * (fit + np.linalg.slogdet(total)[1])
    weights = np.exp(log_weight - log_weight.max())
    return Mixture(weights / weights.sum(), means, covariances)
