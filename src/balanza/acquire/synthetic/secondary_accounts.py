"""Public accounts that the world does not hold: federal programmes by stage, state finance as a tree of accounts.

The programmes stand in programmes.csv: power or group of branches, branch, code, name, first and last year, and
millions of pesos of July 2018 (rounded, after the federal accounts). Jovenes Construyendo el Futuro has its real
national figures (programmes U280 and S280), times the world's share of its real beneficiaries. FASP and the security
agreements add up to the world's security transfers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.calibration import national
from balanza.acquire.synthetic.secondary_money import fasp, people_of_states, prices
from balanza.acquire.synthetic.secondary_violence import generator
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

STAGES = ("Aprobado", "Modificado", "Devengado", "Ejercicio")

LABOUR, EDUCATION = "Trabajo y Previsión Social", "Educación Pública"
JCF = "Jóvenes Construyendo el Futuro"
COUNCIL = "Consejo de la Judicatura Federal"
TRIBUNAL = "Tribunal Electoral del Poder Judicial de la Federación"
_MINISTRIES, _GENERAL = "Ramos Administrativos", "Ramos Generales"

# Year, branch, code, name: share of the labour ministry's yearly figure (or pesos), approved millions.
_JCF_ROWS = {
    2019: ((LABOUR, "U280", JCF, 1.0, 40000), (EDUCATION, "U280", JCF, 6211e6, 4320)),
    2020: (
        (LABOUR, "S280", JCF, 0.9553, 0),
        (LABOUR, "U280", JCF, 0.0447, 24957),
        (EDUCATION, "U280", "Jóvenes Escribiendo el Futuro", 7700e6, 7800),
    ),
    2021: ((LABOUR, "S280", JCF, 1.0, 20600),),
    2022: ((LABOUR, "S280", JCF, 1.0, 21697),),
    2023: ((LABOUR, "S280", JCF, 22276e6, 23090),),
}
_COMPOSITION = {
    "S": (0.01, 0.01, 0.98, 0, 0, 0, 0),
    "U": (0, 0, 1.0, 0, 0, 0, 0),
    "K": (0, 0, 0, 0, 0.98, 0, 0.02),
    "I": (0, 0, 0, 0.9, 0, 0.1, 0),
}
_OFFICE = (0.6, 0.3, 0.02, 0.05, 0.03, 0, 0)


@dataclass(frozen=True)
class Block:
    """One block of a federal account.

    place : ENTE, RAMO and, from 2015, SUBRAMO, as printed; code : PROGRAMA; name : None for totals
    parts : by stage, the four current parts and three of investment, pesos
    """

    place: tuple[str, ...]
    code: str
    name: str | None
    parts: dict[str, tuple[float, ...]]


def federal_blocks(world: World, year: int) -> Iterator[Block]:
    """The blocks of a year's account in their printed order, branches closed by their programmes."""
    rows = _year_rows(world, year)
    power = None
    for group, branch in dict.fromkeys((group, branch) for group, branch, *_ in rows):
        place, lagging = _place(year, group, branch)
        programmes = [(code, name, parts) for g, b, code, name, parts in rows if (g, b) == (group, branch)]
        if year >= 2015 and place[0] != power and place[0] != "Poder Ejecutivo":
            whole = [parts for g, *_, parts in rows if g == group]
            yield Block((place[0], "", ""), "TOTAL", None, _added(whole))
        power = place[0]
        yield Block(place, branch if lagging else "TOTAL", None, _added([parts for *_, parts in programmes]))
        for code, name, parts in programmes:
            yield Block(place, code, name, parts)


def _place(year: int, group: str, branch: str) -> tuple[tuple[str, ...], bool]:
    """Where a branch is printed, and whether (in 2020, once) under the branch before it, its own name in PROGRAMA."""
    if year == 2020 and branch == TRIBUNAL:
        return (group, COUNCIL, ""), True
    if year <= 2014:
        return (group, branch), False
    if group in (_MINISTRIES, _GENERAL):
        return ("Poder Ejecutivo", group, branch), False
    return (group, branch, ""), False


