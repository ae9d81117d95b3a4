"""The prosecutors' statistics (SESNSP) as raw files: victims, files by state, files by municipality in five layouts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.acquire.synthetic import crimes
from balanza.acquire.synthetic.crimes import CULPABLE, EXTORTION, FEMICIDE, HOMICIDE, KIDNAPPING, Crime
from balanza.acquire.synthetic.files import csv_text, write_csv, write_json, write_zip
from balanza.acquire.synthetic.rdata_writer import write_rds
from balanza.acquire.synthetic.secondary_violence import (
    RESIDUAL,
    Files,
    files,
    generator,
    other_crime,
    simulated,
    victims,
)
from balanza.acquire.synthetic.spellings import BY_NAME, MONTHS, OFFICIAL
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

_CODES = tuple(STATES)
_CRIME = ("Bien jurídico afectado", "Tipo de delito", "Subtipo de delito", "Modalidad")
_AGES = ("Menores de edad (0-17)", "Adultos (18 y más)", "No especificado")
_PEOPLE = {
    ("Mujer", _AGES[0]): 0.008,
    ("Mujer", _AGES[1]): 0.07,
    ("Mujer", _AGES[2]): 0.012,
    ("Hombre", _AGES[0]): 0.03,
    ("Hombre", _AGES[1]): 0.72,
    ("Hombre", _AGES[2]): 0.136,
    ("No identificado", "No identificado"): 0.024,
}
"""Shares of the victims of homicide by sex and age (rounded, after the national register)."""

_VEHICLES = next(crime for crime in crimes.STATE if crime.subtype == "Robo de vehículo automotor")
_RESIDUAL_NAME = {998: "No Especificado", 999: "Otros Municipios"}

Group = tuple[dict[str, str], np.ndarray]
"""The labels of one row a state (or municipality), and its counts by place and month, shape (places, T)."""


def write(world: World, folder: Path) -> None:
    """Write the eight files of the SESNSP."""
    known = files(world)
    write_zip(folder / "sesnsp_victims_state.zip", {"IDVFC_NM_ene25.csv": _victims(world)})
    state = _wide(_state_keys(2015, 2024), _modalities(world, known, crimes.STATE, 2015, 2024), until="2024-11")
    write_csv(folder / "sesnsp_state.csv", state, encoding="cp1252", newline="\r\n")
    register = _wide(_state_keys(2026, 2026, width=2), _register(world, known), until="2026-03")
    write_csv(folder / "sesnsp_rnid_state.csv", register, encoding="cp1252")
    write_csv(folder / "sesnsp_idm_guanajuato.csv", _guanajuato(world, known))
    write_rds(folder / "sesnsp_municipal_2015_2019.rds", _annual(world, known), classes=("tbl_df", "tbl", "data.frame"))
    write_csv(folder / "sesnsp_municipal_2024_2025.csv", _named(world, known), quoting=csv.QUOTE_ALL)
    for crime, name in ((FEMICIDE, "feminicide"), (KIDNAPPING, "kidnapping")):
        write_json(folder / f"sesnsp_{name}.json", list(_records(world, known, crime)), indent=4)


def _state_keys(first: int, last: int, *, width: int = 1) -> pd.DataFrame:
    """One row a year and state."""
    years = np.repeat(np.arange(first, last + 1), len(_CODES))
    codes = _CODES * (last + 1 - first)
    names = [OFFICIAL[code] for code in codes]
    return pd.DataFrame(
        {"Año": years, "Clave_Ent": [code.lstrip("0").zfill(width) for code in codes], "Entidad": names}
    )


def _wide(keys: pd.DataFrame, groups: Sequence[Group], *, until: str) -> pd.DataFrame:
    """Rows by year, place and group with a column a month, blank after the last month published.

    `keys` has one row a year and place; the counts of a group have the months of exactly those years.
    """
    years = keys["Año"].to_numpy()
    n_years = len(np.unique(years))
    stacked = np.stack([counts for _, counts in groups])
    shaped = stacked.reshape(len(groups), -1, n_years, 12).transpose(2, 1, 0, 3).reshape(-1, 12)
    repeated = keys.loc[keys.index.repeat(len(groups))].reset_index(drop=True)
    labels = pd.DataFrame([label for label, _ in groups])
    labels = pd.concat([labels] * len(keys), ignore_index=True)
    months = repeated["Año"].to_numpy()[:, None] * 100 + np.arange(1, 13)
    cells = np.where(months > int(until.replace("-", "")), "", shaped.astype(str))
    return pd.concat([repeated, labels, pd.DataFrame(cells, columns=list(MONTHS))], axis=1)


def _within(months: pd.DatetimeIndex, counts: np.ndarray, first: int, last: int) -> np.ndarray:
    """The months of the years asked for, with zeros where the series ends earlier."""
    wanted = pd.date_range(f"{first}-01-01", f"{last}-12-01", freq="MS")
    found = months.get_indexer(wanted)
    return np.where(found >= 0, counts[..., found], 0)


def _split(rng: np.random.Generator, crime: Crime, counts: np.ndarray) -> Iterator[Group]:
    shares = np.array(list(crime.shares.values()))
    parts = rng.multinomial(counts, shares / shares.sum())
    for place, modality in enumerate(crime.shares):
        labels = dict(zip(_CRIME, (crime.good, crime.crime, crime.subtype, modality), strict=True))
        yield labels, parts[..., place]


def _modalities(world: World, known: Files, wanted: Sequence[Crime], first: int, last: int) -> list[Group]:
    """Files by state, month and modality."""
    rng = generator(world, "modalities", str(first))
    months = pd.date_range(f"{first}-01-01", f"{last}-12-01", freq="MS")
    groups: list[Group] = []
    for crime in wanted:
        if crime.subtype in known.state:
            counts = _within(known.months, known.state[crime.subtype], first, last)
        elif crime.subtype in simulated(world):
            counts = rng.binomial(victims(world, crime.subtype, months), 0.97)
        else:
            counts = other_crime(world, crime, months, "files")
        groups += _split(rng, crime, counts)
    return groups


def _register(world: World, known: Files) -> list[Group]:
    """The register of 2026, whose kidnappings and extortions stand in parts."""
    months = pd.date_range("2026-01-01", "2026-12-01", freq="MS")
    wholes = {
        KIDNAPPING: _within(known.months, known.state[KIDNAPPING], 2026, 2026),
        EXTORTION: victims(world, EXTORTION, months),
    }
    rng = generator(world, "register")
    parts = {whole: [crime for crime in crimes.REGISTER_2026 if crime.crime == whole] for whole in wholes}
    state = dict(known.state)
    for whole, pieces in parts.items():
        rates = np.array([piece.rate for piece in pieces])
        split = rng.multinomial(wholes[whole], rates / rates.sum())
        for place, piece in enumerate(pieces):
            state[piece.subtype] = np.zeros((len(_CODES), len(known.months)), np.int64)
            state[piece.subtype][:, known.months.isin(months)] = split[:, months.isin(known.months), place]
    whole_year = Files(known.months, state, known.municipal, known.residual)
    return _modalities(world, whole_year, crimes.REGISTER_2026, 2026, 2026)


def _victims(world: World) -> bytes:
    """Victims by state, month, modality, sex and age: 230 rows a state and year, in the official order."""
    rng = generator(world, "victims")
    months = pd.date_range("2015-01-01", "2025-12-01", freq="MS")
    by_group: dict[tuple[str, str], list[Group]] = {group: [] for group in _PEOPLE}
    for crime in (*crimes.VICTIMS, crimes.ABORTION):
        counts = (
            victims(world, crime.subtype, months)
            if crime.subtype in simulated(world)
            else other_crime(world, crime, months, "victims")
        )
        shares = np.array(list(_shares_of_victims(crime).values()))
        for labels, part in _split(rng, crime, counts):
            people = rng.multinomial(part, shares / shares.sum())
            for place, (sex, age) in enumerate(_shares_of_victims(crime)):
                by_group[sex, age].append((labels | {"Sexo": sex, "Rango de edad": age}, people[..., place]))
    groups = [group for several in by_group.values() for group in several]
    table = _wide(_state_keys(2015, 2025), groups, until="2025-01")
    return csv_text(table, newline="\r\n").encode("cp1252")


def _shares_of_victims(crime: Crime) -> dict[tuple[str, str], float]:
    if crime.subtype == FEMICIDE:
        return {group: share for group, share in _PEOPLE.items() if group[0] == "Mujer"}
    if crime is crimes.ABORTION:
        return {group: 1.0 for group in _PEOPLE if group[0] == "No identificado"}
    return _PEOPLE


def _guanajuato(world: World, known: Files) -> pd.DataFrame:
    """The official municipal layout for homicides in state 11, as re-saved: December as a decimal, then blank."""
    frame = world.municipalities
    rows = np.flatnonzero((frame["state"] == "11").to_numpy())
    places = frame.iloc[rows]
    rng = generator(world, "guanajuato")
    years = np.repeat(np.arange(2020, 2026), len(rows))
    keys = pd.DataFrame({"Año": years, "Clave_Ent": "11", "Entidad": OFFICIAL["11"]})
    keys["Cve. Municipio"] = np.tile(places["cvegeo"].to_numpy(), 6)
    keys["Municipio"] = np.tile(places["name"].to_numpy(), 6)
    groups: list[Group] = []
    for crime in crimes.STATE[:2]:
        counts = _within(known.months, known.municipal[crime.subtype][rows], 2020, 2025)
        groups += _split(rng, crime, counts)
    table = _wide(keys, groups, until="2025-11")
    table["Diciembre"] = table["Diciembre"].map(lambda cell: f"{cell}.0" if cell else cell)
    return table


def _annual(world: World, known: Files) -> pd.DataFrame:
    """Files by municipality and year with January to May apart; 2020 as extrapolated by its compiler."""
    born = pd.to_datetime(world.municipalities["born"])
    kept = np.flatnonzero(~(born > pd.Timestamp("2019-12-31")).to_numpy())
    rest = [_CODES.index(state) for state in RESIDUAL]
    cells = []
    for crime in (FEMICIDE, HOMICIDE, _VEHICLES.subtype, KIDNAPPING):
        municipal, residual = _compiled(world, known, crime)
        cells.append(_within(known.months, np.concatenate([municipal[kept], residual[rest]]), 2015, 2020))
    places = world.municipalities.iloc[kept][["state", "cvegeo", "name"]]
    extra = [(state, f"{state}{number}", _RESIDUAL_NAME[number]) for state, number in RESIDUAL.items()]
    places = pd.concat([places, pd.DataFrame(extra, columns=places.columns)], ignore_index=True)
    people = world.population.loc[places["cvegeo"].iloc[: len(kept)], list(range(2015, 2021))].to_numpy()
    people = np.concatenate([people, np.zeros((len(rest), 6), dtype=people.dtype)])
    crimes_in_order = [FEMICIDE, HOMICIDE, _VEHICLES.subtype, KIDNAPPING]
    return _annual_table(places, people, crimes_in_order, np.stack(cells).reshape(4, len(places), 6, 12))


def _compiled(world: World, known: Files, crime: str) -> tuple[np.ndarray, np.ndarray]:
    """Municipal and unspecified files of a crime by its compiler's definition: homicide includes femicide."""
    if crime == HOMICIDE:
        residual = known.residual[HOMICIDE] + known.residual[FEMICIDE]
        return known.municipal[HOMICIDE] + known.municipal[FEMICIDE], residual
    if crime in known.municipal:
        return known.municipal[crime], known.residual[crime]
    people = np.stack([world.population[year].to_numpy(float) for year in known.months.year], axis=1)
    counts = generator(world, "thefts").poisson(_VEHICLES.rate / 12e5 * people)
    return counts, np.zeros((len(_CODES), len(known.months)), np.int64)


