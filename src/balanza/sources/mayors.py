"""Municipal elections since 1983: who won, who came second, by what margin (E. Magar, elecRetrns, incumbents file).

One row an election, in UTF-8: winner and runner-up as lower-case labels with the parties of a coalition hyphenated
("pan-prd"), the margin as a share of the effective vote, INEGI's code as a number. The file has the year of the
election, neither its day nor the start of the term.

Not every mayor has a party, and no party is not opposition. The 417 municipalities of Oaxaca that elect by usos y
costumbres have no rows at all; the few rows of that regime, of appointed councils and of unknown winners say so in
`system`, with party, runner-up and margin missing; `customary_next` marks the last election before a municipality went
over to the regime (Cherán, Oxchuc, Ayutla), whose winner must not be carried forward. Three rows of a municipality in
dispute ("7xxx") have no code: they are left out and counted in ``attrs["left_out"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import leave_out, municipality_codes, refuse, require_rows
from balanza.sources._fields import amounts
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, unique_keys, validate

PARTY, CUSTOMARY, COUNCIL, UNKNOWN = SYSTEMS = ("party", "customary", "council", "unknown")
"""How a mayor came to office: elected, by usos y costumbres, as head of an appointed council, or not known."""

_OFFICIAL = ("inegi", "edon", "municipality", "year", "dextra", "part", "part2nd", "mg", "dmujer", "race.after")
_WOMAN = {"1": True, "0": False, "": None, "NA": None, "?": None}


def schema() -> Any:
    """The tidy table, one row an election."""
    import pandera.pandas as pa

    label = pa.Check.str_matches(r"^[^\s,]+$")
    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
            "municipality": pa.Column(str),
            "year": pa.Column("int64", pa.Check.in_range(1970, 2100)),
            "extraordinary": pa.Column(bool),
            "system": pa.Column(str, pa.Check.isin(SYSTEMS)),
            "party": pa.Column(str, label, nullable=True),
            "runner_up": pa.Column(str, label, nullable=True),
            "margin": pa.Column("float64", pa.Check.in_range(0, 1), nullable=True),
            "woman": pa.Column("boolean", nullable=True),
            "customary_next": pa.Column(bool),
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the elections.

    Parameters
    ----------
    files : mapping of str to Path
        `mayors`.

    Returns
    -------
    DataFrame
        cvegeo, municipality, year, extraordinary, system, party (label of the winner, its parties joined by hyphens;
        missing unless `system` is "party"), runner_up (missing if unopposed), margin (share of the vote, 1 if
        unopposed), woman, customary_next.

    Raises
    ------
    SourceError
        On another layout, an unknown state or mark, a margin that is none, or an election that stands twice.
    """
    path = files["mayors"]
    where = path.name
    text = table(read_text(path, "utf-8"), where=where)
    published = require_rows(require_columns(text, _OFFICIAL, where=where), where=where)
    raw = leave_out(published, {"no municipality code (in dispute)": published["inegi"].str.endswith("xxx")})
    cvegeo = municipality_codes(raw["inegi"], where=where)
    other = cvegeo.str[:2] != raw["edon"].str.zfill(2)
    refuse(raw["inegi"], other, "is in another state than edon says", where=where, cure="Correct the code")
    tidy = pd.DataFrame(
        {
            "cvegeo": cvegeo,
            "municipality": raw["municipality"],
            "year": no_blanks(counts(raw["year"], where=where), where=where).astype("int64"),
            "extraordinary": _marks(raw["dextra"], {"0": False, "1": True}, where).astype(bool),
            "system": _systems(raw["part"], where),
        }
    )
    tidy = tidy.join(_contest(raw, tidy["system"] == PARTY, where)).assign(
        woman=_marks(raw["dmujer"], _WOMAN, where).astype("boolean"),
        customary_next=raw["race.after"] == "uyc",
    )
    unique_keys(tidy, ["cvegeo", "year", "extraordinary"], where=where)
    tidy.attrs.update(raw.attrs)
    return validate(tidy, schema(), where=where)


def _systems(winners: pd.Series, where: str) -> pd.Series:
    """The system behind each winner's label, by the marks that stand in the place of a party."""
    label = winners.str.casefold()
    refuse(winners, label == "", "is no winner", where=where, cure='Write "0" where the winner is not known')
    systems = pd.Series(PARTY, index=winners.index)
    systems[label.str.match(r"con[cs]ejo")] = COUNCIL
    systems[label == "uyc"] = CUSTOMARY
    systems[label.isin(["0", "litigio"])] = UNKNOWN
    return systems


def _contest(raw: pd.DataFrame, elected: pd.Series, where: str) -> pd.DataFrame:
    """Winner, runner-up and margin of the elections between parties."""
    contested = elected & (raw["part2nd"] != "0")
    margin = no_blanks(amounts(raw["mg"], where=where), where=where)
    return pd.DataFrame(
        {
            "party": raw["part"].where(elected),
            "runner_up": raw["part2nd"].where(contested),
            "margin": margin.where(contested | (elected & (margin == 1))),
        }
    )


def _marks(values: pd.Series, meaning: Mapping[str, bool | None], where: str) -> pd.Series:
    refuse(values, ~values.isin(list(meaning)), "is not a mark of this column", where=where, cure="Use 0 or 1")
    return values.map(meaning)
