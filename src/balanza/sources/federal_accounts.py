"""Federal spending by programme and budget stage, 2013-2023, in current pesos: SHCP's Cuenta Publica.

A csv per year in UTF-8. A programme takes seven rows: first its name, which stands in the column PRESUPUESTO, then four
stages of its money and two percentages that follow from them. A branch (ramo) opens with a block of six rows without a
name, PROGRAMA being TOTAL: its programmes must add up to it. From 2015 on the executive's branches stand in SUBRAMO.

The stages are approved (Aprobado), modified (Modificado), accrued (Devengado) and exercised (Ejercicio). Jovenes
Construyendo el Futuro is U280 (2019-20) and S280 (2020-22) of branch "Trabajo y Previsión Social", exercised; U280 of
"Educación Pública" is its arm for schooling in 2019, and another programme (Jóvenes Escribiendo el Futuro) in 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.places import plain_name
from balanza.sources._fields import amounts
from balanza.sources._layout import (
    FETCH_AGAIN,
    counts,
    no_blanks,
    read_text,
    require_columns,
    table,
    unique_keys,
    validate,
)

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

STAGES = {"Aprobado": "approved", "Modificado": "modified", "Devengado": "accrued", "Ejercicio": "exercised"}
PERCENTAGES = ("Porcentaje Ejer/Aprob", "Porcentaje Ejer/Modif")
BLOCK = (*STAGES, *PERCENTAGES)
"""The rows of a block in their order; percentages follow from the stages and are left out."""

MISPLACED = {
    (2014, "Hacienda y Crédito Público", "A"): "Defensa Nacional",
    (2014, "Salud", "A"): "Marina",
}
"""Year, printed branch and letter of programmes that belong to the branch below: A is for the armed forces only."""

SECOND_TOTAL = {
    "Consejo de la Judicatura Federal": "Tribunal Electoral del Poder Judicial de la Federación",
}
"""Branches that the compiled files print again over the next one (2021-2023), to the branch that is meant."""

_CODE = r"(?:[0-9]-)?[A-Z][0-9]{3}"
_TOTAL = "TOTAL"
_PESO = 1.0


def schema() -> DataFrameSchema:
    """The tidy table: one row per source, branch, programme and stage; only `modified` can be negative.

    Four programmes of 2014 have neither a name nor money: their `programme` is missing.
    """
    import pandera.pandas as pa

    def signs(frame: pd.DataFrame) -> pd.Series:
        return (frame["pesos"] >= 0) | (frame["stage"] == "modified")

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "year": pa.Column("int64", pa.Check.in_range(2000, 2100)),
            "branch": pa.Column(str, pa.Check.str_length(min_value=1)),
            "programme_code": pa.Column(str, pa.Check.str_matches(rf"^{_CODE}$")),
            "programme": pa.Column(str, pa.Check.str_length(min_value=1), nullable=True),
            "stage": pa.Column(str, pa.Check.isin(list(STAGES.values()))),
            "pesos": pa.Column("float64"),
        },
        checks=pa.Check(signs, name="not_negative_unless_modified"),
        strict=True,
        unique=["source", "year", "branch", "programme_code", "stage"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the accounts of some years.

    Parameters
    ----------
    files : mapping of str to Path
        One file per year.

    Returns
    -------
    DataFrame
        source, year, branch, programme_code, programme, stage, pesos (current): programmes only, no totals.

    Raises
    ------
    SourceError
        If a file is not in this layout, or a branch's programmes do not add up to its total.
    """
    return pd.concat([_read(source, path) for source, path in sorted(files.items())], ignore_index=True)


def _read(source: str, path: Path) -> pd.DataFrame:
    where = path.name
    raw = table(read_text(path, "utf-8"), where=where)
    if not any(plain_name(name) == "subramo" for name in raw.columns):
        raw["SUBRAMO"] = ""
    columns = ["CICLO", "ENTE", "RAMO", "SUBRAMO", "PROGRAMA", "PRESUPUESTO", "TOTAL"]
    raw = require_columns(raw, columns, where=where)
    year = _year(raw["CICLO"], where)
    rows = _blocks(raw, where)
    rows["branch"] = _branches(rows, year, where)
    rows["PROGRAMA"] = rows["PROGRAMA"].where(rows["PROGRAMA"].str.fullmatch(_CODE), _TOTAL)
    rows = rows[rows["PRESUPUESTO"].isin(STAGES)]
    rows["pesos"] = no_blanks(amounts(rows["TOTAL"], where=where, negative=True), where=where)
    _close(rows[rows["branch"] != rows["ENTE"]], where)
    programmes = rows[rows["PROGRAMA"] != _TOTAL]
    _refuse_nameless_money(programmes, where)
    tidy = pd.DataFrame(
        {
            "source": source,
            "year": year,
            "branch": programmes["branch"],
            "programme_code": programmes["PROGRAMA"],
            "programme": programmes["programme"],
            "stage": programmes["PRESUPUESTO"].map(STAGES),
            "pesos": programmes["pesos"],
        }
    )
    unique_keys(tidy, ["branch", "programme_code", "stage"], where=where)
    return validate(tidy, schema(), where=where)