def _annual_table(places: pd.DataFrame, people: np.ndarray, names: Sequence[str], cells: np.ndarray) -> pd.DataFrame:
    """The compiler's columns, by place, year and crime; `cells` has the shape (crimes, places, 6, 12)."""
    n_crimes, n_places, n_years, _ = cells.shape
    flat = cells.transpose(1, 2, 0, 3).reshape(-1, 12).astype(float)
    each = n_years * n_crimes
    columns: dict[str, Any] = {
        "year": np.tile(np.repeat(np.arange(2015.0, 2021.0), n_crimes), n_places),
        "nom_ent": places["state"].map(OFFICIAL).to_numpy().repeat(each),
        "cve_ent": places["state"].to_numpy().repeat(each),
        "nom_mun": places["name"].to_numpy().repeat(each),
        "cve_mun": places["cvegeo"].to_numpy().repeat(each),
        "tipo_delito": np.tile(list(names), n_places * n_years),
    }
    for number, month in enumerate(MONTHS[:5]):
        columns[f"total_{month.lower()}"] = flat[:, number]
    columns["total_enero_mayo"] = flat[:, :5].sum(axis=1)
    last = columns["year"] == 2020
    columns["total_anual"] = np.where(last, columns["total_enero_mayo"] * 12 / 5, flat.sum(axis=1))
    table = pd.DataFrame(columns)
    counted = pd.Series(people.reshape(-1).repeat(n_crimes), dtype="Int32")
    return table.assign(pob_tot=counted.mask(counted == 0))


