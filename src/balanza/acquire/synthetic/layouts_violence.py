"""INEGI's homicides as raw files: by month of occurrence, and by year of registration in three layouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.files import Rows, thousands, write_gzip, write_lines, write_parquet, write_xlsx
from balanza.acquire.synthetic.secondary_violence import (
    FIRST_REGISTERED,
    LAST_REGISTERED,
    Registered,
    by_state,
    merged_after,
    registered,
)
from balanza.acquire.synthetic.spellings import MONTHS, OFFICIAL
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

_SPACE = "\xa0"
_SOURCE = "FUENTE: INEGI. Estadísticas de mortalidad."
_ABROAD = (" 33 999 ", "Estados Unidos de Norteamérica"), (" 34 999 ", "Otros países Latinoamericanos")
_FRAMEWORK = pd.Timestamp("2020-12-31")


def write(world: World, folder: Path) -> None:
    """Write homicides_month, the exports by year of 1990 to 2015, that of 1990 to 2019, and that of 2019 to 2021."""
    write_gzip(folder / "homicides_month.csv.gz", "".join(_occurrence(world)))
    deaths = registered(world)
    for year in range(FIRST_REGISTERED, 2016):
        lines = _export_by_month(world, deaths, year)
        write_lines(folder / f"inegi_homicides_raw_{year}.csv", lines, encoding="latin-1", newline="\r\n")
    _write_export(world, deaths, folder / "inegi_homicides_export.xlsx")
    write_parquet(folder / "inegi_homicides_2019_2021.parquet", _three_years(world, deaths))


def _occurrence(world: World) -> Iterator[str]:
    """Rows by municipality, year and month, zeros included; a young municipality has no estimate of its people."""
    months = world.months[world.months.year <= LAST_REGISTERED]
    frame, deaths = merged_after(world, world.homicides[:, : len(months)], _FRAMEWORK)
    people = _estimates(world.population.loc[frame["cvegeo"]], np.unique(months.year))
    factors = [365.25e5 / days for days in months.days_in_month]
    heads = [f"|{month.year}|{month.month}|" for month in months]
    yield "ent_mun|year|month|homicides|pop_est|homicide_rate\n"
    for code, born, counts, row in zip(frame["cvegeo"], frame["born"], deaths.tolist(), people, strict=True):
        if pd.notna(born):
            yield "".join(f"{code}{head}{count}|NA|NA\n" for head, count in zip(heads, counts, strict=True))
            continue
        estimates = [estimate for estimate in row.tolist() for _ in range(12)]
        yield "".join(
            f"{code}{head}{count}|{estimate}|{count * factor / estimate if count else 0}\n"
            for head, count, estimate, factor in zip(heads, counts, estimates, factors, strict=True)
        )


def _estimates(population: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    """People by geometric growth between the five-year marks, shape (N, years)."""
    low = years // 5 * 5
    start = population[low].to_numpy(float).clip(1)
    end = population[low + 5].to_numpy(float).clip(1)
    return np.asarray(start * (end / start) ** ((years - low) / 5))


def _cells(code: str, name: str, counts: np.ndarray) -> str:
    return ",".join(f'"{cell}"' for cell in [code, name, *thousands([counts.sum(), *counts])])


def _formula(number: int) -> str:
    return f"=CONCATENAR({0 if number < 10 else ' '},{number:02d}) "


def _export_by_month(world: World, deaths: Registered, year: int) -> Iterator[str]:
    """The interactive export of one year of registration: only places with deaths, blank for none."""
    columns = deaths.year(year)
    frame = world.municipalities
    codes, names = frame["cvegeo"].tolist(), frame["name"].tolist()
    municipal, unspecified = deaths.municipal[:, columns], deaths.unspecified[:, columns]
    states = by_state(world, municipal) + unspecified
    abroad = deaths.abroad[:, columns]
    yield '"Defunciones por homicidios"'
    yield f'"Año de registro : {year}"'
    yield '"Ent y mun de registro : Total"'
    yield '""'
    by = "Ent y mun de ocurrencia"
    yield f'"Consulta de: Defunciones por homicidio {_SPACE} Por: {by} {_SPACE} Según: Mes de registro"'
    yield ",".join(f'"{cell}"' for cell in ["", "", "Total", *MONTHS, ""])
    yield _cells(" ", "Total", states.sum(axis=0) + abroad.sum(axis=0))
    for place, state in enumerate(STATES):
        if states[place].any():
            yield _cells(_formula(place + 1), OFFICIAL[state], states[place])
        for row in np.flatnonzero((frame["state"] == state).to_numpy() & municipal.any(axis=1)):
            yield _cells(f" {state} {codes[row][2:]} ", names[row], municipal[row])
        if unspecified[place].any():
            yield _cells(f" {state} 999 ", "No especificado", unspecified[place])
    if abroad.any():
        yield _cells(_formula(33), "Extranjero", abroad.sum(axis=0))
    for (code, name), counts in zip(_ABROAD, abroad, strict=True):
        if counts.any():
            yield _cells(code, name, counts)
    yield ""
    yield f'"{_SOURCE}"'


def _write_export(world: World, deaths: Registered, path: Path) -> None:
    """The query export of 1990 to 2019: a sheet with places as columns, and the compiler's sheet with years as such."""
    years = list(range(FIRST_REGISTERED, 2020))
    span = slice(0, len(years))
    places = list(_places(world, deaths, span))
    abroad = deaths.yearly(deaths.abroad)[:, span].sum(axis=0)
    nowhere = deaths.nowhere[span]
    total = sum(counts for number, _, counts in places if number) + abroad + nowhere
    columns: list[tuple[int | None, str, np.ndarray]] = [(None, "Total", total), *places]
    columns += [(None, "Extranjero", abroad), (None, "No especificado", nowhere)]
    compiled = [("edo", "nombre_edo", *years), *((number, name, *_blanks(row)) for number, name, row in places)]
    sheets: dict[str, Rows] = {
        "INEGI_Exporta_20210414233356": _transposed(columns, years),
        "Hoja1": compiled,
        "Hoja2": [years],
    }
    write_xlsx(path, sheets, active=1)


