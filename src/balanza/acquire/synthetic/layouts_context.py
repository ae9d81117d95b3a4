"""Politics and crime as raw files: mayors, and criminal groups in two layouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.acquire.synthetic.files import write_csv, write_xlsx
from balanza.acquire.synthetic.secondary_context import criminal_actors, criminal_groups, mayors
from balanza.acquire.synthetic.world import World


def write(world: World, folder: Path) -> None:
    """Write the mayors, the actors of 2000 to 2018 and the groups of 1990 to 2010."""
    write_csv(folder / "mayors.csv", mayors(world), newline="\r\n")
    write_csv(folder / "criminal_presence_1990_2010.csv", criminal_groups(world), newline="\r\n")
    actors = criminal_actors(world)
    frequency = actors["actor_main"].value_counts()
    computed, summary = _summary(frequency)
    sheets = {"Criminals_v2 0": _rows(actors), "Sheet2": summary}
    write_xlsx(folder / "criminal_presence.xlsx", sheets, computed=computed)


def _rows(actors: pd.DataFrame) -> Iterator[list[Any]]:
    yield list(actors.columns)
    for row in actors.astype(object).itertuples(index=False):
        yield [None if pd.isna(cell) else cell for cell in row]


def _summary(frequency: pd.Series) -> tuple[dict[str, Any], list[list[Any]]]:
    """The compiler's second sheet: rows by actor with their shares as formulas."""
    last = len(frequency) + 2
    total = f"=SUM(B2:B{last - 1})"
    computed: dict[str, Any] = {total: int(frequency.sum()), f"=B{last}/$B${last}": 1}
    rows: list[list[Any]] = [["Actor", "Frequency", "Percent"]]
    for number, (actor, count) in enumerate(frequency.items(), start=2):
        share = f"=B{number}/$B${last}"
        computed[share] = count / frequency.sum()
        rows.append([actor, int(count), share])
    return computed, [*rows, ["Total", total, f"=B{last}/$B${last}"]]
