"""Which units and periods a staggered design can compare: shared by all estimators of absorbing treatments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.contract import EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard
from balanza.kernels.group_time import NEVER
from balanza.say import say


@dataclass(frozen=True)
class Design:
    """Units that enter, with their cohorts, and the periods up to which some unit is untreated.

    cohort : shape (n_units,) of the panel, code of the first treated period, NEVER for controls
    units : shape (n_units,) of the panel, whether a unit enters
    n_periods : the first periods of the panel that enter
    warnings : sentences on what was left out
    """

    cohort: np.ndarray
    units: np.ndarray
    n_periods: int
    warnings: tuple[str, ...]


def design(spec: EstimatorSpec, study: Study, panel: Panel, units: np.ndarray, anticipation: int) -> Design:
    """Leave out units without a before, and let the last cohort be the controls where no unit is never treated.

    Parameters
    ----------
    spec, study, panel : as in the contract
    units : ndarray of bool, shape (n_units,)
        Units that may enter.
    anticipation : int
        Periods before treatment that may already be affected.

    Raises
    ------
    Unsupported
        If no treated unit is seen both before and after its treatment beside a control unit.
    """
    warnings, n_periods = list[str](), panel.n_periods
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    cohort = np.where((cohort < 0) | (cohort >= n_periods + anticipation), NEVER, cohort)
    early = units & (cohort <= anticipation)
    warnings += _guard.always_treated(panel, study.treatment, units, _guard.LEFT_OUT, anticipation)
    units = units & ~early
    cohort, n_periods = _with_controls(panel, cohort, units, n_periods, anticipation, warnings)
    if not (cohort[units] < n_periods).any():
        raise Unsupported(
            say("no treated unit is seen both before and after its treatment beside a control unit"),
            where=spec.name,
            cure=say("Widen the window, or choose rows with units that are treated later or never"),
        )
    return Design(cohort, units, n_periods, tuple(warnings))


def label(panel: Panel, code: np.ndarray) -> np.ndarray:
    """Text of period codes, also of those after the last one."""
    last = panel.n_periods - 1
    inside = panel.period_labels[np.minimum(code, last)].astype(str)
    return np.array(
        [label if beyond <= 0 else f"{label}+{beyond}" for label, beyond in zip(inside, code - last, strict=True)]
    )


def _with_controls(
    panel: Panel, cohort: np.ndarray, units: np.ndarray, n_periods: int, anticipation: int, warnings: list[str]
) -> tuple[np.ndarray, int]:
    """Where no unit is never treated, the last cohort becomes the controls, up to its own treatment."""
    if not units.any() or (cohort[units] == NEVER).any():
        return cohort, n_periods
    last = int(cohort[units].max())
    end = min(n_periods, last - anticipation)
    first = label(panel, np.array([last]))[0]
    warnings.append(
        say(
            "No unit is never treated: the {cohort} units first treated in {first} serve as controls,"
            " and the last {end} period(s), in which they are treated or may react, are left out",
            cohort=(cohort[units] == last).sum(),
            first=first,
            end=n_periods - end,
        )
    )
    return np.where(cohort == last, NEVER, cohort), end
