"""What a scenario does to each state in each month, within the limits of hiring and money.

Elements and money by state are modelled: the last public figures by state, elements scaled to the latest national
total. Money is in pesos of 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balanza.outlook.scenario_file import Course, Intervention, Move, Scenario
from balanza.outlook.settings import Settings
from balanza.say import say

Floats = NDArray[np.float64]
YEAR = 12
THIRDS = ("low", "middle", "high")


@dataclass(frozen=True)
class Country:
    """What a scenario starts from, one entry a state: people, elements, the programme's pesos a year, and homicides per
    100,000 a year of the last twelve months."""

    states: tuple[str, ...]
    people: Floats
    elements: Floats
    pesos: Floats
    rate: Floats

    def thirds(self) -> NDArray[np.str_]:
        """Each state's third by its homicide rate."""
        rank = np.argsort(np.argsort(self.rate, kind="stable"), kind="stable")
        return np.array(THIRDS)[np.minimum(3 * rank // len(rank), 2)]


@dataclass(frozen=True)
class Plan:
    """Doses of one scenario at one cost of an element.

    doses : by arm, shape (n_months, n_states): elements per 100,000, pesos a head and year, or 1 where an arm without
        a dose is at work; changes from what is
    elements : change of the Guard's national strength at the end
    freed, spent : pesos a year at the end
    limited : sentences on where a limit held
    """

    doses: dict[str, Floats]
    elements: float = 0.0
    freed: float = 0.0
    spent: float = 0.0
    limited: list[str] = field(default_factory=list)


def progress(n_months: int, start: int, months: int) -> Floats:
    """The share of a plan carried out by each month, shape (n_months,): even steps from month `start` on."""
    return np.clip((np.arange(n_months) - start + 1) / months, 0.0, 1.0)


def response(n_months: int, course: Course) -> Floats:
    """The share of the full effect so many months after a change, shape (n_months,)."""
    since = np.arange(n_months)
    rising = np.clip((since - course.delay + 1) / course.ramp, 0.0, 1.0)
    if course.half_life is None:
        return rising
    full = np.maximum(since - course.delay - course.ramp + 1, 0)
    return np.asarray(rising * 0.5 ** (full / course.half_life))


def felt(dose: Floats, course: Course) -> Floats:
    """A dose as its effect feels it: each step of it comes and goes by the course.

    Parameters
    ----------
    dose : ndarray, shape (n_months, n_states)
    course : Course

    Returns
    -------
    ndarray, shape (n_months, n_states)
    """
    n_months = len(dose)
    steps = np.diff(dose, axis=0, prepend=0.0)
    shares = response(n_months, course)
    lag = np.arange(n_months)[:, None] - np.arange(n_months)
    kernel = np.where(lag >= 0, shares[np.maximum(lag, 0)], 0.0)
    return np.asarray(kernel @ steps)


def plan(scenario: Scenario, country: Country, settings: Settings, n_months: int, start: int, cost: float) -> Plan:
    """The doses of a scenario.

    Parameters
    ----------
    scenario : Scenario
    country : Country
    settings : Settings
        The limits.
    n_months, start : int
        Months of the outlook, and the one in which the scenario begins.
    cost : float
        Pesos of 2021 per element and year.
    """
    found = Plan({})
    elements = freed = spent = 0.0
    savers = [item for item in scenario.interventions if item.money is None]
    for item in savers:
        share = progress(n_months, start, item.months)[:, None]
        if item.change is not None:
            own, gain = _cut(item, country, cost)
            found.doses[item.arm] = share * own
            freed += gain
            elements += item.change * float(country.elements.sum()) if item.arm == "guard" else 0.0
        elif item.move is not None:
            found.doses[item.arm] = share * _moved(item.move, country)
        else:
            found.doses[item.arm] = share * _at(item, country)
    for item in (item for item in scenario.interventions if item.money is not None):
        slowest = max(other.months for other in savers if other.change is not None)
        share = progress(n_months, start, max(item.months, slowest))
        if item.arm == "guard":
            hired = _hired(freed / cost * share, settings, found.limited)
            found.doses["guard"] = hired[:, None] / float(country.people.sum()) * 1e5 * np.ones(len(country.people))
            elements, spent = elements + float(hired[-1]), spent + float(hired[-1]) * cost
        else:
            money = _within_budget(freed, country, settings, found.limited)
            found.doses["prevention"] = (
                share[:, None] * money / float(country.people.sum()) * np.ones(len(country.people))
            )
            spent += money
    return Plan(found.doses, elements, freed, spent, found.limited)


def _cut(item: Intervention, country: Country, cost: float) -> tuple[Floats, float]:
    """The change of dose in each state when an arm shrinks, and the pesos a year that it frees."""
    change = item.change or 0.0
    if item.arm == "guard":
        return change * country.elements / country.people * 1e5, -change * float(country.elements.sum()) * cost
    return change * country.pesos / country.people, -change * float(country.pesos.sum())


def _moved(move: Move, country: Country) -> Floats:
    """The change of dose when elements move between thirds of the states: by strength there, by people here."""
    thirds = country.thirds()
    leave = np.where(thirds == move.origin, -move.share * country.elements, 0.0)
    people = np.where(thirds == move.to, country.people, 0.0)
    return np.asarray((leave - leave.sum() * people / people.sum()) / country.people * 1e5)


def _at(item: Intervention, country: Country) -> Floats:
    """1 in the states where an arm without a dose is at work."""
    return np.array([1.0 if item.states is None or state in item.states else 0.0 for state in country.states])


def _hired(wanted: Floats, settings: Settings, limited: list[str]) -> Floats:
    """Elements hired by each month, never more in a month than the limit of a year allows."""
    hired, most = np.zeros(len(wanted)), settings.guard.hired_a_year / YEAR
    for month in range(len(wanted)):
        before = hired[month - 1] if month else 0.0
        hired[month] = before + min(wanted[month] - before, most)
    if (hired < wanted - 1e-9).any():
        late = int((hired < wanted - 1e-9).sum())
        limited.append(
            say(
                "Hiring is held to {most:,.0f} elements a year: the plan lags for {late} months",
                most=settings.guard.hired_a_year,
                late=late,
            )
            + (
                say(", and ends {short:,.0f} short.", short=wanted[-1] - hired[-1])
                if hired[-1] < wanted[-1] - 1e-9
                else "."
            )
        )
    return hired


def _within_budget(freed: float, country: Country, settings: Settings, limited: list[str]) -> float:
    """Pesos a year that the programme can take."""
    room = max(0.0, settings.prevention.most * 1e6 - float(country.pesos.sum()))
    if freed > room:
        limited.append(
            say(
                "The programme is held to {most:,.0f} million pesos a year: {rest:,.0f} million of what"
                " is freed are not spent on it.",
                most=settings.prevention.most,
                rest=(freed - room) / 1e6,
            )
        )
    return min(freed, room)
