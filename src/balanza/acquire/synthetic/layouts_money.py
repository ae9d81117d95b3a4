"""Money and work as raw files: beneficiaries, prices, workers, wages, spending by state, federal funds, subsidies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.files import write_bytes, write_csv, write_json
from balanza.acquire.synthetic.layouts_accounts import write_accounts
from balanza.acquire.synthetic.secondary_money import (
    FUNDS,
    GROUPS,
    federal_funds,
    municipal_spending,
    price_indices,
    public_spending,
    workers_and_wages,
)
from balanza.acquire.synthetic.secondary_violence import generator
from balanza.acquire.synthetic.spellings import BEFORE_2016, BY_NAME, DASHBOARD, LABOUR
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

_NO_STATES = {34: "No distribuible geográficamente", 35: "En el extranjero"}
_RAMO33 = (
    "r33_total                     ",
    "r33_faeb",
    "r33_fasa",
    "r33_fis",
    "r33_fise",
    "r33_fism",
    "r33_multiple",
    "r33_alimenticio",
    "r33_infraeduca",
    "r33_edusuperior",
    "r33_fortamun",
    "r33_edutecnologica",
    "r33_segurid",
    "r33_fortaestados",
)


def write(world: World, folder: Path) -> None:
    """Write the files by state, the federal and state accounts, and the user's file of municipal spending."""
    write_json(folder / "jcf_state_year.json", {"records": _beneficiaries(world)}, indent=2)
    write_csv(folder / "consumer_prices.csv", price_indices(world), newline="\r\n")
    _write_work(world, folder)
    write_csv(folder / "public_spending_state.csv", _public_spending(world))
    write_bytes(folder / "ramo33.csv", "\r\n".join(_ramo33(world)).encode())
    write_accounts(world, folder)
    write_csv(folder / "spending.csv", municipal_spending(world))


def _beneficiaries(world: World) -> list[dict[str, str]]:
    """Records by budget year and name of the state, all cells as text; somewhat more women than men."""
    rng = generator(world, "beneficiaries")
    records = []
    for year in sorted(world.jcf_beneficiaries.columns):
        counts = world.jcf_beneficiaries[year].to_dict()
        for state in BY_NAME:
            total = int(counts[state])
            men = int(rng.binomial(total, 0.42))
            records.append(
                {
                    "estado": LABOUR[state],
                    "cve_edo": state,
                    "hombres": str(men),
                    "mujeres": str(total - men),
                    "total": str(total),
                    "id_estado": state.lstrip("0"),
                    "anio_presupuestal": str(year),
                }
            )
    return records


def _write_work(world: World, folder: Path) -> None:
    table = workers_and_wages(world)
    keys = {
        "State ID": table["state"].astype(int),
        "State": table["state"].map(DASHBOARD),
        "Quarter ID": table["quarter"].str.replace("-Q", ""),
        "Quarter": table["quarter"],
    }
    workforce = pd.DataFrame(keys | {"Workforce": table["workforce"]})
    wages = pd.DataFrame(keys | {"Monthly Wage": table["wage"], "Workforce": table["employed"]})
    write_csv(folder / "workforce_state.csv", workforce)
    write_csv(folder / "wage_state.csv", wages)


def _public_spending(world: World) -> pd.DataFrame:
    """Spending by state and group; below each year two places that are no states, one with fewer groups."""
    table = public_spending(world)
    rows = []
    for year, group in table.groupby("year", sort=True):
        rows += list(group[["state", "group", "pesos", "year"]].itertuples(index=False, name=None))
        total = group["pesos"].sum()
        rows += [(34, number, total * share, year) for number, share in zip(GROUPS, (0, 0.001, 0.01, 0.1), strict=True)]
        rows += [(35, number, total * 0.001, year) for number in (1, 3)]
    states, groups, pesos, years = zip(*rows, strict=True)
    names = {int(code): name for code, name in DASHBOARD.items()} | _NO_STATES
    return pd.DataFrame(
        {
            "State ID": np.array(states, dtype=int),
            "State": [names[int(state)] for state in states],
            "Functional Group ID": groups,
            "Functional Group": [GROUPS[group] for group in groups],
            "Amount Executed": pesos,
            "Year": years,
        }
    )


def _ramo33(world: World) -> Iterator[str]:
    """Funds by year and state with the country above, blanks as thousands separators, no line end at the end."""
    table = federal_funds(world)
    table["r33_fis"] = table[["r33_fise", "r33_fism"]].sum(axis=1)
    meals = ["r33_alimenticio", "r33_infraeduca", "r33_edusuperior"]
    table["r33_multiple"] = table[meals].sum(axis=1)
    table[_RAMO33[0]] = table[[*FUNDS, "r33_segurid"]].sum(axis=1)
    yield ",".join(("id", "estado", "yr", "id_yr", *_RAMO33))
    for year, rows in table.groupby(level="year"):
        national = rows.sum(min_count=1)
        for state, figures in [("00", national), *zip(STATES, (row for _, row in rows.iterrows()), strict=True)]:
            name = "Nacional" if state == "00" else BEFORE_2016[state]
            yield ",".join((state, name, str(year), f"{state}_{year}", *(_spaced(figures[fund]) for fund in _RAMO33)))


def _spaced(value: float) -> str:
    if np.isnan(value):
        return ""
    text = f"{value:,.1f}".replace(",", " ")
    return text if value >= 1000 else f" {text}"
