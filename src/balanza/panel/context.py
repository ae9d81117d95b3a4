"""What surrounds the treatments: deprivation, criminal organisations, mayors, work and wages, clashes of the army."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza.panel.geography import UNSPECIFIED, Geography, fold
from balanza.panel.names import Names, codes_of
from balanza.panel.quality import Quality
from balanza.panel.violence import full_grid, note_residual
from balanza.sources.criminal_presence import UNIDENTIFIED

PRESIDENTS = (
    ("1994-12-01", "pri"),
    ("2000-12-01", "pan"),
    ("2012-12-01", "pri"),
    ("2018-12-01", "morena"),
    ("2024-10-01", "morena"),
)
"""First day of each presidency, and the president's party."""

LONGEST_TERM = 5
BEFORE_CUSTOM = 3
BASELINES = {"marginalization": "marginalization_2010", "marginalization_2020": "marginalization_2020"}


def marginalization(table: pd.DataFrame, geography: Geography) -> pd.DataFrame:
    """CONAPO's normalised index in constant units: the mean of a unit's municipalities, weighted by their people.

    Parameters
    ----------
    table : DataFrame
        source, cvegeo, population, index_normalised.

    Returns
    -------
    DataFrame
        cvegeo, marginalization (2010, the last vintage before the Guard and JCF), marginalization_2020: between 0 and
        1, and the HIGHER the LESS deprived. Levels of different years are not comparable.
    """
    out = geography.units[["cvegeo"]]
    for column, source in BASELINES.items():
        rows = table[table["source"] == source]
        mean = _mean_index(rows, geography.unit_of(rows["cvegeo"], source))
        out = out.assign(**{column: out["cvegeo"].map(mean)})
    return out


def marginalization_by_state(table: pd.DataFrame) -> pd.DataFrame:
    """The index of 2010 by state: the mean of the state's municipalities, weighted by their people.

    CONAPO publishes an index of states of its own, from other thresholds; this is the municipal one, one level up.

    Parameters
    ----------
    table : DataFrame
        As for `marginalization`.

    Returns
    -------
    DataFrame
        state, marginalization.
    """
    rows = table[table["source"] == BASELINES["marginalization"]]
    mean = _mean_index(rows, rows["cvegeo"].str[:2])
    return mean.rename("marginalization").rename_axis("state").reset_index()


def _mean_index(rows: pd.DataFrame, group: pd.Series) -> pd.Series:
    known = rows["index_normalised"].notna()
    people = rows["population"].astype("float64")[known]
    return (rows["index_normalised"][known] * people).groupby(group[known]).sum() / people.groupby(group[known]).sum()


def criminal_presence(table: pd.DataFrame, geography: Geography, years: range, quality: Quality) -> pd.DataFrame:
    """Number of named criminal organisations that the press places in a unit in a year (OCVED 2.0).

    Parameters
    ----------
    table : DataFrame
        cvegeo, date, organisation.
    years : range
        The panel's years; after the source's last year its count is carried, frozen.

    Returns
    -------
    DataFrame
        cvegeo, year, criminal_presence; zero where the source's years name nobody. Rows without a municipality count
        nowhere.
    """
    named = table[~table["organisation"].isin(UNIDENTIFIED)]
    unit = geography.unit_of(named["cvegeo"], "criminal_presence")
    rows = pd.DataFrame({"cvegeo": unit, "year": named["date"].dt.year, "organisation": named["organisation"]})
    lost = rows["cvegeo"].str.endswith(UNSPECIFIED)
    for reason, count in (
        ("organisation not identified", len(table) - len(named)),
        ("no municipality", int(lost.sum())),
    ):
        if count:
            quality.note("dropped", source="criminal_presence", reason=reason, rows=count)
    first, last = int(table["date"].dt.year.min()), int(table["date"].dt.year.max())
    counts = rows[~lost].drop_duplicates().groupby(["cvegeo", "year"]).size()
    known = [year for year in years if first <= year]
    index = pd.MultiIndex.from_product([geography.units["cvegeo"], known], names=["cvegeo", "year"])
    out = pd.DataFrame(index=index).reset_index()
    read = pd.MultiIndex.from_arrays([out["cvegeo"], out["year"].clip(upper=last)])
    out["criminal_presence"] = counts.reindex(read, fill_value=0).to_numpy(dtype="float64")
    frozen = [year for year in years if year > last]
    if frozen:
        quality.note(
            "imputed",
            column="criminal_presence",
            rule=f"frozen at {last}, the source's last year",
            **{"from": frozen[0], "to": frozen[-1]},
            cells=len(frozen) * len(geography.units),
        )
    return out