def _year(cells: pd.Series, where: str) -> int:
    years = no_blanks(counts(cells, where=where), where=where).unique()
    if len(years) != 1:
        raise SourceError(
            f"column CICLO has {len(years)} years", where=where, cure="One file holds one year, and at least one block"
        )
    return int(years[0])


def _blocks(raw: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows of stages and percentages, each with the programme's name from over its block, or missing."""
    in_block = raw["PRESUPUESTO"].isin(BLOCK)
    rows = raw[in_block]
    size, codes = len(BLOCK), rows["PROGRAMA"].to_numpy()
    expected = np.resize(np.array(BLOCK, dtype=object), len(rows))
    wrong = (rows["PRESUPUESTO"].to_numpy() != expected) | (codes != np.repeat(codes[::size], size)[: len(rows)])
    if wrong.any() or len(rows) % size:
        row = rows.index[int(wrong.argmax())] if wrong.any() else rows.index[-1]
        raise SourceError(
            f"a block of stages is not whole ({', '.join(BLOCK)})",
            where=f"{where}, row {row}, column PRESUPUESTO",
            cure=f"The file may be cut short: {FETCH_AGAIN.lower()}",
        )
    named = ~in_block & (raw["PROGRAMA"] == raw["PROGRAMA"].shift(-1))
    above = raw["PRESUPUESTO"].where(named).shift()[in_block].to_numpy()
    return rows.assign(programme=pd.Series(np.repeat(above[::size], size), index=rows.index, dtype="str"))


def _branches(rows: pd.DataFrame, year: int, where: str) -> pd.Series:
    """The branch of each row: as printed, but for what SECOND_TOTAL, MISPLACED and totals under a name correct."""
    printed = rows["SUBRAMO"].where(rows["SUBRAMO"] != "", rows["RAMO"]).where(rows["RAMO"] != "", rows["ENTE"])
    code = rows["PROGRAMA"].str.fullmatch(_CODE)
    # In 2020 the total of a branch stands under the branch's name in PROGRAMA, and the column of branches lags behind.
    named = rows["PROGRAMA"].where(~code & (rows["PROGRAMA"] != _TOTAL)).groupby(printed).ffill()
    branch = named.fillna(printed)
    opens = (rows["PRESUPUESTO"] == BLOCK[0]) & ~code
    again = opens.groupby(branch).cumsum() > 1
    unknown = again & ~branch.isin(SECOND_TOTAL)
    if unknown.any():
        row: Any = unknown.idxmax()
        raise SourceError(
            f"branch {branch[row]!r} has two totals",
            where=f"{where}, row {row}",
            cure="Correct the branch, or list it in SECOND_TOTAL of balanza/sources/federal_accounts.py",
        )
    branch = branch.mask(again, branch.map(SECOND_TOTAL))
    for (of_year, wrong, letter), right in MISPLACED.items():
        if of_year == year:
            branch = branch.mask((branch == wrong) & code & rows["PROGRAMA"].str.startswith(letter), right)
    return branch


def _refuse_nameless_money(programmes: pd.DataFrame, where: str) -> None:
    nameless = programmes["programme"].isna() & (programmes["pesos"] != 0)
    if nameless.any():
        row: Any = nameless.idxmax()
        raise SourceError(
            f"no name stands over programme {programmes.loc[row, 'PROGRAMA']}, which has money",
            where=f"{where}, row {row}, column PRESUPUESTO",
            cure="Write the programme's name in a row over its stages",
        )


def _close(rows: pd.DataFrame, where: str) -> None:
    """Refuse a branch without a total, or whose programmes do not add up to it, at any stage."""
    is_total = rows["PROGRAMA"] == _TOTAL
    keys = ["branch", "PRESUPUESTO"]
    sums = pd.DataFrame(
        {
            "programmes": rows[~is_total].groupby(keys)["pesos"].sum(),
            "total": rows[is_total].groupby(keys)["pesos"].sum(),
        }
    )
    wrong = sums[~((sums["programmes"] - sums["total"]).abs() <= _PESO)].reset_index()
    if len(wrong):
        first = wrong.iloc[0]
        raise SourceError(
            f"the programmes of {first['branch']!r} add up to {first['programmes']:,.2f}, its total is "
            f"{first['total']:,.2f} (nan: missing)",
            where=f"{where}, {first['PRESUPUESTO']}",
            cure=f"A block is missing or under another branch: {FETCH_AGAIN.lower()}",
        )