def _year_rows(world: World, year: int) -> list[tuple[str, str, str, str, dict[str, tuple[float, ...]]]]:
    rng = generator(world, "federal", str(year))
    level = float(prices(pd.DatetimeIndex([f"{year}-07-01"]))[0]) / 100
    rows = []
    for group, branch, code, name, first, last, millions in _programmes():
        if first <= year <= last:
            approved = float(np.rint(millions * 1e6 * level * rng.normal(1, 0.04)))
            rows.append(
                (group, branch, code, name, _parts(code, approved, round(approved * rng.normal(0.98, 0.05), 2)))
            )
    for branch, code, name, pesos, millions in _JCF_ROWS.get(year, ()):
        scale = _beneficiary_share(world, year)
        done = round((pesos * national("jcf_pesos")[year] if pesos <= 1 else pesos) * scale, 2)
        rows.append((_MINISTRIES, branch, code, name, _parts(code, round(millions * 1e6 * scale), done)))
    order = list(dict.fromkeys((group, branch) for group, branch, *_ in _programmes()))
    return sorted(rows, key=lambda row: (order.index((row[0], row[1])), row[2]))


@cache
def _programmes() -> list[tuple[str, str, str, str, int, int, int]]:
    return list(pd.read_csv(Path(__file__).with_name("programmes.csv")).itertuples(index=False, name=None))


def _beneficiary_share(world: World, year: int) -> float:
    """The world's beneficiaries over the real ones, in the year or the last one before: 1 in a full-size world."""
    counts = national("jcf_beneficiaries")
    known = min(year, int(counts.index.max()))
    return float(world.jcf_beneficiaries[known].sum() / counts[known])


def _parts(code: str, approved: float, done: float) -> dict[str, tuple[float, ...]]:
    shares = _COMPOSITION.get(code[0], _OFFICE)
    return {stage: _divided(approved if stage == STAGES[0] else done, shares) for stage in STAGES}


def _divided(total: float, shares: tuple[float, ...]) -> tuple[float, ...]:
    """A total in parts of whole cents that add up to it."""
    largest = int(np.argmax(shares))
    parts = [round(total * share, 2) for share in shares]
    parts[largest] = round(total - sum(part for place, part in enumerate(parts) if place != largest), 2)
    return tuple(parts)


def _added(blocks: list[dict[str, tuple[float, ...]]]) -> dict[str, tuple[float, ...]]:
    return {
        stage: tuple(round(sum(values), 2) for values in zip(*(block[stage] for block in blocks), strict=True))
        for stage in STAGES
    }


Tree = dict[str, "Tree | float"]
_FASP, _AGREEMENTS = "FA para la Seguridad Pública", "Apoyo a programas de seguridad pública"

# Accounts with pesos of July 2018 per head at the leaves; NaN for what the world says.
_INCOME: Tree = {
    "Impuestos": {
        "Impuesto sobre los Ingresos": {"Impuesto sobre nómina": 700.0},
        "Impuestos sobre el Patrimonio": {"Impuesto sobre tenencia o uso de vehículos": 90.0},
    },
    "Derechos": {
        "Derechos por prestación de servicios": {"Seguridad pública": 25.0, "Registros": {"Registro civil": 30.0}},
    },
    "Productos": {"Productos de tipo corriente": {"Intereses": 60.0}},
    "Aprovechamientos": {"Aprovechamientos de tipo corriente": {"Multas": 15.0, "Recargos": 4.0}},
    "Participaciones federales": {
        "Fondos participables": {"Fondo General de Participaciones": 4600.0, "Fondo de Fomento Municipal": 250.0},
    },
    "Aportaciones Federales": {
        "Aportaciones del ramo general 33": {
            "Aportaciones a entidades federativas": {
                "FA para Nómina Educativa y Gasto Operativo": 2900.0,
                "FA para los Servicios de Salud": 800.0,
                _FASP: np.nan,
            },
            "Aportaciones a municipios": {
                "FA para la Infraestructura Social Municipal": 520.0,
                "FA para el Fortalecimiento de los Municipios": 620.0,
            },
        },
        "Recursos federales reasignados": {
            "Convenios para educación, cultura y deportes": {"Educación superior": 600.0},
            "Convenios para seguridad pública": {_AGREEMENTS: np.nan},
        },
    },
}
_EXPENSES: Tree = {
    "Servicios personales": {
        "Remuneraciones\xa0al\xa0personal": {"Seguridad pública y tránsito": 600.0, "Dependencias diversas": 2200.0},
        "Seguridad social": {"Aportaciones de seguridad social": 150.0},
    },
    "Materiales y suministros": {"Materiales y suministros para seguridad": {"Materiales de seguridad pública": 12.0}},
    "Servicios generales": {"Otros servicios generales": {"Otros servicios generales": 400.0}},
    "Transferencias, asignaciones, subsidios y otras ayudas": {
        "Transferencias internas y asignaciones al sector público": {
            "A instituciones del gobierno según función": {
                "Instituciones y programas de seguridad pública": 120.0,
                "Instituciones y programas de educación": 5200.0,
            },
        },
    },
    "Inversión pública": {
        "Obra pública en bienes de dominio público": {"Seguridad pública": 20.0, "Urbanización": 500.0}
    },
    "Recursos asignados a municipios": {"Participaciones a municipios": {"Fondo general": 1100.0}},
}


