"""One treatment in the two-way fit, as checks on causes that are not measured read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.checks import _twoway
from balanza.checks._twoway import Design, Effect
from balanza.contract import Study
from balanza.estimators import _summary
from balanza.kernels.cluster_moments import Moments, information, inverse


@dataclass(frozen=True)
class Case:
    """One treatment in the two-way fit.

    error : classical standard error, a measure of size
    ratio : of the clustered standard error to it
    critical : t value of the study's level
    void : why the standard error is no ground for a verdict, if it is none
    """

    study: Study
    design: Design
    found: Moments
    index: int
    effect: Effect
    error: float
    ratio: float
    critical: float
    void: str | None

    @property
    def name(self) -> str:
        return self.design.names[self.index]

    def interval(self, value: float, error: float) -> tuple[float, float]:
        """Interval with a classical standard error made clustered."""
        half = self.critical * self.ratio * error
        return value - half, value + half


def case(study: Study, design: Design, found: Moments, index: int, effect: Effect) -> Case:
    """A treatment with its classical error, which measures of strength are of."""
    own = float(information(found, np.array([index]))[0, 0])
    error = float(np.sqrt(squares(found) / found.freedom / own))
    critical = _summary.critical(study.level, effect.freedom)
    void = _twoway.void_error(design, index, study.treatments[index], effect)
    return Case(study, design, found, index, effect, error, effect.error / error, critical, void)


def squares(found: Moments, without: np.ndarray | None = None) -> float:
    """Sum of squared residuals, of all terms or without some."""
    kept = np.setdiff1d(np.arange(found.gram.shape[1]), [] if without is None else without)
    gradient = found.gradient.sum(axis=0)[kept]
    solved = inverse(found.gram.sum(axis=0)[np.ix_(kept, kept)]) @ gradient
    return float(found.square.sum() - gradient @ solved)
