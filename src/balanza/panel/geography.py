"""Constant units: the municipalities of January 2000, with every later one counted in its parent.

The table of births (data/municipality_births.csv) names for each municipality created since the one that it was taken
from; where several gave territory, the one that gave most people. Counts move whole, so national and state sums do
not change, and that is checked. Codes x998 and x999 ("not specified") belong to a state and to no municipality.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from balanza.config import USER_FILES
from balanza.errors import PanelError
from balanza.panel.quality import Quality
from balanza.panel.rules import read_rules
from balanza.places import STATES

UNSPECIFIED = "999"
_FIRST_UNSPECIFIED = "900"


@dataclass(frozen=True)
class Geography:
    """The constant units and the way into them.

    Attributes
    ----------
    units : DataFrame
        cvegeo, state, municipality (name), sorted by cvegeo: one row per municipality of January 2000.
    births : DataFrame
        child, name, parent, born, note, citation: as in data/municipality_births.csv.
    """

    units: pd.DataFrame
    births: pd.DataFrame

    @cached_property
    def _units(self) -> dict[str, str]:
        codes = {code: code for code in self.units["cvegeo"]}
        births = zip(self.births["child"], self.births["parent"], strict=True)
        return codes | {child: parent for child, parent in births if parent in codes}

    def unit_of(self, codes: pd.Series, source: str) -> pd.Series:
        """The constant unit of each code; codes x998 and x999 become the state's x999.

        Parameters
        ----------
        codes : Series of str
            Five-digit codes.
        source : str
            The table that they stand in, for errors.

        Raises
        ------
        PanelError
            If any code is neither a municipality, nor a listed birth, nor unspecified; names all of them, and of a
            user's file the key that names it, the first row and the nearest code.
        """
        distinct = [str(code) for code in codes.unique()]
        unspecified = [code for code in distinct if code[2:] >= _FIRST_UNSPECIFIED and code[:2] in STATES]
        known = self._units | {code: code[:2] + UNSPECIFIED for code in unspecified}
        unknown = sorted(code for code in distinct if code not in known)
        if unknown:
            cure = "Add each new municipality with its parent to data/municipality_births.csv"
            own = f"{source}_file"
            if own in USER_FILES:
                at = int((~codes.isin(list(known))).to_numpy().argmax())
                code = str(codes.iloc[at])
                source = f"{own}, data row {at + 1} (the header not counted)"
                cure = f"{self._nearest(code)}Or, of a new municipality: {cure[0].lower()}{cure[1:]}"
            raise PanelError(
                f"{len(unknown)} codes are no municipality: {', '.join(unknown[:20])}", where=source, cure=cure
            )
        return codes.map(known)

    def _nearest(self, code: str) -> str:
        near = difflib.get_close_matches(code, sorted(self._units), n=1, cutoff=0)
        return f"Did you write {code} for {near[0]}? " if near else ""


def load_births(path: Path) -> pd.DataFrame:
    """Read the table of births.

    Raises
    ------
    PanelError
        If a child stands twice, or is a parent as well (chains must be written out to the municipality of 2000).
    """
    births = read_rules(path, ("child", "name", "parent", "born", "note", "citation"), key=["child"])
    chained = sorted(set(births["child"]) & set(births["parent"]))
    moved = sorted(births.loc[births["child"].str[:2] != births["parent"].str[:2], "child"])
    for codes, problem in ((chained, "both child and parent"), (moved, "in another state than its parent")):
        if codes:
            raise PanelError(f"{', '.join(codes)} is {problem}", where=str(path), cure="Correct the table of births")
    return births


def build(catalogue: pd.DataFrame, codes: Iterable[pd.Series], births: pd.DataFrame) -> Geography:
    """The municipalities of January 2000: all known today, without those born since.

    Parameters
    ----------
    catalogue : DataFrame
        cvegeo, state, municipality of the official catalogue.
    codes : iterable of Series
        Codes of the other tables that must cover the country (population, homicides).
    births : DataFrame
        From `load_births`.

    Raises
    ------
    PanelError
        If a municipality stands in no catalogue and is no listed birth, or a birth is known and its parent is not.
    """
    named = dict(zip(catalogue["cvegeo"], catalogue["municipality"], strict=True))
    children = set(births["child"])
    seen = set(named).union(*(set(series.unique()) for series in codes))
    seen = {code for code in seen if code[2:] < _FIRST_UNSPECIFIED}
    nameless = sorted(seen - set(named) - children)
    if nameless:
        raise PanelError(
            f"{len(nameless)} codes are not in the catalogue: {', '.join(nameless[:20])}",
            where="municipality_catalogue",
            cure="Add each new municipality with its parent to data/municipality_births.csv",
        )
    orphans = births[births["child"].isin(seen) & ~births["parent"].isin(seen)]
    if len(orphans):
        raise PanelError(
            f"the parent of {', '.join(orphans['child'])} is in no table",
            where="data/municipality_births.csv",
            cure="Correct the parent, or get the whole catalogue",
        )
    units = sorted(seen - children)
    frame = pd.DataFrame({"cvegeo": units}, dtype=str)
    frame["state"] = frame["cvegeo"].str[:2]
    frame["municipality"] = frame["cvegeo"].map(named)
    return Geography(frame, births)


def fold(
    frame: pd.DataFrame, geography: Geography, *, by: Sequence[str], values: Sequence[str], source: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sum counts of municipalities into constant units.

    Parameters
    ----------
    frame : DataFrame
        cvegeo, the columns `by` (such as period) and the counts `values`.
    geography : Geography
        The constant units.
    by, values : sequence of str
        Columns to keep apart, and columns to add up.
    source : str
        The table's name.

    Returns
    -------
    units : DataFrame
        cvegeo, `by`, `values`, sorted.
    residual : DataFrame
        state, `by`, `values`: what belongs to a state and to no municipality.

    Raises
    ------
    PanelError
        If sums by `by` are not the same before and after.
    """
    keyed = frame.assign(cvegeo=geography.unit_of(frame["cvegeo"], source))
    total = keyed.groupby(["cvegeo", *by], as_index=False, sort=True, observed=True)[list(values)].sum()
    _conserved(frame, total, by, values, source)
    apart = total["cvegeo"].str.endswith(UNSPECIFIED)
    residual = total[apart].assign(cvegeo=total.loc[apart, "cvegeo"].str[:2]).rename(columns={"cvegeo": "state"})
    return total[~apart].reset_index(drop=True), residual.reset_index(drop=True)


