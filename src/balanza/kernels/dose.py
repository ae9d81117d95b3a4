"""Dose-response of a change of the outcome, after Callaway, Goodman-Bacon and Sant'Anna (2024).

"Difference-in-Differences with a Continuous Treatment", as in the authors' R package `contdid`: the change of treated
units is regressed on a function of their dose, and compared with the mean change of the untreated. Level effects and
slopes are linear in the coefficients, so that one regression serves all doses and all periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from balanza.say import say

SINGULAR = 1e-10


class Singular(ValueError):
    """The doses (and covariates) do not pin down the curve."""


class Curve(Protocol):
    """Functions of the dose, as weights of the coefficients: that of the untreated first, then those of the curve.

    Both take doses of shape (n,) and return (n, 1 + k): the effect of a dose against none, and its slope.
    """

    def level(self, dose: np.ndarray) -> np.ndarray: ...

    def slope(self, dose: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Spline:
    """Splines of some degree between `low` and `high`, in the span of B-splines with the same inner knots."""

    low: float
    high: float
    degree: int
    knots: np.ndarray

    def level(self, dose: np.ndarray) -> np.ndarray:
        x, past = self._scaled(dose)
        powers = x[:, None] ** np.arange(self.degree + 1)
        return np.column_stack([np.full(len(x), -1.0), powers, np.maximum(past, 0.0) ** self.degree])

    def slope(self, dose: np.ndarray) -> np.ndarray:
        x, past = self._scaled(dose)
        order = np.arange(1, self.degree + 1)
        powers = order * x[:, None] ** (order - 1)
        inner = np.where(past >= 0, self.degree * past ** (self.degree - 1), 0.0)
        return np.column_stack([np.zeros((len(x), 2)), powers, inner]) * (2 / (self.high - self.low))

    def _scaled(self, dose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Doses on [-1, 1], and how far they lie past each knot."""
        x, knots = (2 * (part - self.low) / (self.high - self.low) - 1 for part in (dose, self.knots))
        return x, x[:, None] - knots


@dataclass(frozen=True)
class Bins:
    """One level for each bin of doses; slopes from bin to bin, the first from the untreated where there are any.

    edges : shape (n_bins - 1,), upper edges of all bins but the last, themselves inside; centre : shape (n_bins,),
    mean doses.
    """

    edges: np.ndarray
    centre: np.ndarray
    untreated: bool

    def level(self, dose: np.ndarray) -> np.ndarray:
        return np.column_stack([np.full(len(dose), -1.0), np.eye(len(self.centre))[self._bin(dose)]])

    def slope(self, dose: np.ndarray) -> np.ndarray:
        steps = np.diff(np.eye(len(self.centre) + 1), axis=0) / np.diff(self.centre, prepend=0.0)[:, None]
        if not self.untreated:
            steps[0] = steps[1]
        return np.asarray(steps[self._bin(dose)])

    def _bin(self, dose: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.edges, dose, side="left")


def spline(dose: np.ndarray, degree: int = 3, knots: int = 0) -> Spline:
    """A spline on the range of positive doses, with inner knots at their quantiles.

    Parameters
    ----------
    dose : ndarray, shape (n_treated,)
    degree, knots : int
        Degree from 1 on, and number of inner knots.
    """
    inner = np.quantile(dose, np.linspace(0, 1, knots + 2)[1:-1])
    return Spline(float(dose.min()), float(dose.max()), degree, inner)


