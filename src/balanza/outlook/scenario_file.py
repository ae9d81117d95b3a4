"""A scenario as its file states it: what is done, from when on, and what is assumed where no estimate may be used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from balanza.errors import ConfigError
from balanza.outlook.settings import Month
from balanza.strict import Strict
from balanza.strict import load as load_strict

Share = Annotated[float, Field(ge=-1, le=1)]


class Normal(Strict):
    """A prior of the log rate ratio: normal."""

    mean: float = 0.0
    sd: float = Field(gt=0)
    source: str


class Signed(Strict):
    """A prior of which the literature gives signs, not sizes: a half-normal to each side, weighed by studies."""

    fewer: float = Field(ge=0)
    more: float = Field(ge=0)
    sd: float = Field(gt=0)
    source: str

    @model_validator(mode="after")
    def _some(self) -> Signed:
        if self.fewer + self.more <= 0:
            raise ValueError("`fewer` and `more` are both zero: name the studies on one side at least")
        return self


class Effect(Strict):
    """The effect of one unit, on the log of victims: of a study where it may be used, else of the prior.

    `per` is the unit in that of the column: 100 for 100 elements per 100,000 people, 1000 for 1,000 pesos a head.
    """

    study: str | None = None
    treatment: str | None = None
    per: float = Field(1.0, gt=0)
    normal: Normal | None = None
    signed: Signed | None = None

    @model_validator(mode="after")
    def _one_prior(self) -> Effect:
        if (self.normal is None) == (self.signed is None):
            raise ValueError("give one prior, `normal` or `signed`")
        if (self.study is None) != (self.treatment is None):
            raise ValueError("`study` and `treatment` go together")
        return self

    @property
    def prior(self) -> Normal | Signed:
        """The one that is given."""
        prior = self.normal or self.signed
        assert prior is not None  # noqa: S101 - checked above
        return prior


class Course(Strict):
    """How an effect comes and goes, in months: nothing for `delay`, full after `ramp` more, then halved every
    `half_life`; without one it lasts."""

    delay: int = Field(0, ge=0)
    ramp: int = Field(1, ge=1)
    half_life: float | None = Field(None, gt=0)


class Move(Strict):
    """A share of the elements of one third of the states, by their homicide rate, to another third."""

    share: float = Field(gt=0, le=1)
    origin: Literal["low", "middle", "high"] = Field(alias="from")
    to: Literal["low", "middle", "high"]

    @model_validator(mode="after")
    def _apart(self) -> Move:
        if self.origin == self.to:
            raise ValueError("`from` and `to` are the same third")
        return self


class Intervention(Strict):
    """One thing that is done.

    arm : guard and prevention have a dose; coordination, impunity and shock change victims directly
    change : share by which the arm's strength or money falls, by each state alike
    money : `freed`: what other arms free is spent on this one, by head
    move : guard only
    states : for arms without a dose; all states by default
    months : over how many months it is carried out
    """

    arm: Literal["guard", "prevention", "coordination", "impunity", "shock"]
    change: float | None = Field(None, ge=-1, lt=0)
    money: Literal["freed"] | None = None
    move: Move | None = None
    states: tuple[str, ...] | None = None
    months: int = Field(1, ge=1)
    effect: Effect
    course: Course = Field(default_factory=lambda: Course.model_validate({}))

    @model_validator(mode="after")
    def _one_lever(self) -> Intervention:
        levers = [name for name in ("change", "money", "move") if getattr(self, name) is not None]
        dosed = self.arm in ("guard", "prevention")
        if len(levers) != dosed:
            need = "exactly one of `change`, `money` and `move`" if dosed else "none of `change`, `money` and `move`"
            raise ValueError(f"the arm {self.arm} takes {need}")
        if self.move is not None and self.arm != "guard":
            raise ValueError("only the guard can be moved")
        if dosed and self.states is not None:
            raise ValueError("`states` is for arms without a dose")
        if not dosed and self.effect.study is not None:
            raise ValueError(f"no study estimates the arm {self.arm}: take `study` out")
        return self


class Displacement(Strict):
    """The share of a state's change that its neighbours see with the other sign: between -1 (they move alike) and 1."""

    low: Share
    high: Share
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Displacement:
        if self.low > self.high:
            raise ValueError("`low` exceeds `high`")
        return self


class Scenario(Strict):
    """The keys of a scenario file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    question: str
    start: Month
    interventions: tuple[Intervention, ...] = ()
    displacement: Displacement | None = None
    notes: tuple[str, ...] = ()
    order: int = 100

    @model_validator(mode="after")
    def _money_comes_from_somewhere(self) -> Scenario:
        frees = {item.arm for item in self.interventions if item.change is not None}
        spends = {item.arm for item in self.interventions if item.money is not None}
        if spends and not frees - spends:
            raise ValueError("`money: freed` spends what no other arm frees: give another arm a negative `change`")
        arms = [item.arm for item in self.interventions]
        if len(set(arms)) != len(arms):
            raise ValueError("an arm stands twice")
        return self


def load(path: Path) -> Scenario:
    """Read a scenario.

    Raises
    ------
    ConfigError
        On an unknown key (with the nearest legal one), a missing key, an illegal value, or a name unlike the file's.
    """
    found = load_strict(Scenario, path)
    if found.name != path.stem:
        raise ConfigError(f"its name is {found.name!r}", where=str(path), cure=f"Call it {path.stem!r}, like its file")
    return found