def _conserved(
    before: pd.DataFrame, after: pd.DataFrame, by: Sequence[str], values: Sequence[str], source: str
) -> None:
    for name in values:
        one = before.groupby(list(by), observed=True)[name].sum() if by else pd.Series({"all": before[name].sum()})
        two = after.groupby(list(by), observed=True)[name].sum() if by else pd.Series({"all": after[name].sum()})
        wrong = one.index[one.to_numpy() != two.reindex(one.index).to_numpy()]
        if len(wrong):
            raise PanelError(
                f"folding changed the sum of {name} from {one[wrong[0]]:,} to {two.get(wrong[0], 0):,}",
                where=f"{source}, {wrong[0]}",
                cure="This is a fault of balanza.panel.geography: please report it",
            )


def note_births(
    births: pd.DataFrame,
    tables: Mapping[str, Sequence[str]],
    homicides: pd.DataFrame,
    population: pd.DataFrame,
    quality: Quality,
) -> None:
    """Note each birth with what it moves: all its homicides, and its people in the last year with homicides.

    Parameters
    ----------
    births : DataFrame
        From `load_births`.
    tables : mapping
        Code to the tables that hold it; children in no table are not noted.
    homicides, population : DataFrame
        As read.
    """
    deaths = homicides.groupby("cvegeo")["homicides"].sum()
    year = int(homicides["period"].max().year)
    people = population[population["year"] == year].set_index("cvegeo")["population"]
    for row in births[births["child"].isin(list(tables))].to_dict("records"):
        child = row["child"]
        quality.note(
            "births",
            **{key: row[key] for key in ("child", "name", "parent", "born", "note")},
            homicides_moved=int(deaths.get(child, 0)),
            population_moved=int(people.get(child, 0)),
            tables=", ".join(tables[child]),
        )
