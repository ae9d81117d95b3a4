"""The Guard's strength by state and month: published defects repaired by listed rules, and the switch of headquarters.

The rules (data/guard_repairs.csv) say where each repaired cell takes its value from within the published table, so that
they hold for any table with the same defects: February 2021 repeats November 2020 in all states and carries January;
March 2021 stands one row off in Coahuila, Colima and Mexico City. A rule is applied only where the table shows the
defect that it names. The force did not exist before July 2019 (zero); after the last published month it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log1p
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import PanelError
from balanza.panel.quality import Quality
from balanza.panel.rules import read_rules

BEGINS = pd.Timestamp("2019-07-01")
HEADQUARTERS = ("09", pd.Timestamp("2020-06-01"), pd.Timestamp("2020-07-01"))
COMPLETE = "guard_2019_2021"
_MANY = 16
_LOOK_BACK = 4

Cells = dict[tuple[str, pd.Timestamp], int]
"""Elements by state and month."""


def published(table: pd.DataFrame, quality: Quality) -> Cells:
    """One figure per state and month: of the table of all months, and of the yearly sheets where it has none.

    Parameters
    ----------
    table : DataFrame
        source, state, period, elements.

    Returns
    -------
    dict
        Elements as published.
    """
    cells: Cells = {}
    ranked = table.assign(rank=table["source"] != COMPLETE).sort_values(["rank", "source", "state", "period"])
    for row in ranked.to_dict("records"):
        key, elements = (row["state"], row["period"]), int(row["elements"])
        used = cells.setdefault(key, elements)
        if used != elements:
            quality.note(
                "disagreements",
                what=f"Guard elements, {row['source']}",
                place=key[0],
                period=f"{key[1]:%Y-%m}",
                used=used,
                other=elements,
            )
    return cells


def load_repairs(path: Path) -> list[dict[str, Any]]:
    """Read the listed repairs, with months as timestamps (`repeats` may be None).

    Raises
    ------
    PanelError
        If a cell has two rules, or a month is none.
    """
    columns = ("state", "period", "take_state", "take_period", "repeats", "rule", "reason")
    rows: Any = read_rules(path, columns, key=["state", "period"]).to_dict("records")
    months = ("period", "take_period", "repeats")
    return [{**row, **{name: _month(row[name], path) for name in months}} for row in rows]


def _month(text: str, path: Path) -> pd.Timestamp | None:
    if not text:
        return None
    try:
        return pd.to_datetime(text, format="%Y-%m")
    except ValueError:
        raise PanelError(f"{text!r} is no month", where=str(path), cure="Write YYYY-MM") from None


def repair(table: Cells, repairs: Iterable[dict[str, Any]], quality: Quality) -> Cells:
    """Apply the listed repairs where the table shows the defect, and note every cell.

    Parameters
    ----------
    table : dict
        Elements as published.
    repairs : iterable of dict
        From `load_repairs`. Rules of the same name and month stand or fall together.

    Returns
    -------
    dict
        Elements, repaired.
    """
    good = dict(table)
    groups: dict[tuple[str, pd.Timestamp], list[dict[str, Any]]] = {}
    for row in repairs:
        groups.setdefault((row["rule"], row["period"]), []).append(row)
    for rows in groups.values():
        moves = {(row["state"], row["period"]): (row["take_state"], row["take_period"]) for row in rows}
        if not {*moves, *moves.values()} <= set(table):
            continue
        applied = _shows_defect(table, rows[0]["repeats"], moves)
        for row, (cell, origin) in zip(rows, moves.items(), strict=True):
            good[cell] = table[origin] if applied else table[cell]
            quality.note(
                "repairs",
                state=cell[0],
                period=f"{cell[1]:%Y-%m}",
                published=table[cell],
                repaired=good[cell],
                rule=row["rule"],
                applied=applied,
                reason=row["reason"],
            )
    return good


def _shows_defect(
    table: Cells, repeats: pd.Timestamp | None, moves: dict[tuple[str, pd.Timestamp], tuple[str, pd.Timestamp]]
) -> bool:
    """A repeated month repeats in every cell; moved values fit the month beside better than the published ones."""
    if repeats is not None:
        return all(table[cell] == table.get((cell[0], repeats)) for cell in moves)
    period = next(iter(moves))[1]
    months = sorted({month for _, month in table})
    place = months.index(period)
    beside = months[place + 1] if place + 1 < len(months) else months[place - 1]

    def misfit(cell: tuple[str, pd.Timestamp], origin: tuple[str, pd.Timestamp]) -> float:
        return abs(log1p(table[origin]) - log1p(table.get((cell[0], beside), 0)))

    return sum(misfit(*move) for move in moves.items()) < sum(misfit(cell, cell) for cell in moves)


def note_repeated(table: Cells, quality: Quality) -> None:
    """Note months in which half of the states or more stand exactly as in one of the four months before."""
    months = sorted({month for _, month in table})
    for position, month in enumerate(months):
        here = {state: elements for (state, when), elements in table.items() if when == month}
        same = {
            other: sum(table.get((state, other)) == elements for state, elements in here.items())
            for other in months[max(0, position - _LOOK_BACK) : position]
        }
        if same and max(same.values()) >= _MANY:
            other = max(same, key=lambda name: (same[name], name))
            quality.note(
                "repeated",
                period=f"{month:%Y-%m}",
                as_in=f"{other:%Y-%m}",
                states=same[other],
                elements=sum(here.values()),
            )


def hold_headquarters(table: Cells, counted: bool, quality: Quality) -> Cells:
    """Note Mexico City's jump of July 2020, and unless headquarters are counted hold it out from then on.

    Parameters
    ----------
    table : dict
        Repaired elements.
    counted : bool
        The switch `guard_headquarters`: True keeps the published level.
    """
    state, june, july = HEADQUARTERS
    if not {(state, june), (state, july)} <= set(table):
        return table
    before, after = table[state, june], table[state, july]
    quality.note("headquarters", state=state, before=before, after=after, jump=after - before, held_out=not counted)
    if counted:
        return table
    return {
        (place, month): max(elements - (after - before), 0) if place == state and month >= july else elements
        for (place, month), elements in table.items()
    }


def _carried(repairs: list[dict[str, Any]], raw: Cells, repaired: Cells) -> set[tuple[str, pd.Timestamp]]:
    """Cells of the rules that take another month's value, where the rule was applied to the table."""
    moved = [row for row in repairs if row["take_period"] != row["period"]]
    applied = {
        (row["rule"], row["period"])
        for row in moved
        if repaired.get((row["state"], row["period"])) != raw.get((row["state"], row["period"]))
    }
    return {(row["state"], row["period"]) for row in moved if (row["rule"], row["period"]) in applied}


