"""The panel of all benchmarks: municipalities by months with cohorts of an absorbing treatment, drawn from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class Size(NamedTuple):
    """Numbers of units, of periods, and of cohorts beside the never-treated."""

    units: int
    periods: int
    cohorts: int

    @property
    def text(self) -> str:
        return f"{self.units:,} units x {self.periods} periods, {self.cohorts} cohorts"


MONTHLY = Size(2475, 132, 40)


def frame(size: Size, columns: Iterable[str]) -> pd.DataFrame:
    """Unit, period and the columns asked for, one row per unit and period; a column is the same whatever others are."""
    import pandas as pd

    unit, period = np.indices((size.units, size.periods))
    found = {"unit": unit.ravel(), "period": period.ravel()}
    for name in columns:
        found[name] = np.broadcast_to(COLUMNS[name](size), unit.shape).ravel()
    return pd.DataFrame(found)


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng([20190701, *name.encode()])


def _month(size: Size) -> np.ndarray:
    return np.arange(size.periods)


def _first(size: Size) -> np.ndarray:
    """First treated period, 0 for never (a quarter of units); cohorts lie evenly from one eleventh of the time on."""
    cohorts = np.linspace(size.periods // 11, size.periods - 3, size.cohorts).astype(int)
    return _rng("first").choice(np.concatenate([np.zeros(max(1, size.cohorts // 3), int), cohorts]), (size.units, 1))


def _treated(size: Size) -> np.ndarray:
    first = _first(size)
    return np.asarray((first > 0) & (_month(size) >= first), float)


def _once(size: Size) -> np.ndarray:
    """First treated period of one cohort of 4 per cent of the units, at two thirds of the time; 0 for never."""
    return np.where(np.arange(size.units) < max(2, size.units // 25), size.periods * 2 // 3, 0)[:, None]


def _covariate(name: str) -> Callable[[Size], np.ndarray]:
    return lambda size: _rng(name).normal(size=(size.units, 1))


def _y(size: Size) -> np.ndarray:
    rng = _rng("y")
    noise = rng.normal(size=(size.units, 1)) + rng.normal(size=(size.units, size.periods))
    return noise + 0.01 * _month(size) * COLUMNS["x1"](size) + 0.1 * _treated(size)


def _y_once(size: Size) -> np.ndarray:
    """An outcome that follows a common factor, for synthetic controls."""
    rng, first = _rng("y_once"), _once(size)
    factor = 0.3 * np.cumsum(rng.normal(size=size.periods))
    noise = rng.normal(size=(size.units, 1)) * factor + rng.normal(size=(size.units, size.periods))
    return noise + 0.1 * ((first > 0) & (_month(size) >= first))


def _people(size: Size) -> np.ndarray:
    return _rng("people").lognormal(9.5, 1.3, (size.units, 1)) * np.linspace(1, 1.1, size.periods)


def _count(size: Size) -> np.ndarray:
    rng = _rng("count")
    log_rate = 0.5 * rng.normal(size=(size.units, 1)) + 0.2 * np.sin(_month(size) / 12) - 0.2 * _treated(size)
    return rng.poisson(2e-5 * np.exp(log_rate) * _people(size)).astype(float)


def _dose(size: Size) -> np.ndarray:
    """A dose of three quarters of the units, from five elevenths of the time on."""
    rng = _rng("dose")
    doses = rng.uniform(0, 2, (size.units, 1)) * (rng.random((size.units, 1)) < 0.75)
    return doses * (_month(size) >= dose_start(size.periods))


def _offered(size: Size) -> np.ndarray:
    """What moves the dose: an instrument."""
    noise = _rng("offered").normal(size=(size.units, 1))
    return np.asarray((2 * _dose(size) + noise) * (_month(size) >= dose_start(size.periods)))


def dose_start(periods: int) -> int:
    """The period in which doses begin."""
    return periods * 5 // 11


def _uniform(name: str, low: float, high: float) -> Callable[[Size], np.ndarray]:
    return lambda size: _rng(name).uniform(low, high, (size.units, 1))


COLUMNS: dict[str, Callable[[Size], np.ndarray]] = {
    "first": _first,
    "treated": _treated,
    "once": _once,
    "x1": _covariate("x1"),
    "x2": _covariate("x2"),
    "x3": _covariate("x3"),
    "y": _y,
    "y_once": _y_once,
    "people": _people,
    "count": _count,
    "dose": _dose,
    "offered": _offered,
    "eligible": lambda size: _rng("eligible").integers(0, 2, (size.units, 1)),
    "latitude": _uniform("latitude", 15, 32),
    "longitude": _uniform("longitude", -117, -87),
}
