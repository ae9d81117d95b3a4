"""Outcomes: INEGI deaths by municipality and month, and the prosecutors' (SESNSP) files and victims.

Deaths are by month and place of occurrence. SESNSP begins in 2015; its municipal files of feminicide and kidnapping
hold non-zero cells only, so a month inside their span without a row is zero, but for the nine months of 2015 and 2016
that Oaxaca did not report and that every SESNSP file stores as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from balanza.errors import PanelError
from balanza.panel.geography import Geography, fold
from balanza.panel.names import Names, codes_of
from balanza.panel.quality import Quality
from balanza.places import plain_name

NOT_REPORTED = pd.DataFrame(
    [("20", f"2015-{month:02}-01") for month in (1, 3, 4, 6, 7, 9, 10, 12)] + [("20", "2016-10-01")],
    columns=["state", "period"],
).astype({"period": "datetime64[us]"})
"""State-months without any crime in any SESNSP file of the 2015 method: Oaxaca's missing reports, stored as zero."""

VICTIMS = {
    "sesnsp_homicide_victims": ("subtype", "homicidio doloso"),
    "sesnsp_feminicide_victims": ("crime", "feminicidio"),
    "sesnsp_kidnapping_victims": ("crime", "secuestro"),
    "sesnsp_extortion_victims": ("crime", "extorsion"),
}
FILES = {"sesnsp_homicide_files": ("subtype", "homicidio doloso")}
MUNICIPAL_FILES = {"feminicides": "sesnsp_feminicide", "kidnappings": "sesnsp_kidnapping"}


def note_residual(residual: pd.DataFrame, value: str, source: str, category: str, quality: Quality) -> None:
    """Note what counts in states and in no municipality."""
    for state, rows in residual.groupby("state")[value]:
        quality.note(
            "residual",
            source=source,
            state=state,
            category=category,
            cells=int((rows != 0).sum()),
            count=int(rows.sum()),
        )


