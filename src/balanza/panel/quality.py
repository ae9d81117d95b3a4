"""The quality report of a panel as plain data: titled sections, one sentence each, and table rows of equal columns.

Whatever the panel repairs, imputes, moves, leaves out or cannot know is noted here while it is built, so that nothing
happens silently. A page is made by walking ``quality["sections"]``; it computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SECTIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "totals": (
        "Totals of the panel",
        "National sums after all repairs, to be compared with the published ones.",
        ("measure", "period", "value"),
    ),
    "coverage": (
        "Coverage by source and year",
        "Rows, months, states and sum of the main figure of each tidy table, as read and before any folding.",
        ("source", "year", "rows", "months", "states", "measure", "total"),
    ),
    "absent_sources": (
        "Sources that were not there",
        "Their columns are missing in the panel, never zero.",
        ("reader", "columns"),
    ),
    "breaks": (
        "Breaks and definitions",
        "Where a series changes its meaning or stops; numbers on both sides must not be compared without saying so.",
        ("source", "when", "what", "treatment"),
    ),
    "births": (
        "Municipalities folded back into January 2000",
        "Each municipality created since is counted in its parent over the whole span; sums are unchanged.",
        ("child", "name", "parent", "born", "homicides_moved", "population_moved", "tables", "note"),
    ),
    "residual": (
        "Counts without a municipality",
        "Codes x998 and x999 and categories such as 'No Especificado' count in the state and in no municipality.",
        ("source", "state", "category", "cells", "count"),
    ),
    "repairs": (
        "Repaired cells of the Guard's table",
        "Each cell that a listed rule (data/guard_repairs.csv) replaces, with what was published.",
        ("state", "period", "published", "repaired", "rule", "applied", "reason"),
    ),
    "repeated": (
        "Repeated months of the Guard's table",
        "Months in which states stand as in an earlier month to the last element: carried forward by the source.",
        ("period", "as_in", "states", "elements"),
    ),
    "headquarters": (
        "Headquarters of the Guard in Mexico City",
        "From July 2020 headquarters staff count in Mexico City; the switch guard_headquarters holds that jump out.",
        ("state", "before", "after", "jump", "held_out"),
    ),
    "missing_as_zero": (
        "Zeros that mean missing",
        "Months known not to have been reported, recoded from zero to missing.",
        ("source", "state", "period", "cells"),
    ),
    "imputed": (
        "Carried, frozen and interpolated values",
        "Values that stand for months or years in which they were not measured.",
        ("column", "rule", "from", "to", "cells"),
    ),
    "ratio": (
        "INEGI deaths against prosecutors' victims",
        "Homicides by occurrence (INEGI) over victims of intentional homicide and feminicide (SESNSP).",
        ("state", "year", "inegi", "sesnsp", "ratio"),
    ),
    "disagreements": (
        "Sources that disagree",
        "Two published figures for the same thing, and which one the panel uses.",
        ("what", "place", "period", "used", "other"),
    ),
    "names": (
        "Names matched by alias",
        "Names without codes that match no official name and are listed in data/municipality_aliases.csv.",
        ("source", "state", "name", "cvegeo", "rows", "reason"),
    ),
    "dropped": (
        "What was left out, and why",
        "Rows that readers or the panel keep out of the numbers.",
        ("source", "reason", "rows"),
    ),
    "geometry": (
        "Repairs of polygons",
        "Areas in square kilometres changed while polygons were dissolved.",
        ("cvegeo", "what", "parts", "area"),
    ),
}


class Quality:
    """Collects the rows of the quality report while a panel is built."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SECTIONS}

    def note(self, section: str, **row: Any) -> None:
        """Add one row to a section; its keys are the section's columns."""
        columns = SECTIONS[section][2]
        if set(row) != set(columns):
            raise KeyError(f"section {section!r} has the columns {columns}, not {tuple(row)}")
        self._rows[section].append({column: row[column] for column in columns})

    def notes(self, section: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add several rows to a section."""
        for row in rows:
            self.note(section, **row)

    def rows(self, section: str) -> list[dict[str, Any]]:
        """The rows noted so far."""
        return self._rows[section]

    def report(self) -> dict[str, Any]:
        """The report as plain data.

        Returns
        -------
        dict
            ``sections``: a list of {name, title, sentence, columns, rows}, in a fixed order, with empty ones kept so
            that a reader sees that there was nothing to note.
        """
        return {
            "sections": [
                {"name": name, "title": title, "sentence": sentence, "columns": list(columns), "rows": self._rows[name]}
                for name, (title, sentence, columns) in SECTIONS.items()
            ]
        }