def _named(world: World, known: Files) -> pd.DataFrame:
    """Files by month and name of municipality, January 2024 to June 2025, zeros included and all cells quoted."""
    frame = world.municipalities
    wanted = pd.date_range("2024-01-01", "2025-06-01", freq="MS")
    columns = known.months.get_indexer(wanted)
    places = pd.DataFrame({"state": frame["state"], "Municipio": frame["name"]})
    rest = pd.DataFrame(
        {"state": list(RESIDUAL), "Municipio": [_RESIDUAL_NAME[number] for number in RESIDUAL.values()]}
    )
    both = pd.concat([places, rest], ignore_index=True)
    both["Entidad"] = both["state"].map(OFFICIAL)
    rows = [_CODES.index(state) for state in RESIDUAL]
    counts = {
        name: np.concatenate([known.municipal[name][:, columns], known.residual[name][rows][:, columns]])
        for name in (FEMICIDE, CULPABLE, HOMICIDE)
    }
    both["rank"] = both["state"].map({state: place for place, state in enumerate(BY_NAME)})
    order = both.sort_values(["rank", "Municipio"], kind="stable").index
    parts = []
    for place, month in enumerate(wanted):
        part = both.loc[order, ["Entidad", "Municipio"]]
        for name, values in counts.items():
            part[name] = values[order, place].astype(float)
        part["Total"] = part[list(counts)].sum(axis=1)
        name = MONTHS[month.month - 1]
        part["Año"], part["Mes"], part["Periodo"] = month.year, name, f"{name} {month.year}"
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["Otros delitos que atentan contra la vida y la integridad corporal"] = "0"
    return table.astype(str)