def mayors(table: pd.DataFrame, geography: Geography, months: pd.DatetimeIndex, quality: Quality) -> pd.DataFrame:
    """The party of the mayor in office, and whether the president's party is in it.

    The source has the year of an election and not the day of office: a winner is taken to govern from January of the
    year after until the next winner does, for five years at most (three where the municipality then left the
    parties). A coalition's label joins its parties by hyphens; a mayor is aligned if the president's party is one of
    them. Mayors elected by usos y costumbres, appointed councils and unknown winners have no party: missing, not
    opposed. Municipalities created since 2000 do not count: the parent's mayor stands for the unit.

    Parameters
    ----------
    table : DataFrame
        cvegeo, year, extraordinary, system, party, customary_next.
    months : DatetimeIndex
        The panel's months.

    Returns
    -------
    DataFrame
        cvegeo, period, mayor_party, mayor_aligned (1, 0 or missing).
    """
    geography.unit_of(table["cvegeo"], "mayors")
    own = table[table["cvegeo"].isin(geography.units["cvegeo"])]
    if len(table) > len(own):
        quality.note(
            "dropped", source="mayors", reason="mayor of a municipality created since 2000", rows=len(table) - len(own)
        )
    terms = own.sort_values(["cvegeo", "year", "extraordinary"]).drop_duplicates(["cvegeo", "year"], keep="last")
    last = (terms["year"] + np.where(terms["customary_next"], BEFORE_CUSTOM, LONGEST_TERM)).to_numpy()
    following = terms.groupby("cvegeo")["year"].shift(-1).fillna(9999).to_numpy()
    terms = terms.assign(start=terms["year"] + 1, end=np.minimum(following, last).astype("int64"))
    years = range(months[0].year, months[-1].year + 1)
    spans = [terms[(terms["start"] <= year) & (year <= terms["end"])].assign(year=year) for year in years]
    office = pd.concat(spans)[["cvegeo", "year", "party"]].dropna(subset=["party"])
    grid = pd.DataFrame({"period": months, "year": months.year, "president": _presidents(months)})
    out = office.merge(grid, on="year")
    parties = pd.Series(out["party"].unique())
    pairs = {(label, one) for label in parties for one in label.split("-")}
    aligned = [(label, one) in pairs for label, one in zip(out["party"], out["president"], strict=True)]
    out["mayor_aligned"] = np.array(aligned, dtype="float64")
    return out.rename(columns={"party": "mayor_party"})[["cvegeo", "period", "mayor_party", "mayor_aligned"]]


def _presidents(months: pd.DatetimeIndex) -> np.ndarray:
    starts = np.array([start for start, _ in PRESIDENTS], dtype=months.to_numpy().dtype)
    parties = np.array([party for _, party in PRESIDENTS], dtype=object)
    return parties[np.searchsorted(starts, months.to_numpy(), side="right") - 1]


def quarterly(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """A quarterly figure by state, carried to the three months of its quarter: state, period, `value`."""
    rows = table[["state", "period", value]].astype({value: "float64"})
    months = [rows.assign(period=rows["period"] + pd.DateOffset(months=step)) for step in range(3)]
    return pd.concat(months, ignore_index=True).astype({"period": "datetime64[us]"})


def clashes(
    table: pd.DataFrame, geography: Geography, names: Names, months: pd.DatetimeIndex, quality: Quality
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Army clashes by unit and month, and by state with those of no municipality; zero inside the source's months.

    Parameters
    ----------
    table : DataFrame
        date, state, municipality (name), clashes.

    Returns
    -------
    municipal, state : DataFrame
        cvegeo or state, period, army_clashes.
    """
    rows = table.assign(
        cvegeo=codes_of(table, names, "army_clashes", quality),
        period=table["date"].dt.to_period("M").dt.to_timestamp().astype("datetime64[us]"),
    ).rename(columns={"clashes": "army_clashes"})
    units, residual = fold(rows, geography, by=["period"], values=["army_clashes"], source="army_clashes")
    note_residual(residual, "army_clashes", "army_clashes", "no municipality named or found", quality)
    end = _last_whole_month(table["date"])
    span = pd.date_range(rows["period"].min(), end, freq="MS", unit="us")
    span = span[span.isin(months)]
    both = pd.concat([units.assign(state=units["cvegeo"].str[:2]), residual])
    sums = both.groupby(["state", "period"], as_index=False)[["army_clashes"]].sum()
    states = sorted(set(geography.units["state"]))
    if end < rows["period"].max():
        late = int((rows["period"] > end).sum())
        quality.note("dropped", source="army_clashes", reason="last month is not whole", rows=late)
    return full_grid(units, "cvegeo", geography.units["cvegeo"], span), full_grid(sums, "state", states, span)


def _last_whole_month(dates: pd.Series) -> pd.Timestamp:
    """The last month of a list of events that goes on for two weeks or more; the list breaks off inside the next."""
    last = pd.Timestamp(dates.max())
    month = last.normalize().replace(day=1)
    return month if last.day >= 15 else month - pd.DateOffset(months=1)
