"""Start dates of the joint operations of 2006-2008 and of other events of that war: SSP report and press.

A list in the form of YAML that no YAML parser takes ("Phase II = 2007-05-01" stands where a key should). It is read
line by line: a name that ends in a colon opens an entry, an indented "label: date" (or "label = date") is an event, an
indented "source: address" its reference, and "#" starts a comment. Nothing in it is evaluated.

The file says when and what. An entry named by states ("Op.Veracruz") lies there; KINDS and PLACES say the rest, with
the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from balanza.errors import SourceError
from balanza.places import state_code
from balanza.sources._layout import FETCH_AGAIN, read_text, unique_keys, validate

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

KINDS: tuple[tuple[str, str, str], ...] = (
    (r"Op\..*\.II+", "reinforcement", "a later phase goes on with an operation that has opened"),
    (r"Op\..*", "opening", "federal forces begin a joint operation in a state or city"),
    (r"Reinforcements\..*", "reinforcement", "more troops for an operation that has opened"),
    (r".*\.Captured", "capture", "the arrest of a leader, an event of its own literature"),
    (r".*\.Visit", "visit", "a visit of the president deploys nobody"),
    (r".*\.Assassination", "other", "a killing among criminal groups, no act of government"),
    (r"Fox\.Troops\..*", "other", "a deployment in 2005, before the joint operations of December 2006 and after"),
    (r"Police\.Takeover", "other", "the federal police take over from the army in an operation that goes on"),
)
"""Patterns of an entry's whole name, in order: kind, and why. Only openings are the treatment."""

PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "R.C.Assassination": ("city", ("25006",)),  # Culiacán
    "Fox.Troops.NL": ("city", ("28027",)),  # Nuevo Laredo
    "Op.Tijuana": ("city", ("02004",)),
    "Op.Triangulo.Dorado.I": ("state", ("08", "10", "25")),  # "Sinaloa, Durango, Chihuahua", says the file
    "Op.Triangulo.Dorado.II": ("state", ("08", "10", "25")),
    "Op.Triangulo.Dorado.III": ("state", ("08", "10", "25")),
    "Op.Chihuahua": ("city", ("08037",)),  # its forces went to Juárez; the state had had one since January 2007
    "Reinforcements.Cd.Juarez": ("city", ("08037",)),
    "Op.Sinaloa": ("city", ("25006", "25018")),  # "Operation Culiacan-Navolato"
    "ABL.Captured": ("city", ("25006",)),  # Culiacán
    "EAF.Captured": ("city", ("02004",)),  # Tijuana
    "Calderon.Visit": ("city", ("08037",)),
    "Police.Takeover": ("city", ("08037",)),  # Juárez
}
"""Scope of each entry that is not simply named by its states, and the codes of its states or municipalities."""

_BY_STATES = re.compile(r"Op\.(?:Conjunto\.)?(?P<names>[^.]+)")
_ENTRY = re.compile(r"(?P<name>\S.*?):\s*")
_SOURCE = re.compile(r"\s+source[0-9]*:\s*(?P<address>\S+)\s*")
_EVENT = re.compile(r"\s+(?P<label>\S.*?)\s*[:=]\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\s*")


def schema() -> DataFrameSchema:
    """The tidy table: one row per event and state. `places` are state codes, or municipality codes of a city."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "operation": pa.Column(str),
            "kind": pa.Column(str, pa.Check.isin(["opening", "capture", "visit", "reinforcement", "other"])),
            "scope": pa.Column(str, pa.Check.isin(["state", "city"])),
            "places": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}([0-9]{3})?(,[0-9]{2}([0-9]{3})?)*$")),
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "start": pa.Column("datetime64[us]"),
            "reference": pa.Column(str, pa.Check.str_length(min_value=1)),
        },
        strict=True,
        unique=["operation", "state", "start"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the list.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        operation (the entry's name), kind, scope, places (codes joined by commas), state, start (day), reference
        (addresses joined by blanks): one row per event and state.

    Raises
    ------
    SourceError
        If a line is not of this form, a date is impossible, or an entry is neither in PLACES nor named
        by states, or fits no pattern of KINDS.
    """
    (path,) = files.values()
    rows = [row for entry in _entries(path) for row in _rows(entry, path.name)]
    if not rows:
        raise SourceError("the file holds no entries", where=path.name, cure=FETCH_AGAIN)
    lines = [row.pop("line") for row in rows]
    tidy = pd.DataFrame(rows, index=lines)
    unique_keys(tidy, ["operation", "state", "start"], where=path.name)
    return validate(tidy, schema(), where=path.name)


def _entries(path: Path) -> list[dict[str, Any]]:
    """The entries as written: name, line, events (line, date) and references."""
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(read_text(path, "utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := _ENTRY.fullmatch(line):
            entries.append({"name": found["name"], "line": number, "events": [], "references": []})
        elif entries and (found := _SOURCE.fullmatch(line)):
            entries[-1]["references"].append(found["address"])
        elif entries and (found := _EVENT.fullmatch(line)):
            entries[-1]["events"].append((number, found["date"]))
        else:
            raise SourceError(
                f"the line {line.strip()!r} is no entry, no dated event and no source",
                where=f"{path.name}, row {number}",
                cure='Write events as "label: 2007-01-31"',
            )
    return entries


def _rows(entry: dict[str, Any], file: str) -> list[dict[str, Any]]:
    name, where = entry["name"], f"{file}, row {entry['line']}"
    if not entry["events"] or not entry["references"]:
        raise SourceError(
            f"entry {name!r} has no date or no source", where=where, cure=f"Add it, or, if cut short: {FETCH_AGAIN}"
        )
    kind = next((kind for pattern, kind, _ in KINDS if re.fullmatch(pattern, name)), None)
    place = _place(name)
    if place is None or kind is None:
        raise SourceError(
            f"entry {name!r} is not known",
            where=where,
            cure="Say where and of which kind it is in KINDS and PLACES of balanza/sources/joint_operations.py",
        )
    scope, places = place
    return [
        {
            "line": line,
            "operation": name,
            "kind": kind,
            "scope": scope,
            "places": ",".join(places),
            "state": state,
            "start": _day(date, f"{file}, row {line}"),
            "reference": " ".join(entry["references"]),
        }
        for line, date in entry["events"]
        for state in sorted({place[:2] for place in places})
    ]


def _place(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Scope and codes of an entry: as listed, or of the states that name it ("Op.Tamaulipas-Nuevo Leon")."""
    if name in PLACES:
        return PLACES[name]
    found = _BY_STATES.fullmatch(name)
    try:
        codes = [state_code(part, where=name) for part in found["names"].split("-")] if found else []
    except SourceError:
        return None
    return ("state", tuple(sorted(codes))) if codes else None


def _day(date: str, where: str) -> pd.Timestamp:
    try:
        return pd.Timestamp(date).as_unit("us")
    except ValueError as error:
        raise SourceError(f"{date!r} is not a date", where=where, cure="Correct the date") from error