def homicides(
    table: pd.DataFrame, geography: Geography, months: pd.DatetimeIndex, quality: Quality
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deaths by homicide in constant units, and by state with those of no municipality.

    Parameters
    ----------
    table : DataFrame
        cvegeo, period, homicides; zero-filled.
    geography : Geography
        The constant units.
    months : DatetimeIndex
        The months of the table.

    Returns
    -------
    municipal : DataFrame
        cvegeo, period, homicides: every unit in every month.
    state : DataFrame
        state, period, homicides.

    Raises
    ------
    PanelError
        If a unit lacks a month: the source is zero-filled, so an absent row is not a zero.
    """
    units, residual = fold(table, geography, by=["period"], values=["homicides"], source="homicides_month")
    counts = units.groupby("cvegeo").size().reindex(geography.units["cvegeo"], fill_value=0)
    short = counts[counts != len(months)]
    if len(short):
        raise PanelError(
            f"{len(short)} municipalities lack months, such as {short.index[0]} with {short.iloc[0]} of {len(months)}",
            where="homicides_month",
            cure="The file must hold a row for every municipality and month, zeros included: fetch it again",
        )
    note_residual(residual, "homicides", "homicides_month", "code x998 or x999", quality)
    return units, by_state(units, residual, "homicides")


def by_state(units: pd.DataFrame, residual: pd.DataFrame, value: str) -> pd.DataFrame:
    """State sums of municipal counts and of the residual without a municipality: state, period, value."""
    within = units[["period", value]].assign(state=units["cvegeo"].str[:2])
    both = pd.concat([within, residual[["state", "period", value]]])
    return both.groupby(["state", "period"], as_index=False, sort=True)[[value]].sum()


def municipal_files(
    table: pd.DataFrame, value: str, geography: Geography, names: Names, months: pd.DatetimeIndex, quality: Quality
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Investigation files of one crime from a source of non-zero cells: zero inside its years where it is silent.

    Parameters
    ----------
    table : DataFrame
        source, state, municipality, period, files: all sources of `sesnsp_json`.
    value : str
        `feminicides` or `kidnappings`.
    months : DatetimeIndex
        The months of the panel.

    Returns
    -------
    municipal : DataFrame
        cvegeo, period, `value`, for the months of `months` that the source's years cover; missing in the state-months
        that were not reported.
    state : DataFrame
        The same by state, for all months of the source.
    """
    source = MUNICIPAL_FILES[value]
    rows = table[table["source"] == source].rename(columns={"files": value})
    rows = rows.assign(cvegeo=codes_of(rows, names, source, quality))
    units, residual = fold(rows, geography, by=["period"], values=[value], source=source)
    note_residual(residual, value, source, "no municipality named", quality)
    span = pd.date_range(f"{rows['period'].min().year}-01-01", rows["period"].max(), freq="MS", unit="us")
    state = full_grid(by_state(units, residual, value), "state", sorted(set(geography.units["state"])), span)
    inside = span[span.isin(months)]
    municipal = full_grid(units, "cvegeo", geography.units["cvegeo"], inside)
    municipal["state"] = municipal["cvegeo"].str[:2]
    recoded = not_reported(municipal, [value], source, quality).drop(columns="state")
    return recoded, not_reported(state, [value], f"{source}, state sums", quality)


def full_grid(frame: pd.DataFrame, key: str, places: Iterable[str], months: pd.DatetimeIndex) -> pd.DataFrame:
    """Every place in every month, zero where the frame has no row."""
    index = pd.MultiIndex.from_product([list(places), months], names=[key, "period"])
    return frame.set_index([key, "period"]).reindex(index, fill_value=0).reset_index()


def not_reported(frame: pd.DataFrame, values: Sequence[str], source: str, quality: Quality) -> pd.DataFrame:
    """Recode zeros of the state-months in NOT_REPORTED to missing, and note them.

    A state-month in which any of the values is not zero was reported after all, and stays.
    """
    out = frame.astype(dict.fromkeys(values, "float64"))
    for state, period in NOT_REPORTED.itertuples(index=False):
        cells = (out["state"] == state) & (out["period"] == period)
        if cells.any() and not out.loc[cells, list(values)].fillna(0).to_numpy().any():
            out.loc[cells, list(values)] = float("nan")
            quality.note(
                "missing_as_zero",
                source=source,
                state=state,
                period=f"{period:%Y-%m}",
                cells=int(cells.sum()) * len(values),
            )
    return out


def state_crimes(
    table: pd.DataFrame, wanted: dict[str, tuple[str, str]], value: str, source: str, quality: Quality
) -> pd.DataFrame:
    """Sums of some crimes by state and month.

    Parameters
    ----------
    table : DataFrame
        state, period, crime, subtype and the figures `value`.
    wanted : dict
        New column to (`crime` or `subtype`, plain name of it).

    Returns
    -------
    DataFrame
        state, period and one column per crime; missing in the state-months that were not reported.

    Raises
    ------
    PanelError
        If the table has no such crime.
    """
    columns = {}
    for column, (level, name) in wanted.items():
        labels = [label for label in table[level].unique() if plain_name(label) == name]
        if not labels:
            raise PanelError(f"there is no {level} {name!r}", where=source, cure="Check that the file is whole")
        rows = table[table[level].isin(labels)]
        columns[column] = rows.groupby(["state", "period"], observed=True)[value].sum()
    sums = pd.DataFrame(columns).rename_axis(["state", "period"]).reset_index()
    return not_reported(sums, list(wanted), source, quality)


def note_ratio(deaths: pd.DataFrame, victims: pd.DataFrame, quality: Quality) -> None:
    """Note INEGI over SESNSP by state and year and for the country, over the months that both have.

    Parameters
    ----------
    deaths, victims : DataFrame
        state, period and homicides; state, period and the columns of VICTIMS.
    """
    both = deaths.merge(victims, on=["state", "period"]).dropna(subset=["homicides", "sesnsp_homicide_victims"])
    both["sesnsp"] = both["sesnsp_homicide_victims"] + both["sesnsp_feminicide_victims"]
    both["year"] = both["period"].dt.year
    country = both.assign(state="00")
    sums = pd.concat([country, both]).groupby(["state", "year"])[["homicides", "sesnsp"]].sum().reset_index()
    for state, year, inegi, sesnsp in sums.itertuples(index=False):
        quality.note(
            "ratio",
            state=state,
            year=int(year),
            inegi=int(inegi),
            sesnsp=int(sesnsp),
            ratio=round(inegi / sesnsp, 4) if sesnsp else None,
        )
