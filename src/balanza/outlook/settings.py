"""How the outlook is made, as config/outlook.yaml states it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from balanza.strict import Strict
from balanza.strict import load as load_strict

PATH = Path("config/outlook.yaml")


def _month(text: str) -> str:
    try:
        return str(np.datetime64(text, "M"))
    except ValueError:
        raise ValueError(f"{text!r} is no month, such as 2025-01") from None


Month = Annotated[str, BeforeValidator(str), Field(pattern=r"^\d{4}-\d{2}$"), AfterValidator(_month)]


class Forecast(Strict):
    """What is forecast, how far, and how it is tried."""

    column: str
    until: Month
    draws: int = Field(ge=100, le=5000)
    held_out: Month
    first_origin: Month
    every: int = Field(ge=1)
    ahead: int = Field(ge=1)


class Break(Strict):
    """From when on the series means something else; with `ends_scoring` no later value is compared with a forecast."""

    start: Month = Field(alias="from")
    name: str
    what: str
    ends_scoring: bool = False


class Guard(Strict):
    """The Guard's strength, what it costs, and how fast it can grow (elements a year)."""

    column: str
    total: float = Field(gt=0)
    hired_a_year: float = Field(gt=0)
    cost_low: float = Field(gt=0)
    cost_high: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Guard:
        if self.cost_low > self.cost_high:
            raise ValueError("`cost_low` exceeds `cost_high`")
        return self


class Prevention(Strict):
    """The programme's money, and the most that it may spend, in millions of pesos a year."""

    column: str
    most: float = Field(gt=0)


class Settings(Strict):
    """The keys of config/outlook.yaml."""

    forecast: Forecast
    breaks: tuple[Break, ...] = ()
    guard: Guard
    prevention: Prevention

    def crossed(self, period: str) -> tuple[str, ...]:
        """The names of breaks that lie at or before a month."""
        return tuple(item.name for item in self.breaks if item.start <= period)

    @property
    def scored_before(self) -> str | None:
        """The first month that no forecast may be scored on."""
        return min((item.start for item in self.breaks if item.ends_scoring), default=None)


def load(path: Path = PATH) -> Settings:
    """Read the settings.

    Raises
    ------
    ConfigError
        On an unknown key (with the nearest legal one), a missing key or an illegal value.
    """
    return load_strict(Settings, path)