def _records(world: World, known: Files, subtype: str) -> Iterator[dict[str, Any]]:
    """Files by name of municipality and month, 2015 to 2024: cells that are not zero, month by month."""
    crime = next(crime for crime in crimes.STATE if crime.subtype == subtype)
    frame = world.municipalities
    state = [*frame["state"], *RESIDUAL]
    name = [*frame["name"], *(_RESIDUAL_NAME[number] for number in RESIDUAL.values())]
    rows = [_CODES.index(code) for code in RESIDUAL]
    counts = np.concatenate([known.municipal[subtype], known.residual[subtype][rows]])
    shares = np.array(list(crime.shares.values()))
    parts = generator(world, "records", subtype).multinomial(counts, shares / shares.sum())
    for month, period in enumerate(known.months[known.months.year <= 2024]):
        for place, modality in np.argwhere(parts[:, month]).tolist():
            yield {
                "Año": int(period.year),
                "Entidad": OFFICIAL[state[place]],
                "Municipio": name[place],
                "Bien jurídico afectado": crime.good,
                "Tipo de delito": crime.crime,
                "Subtipo de delito": crime.subtype,
                "Modalidad": list(crime.shares)[modality],
                "Mes": f"{period.month}-{MONTHS[period.month - 1]}",
                "Cantidad": int(parts[place, month, modality]),
            }
