"""Draws synthetic worlds in memory: the rows that a study would get from the raw files of the world, and the truth.

The generator's own steps make assignment, effects and deaths; the panel's own functions make doses of elements and
money. What is skipped is the writing and reading of raw files, and everything that no validated study looks at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.baseline import baseline, deaths
from balanza.acquire.synthetic.calibration import MONTHS, STATE_CODES, YEARS, month_position, national
from balanza.acquire.synthetic.effects import recording_effect, truth
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.layouts_guard import as_published
from balanza.acquire.synthetic.population import population
from balanza.acquire.synthetic.recording import FIRST_YEAR, municipal_files, victims
from balanza.acquire.synthetic.regions import units
from balanza.acquire.synthetic.secondary_money import general_prices
from balanza.acquire.synthetic.simulate import expected
from balanza.acquire.synthetic.treatment import Treatments, assign, state_people
from balanza.acquire.synthetic.violence import YEAR
from balanza.acquire.synthetic.world import Settings
from balanza.contract import Study
from balanza.errors import Unsupported
from balanza.panel import guard, money
from balanza.panel.build import DATA, PER
from balanza.panel.quality import Quality
from balanza.panel.violence import NOT_REPORTED
from balanza.preparation import columns_of
from balanza.say import joined, say

RECORDED = "sesnsp_homicide_victims"
STATE_COLUMNS = ("state", "period", "homicides", "population", "guard_per_100k", "jcf_pesos_per_capita", RECORDED)
MUNICIPAL_COLUMNS = (
    *("cvegeo", "state", "period", "homicides", "population", "guard_per_100k", "jcf_pesos_per_capita"),
    *("operation", "guard_opening", "guard_region", "latitude", "longitude"),
)
SUFFIX = "_recorded"
COLUMNS: Mapping[str, tuple[str, ...]] = {"state_month": STATE_COLUMNS, "municipality_month": MUNICIPAL_COLUMNS}


@dataclass(frozen=True)
class Drawn:
    """One world as a study sees it: its rows, and the truth by treatment of the study, as in truth.json."""

    table: pd.DataFrame
    truth: Mapping[str, Mapping[str, Any]]


def drawn_study(study: Study) -> Study:
    """The study without what no drawn world holds: moderators, families, variants, and options that name columns.

    Raises
    ------
    Unsupported
        If it needs other rows or columns than worlds are drawn with.
    """
    known = COLUMNS.get(study.rows, ())
    options = {
        name: {key: value for key, value in given.items() if not key.endswith("_column") or value in known}
        for name, given in study.options.items()
    }
    bare = replace(study.alone, moderators=(), options=options)
    missing = [name for name in columns_of(bare) if name not in known]
    missing += ["covariates"] if study.covariates else []
    if missing or study.window is None:
        lacks = say("needs {missing}", missing=joined(missing, ", ")) if missing else say("has no window")
        raise Unsupported(
            say(
                "{lacks}; worlds are drawn by state and month or municipality and month, with {municipal_columns}",
                lacks=lacks,
                municipal_columns=joined(MUNICIPAL_COLUMNS, ", "),
            ),
            where=f"validation of study {study.name}",
            cure=say("Leave the study out of the validation"),
        )
    return bare


def recorded(study: Study) -> Study | None:
    """The study on homicides as the prosecutors record them, under a name of its own; None where it counts others."""
    if study.rows != "state_month" or study.outcome.column != "homicides":
        return None
    outcome = replace(study.outcome, column=RECORDED)
    return replace(study, name=f"{study.name}{SUFFIX}", outcome=outcome, missing="drop")


def draw(study: Study, settings: Settings) -> Drawn:
    """Draw one world for a study.

    Parameters
    ----------
    study : Study
        From `drawn_study`.
    settings : Settings
        The world. Worlds of one seed and size share their violence, so draw all flavours and selections of a seed in
        turn: about 2 s for the violence of a full-size world, and .15 s for each of its worlds.

    Returns
    -------
    Drawn
        The rows of the study's window; the same settings give the same rows as the workflow makes from raw files.
    """
    given = _assigned(settings.selection, settings.seed, settings.size)
    effects, intensity = expected(settings, given)
    assert study.window is not None  # noqa: S101 - `drawn_study` refuses it
    inside = slice(month_position(str(study.window[0])), month_position(str(study.window[1])) + 1)
    counts = deaths(intensity[:, inside], baseline(settings.seed, settings.size).uniform[:, inside])
    known = truth(settings, given, effects, intensity)[study.name.removesuffix(SUFFIX)]
    make = _state_rows if study.rows == "state_month" else _municipal_rows
    rows = make(settings, given, counts, inside)
    if study.outcome.column == RECORDED:
        rows[RECORDED] = _recorded(settings, given, intensity)[:, inside].ravel()
        if settings.flavour == "reporting":  # what is recorded follows treatment, so its trends are not parallel
            known = {arm: {**facts, "parallel_trends": False} for arm, facts in known.items()}
    return Drawn(rows[columns_of(study)], known)


def _recorded(settings: Settings, given: Treatments, intensity: np.ndarray) -> np.ndarray:
    """Homicide victims by state and month as the panel has them, shape (32, T), missing where nothing was reported."""
    seed, size = settings.seed, settings.size
    base, moved = baseline(seed, size), recording_effect(settings, given)
    table = victims(seed, size, deaths(intensity, base.uniform), municipal_files(seed, size, base, moved), moved)
    own = table[table["subtype"] == "Homicidio doloso"].merge(NOT_REPORTED.assign(gone=True), how="left")
    counts = np.full((len(STATE_CODES), len(MONTHS)), np.nan)
    counts[:, YEAR >= FIRST_YEAR] = own["count"].where(own["gone"].isna()).to_numpy(float).reshape(len(counts), -1)
    return counts


@lru_cache(maxsize=3)
def _assigned(selection: Any, seed: int, size: float) -> Treatments:
    """Assignment, which no flavour moves."""
    return assign(Settings("null", selection, seed, size), baseline(seed, size))


def _state_rows(settings: Settings, given: Treatments, counts: np.ndarray, inside: slice) -> pd.DataFrame:
    state = geography(settings.size).state
    people = state_people(settings.size)[list(YEAR[inside])].to_numpy()
    rows = _grid("state", np.array(STATE_CODES), inside)
    rows["homicides"] = _sums(counts, state, len(STATE_CODES)).ravel()
    rows["population"] = people.ravel()
    for name, doses in _doses(settings.selection, settings.seed, settings.size).items():
        rows[name] = doses[:, inside].ravel()
    return rows


def _municipal_rows(settings: Settings, given: Treatments, counts: np.ndarray, inside: slice) -> pd.DataFrame:
    map_ = geography(settings.size)
    kept, unit = np.unique(units(map_), return_inverse=True)
    state, codes = map_.state[kept], np.array(STATE_CODES)
    people = _sums(population(settings.size).counts, unit, len(kept))[:, YEAR[inside] - YEARS[0]]
    rows = _grid("cvegeo", map_.codes[kept], inside)
    length = counts.shape[1]
    rows["state"] = np.repeat(codes[state], length)
    rows["homicides"] = _sums(counts, unit, len(kept)).ravel()
    rows["population"] = people.ravel()
    for name, doses in _doses(settings.selection, settings.seed, settings.size).items():
        rows[name] = doses[state][:, inside].ravel()
    months = np.append(MONTHS.to_numpy(), np.datetime64("NaT"))
    rows["operation"] = np.repeat(months[given.operation_start[state]], length)
    rows["guard_opening"] = np.repeat(months[given.openings.start[kept]], length)
    rows["guard_region"] = np.repeat(given.openings.region[kept].astype(str), length)
    for name, degrees in zip(("latitude", "longitude"), _places(settings.size), strict=True):
        rows[name] = np.repeat(degrees, length)
    return rows


def _grid(name: str, places: np.ndarray, inside: slice) -> pd.DataFrame:
    months = MONTHS[inside]
    return pd.DataFrame({name: np.repeat(places, len(months)), "period": np.tile(months.to_numpy(), len(places))})


def _sums(values: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """Rows added up by place, shape (count, columns)."""
    sums = np.zeros((count, values.shape[1]), dtype=values.dtype)
    np.add.at(sums, place, values)
    return sums


@lru_cache(maxsize=3)
def _doses(selection: Any, seed: int, size: float) -> dict[str, np.ndarray]:
    """What the panel makes of published elements and money, each of shape (32, T); missing where it would be."""
    given, people = _assigned(selection, seed, size), state_people(size)
    elements = _long(as_published(given.guard_elements), "period", "elements").assign(source=guard.COMPLETE)
    elements["period"] = pd.to_datetime(elements["period"]).astype("datetime64[us]")
    repairs = guard.load_repairs(DATA / "guard_repairs.csv")
    strength = guard.by_state_month(elements, repairs, STATE_CODES, MONTHS, True, Quality())["guard_elements"]
    residents = people[list(YEAR)].to_numpy()
    return {
        "guard_per_100k": PER * strength.to_numpy().reshape(residents.shape) / residents,
        "jcf_pesos_per_capita": _programme(given, people),
    }


def _long(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    """A table by state with a column each period, as one row a cell: state, `column`, `value`."""
    named = table.rename_axis(index="state", columns=column).reset_index()
    return named.melt(id_vars="state", var_name=column, value_name=value)


def _programme(given: Treatments, people: pd.DataFrame) -> np.ndarray:
    """Pesos of the youth programme per head by state and month, shape (32, T)."""
    months = pd.date_range("1982-01-01", "2026-06-01", freq="MS")
    worth = money.deflator(pd.DataFrame({"period": months, "index": general_prices(months).round(3)}))
    share = given.jcf_beneficiaries.sum() / national("jcf_beneficiaries")  # whole people, as the accounts reckon
    pesos = (national("jcf_pesos") * share).dropna().rename_axis("year").rename("pesos").reset_index()
    accounts = pesos.assign(branch=money.LABOUR, programme_code=money.JCF_CODES[0], stage="exercised")
    received = _long(given.jcf_beneficiaries, "year", "beneficiaries")
    residents = _long(people[sorted(set(YEAR))], "year", "population")
    table = money.jcf(received, accounts, worth, residents)
    by_year = table.pivot_table(index="state", columns="year", values="jcf_pesos_per_capita", dropna=False)
    return by_year.loc[list(STATE_CODES), list(YEAR)].to_numpy()


@lru_cache(maxsize=2)
def _places(size: float) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of a point inside each municipality of January 2000."""
    import shapely

    map_ = geography(size)
    kept, unit = np.unique(units(map_), return_inverse=True)
    whole = [shapely.union_all(map_.polygons[unit == place]) for place in range(len(kept))]
    inside = shapely.point_on_surface(np.array(whole, dtype=object))
    return shapely.get_y(inside), shapely.get_x(inside)
