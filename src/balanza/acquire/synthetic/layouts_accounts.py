"""Public accounts as raw files: federal spending by programme and stage, and state finance by account (EFIPEM)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.files import csv_text, write_lines, write_zip
from balanza.acquire.synthetic.secondary_accounts import (
    STAGES,
    Block,
    federal_blocks,
    state_accounts,
)
from balanza.acquire.synthetic.spellings import OFFICIAL
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

_PROJECT = "Estadística de Finanzas Públicas Estatales y Municipales. Anual"
_LEVELS = ("Tema", "Capítulo", "Concepto", "Partida Genérica", "Subpartida Genérica")
_HALF = ("01", "02", "03", "05", "07", "12", "13", "14", "15", "16", "18", "19", "25", "26", "28", "29")
"""States in the preliminary year 2020."""

_CURRENT = ("SERVICIOS_PERSONALES", "GASTO_DE_OPERACIÓN", "SUBSIDIOS", "OTROS_DE_CORRIENTE")
_INVESTED = ("INVERSIÓN_FÍSICA", "SUBSIDIOS", "OTROS_DE_INVERSIÓN")


def write_accounts(world: World, folder: Path) -> None:
    """Write the federal accounts of 2013 to 2023 and both zips of state finance."""
    for year in range(2013, 2024):
        write_lines(folder / f"federal_accounts_{year}.csv", _federal(world, year), newline="\r\n")
    for kind, coverage, states in (
        ("estatal", "Estatal", [state for state in STATES if state != "09"]),
        ("cdmx", "Ciudad de México", ["09"]),
    ):
        name = "state" if kind == "estatal" else kind
        write_zip(folder / f"efipem_{name}.zip", _finance(world, kind, coverage, states))


def _federal(world: World, year: int) -> Iterator[str]:
    """Blocks of six rows, each programme below a row with its name; totals have none."""
    pensions = ["GI_PENSIONES_Y_JUBILACIONES"] if year >= 2016 else []
    amounts = [f"GC_{name}" for name in (*_CURRENT, "SUMA")]
    amounts += [*pensions, *(f"GI_{name}" for name in (*_INVESTED, "SUMA")), "TOTAL"]
    shares = ["CORRIENTE", *(["PENSIONES_Y_JUBILACIONES"] if pensions else []), "INVERSIÓN"]
    keys = ["CICLO", "ENTE", "RAMO", *(["SUBRAMO"] if year >= 2015 else []), "PROGRAMA", "PRESUPUESTO"]
    yield ",".join([*keys, *amounts, *(f"PORCENTAJE_{share}" for share in shares)])
    for block in federal_blocks(world, year):
        place = [str(year), *block.place, block.code]
        if block.name is not None:
            empty = [""] * len(amounts) if year <= 2014 else ["0.0"] * len(amounts)
            yield _line([*place, block.name, *empty, *(["", "0.0", ""] if pensions else ["", ""])])
        for stage, cells in _stages(block, year):
            yield _line([*place, stage, *cells])


def _line(cells: list[str]) -> str:
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)


def _stages(block: Block, year: int) -> Iterator[tuple[str, list[str]]]:
    """The four stages and two percentages of a block as text."""
    rows = {stage: _spread(block.parts[stage], year) for stage in STAGES}
    for stage, row in rows.items():
        share = 100 * sum(block.parts[stage][:4]) / row[-1] if row[-1] else 0.0
        parts = [f"{share}", *(["0.0"] if year >= 2016 else []), f"{100 - share if row[-1] else 0.0}"]
        yield stage, [*(_amount(value, year) for value in row), *parts]
    for label, base in (("Aprob", "Aprobado"), ("Modif", "Modificado")):
        ratios = [_ratio(done, planned, year) for done, planned in zip(rows["Ejercicio"], rows[base], strict=True)]
        yield f"Porcentaje Ejer/{label}", [*ratios, *(["", "0.0", ""] if year >= 2016 else ["", ""])]


def _spread(parts: tuple[float, ...], year: int) -> list[float]:
    """Current parts, their sum, pensions, investment, its sum, total."""
    current, invested = list(parts[:4]), list(parts[4:])
    sums = round(sum(current), 2), round(sum(invested), 2)
    pensions = [0.0] if year >= 2016 else []
    return [*current, sums[0], *pensions, *invested, sums[1], round(sum(sums), 2)]


def _amount(value: float, year: int) -> str:
    return "" if year <= 2014 and not value else f"{value}"


def _ratio(done: float, planned: float, year: int) -> str:
    if planned:
        return f"{100 * done / planned}"
    if year <= 2014:
        return "n.s." if done else " "
    return "0.0"


def _finance(world: World, kind: str, coverage: str, states: list[str]) -> dict[str, bytes]:
    """The members of a zip: catalogue of states, one file a year, metadata, data dictionary."""
    catalogue = ["ID_ENTIDAD,NOM_ENT", *(f"\t{state},{name}" for state, name in OFFICIAL.items())]
    members = {"catalogos/tc_entidad.csv": _with_mark(catalogue)}
    for year in range(1989, 2021):
        kept = [state for state in states if year < 2020 or state in (*_HALF, "09")]
        table = _finance_of_year(world, year, coverage, kept)
        name = f"conjunto_de_datos/efipem_{kind}_anual_tr_cifra_{year}.csv"
        members[name] = csv_text(table, newline="\r\n").encode("utf-8-sig")
    about = ["", "identifier: MEX-INEGI.40.302.03-EFIPEM-2020", "", f"spatial: {coverage}"]
    members[f"metadatos/metadatos_efipem_{kind}_anual_1989_2020.txt"] = _with_mark(about)
    header = "PRODUCTO_DD,COLUMNA,DESCRIPCION,TIPO_DATO,LONGITUD,COD_VALIDO"
    columns = [f"{_PROJECT},{column},,varchar,max," for column in table]
    members[f"diccionario_de_datos/diccionario_datos_efipem_{kind}_anual_1989_2020.csv"] = _with_mark(
        [header, *columns]
    )
    return members


def _finance_of_year(world: World, year: int, coverage: str, states: list[str]) -> pd.DataFrame:
    accounts = state_accounts(world, year, states)
    return pd.DataFrame(
        {
            "PROD_EST": _PROJECT,
            "COBERTURA": coverage,
            "ANIO": year,
            "ID_ENTIDAD": accounts["state"],
            "TEMA": accounts["theme"],
            "CATEGORIA": np.array(_LEVELS)[accounts["depth"]],
            "DESCRIPCION_CATEGORIA": accounts["account"],
            "VALOR": accounts["pesos"],
            "ESTATUS": "Cifras Preliminares." if year == 2020 else "Cifras Definitivas.",
        }
    )


def _with_mark(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig")
