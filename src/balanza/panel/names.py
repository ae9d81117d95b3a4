"""From the names of municipalities to their codes, for sources that publish no codes.

Exact on normalised official names first, then the aliases listed in data/municipality_aliases.csv, each with its
reason. Categories such as "Otros Municipios", and names that an alias sends there, belong to the state (code x999).
Any other name stops the run: a place that fails to match would lose its people.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from balanza.errors import PanelError
from balanza.panel.geography import UNSPECIFIED
from balanza.panel.quality import Quality
from balanza.panel.rules import read_rules
from balanza.places import STATES, plain_name

NOT_A_PLACE = {"no especificado", "no especificados", "otros municipios", "otros", "municipio no especificado"}
_ABBREVIATIONS = {
    "cd": "ciudad",
    "dr": "doctor",
    "fco": "francisco",
    "gral": "general",
    "nva": "nueva",
    "nvo": "nuevo",
    "sta": "santa",
    "sto": "santo",
}


def plain_municipality(name: str) -> str:
    """A municipality's name for matching: plain, abbreviations written out, a state in brackets left out."""
    words = plain_name(re.sub(r"\([^)]*\)", " ", name)).split()
    return " ".join(_ABBREVIATIONS.get(word, word) for word in words)


@dataclass(frozen=True)
class Names:
    """Official names and listed aliases, by (state, plain name)."""

    official: dict[tuple[str, str], list[str]]
    aliases: dict[tuple[str, str], tuple[str, str]]

    def find(self, state: str, name: str) -> tuple[str, str] | None:
        """The code of a name and the reason it is that one ("" for an official name); None where there is none."""
        key = (state, plain_municipality(name))
        official = self.official.get(key, [])
        if len(official) == 1:
            return official[0], ""
        if key in self.aliases:
            return self.aliases[key]
        return (state + UNSPECIFIED, "not a place") if key[1] in NOT_A_PLACE else None

    def problem(self, state: str, name: str) -> str:
        """What is wrong with a name that `find` does not find, with the official names that look most like it."""
        plain = plain_municipality(name)
        if namesakes := self.official.get((state, plain)):
            return f"{name!r} in {STATES[state]} (could be {' or '.join(namesakes)})"
        here = [other for one, other in self.official if one == state]
        near = difflib.get_close_matches(plain, here, n=2, cutoff=0)
        return f"{name!r} in {STATES[state]} (nearest: {' or '.join(near)})"


def load_names(catalogue: pd.DataFrame, births: pd.DataFrame, path: Path) -> Names:
    """Gather official names (of the catalogue, and of births that it does not hold yet) and listed aliases.

    Parameters
    ----------
    catalogue : DataFrame
        cvegeo, state, municipality.
    births : DataFrame
        child, name.
    path : Path
        data/municipality_aliases.csv: state, name, cvegeo, reason.
    """
    official: dict[tuple[str, str], list[str]] = {}
    codes = dict(zip(births["child"], births["name"], strict=True))
    codes |= dict(zip(catalogue["cvegeo"], catalogue["municipality"], strict=True))
    for code, name in sorted(codes.items()):
        official.setdefault((code[:2], plain_municipality(name)), []).append(code)
    rows = read_rules(path, ("state", "name", "cvegeo", "reason"), key=["state", "name"])
    aliases = {
        (state, plain_municipality(name)): (code, reason) for state, name, code, reason in rows.itertuples(index=False)
    }
    return Names(official, aliases)


def codes_of(frame: pd.DataFrame, names: Names, source: str, quality: Quality) -> pd.Series:
    """Codes for the rows of a table without codes.

    Parameters
    ----------
    frame : DataFrame
        state and municipality (text as published; missing where not stated).
    names : Names
        From `load_names`.
    source : str
        The table's name.
    quality : Quality
        Gets every alias that was used.

    Returns
    -------
    Series of str
        Five-digit codes; x999 where the row names no municipality.

    Raises
    ------
    PanelError
        If any name matches nothing, or several municipalities; names all of them with the nearest official names.
    """
    published = frame["municipality"].fillna("No especificado")
    distinct = pd.DataFrame({"state": frame["state"], "name": published}).value_counts(sort=False).reset_index()
    found: dict[tuple[str, str], str] = {}
    lost: list[str] = []
    for state, name, rows in distinct.itertuples(index=False):
        match = names.find(state, name)
        if match is None:
            lost.append(names.problem(state, name))
            continue
        found[state, name] = match[0]
        if match[1]:
            quality.note(
                "names", source=source, state=state, name=name, cvegeo=match[0], rows=int(rows), reason=match[1]
            )
    if lost:
        raise PanelError(
            f"{len(lost)} names match no single municipality: {'; '.join(lost)}",
            where=source,
            cure="Correct the names, or list each in data/municipality_aliases.csv with its reason",
        )
    keys = zip(frame["state"], published, strict=True)
    return pd.Series([found[key] for key in keys], index=frame.index, dtype=str)
