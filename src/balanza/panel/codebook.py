"""The codebook (data/variables.yaml): which columns each panel table has, in which order and of which type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from balanza.errors import PanelError
from balanza.strict import read_yaml

Type = Literal["text", "month", "count", "number", "geometry"]
_KEYS = {"label", "unit", "type", "role", "source", "tables"}


@dataclass(frozen=True)
class Variable:
    """One column of the panel: its labels by language, unit, type, role in a study, sources and tables."""

    name: str
    label: dict[str, str]
    unit: str
    type: Type
    role: str
    source: str
    tables: tuple[str, ...]


def load_codebook(path: Path) -> list[Variable]:
    """Read the codebook.

    Raises
    ------
    PanelError
        If a variable lacks a key or has an unknown one.
    """
    variables = []
    for name, entry in read_yaml(path).items():
        if not isinstance(entry, dict) or not isinstance(entry.get("tables", []), list):
            raise PanelError(f"{name} has no keys, or no list of tables", where=str(path), cure="Describe it")
        if set(entry) != _KEYS:
            odd = ", ".join(sorted(map(str, set(entry) ^ _KEYS)))
            raise PanelError(f"the keys of {name} differ from the others in: {odd}", where=str(path), cure="Correct it")
        variables.append(Variable(name, **{**entry, "tables": tuple(entry["tables"])}))
    return variables


def arrange(frame: pd.DataFrame, table: str, codebook: list[Variable]) -> pd.DataFrame:
    """Put a table's columns into the order and types of the codebook; columns without a source come out missing.

    Parameters
    ----------
    frame : DataFrame
        The table as built.
    table : str
        Its name, for example ``municipality_month``.
    codebook : list of Variable
        From `load_codebook`.

    Raises
    ------
    PanelError
        If the frame has a column that the codebook does not give this table.
    """
    wanted = [variable for variable in codebook if table in variable.tables]
    extra = sorted(set(frame.columns) - {variable.name for variable in wanted})
    if extra:
        raise PanelError(
            f"column {extra[0]!r} is not described", where=table, cure="Describe it in data/variables.yaml"
        )
    columns = {variable.name: _typed(frame, variable) for variable in wanted}
    return pd.DataFrame(columns, index=frame.index)


def _typed(frame: pd.DataFrame, variable: Variable) -> pd.Series:
    values = frame[variable.name] if variable.name in frame else pd.Series(None, index=frame.index, dtype=object)
    if variable.type == "text":
        return values.astype("str")
    if variable.type == "month":
        return pd.to_datetime(values).astype("datetime64[us]")
    numbers = values.astype("float64")
    if variable.type == "count" and variable.name in frame and numbers.notna().all():
        return numbers.astype("int64")
    return numbers