@cache
def _leaves() -> tuple[str, ...]:
    def walk(tree: Tree, path: str) -> Iterator[str]:
        for name, below in tree.items():
            yield from walk(below, f"{path}/{name}") if isinstance(below, dict) else [f"{path}/{name}"]

    return (*walk(_EXPENSES, "Egresos"), *walk(_INCOME, "Ingresos"))


def state_accounts(world: World, year: int, states: list[str]) -> pd.DataFrame:
    """Accounts of some states in a year in the order of the tree: state, theme, depth, account, pesos.

    Accounts without money have no row. Income and expenses are equal, by what is left at the end or owed.
    """
    rng = generator(world, "finance", str(year))
    level = float(prices(pd.DatetimeIndex([f"{year}-07-01"]))[0]) / 100 * people_of_states(world, np.array([year]))
    noise = np.exp(rng.normal(0, 0.2, (len(_leaves()), len(STATES))))
    police = fasp(world).get(year, pd.Series(0.0, index=list(STATES)))
    transfers = world.security_transfers.get(year, police)
    rows = []
    for state in states:
        place = list(STATES).index(state)
        money = dict(zip(_leaves(), (level[place, 0] * noise[:, place]).tolist(), strict=True))
        special = {_FASP: float(police[state]), _AGREEMENTS: float(transfers[state] - police[state])}
        income = _summed(_INCOME, "Ingresos", money, special)
        spent = _summed(_EXPENSES, "Egresos", money, special)
        total, out = sum(value for depth, _, value in income if depth == 1), sum(v for d, _, v in spent if d == 1)
        if out < total:
            spent.append((1, "Disponibilidad final", total - out))
        elif out > total:
            income += [(1, "Financiamiento", out - total), (2, "Déficit", out - total)]
        for theme, accounts in (("Egresos", spent), ("Ingresos", income)):
            rows.append((state, theme, 0, f"Total de {theme.lower()}", max(total, out)))
            rows += [(state, theme, *account) for account in accounts]
    return pd.DataFrame(rows, columns=["state", "theme", "depth", "account", "pesos"])


def _summed(
    tree: Tree, path: str, money: dict[str, float], special: dict[str, float], depth: int = 1
) -> list[tuple[int, str, int]]:
    """A tree from the top down, each parent the sum of its children: depth, account, whole pesos."""
    rows: list[tuple[int, str, int]] = []
    for name, below in tree.items():
        if isinstance(below, dict):
            children = _summed(below, f"{path}/{name}", money, special, depth + 1)
            value = sum(amount for level, _, amount in children if level == depth + 1)
        else:
            children = []
            value = round(special[name] if name in special else below * money[f"{path}/{name}"])
        if value:
            rows += [(depth, name, value), *children]
    return rows