def by_state_month(
    table: pd.DataFrame,
    repairs: Iterable[dict[str, Any]],
    states: Iterable[str],
    months: pd.DatetimeIndex,
    counted: bool,
    quality: Quality,
) -> pd.DataFrame:
    """Elements by state and month over a span: zero before July 2019, missing where nothing was published since.

    Parameters
    ----------
    table : DataFrame
        source, state, period, elements.
    repairs : iterable of dict
        From `load_repairs`.
    states, months
        The panel's.
    counted : bool
        Whether headquarters in Mexico City count.

    Returns
    -------
    DataFrame
        state, period, guard_elements, and after it in an underscore: as published; repaired with headquarters counted
        and held out, whatever the switch says; and without the months that a repair carries from another.
    """
    raw = published(table, quality)
    note_repeated(raw, quality)
    rules = list(repairs)
    repaired = repair(raw, rules, quality)
    good = hold_headquarters(repaired, counted, quality)
    carried = _carried(rules, raw, repaired)
    measures = {
        "guard_elements": good,
        "guard_elements_published": raw,
        "guard_elements_with_headquarters": repaired,
        "guard_elements_without_headquarters": hold_headquarters(repaired, False, Quality()),
        "guard_elements_not_carried": {cell: n for cell, n in good.items() if cell not in carried},
    }
    nothing = float("nan")

    def told(cells: Cells, cell: tuple[str, pd.Timestamp]) -> float:
        return 0.0 if cell[1] < BEGINS else float(cells.get(cell, nothing))

    rows = [
        (state, month, *(told(cells, (state, month)) for cells in measures.values()))
        for state in states
        for month in months
    ]
    frame = pd.DataFrame(rows, columns=["state", "period", *measures])
    return frame.astype({"period": "datetime64[us]"})