def _places(world: World, deaths: Registered, span: slice) -> Iterator[tuple[int | None, str, np.ndarray]]:
    """States (with their number) and below each its municipalities with deaths, in the order of codes."""
    frame, names = world.municipalities, world.municipalities["name"].tolist()
    municipal = deaths.yearly(deaths.municipal)[:, span]
    unspecified = deaths.yearly(deaths.unspecified)[:, span]
    states = by_state(world, municipal) + unspecified
    for place, state in enumerate(STATES):
        yield place + 1, OFFICIAL[state], states[place]
        for row in np.flatnonzero((frame["state"] == state).to_numpy() & municipal.any(axis=1)):
            yield None, names[row], municipal[row]
        if unspecified[place].any():
            yield None, "No especificado", unspecified[place]


def _blanks(counts: np.ndarray) -> list[int | None]:
    return [count or None for count in counts.tolist()]


def _transposed(columns: list[tuple[int | None, str, np.ndarray]], years: list[int]) -> list[list[Any]]:
    title = (
        f"Consulta de: Defunciones por homicidio {_SPACE} Por: Año de registro {_SPACE} Según: Ent y mun de ocurrencia"
    )
    rows: list[list[Any]] = [["Defunciones por homicidios"], ["Año de ocurrencia : Total"], [], [title], []]
    rows.append(["estado", *(number for number, _, _ in columns)])
    rows.append(["año", *(name for _, name, _ in columns)])
    cells = [_blanks(counts) for _, _, counts in columns]
    rows += [[year, *(column[place] for column in cells)] for place, year in enumerate(years)]
    return [*rows, [], [_SOURCE]]


def _three_years(world: World, deaths: Registered) -> pd.DataFrame:
    """Registration years 2019 to 2021 by municipality, with one death less by cause than by presumption."""
    frame, counts = merged_after(world, deaths.yearly(deaths.municipal), pd.Timestamp("2020-03-15"))
    years = [2019, 2020, 2021]
    total = counts[:, [year - FIRST_REGISTERED for year in years]].astype(float)
    by_cause = total.copy()
    by_cause[np.argmax(total[:, 0]), 0] -= 1
    people = merged_after(world, world.population[2020].to_numpy(), pd.Timestamp("2020-03-15"))[1]
    table: dict[str, Any] = {"cvegeo": frame["cvegeo"].to_numpy()}
    for column, year in enumerate(years):
        table[f"hom_{year}"], table[f"hom_icd_{year}"] = total[:, column], by_cause[:, column]
    table["pob_conapo"] = people.astype(np.int64)
    table["hom_3a"] = total.sum(axis=1)
    table["tasa_100k"] = total.sum(axis=1) / 3 / people * 1e5
    table["hom_icd_3a"] = by_cause.sum(axis=1)
    return pd.DataFrame(table)
