"""Costs and priors, as config/costs.yaml and config/priors.yaml state them, and the arithmetic of a cost.

A cost is what was paid, in pesos of one year, for each unit that the dose counts: the denominator is chosen by name,
because the total force and the deployed force differ by a quarter.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from balanza.strict import STRICT, Strict

Spread = Literal["people", "as_spent"]


MILLION = 1_000_000


class Prices(Strict):
    """Yearly means of a price index, and the year whose pesos are counted."""

    base: int
    index: dict[int, float]
    source: str

    @model_validator(mode="after")
    def _has_base(self) -> Self:
        if self.base not in self.index:
            raise ValueError(f"`index` lacks the base year {self.base}")
        if any(value <= 0 for value in self.index.values()):
            raise ValueError("`index` must be above 0")
        return self


class Money(Strict):
    """Millions of pesos of a year."""

    millions: float = Field(gt=0)
    year: int


class Cost(BaseModel):
    """What was paid for what: `units` of which those `counted` are the dose's, or pesos that the dose counts."""

    model_config = STRICT

    title: str
    paid: tuple[Money, ...] = Field(min_length=1)
    units: dict[str, float] = {}
    counted: str | None = None
    bought: tuple[Money, ...] = ()
    source: str
    leaves_out: str
    certainty: str

    @model_validator(mode="after")
    def _one_denominator(self) -> Self:
        if bool(self.units) == bool(self.bought):
            raise ValueError("give either `units` or `bought`")
        if self.units and (self.counted not in self.units or min(self.units.values()) <= 0):
            raise ValueError("`counted` must be the name of one of the `units`, all above 0")
        return self


class Arm(Strict):
    """What the column of an arm counts, per so many people, what one costs, and where its doses by place come from."""

    counts: str
    basis: Literal["published", "modelled"]
    per_people: float = Field(gt=0)
    costs: dict[str, Cost] = Field(min_length=1)


class Lines(Strict):
    """How far the chart of equal pesos goes, in millions, and in how many steps."""

    to: float = Field(gt=0)
    steps: int = Field(ge=2, le=200)


class Costs(Strict):
    """All of config/costs.yaml. The first of the two arms is what the second is weighed against.

    `beside` names studies of the same arms, on other rows or with covariates, and `displacement` one that tells what
    the first arm does next door; those that do not run are left out.
    """

    study: str
    beside: tuple[str, ...] = ()
    displacement: str | None = None
    amount: float = Field(gt=0)
    lines: Lines
    spread: tuple[Spread, ...] = Field(min_length=1)
    prices: Prices
    arms: dict[str, Arm] = Field(min_length=2, max_length=2)

    @model_validator(mode="after")
    def _years_are_known(self) -> Self:
        for name, arm in self.arms.items():
            for cost in arm.costs.values():
                years = {money.year for money in (*cost.paid, *cost.bought)} - set(self.prices.index)
                if years:
                    raise ValueError(f"`prices` lacks {min(years)}, which a cost of {name} needs")
        return self


class Prior(Strict):
    """A normal prior on the log rate ratio of one year at the mean dose."""

    mean: Literal[0] = 0
    deviation: float = Field(gt=0)
    reason: str


class Priors(Strict):
    """All of config/priors.yaml."""

    about: str
    priors: dict[str, Prior]


class Priced(Strict):
    """A cost worked out: pesos of the base year for each unit of the dose, and how that came about.

    `per_total` is what each unit of the largest denominator cost in pesos of its own year, where there is one.
    """

    name: str
    title: str
    pesos: float
    arithmetic: str
    per_total: float | None
    source: str
    leaves_out: str
    certainty: str


def price(name: str, cost: Cost, prices: Prices) -> Priced:
    """Work out a cost.

    Parameters
    ----------
    name, cost, prices
        A cost of an arm by its name, and the price index.

    Returns
    -------
    Priced
    """
    paid, bought = _real(cost.paid, prices), _real(cost.bought, prices)
    count = cost.units[str(cost.counted)] if cost.units else bought * MILLION
    total = max(cost.units.values(), default=None)
    single = len({money.year for money in cost.paid}) == 1
    if cost.units:
        divisor = f"{count:,.0f} {cost.counted}"
    elif cost.bought == cost.paid:
        divisor = "the same pesos"
    else:
        divisor = f"({_terms(cost.bought, prices)})"
    return Priced(
        name=name,
        title=cost.title,
        pesos=paid * MILLION / count,
        arithmetic=f"({_terms(cost.paid, prices)}) million / {divisor}{'' if cost.units else ' million'}",
        per_total=sum(money.millions for money in cost.paid) * MILLION / total if total and single else None,
        source=cost.source,
        leaves_out=cost.leaves_out,
        certainty=cost.certainty,
    )


def _real(paid: tuple[Money, ...], prices: Prices) -> float:
    """Millions of pesos of the base year."""
    return sum(money.millions * prices.index[prices.base] / prices.index[money.year] for money in paid)


def _terms(paid: tuple[Money, ...], prices: Prices) -> str:
    base = prices.index[prices.base]
    return " + ".join(
        f"{money.millions:,.0f}" + ("" if money.year == prices.base else f" x {base:g}/{prices.index[money.year]:g}")
        for money in paid
    )