def bins(dose: np.ndarray, count: int, untreated: bool) -> Bins:
    """Bins of positive doses between their quantiles; fewer where doses repeat.

    Parameters
    ----------
    dose : ndarray, shape (n_treated,)
    count : int
    untreated : bool
        Whether there are untreated units, from which the slope of the first bin is taken.
    """
    edges = np.unique(np.quantile(dose, np.linspace(0, 1, count + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges < dose.max()]
    code = np.searchsorted(edges, dose, side="left")
    return Bins(edges, np.bincount(code, dose) / np.bincount(code), untreated)


@dataclass(frozen=True)
class Response:
    """Regressions of several changes on the same design.

    coefficients : shape (n_coefficients, n_changes), those of the curve first
    share : shape (n_units,), weights of treated units, which add up to one
    cluster : shape (n_units,), codes from 0
    factor : small-sample factor of influences
    """

    coefficients: np.ndarray
    share: np.ndarray
    cluster: np.ndarray
    factor: float
    _influence: np.ndarray

    def at(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Linear functions of the curve's coefficients.

        Parameters
        ----------
        weights : ndarray, shape (n, 1 + k)
            From a `Curve`.

        Returns
        -------
        value : ndarray, shape (n, n_changes)
        influence : ndarray, shape (n_clusters, n, n_changes)
            Column norms are standard errors.
        """
        width = weights.shape[1]
        value = weights @ self.coefficients[:width]
        return value, self._by_cluster(np.einsum("rk,ikm->irm", weights, self._influence[:, :width]))

    def mean(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Their mean over treated units, whose doses count as drawn.

        Parameters
        ----------
        weights : ndarray, shape (n_units, 1 + k)
            From a `Curve`; anything in rows of untreated units.

        Returns
        -------
        value : ndarray, shape (n_changes,)
        influence : ndarray, shape (n_clusters, n_changes)
        """
        value, influence = self.at((self.share @ weights)[None])
        own = weights @ self.coefficients[: weights.shape[1]] - value
        drawn = self.factor * self.share[:, None] * own
        return value[0], influence[:, 0] + self._by_cluster(drawn)

    def _by_cluster(self, values: np.ndarray) -> np.ndarray:
        out = np.zeros((int(self.cluster.max()) + 1, *values.shape[1:]))
        np.add.at(out, self.cluster, values)
        return out


def respond(
    change: np.ndarray,
    dose: np.ndarray,
    curve: Curve,
    covariates: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
) -> Response:
    """Regress changes of the outcome on the curve of the dose, and on a mean of their own for untreated units.

    Parameters
    ----------
    change : ndarray, shape (n_units, n_changes)
    dose : ndarray, shape (n_units,)
        0 for the untreated; there need not be any.
    curve : Curve
    covariates : ndarray, shape (n_units, k), optional
        Enter linearly, with the same slopes whatever the dose.
    weights : ndarray, shape (n_units,), optional
    cluster : ndarray of int, shape (n_units,), optional
        Codes from 0; the units themselves by default.

    Returns
    -------
    Response

    Raises
    ------
    Singular
        If the design is singular.
    """
    treated, mass = dose > 0, np.ones(len(dose)) if weights is None else weights
    basis = np.where(treated[:, None], curve.level(np.where(treated, dose, dose.max())), 0.0)
    basis[:, 0] = ~treated
    design = basis if covariates is None else np.hstack([basis, _standardised(covariates, mass)])
    present = np.flatnonzero(design.any(axis=0) | (np.arange(design.shape[1]) > 0))
    used = design[:, present]
    gram = (used * mass[:, None]).T @ used
    size = np.sqrt(np.diag(gram))
    if not size.all() or np.linalg.eigvalsh(gram / np.outer(size, size))[0] < SINGULAR or len(used) <= len(present):
        raise Singular(say("the design is singular"))
    bread = np.zeros((design.shape[1],) * 2)
    bread[np.ix_(present, present)] = np.linalg.inv(gram / np.outer(size, size)) / np.outer(size, size)
    scores = bread @ (design * mass[:, None]).T
    coefficients = scores @ change
    codes = np.arange(len(dose)) if cluster is None else cluster
    n_clusters = len(np.unique(codes))
    factor = n_clusters / (n_clusters - 1) * (len(dose) - 1) / (len(dose) - len(present))
    influence = scores.T[:, :, None] * (change - design @ coefficients)[:, None, :]
    share = np.where(treated, mass, 0.0) / mass[treated].sum()
    return Response(coefficients, share, codes, factor**0.5, factor**0.5 * influence)


def _standardised(covariates: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Covariates less their weighted means, in standard units."""
    spread = covariates.std(axis=0)
    mean = np.average(covariates, axis=0, weights=weights)
    return np.asarray((covariates - mean) / np.where(spread > 0, spread, 1.0))
