"""Crime and politics that the world does not hold: criminal groups, clashes of the forces, mayors.

Groups and clashes follow the deaths of a municipality; elections follow nothing but themselves.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.secondary_violence import generator, states_of
from balanza.acquire.synthetic.spellings import ARMY, capitals
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

_ARMY_COUNTS = ("enfrentamientos", "mil_mu", "civ_mu", "vic_mu", "mil_her", "civ_her", "vic_her", "civ_det")
_ARMY_MEANS = (0.0, 0.06, 1.0, 0.01, 0.34, 0.15, 0.04, 0.83)
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ABBREVIATED = {"CIUDAD ": "CD. ", "GENERAL ": "GRAL. ", "DOCTOR ": "DR. "}

_PPD_FIGURES = (
    "DE PF MIF MAF PFF AFIF PEF PMF PMUF AMPF DOF CIF PL MIL MAL PFL AFIFL PEL PML PMUL AMPL DOL CIL "
    "ARL ARC CARG CART VE"
)
_PPD_MARKS = "AC AP DEL TOR DTRA PRE FCRU ELE TAX DRO VEH VAL"
_KILLED = {"MIF": 0.02, "PEF": 0.02, "PMUF": 0.03, "DOF": 0.48, "CIF": 0.06}
_WOUNDED = {"MIL": 0.08, "PEL": 0.02, "PMUL": 0.05, "DOL": 0.2, "CIL": 0.09}
_NOT_REPORTED = 9999


def _events(world: World, rng: np.random.Generator, first: str, last: str, per_death: float) -> tuple[Any, Any, Any]:
    """Days and municipalities of events that come with deaths: positions, month starts, days of the month."""
    months = np.flatnonzero((world.months >= pd.Timestamp(first)) & (world.months <= pd.Timestamp(last)))
    counts = rng.poisson(per_death * world.homicides[:, months])
    place, month = (index.repeat(counts[np.nonzero(counts)]) for index in np.nonzero(counts))
    starts = world.months[months[month]]
    day = rng.integers(1, starts.days_in_month.to_numpy() + 1)
    order = np.lexsort((place, day, starts.to_numpy()))
    return place[order], starts[order], day[order]


def army_clashes(world: World) -> pd.DataFrame:
    """Clashes of the army by day, January 2007 to January 2021, with the row of totals, all as text."""
    rng = generator(world, "army")
    place, starts, day = _events(world, rng, "2007-01-01", "2021-01-01", 0.013)
    frame = world.municipalities
    names = [capitals(name) for name in frame["name"]]
    for full, short in _ABBREVIATED.items():
        names = [short + name.removeprefix(full) if name.startswith(full) else name for name in names]
    unknown = rng.random(len(place)) < 0.01
    means = np.array(_ARMY_MEANS)
    counts = rng.negative_binomial(0.7, 0.7 / (0.7 + means), (len(place), len(means)))
    counts[:, 0] = 1
    table = pd.DataFrame(
        {
            "fecha": [f"{d}-{_ENGLISH[start.month - 1]}-{start:%y}" for d, start in zip(day, starts, strict=True)],
            "entidad": frame["state"].map(ARMY).to_numpy()[place],
            "municipio": np.where(unknown, "S/D", np.array(names)[place]),
            **{name: counts[:, number] for number, name in enumerate(_ARMY_COUNTS)},
            "year": starts.year,
            "month": starts.month,
            "day": day,
        }
    )
    total = {name: f"{counts[:, number].sum():,}" for number, name in enumerate(_ARMY_COUNTS)}
    last = {"fecha": "TOTAL A LA FECHA", "entidad": "", "municipio": ""} | total
    return pd.concat([table.astype(str), pd.DataFrame([last | dict.fromkeys(("year", "month", "day"), "#VALUE!")])])


def police_clashes(world: World) -> pd.DataFrame:
    """Clashes of all public forces, January 2007 to November 2011: 9999 where a figure was not reported."""
    rng = generator(world, "police")
    place, starts, day = _events(world, rng, "2007-01-01", "2011-11-01", 0.045)
    codes = world.municipalities["cvegeo"].to_numpy()[place]
    table: dict[str, Any] = {"ID": np.arange(1, len(place) + 1)}
    date = starts + pd.to_timedelta(day - 1, unit="D") + pd.Timedelta(hours=6, seconds=10)
    table["TIMESTAMP"] = date.to_numpy("datetime64[s]").astype(np.int64)
    table |= {"DIA": day, "MES": starts.month, "AÑO": starts.year}
    table["ESTADO"] = [int(code[:2]) for code in codes]
    table["Municipio"] = np.where(rng.random(len(place)) < 0.005, _NOT_REPORTED, [int(code[2:]) for code in codes])
    figures = {name: np.zeros(len(place), np.int64) for name in _PPD_FIGURES.split()}
    for total, groups in (("PF", _KILLED), ("PL", _WOUNDED)):
        for name, mean in groups.items():
            figures[name] = rng.poisson(mean, len(place)) * rng.integers(1, 4, len(place))
            figures[total] = figures[total] + figures[name]
    for name, mean in {"DE": 0.8, "ARL": 1.5, "ARC": 0.6, "CARG": 4.0, "CART": 60.0, "VE": 0.9}.items():
        figures[name] = rng.poisson(mean, len(place))
    table |= {name: np.where(values == 0, _NOT_REPORTED, values) for name, values in figures.items()}
    marks = {name: (rng.random(len(place)) < 0.2).astype(int) for name in _PPD_MARKS.split()}
    return pd.DataFrame(table | marks | {"DTRA": ((date - pd.Timestamp("2007-01-01")).days + 1).to_numpy()})


_ACTORS = {
    "Unidentified Criminal Group": ("Hitman", "Criminal", "Cartel member", "Unidentified Criminal Group"),
    "Other": ("Individual",),
    "La Familia Michoacana": ("La Familia Michoacana", "Caballeros Templarios"),
    "Los Zetas": ("Los Zetas",),
    "Cartel de Sinaloa": ("Cartel de Sinaloa", "El Chapo", "Zambada"),
    "Cartel del Golfo": ("Cartel del Golfo",),
    "Beltran Leyva": ("Beltran Leyva", "Guerreros Unidos"),
    "Cartel de Jalisco Nueva Generacion": ("Cartel de Jalisco Nueva Generacion",),
    "Cartel de Juarez": ("La Linea", "Cartel de Juarez"),
    "La Barbie": ("La Barbie",),
    "Cartel de Tijuana": ("Arellano Felix", "Cartel de Tijuana"),
    "Huachicoleros": ("Huachicoleros",),
}
_ACTOR_SHARES = np.array([0.51, 0.18, 0.065, 0.06, 0.055, 0.03, 0.023, 0.022, 0.02, 0.015, 0.015, 0.005])
_IMPOSSIBLE = ((1, 0), (2, 30), (0, 18), (12, 32))
"""Month and day of dates that a parser of press texts made up."""


def criminal_actors(world: World) -> pd.DataFrame:
    """Actors by municipality and day, 2000 to 2018, with 12 impossible dates and 2 spoilt latitudes.

    Columns as the workbook has them; a date that does not exist has no `date_elapsed`.
    """
    rng = generator(world, "actors")
    table = _mentions(world, rng)
    spoilt = rng.choice(len(table), min(14, len(table)), replace=False)
    for row, (month, day) in zip(spoilt[:12], itertools.cycle(_IMPOSSIBLE), strict=False):
        table.loc[row, ["month", "day"]] = month, day
    codes = world.municipalities["cvegeo"].to_numpy()[table["place"]]
    middle = world.geometry.loc[world.municipalities["cvegeo"]].representative_point()
    latitude = middle.y.round(10).to_numpy()[table["place"]].astype(object)
    for row in spoilt[12:]:
        latitude[row] = str(latitude[row]).replace(".", ".Others", 1)
    written = table["year"] * 10000 + table["month"] * 100 + table["day"]
    return pd.DataFrame(
        {
            "date": written,
            "date_elapsed": pd.to_datetime(written.astype(str), format="%Y%m%d", errors="coerce"),
            **{name: table[name] for name in ("year", "month", "day")},
            "state": [int(code[:2]) for code in codes],
            "mun": [int(code) for code in codes],
            "counter": rng.geometric(0.45, len(table)),
            **{name: table[name] for name in ("actor_main", "actor_sub")},
            "longitude": middle.x.round(10).to_numpy()[table["place"]],
            "latitude": latitude,
        }
    )


def _mentions(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """One row a place, day and actor: place (a position), year, month, day, actor_main, actor_sub."""
    place, starts, day = _events(world, rng, "2000-01-01", "2018-12-01", 0.04)
    names = list(_ACTORS)
    main = rng.choice(len(names), len(place), p=_ACTOR_SHARES / _ACTOR_SHARES.sum())
    table = pd.DataFrame({"place": place, "year": starts.year, "month": starts.month, "day": day})
    table["actor_main"] = [names[actor] for actor in main]
    table["actor_sub"] = [_ACTORS[names[actor]][row % len(_ACTORS[names[actor]])] for row, actor in enumerate(main)]
    return table.drop_duplicates(ignore_index=True)


def criminal_groups(world: World) -> pd.DataFrame:
    """Presence of ten groups by municipality and year, 1990 to 2010; the last municipality has no row for 2010."""
    rng = generator(world, "groups")
    groups = "Beltran_Leyva Beltran_Leyva_Family Familia Golfo Juarez Sinaloa Sinaloa_Family Tijuana Zetas Otros"
    born = pd.to_datetime(world.municipalities["born"])
    kept = np.flatnonzero(~(born > pd.Timestamp("2010-01-01")).to_numpy())
    years = np.arange(1990, 2011)
    deaths = world.homicides[kept][:, :132].sum(axis=1) / 11
    reach = 1 - np.exp(-deaths / 30)
    growth = np.linspace(0.02, 0.5, len(years))
    homes = rng.integers(0, len(STATES), (10, 4))
    near = (states_of(world)[kept][:, None, None] == homes).any(axis=2)
    share = np.where(near, 1.0, 0.15)[:, None, :] * reach[:, None, None] * growth[None, :, None]
    present = (rng.random(share.shape) < share).astype(int)
    codes = world.municipalities["cvegeo"].iloc[kept].astype(int).to_numpy()
    keys = {"Code": codes.repeat(len(years)), "State": (codes // 1000).repeat(len(years))}
    table = pd.DataFrame(keys | {"Year": np.tile(years, len(kept))})
    table[groups.split()] = present.reshape(-1, 10)
    return table.iloc[:-1]


_PREFIXES = [
    "ags", "bc-", "bcs", "cam", "coa", "col", "cps", "cua", "df-", "dgo", "gua", "gue", "hgo", "jal", "mex", "mic",
    "mor", "nay", "nl-", "oax", "pue", "que", "qui", "san", "sin", "son", "tab", "tam", "tla", "ver", "yuc", "zac",
]  # fmt: skip
"""How the file of mayors abbreviates the states, in the order of their codes."""

_FIRST = np.array(["ANA", "JOSE", "MARIA", "JUAN", "LUIS", "ROSA", "CARLOS", "ELENA", "PEDRO", "SOFIA"])
_FAMILY = np.array(
    ["GARCIA", "LOPEZ", "MARTINEZ", "HERNANDEZ", "GONZALEZ", "PEREZ", "SANCHEZ", "RAMIREZ", "CRUZ", "FLORES"]
)
_OUTCOMES = np.array(["Term-limited-p-won", "Term-limited-p-lost", "Out-p-lost"])
_BEFORE_MORENA = (
    np.array(["pri", "pri-pvem", "pan", "prd", "pan-prd", "pvem", "mc"]),
    np.array([0.4, 0.16, 0.2, 0.12, 0.04, 0.03, 0.05]),
)
_SINCE_MORENA = (
    np.array(["morena", "pt-morena-pes", "pri", "pan", "pan-pri-prd", "mc", "pvem"]),
    np.array([0.24, 0.1, 0.2, 0.16, 0.1, 0.12, 0.08]),
)
"""Coalitions and how often they stand."""
_CUSTOMARY = 417
"""Municipalities of Oaxaca that elect without parties, of 570: they are not in the file."""


def mayors(world: World) -> pd.DataFrame:
    """Municipal elections every third year, 1989 to 2022, in the layout of the incumbents file, all as text."""
    rng = generator(world, "mayors")
    frame = world.municipalities
    oaxaca = frame.loc[frame["state"] == "20", "cvegeo"]
    without = set(rng.choice(oaxaca, round(len(oaxaca) * _CUSTOMARY / 570), replace=False))
    customs = sorted(set(oaxaca) - without)[:1]
    first = 1989 + rng.integers(0, 3, len(STATES))
    rows = []
    for place, (code, name, born) in enumerate(zip(frame["cvegeo"], frame["name"], frame["born"], strict=True)):
        state = int(code[:2]) - 1
        if code in without:
            continue
        for term, year in enumerate(range(int(first[state]), 2023, 3)):
            if pd.notna(born) and year <= pd.Timestamp(born).year:
                continue
            rows.append(_election(rng, place, code, capitals(name), year, term + 7, code in customs and year < 2002))
    table = pd.DataFrame(rows).sort_values(["place", "year"], kind="stable").drop(columns="place")
    table.insert(0, "ord", np.arange(1, len(table) + 1))
    return table.astype(str)


def _election(
    rng: np.random.Generator, place: int, code: str, name: str, year: int, term: int, customary: bool
) -> dict[str, Any]:
    parties, shares = _SINCE_MORENA if year >= 2018 else _BEFORE_MORENA
    winner, second = rng.choice(parties, 2, replace=False, p=shares)
    unopposed = rng.random() < 0.01
    person = " ".join((*rng.choice(_FIRST, 1), *rng.choice(_FAMILY, 2)))
    margin = 1 if customary or unopposed else round(float(rng.beta(1.2, 7)), 4)
    outcome = "2024" if year >= 2020 else str(rng.choice(_OUTCOMES))
    return {
        "place": place,
        "emm": f"{_PREFIXES[int(code[:2]) - 1]}-{term:02d}.{code[2:]}",
        "municipality": name,
        "year": year,
        "dextra": 0,
        "edon": int(code[:2]),
        "ife": int(code),
        "inegi": int(code),
        "part": "uyc" if customary else winner,
        "dmujer": "" if customary else int(rng.random() < 0.04 + 0.2 * (year >= 2015)),
        "incumbent": person,
        "race.after": outcome,
        "runnerup": "",
        "part2nd": "uyc" if customary else "0" if unopposed else second,
        "mg": f"{margin:g}",
        "ddied": 0,
        "drepe": "" if year >= 2020 else 0,
        "drepg": "" if year >= 2020 else 0,
        "dlegacy": "",
        "who": "",
        "notes": "",
        "source": "inafed" if year < 1998 else "",
    }
