"""Who gets what, and when: Guard, youth programme and security transfers by state, joint operations, Guard openings.

`Settings.selection` says how assignment looks at violence: not at all (`none`); at its permanent level, which leaves
trends parallel on the log scale (`level`); or at its recent rise, which does not (`dip`: Ashenfelter 1978).
The prevention programme always follows poverty and rural life, never violence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.baseline import Baseline
from balanza.acquire.synthetic.calibration import MONTHS, STATE_CODES, YEARS, month_position, stream
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.matching import national_share
from balanza.acquire.synthetic.openings import Openings, guard_openings
from balanza.acquire.synthetic.population import BASE_YEAR, population, standardised
from balanza.acquire.synthetic.selection import assignment_score
from balanza.acquire.synthetic.violence import YEAR, autoregressive, normal_scores
from balanza.acquire.synthetic.world import Settings

GUARD_START = pd.Timestamp("2019-07-01")
GUARD_SPREAD = 0.45  # sd of the log of elements per head in July 2021 (real: 25 to 172 per 100,000)
EARLY_SPREAD = 0.2  # sd of the log of the early shares of states around the late ones
MONTHLY_JITTER = 0.03
# First month of a surge and what it multiplies the state's share by: Guanajuato, Sinaloa, headquarters in the capital.
SURGES: Mapping[str, tuple[str, float]] = {"11": ("2020-03", 2.2), "25": ("2020-05", 1.7), "09": ("2020-07", 2.3)}
RESHUFFLED = ("2020-12", "2021-01")  # months in which the total stands still and the states do not

JCF_YEARS = (2019, 2020, 2021, 2022)
JCF_BY_POVERTY, JCF_BY_CHANCE = 0.55, 0.45  # sd of the log of beneficiaries per head

TRANSFER_YEARS = tuple(range(2007, 2021))
TRANSFER_SPREAD, TRANSFER_CHANGE, TRANSFER_MEMORY = 0.3, 0.18, 0.7  # sd of logs: between states, over years

OPERATION_MONTHS = ("2006-12",) + ("2007-01",) * 5 + ("2007-02",) * 2 + ("2007-05", "2008-03")
OPERATIONS_KNOWN = pd.Timestamp("2006-12-01")


@dataclass(frozen=True)
class Treatments:
    """What was assigned, and the doses that act; S = 32 states, T months.

    guard_elements, jcf_beneficiaries, security_transfers, operations : as in `World`
    guard_dose : (S, T) elements per 100,000 people, zero before July 2019, held after July 2021
    jcf_dose : (S, T) pesos of 2021 per head and year, zero before 2019, held after 2022
    transfers_dose : (S, T) pesos of 2021 per head and year, held before 2007 and after 2020
    operation_start : (S,) position in MONTHS, -1 for never
    openings : the municipal openings
    """

    guard_elements: pd.DataFrame
    jcf_beneficiaries: pd.DataFrame
    security_transfers: pd.DataFrame
    operations: Mapping[str, pd.Timestamp]
    guard_dose: np.ndarray
    jcf_dose: np.ndarray
    transfers_dose: np.ndarray
    operation_start: np.ndarray
    openings: Openings


def assign(settings: Settings, base: Baseline) -> Treatments:
    """Assign all treatments of one world."""
    people = state_people(settings.size)
    elements = _guard_elements(settings, base, people)
    beneficiaries = _jcf_beneficiaries(settings, people)
    transfers = _security_transfers(settings, base, people)
    operations = _operations(settings, base)
    start = [month_position(operations[state]) if state in operations else -1 for state in STATE_CODES]
    return Treatments(
        guard_elements=elements,
        jcf_beneficiaries=beneficiaries,
        security_transfers=transfers,
        operations=operations,
        guard_dose=_guard_dose(elements, people),
        jcf_dose=_jcf_dose(beneficiaries, people, settings.size),
        transfers_dose=_by_month(transfers * calibration.real_prices(transfers.columns), people),
        operation_start=np.array(start),
        openings=guard_openings(settings, base),
    )


def state_people(size: float) -> pd.DataFrame:
    """People by state and year: rows STATE_CODES, columns YEARS."""
    state, counts = geography(size).state, population(size).counts
    sums = np.column_stack([np.bincount(state, counts[:, column]) for column in range(len(YEARS))])
    return pd.DataFrame(sums, index=pd.Index(STATE_CODES, name="state"), columns=list(YEARS))


def _guard_elements(settings: Settings, base: Baseline, people: pd.DataFrame) -> pd.DataFrame:
    """Elements by state and month; the national total is the published one, the plateaus stand where it stands."""
    score = assignment_score(settings, base, geography(settings.size).state, "guard", GUARD_START)
    rank = np.argsort(np.argsort(score))
    late = GUARD_SPREAD * normal_scores(len(score))[rank] + np.log(people[2021].to_numpy())
    random = stream(settings.seed, "guard", "path")
    early = random.normal(0, EARLY_SPREAD, len(score))
    totals = np.rint(calibration.guard_months() * national_share(settings.size)).astype(int)
    months = totals.index
    progress = np.linspace(1, 0, len(months))
    columns: dict[pd.Timestamp, np.ndarray] = {}
    for position, month in enumerate(months):
        still = position > 0 and totals.iloc[position] == totals.iloc[position - 1]
        if still and month.strftime("%Y-%m") not in RESHUFFLED:
            columns[month] = columns[months[position - 1]]
            continue
        share = late + progress[position] * early + random.normal(0, MONTHLY_JITTER, len(score))
        for state, (begin, factor) in SURGES.items():
            share[STATE_CODES.index(state)] -= np.log(factor) * (month < pd.Timestamp(begin))
        columns[month] = _apportioned(np.exp(share), int(totals.iloc[position]))
    return pd.DataFrame(columns, index=people.index)


def _apportioned(weights: np.ndarray, total: int) -> np.ndarray:
    """Integers in proportion to weights that add up to a total (largest remainders)."""
    exact = weights / weights.sum() * total
    whole = np.floor(exact).astype(int)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return np.asarray(whole)


def _guard_dose(elements: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    known = elements.to_numpy(float)
    position = np.arange(len(MONTHS)) - month_position(GUARD_START)
    held = known[:, np.clip(position, 0, known.shape[1] - 1)]
    return np.asarray(np.where(position >= 0, held / people[list(YEAR)].to_numpy() * 1e5, 0.0))


def _jcf_beneficiaries(settings: Settings, people: pd.DataFrame) -> pd.DataFrame:
    """Beneficiaries by state and year: national totals as published, shares by poverty and rural life."""
    map_, inhabitants = geography(settings.size), population(settings.size)
    weights = inhabitants.of_year(BASE_YEAR)
    poverty = np.bincount(map_.state, inhabitants.poverty * weights) / np.bincount(map_.state, weights)
    random = stream(settings.seed, "jcf")
    intensity = JCF_BY_POVERTY * standardised(poverty) + random.normal(0, JCF_BY_CHANCE, len(poverty))
    totals = np.rint(calibration.national("jcf_beneficiaries") * national_share(settings.size)).astype(int)
    columns = {year: _apportioned(np.exp(intensity) * people[year].to_numpy(), int(totals[year])) for year in JCF_YEARS}
    return pd.DataFrame(columns, index=people.index)


def jcf_pesos(size: float) -> pd.Series:
    """Pesos exercised by the programme each year in a world of that size, current."""
    return calibration.national("jcf_pesos") * national_share(size)


def _jcf_dose(beneficiaries: pd.DataFrame, people: pd.DataFrame, size: float) -> np.ndarray:
    pesos = beneficiaries / beneficiaries.sum() * jcf_pesos(size)
    real = pesos * calibration.real_prices(pesos.columns)
    return _by_month(real, people) * (JCF_YEARS[0] <= YEAR)


def _by_month(money: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    """Money per head in each month, the first and last year on hand held outside their span, shape (S, T)."""
    years = np.clip(YEAR, money.columns.min(), money.columns.max())
    return np.asarray((money / people[list(money.columns)])[list(years)].to_numpy())


def _security_transfers(settings: Settings, base: Baseline, people: pd.DataFrame) -> pd.DataFrame:
    """Current pesos by state and year: a formula by state, and changes of it over the years."""
    state = geography(settings.size).state

    def score(name: str, year: int) -> np.ndarray:
        return assignment_score(settings, base, state, name, pd.Timestamp(year, 1, 1))

    years, first = list(TRANSFER_YEARS), TRANSFER_YEARS[0]
    level = TRANSFER_SPREAD * score("transfers", first)
    if settings.selection == "dip":
        change = TRANSFER_CHANGE * np.column_stack([score(f"transfers {year}", year) for year in years])
    else:
        random = stream(settings.seed, "transfers")
        change = autoregressive(random, TRANSFER_MEMORY, TRANSFER_CHANGE, (len(STATE_CODES), len(years)))
    share = np.exp(level[:, None] + change) * people[years].to_numpy()
    total = calibration.national("security_transfers")[years].to_numpy() * national_share(settings.size)
    return pd.DataFrame(np.rint(share / share.sum(axis=0) * total), index=people.index, columns=years)


def _operations(settings: Settings, base: Baseline) -> dict[str, pd.Timestamp]:
    """First month of the joint operation of ten states, in the cohorts of 2006 to 2008."""
    score = assignment_score(settings, base, geography(settings.size).state, "operations", OPERATIONS_KNOWN)
    treated = np.argsort(score)[::-1][: len(OPERATION_MONTHS)]
    treated = stream(settings.seed, "operations", "order").permutation(treated)
    months = {STATE_CODES[state]: pd.Timestamp(month) for state, month in zip(treated, OPERATION_MONTHS, strict=True)}
    return dict(sorted(months.items()))
