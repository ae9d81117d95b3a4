"""The Guard and the forces before it as raw files: elements as published, joint operations, clashes, openings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.acquire.synthetic.files import write_csv, write_lines, write_xlsx
from balanza.acquire.synthetic.secondary_context import army_clashes, police_clashes
from balanza.acquire.synthetic.spellings import GUARD_ORDER, SHORT
from balanza.acquire.synthetic.world import World
from balanza.places import STATES, plain_name

_MONTHS = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
_TITLE = "Elementos de la GN adscritos por mes y entidad (de acuerdo a la solicitud 2800100091921)"

# Months that the published table carries forward: from the first, over the others.
_CARRIED = {
    "2019-07": ("2019-08", "2019-09", "2019-10", "2019-11"),
    "2019-12": ("2020-01", "2020-02"),
    "2020-07": ("2020-08",),
    "2021-03": ("2021-04",),
    "2021-05": ("2021-06", "2021-07"),
}
_REPEATED = ("2021-02", "2020-11")
# In March 2021 the row of the one state holds the figure of the other.
_ROTATED = ("2021-03", {"05": "09", "06": "05", "09": "06"})

_SSP = "https://informes.example/operativos"
_PRESS = "https://hemeroteca.example/nota"
# Operations of a city in a state that has one already: the entry, its event, and the city.
_CITIES = (
    ("Op.Tijuana", "Operation Tijuana", "02004"),
    ("Op.Chihuahua", "Operation Chihuahua", "08037"),
    ("Op.Sinaloa", "Operation Culiacan-Navolato", "25006"),
)
# What stands among the openings and is none.
_BEFORE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("R.C.Assassination", ("Rodolfo Carrillo Fuentes Assassination: 2004-09-11",)),
    ("Fox.Troops.NL", ("Troops in Nuevo Laredo: 2005-06-13",)),
)
_AFTER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Op.Triangulo.Dorado.II", ("Phase II = 2007-05-01",)),
    ("Op.Triangulo.Dorado.III", ("Phase III = 2008-02-01",)),
    ("Reinforcements.Cd.Juarez", ("5,000 Reinforcements Sent: 2009-03-01",)),
    ("ABL.Captured", ("ABL Captured: 2008-01-21",)),
    ("EAF.Captured", ("EAF Captured: 2008-10-26",)),
    (
        "Calderon.Visit",
        (
            "First Presidential visit to Cd. Juarez: 2010-02-11",
            "Second Presidential visit to Cd. Juarez: 2010-02-18",
        ),
    ),
    ("Police.Takeover", ("Police takeover: 2010-04-08",)),
)


def write(world: World, folder: Path) -> None:
    """Write the four sheets of elements, the joint operations, both lists of clashes, and the openings."""
    published = as_published(world.guard_elements)
    _write_request(published, folder / "guard_2019_2021.xlsx")
    for year in (2019, 2020, 2021):
        write_xlsx(folder / f"guard_{year}.xlsx", {"Hoja1": _yearly(published, year)})
    write_lines(folder / "joint_operations.yaml", _operations(world), encoding="utf-8-sig")
    write_csv(folder / "army_clashes.csv", army_clashes(world), encoding="utf-8-sig", newline="\r\n")
    write_csv(folder / "clashes_ppd.txt", police_clashes(world), encoding="utf-8-sig", newline="\r\n", sep="\t")
    write_csv(folder / "deployment.csv", _deployment(world))


def as_published(elements: pd.DataFrame) -> pd.DataFrame:
    """Elements by state and month with the defects of the published table.

    Months carried forward, February 2021 repeating November 2020 in all states, and March 2021 rotated among Mexico
    City, Coahuila and Colima. The jump of Mexico City in July 2020 is part of the elements themselves.
    """
    clean = elements.set_axis([f"{pd.Timestamp(month):%Y-%m}" for month in elements.columns], axis=1)
    table = clean.copy()
    for first, others in _CARRIED.items():
        for month in others:
            table[month] = clean[first]
    table[_REPEATED[0]] = clean[_REPEATED[1]]
    month, rows = _ROTATED
    true = clean[month]
    table[month] = [true[rows.get(str(state), str(state))] for state in table.index]
    return table.loc[list(GUARD_ORDER)]


def _write_request(published: pd.DataFrame, path: Path) -> None:
    """The answer to the request: two rows of headers, all months of the three years, totals as formulas."""
    from openpyxl.utils import get_column_letter

    months = [*range(7, 13), *range(1, 13), *range(1, 13)]
    years = [2019] * 6 + [2020] * 12 + [2021] * 12
    keys = [f"{year}-{month:02d}" for year, month in zip(years, months, strict=True)]
    letters = [get_column_letter(place) for place in range(2, len(keys) + 2)]
    tops = [year if place == 0 or years[place - 1] != year else None for place, year in enumerate(years)]
    rows: list[list[Any]] = [[_TITLE], ["Estado", *tops], [None, *(_MONTHS[month - 1] for month in months)]]
    for state in published.index:
        figures = published.loc[state]
        rows.append([SHORT[state], *(int(figures[key]) if key in figures.index else None for key in keys)])
    known = {letter: key for letter, key in zip(letters, keys, strict=True) if key in published}
    formulas = {letter: f"=SUM({letter}4:{letter}35)" for letter in known}
    rows.append(["Total mensual", *(formulas.get(letter) for letter in letters)])
    write_xlsx(
        path,
        {"GN": rows},
        merged={"GN": ["A1:AE1", "A2:A3", "B2:G2", "H2:S2", "T2:AE2"]},
        computed={formulas[letter]: int(published[key].sum()) for letter, key in known.items()},
    )


def _yearly(published: pd.DataFrame, year: int) -> list[list[Any]]:
    months = [month for month in range(1, 13) if f"{year}-{month:02d}" in published]
    spare = [None] * (6 if year == 2021 else 0)
    rows: list[list[Any]] = [["entidad", "ano", *(_MONTHS[month - 1] for month in months), *spare]]
    for state in published.index:
        figures = published.loc[state]
        rows.append([SHORT[state], year, *(int(figures[f"{year}-{month:02d}"]) for month in months), *spare])
    return rows


def _operations(world: World) -> Iterator[str]:
    """The list of events, in its not quite YAML: an entry per month in which operations open, named by their states."""
    for entry, events in _BEFORE:
        yield from _entry(entry, events, _PRESS)
    for start in sorted(set(world.operations.values())):
        states = [state for state in STATES if world.operations.get(state) == start]
        names = [plain_name(STATES[state]).title() for state in states]
        yield f"#{', '.join(names)}"
        yield from _entry(f"Op.Conjunto.{'-'.join(names)}", (f"Joint operation: {start:%Y-%m}-11",), _SSP, "    #p. 21")
    known = set(world.municipalities["cvegeo"])
    for entry, label, city in _CITIES:
        if city in known and city[:2] in world.operations:
            later = world.operations[city[:2]] + pd.DateOffset(months=2)
            yield from _entry(entry, (f"{label}: {later:%Y-%m}-03",), _SSP)
    for entry, events in _AFTER:
        yield from _entry(entry, events, _PRESS)


def _entry(name: str, events: Sequence[str], source: str, *notes: str) -> list[str]:
    lines = [f"{name}:", *(f"    {event}" for event in events)]
    if len(events) == 1:
        return [*lines, f"    source: {source}", *notes, ""]
    return [*lines, *(f"    source{number}: {source}" for number in range(1, len(events) + 1)), *notes, ""]


def _deployment(world: World) -> pd.DataFrame:
    """All municipalities with the month of their opening, blank where none was seen: the layout of a user's file."""
    opened = world.guard_openings.set_index("cvegeo")["opening"].dt.strftime("%Y-%m")
    table = world.municipalities[["cvegeo", "region", "tier"]]
    table.insert(1, "opening", table["cvegeo"].map(opened))
    return table
