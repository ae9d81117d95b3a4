"""From tidy tables to the panels of municipalities and states; every step notes in the quality report what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.config import RunConfig
from balanza.panel import context, geography, guard, money, names, polygons, treatments, violence
from balanza.panel.breaks import BREAKS
from balanza.panel.codebook import arrange, load_codebook
from balanza.panel.quality import Quality
from balanza.panel.tables import Tables

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

DATA = Path("data")
PER = 100_000


@dataclass
class Panels:
    """The four tables of a world, in the columns of the codebook."""

    municipality_month: pd.DataFrame
    state_month: pd.DataFrame
    state_year: pd.DataFrame
    municipalities: GeoDataFrame


@dataclass
class _Parts:
    """Columns on their way into the panels, by what they vary over."""

    municipal: list[pd.DataFrame] = field(default_factory=list)
    state: list[pd.DataFrame] = field(default_factory=list)
    both: list[pd.DataFrame] = field(default_factory=list)


def build(tables: Tables, config: RunConfig, quality: Quality, data: Path = DATA) -> Panels:
    """Build all panels.

    Parameters
    ----------
    tables : Tables
        The tidy tables of the world.
    config : RunConfig
        The switches `guard_headquarters` and `jcf_education`.
    quality : Quality
        Gets everything that is repaired, moved, imputed or left out.
    data : Path
        Folder of municipality_births.csv, municipality_aliases.csv, guard_repairs.csv and variables.yaml.

    Returns
    -------
    Panels

    Raises
    ------
    PanelError
        If a required table is missing, a code or name matches nothing, or a sum is not conserved.
    """
    deaths, people = tables.required("homicides_month"), tables.required("population")
    catalogue = tables.required("municipality_catalogue")
    births = geography.load_births(data / "municipality_births.csv")
    places = geography.build(catalogue, [people["cvegeo"], deaths["cvegeo"]], births)
    known = names.load_names(catalogue, births, data / "municipality_aliases.csv")
    population, residents = geography.fold(people, places, by=["year"], values=["population"], source="population")
    violence.note_residual(residents, "population", "population", "code x998 or x999", quality)
    months = pd.DatetimeIndex(sorted(deaths["period"].unique()))
    _note_carried("population", "CONAPO's mid-year figure stands for every month of its year", months, quality)
    parts = _Parts()
    _outcomes(parts, tables, places, known, months, quality)
    span = _span(parts, months)
    by_state = _state_population(population)
    _state_treatments(parts, tables, config, by_state, span, data, quality)
    _surroundings(parts, tables, places, known, months, span, quality)
    _user_files(parts, tables, places, quality)
    shapes = polygons.dissolve(tables.optional("municipalities_geojson"), places, quality)
    parts.municipal.append(pd.DataFrame(shapes[["cvegeo", "latitude", "longitude"]]))
    municipal, state = _join(parts, places, population, by_state, months, span)
    yearly = _by_year(state)
    tables.note_absent()
    geography.note_births(births, tables.note_coverage(births["child"]), deaths, people, quality)
    quality.notes("breaks", [dict(zip(("source", "when", "what", "treatment"), row, strict=True)) for row in BREAKS])
    _note_totals(municipal, yearly, state, quality)
    _note_disagreements(tables, deaths, people, quality)
    codebook = load_codebook(data / "variables.yaml")
    return Panels(
        arrange(municipal, "municipality_month", codebook),
        arrange(state, "state_month", codebook),
        arrange(yearly, "state_year", codebook),
        shapes,
    )


def _outcomes(
    parts: _Parts,
    tables: Tables,
    places: geography.Geography,
    known: names.Names,
    months: pd.DatetimeIndex,
    quality: Quality,
) -> None:
    municipal, state = violence.homicides(tables.required("homicides_month"), places, months, quality)
    parts.municipal.append(municipal)
    parts.state.append(state)
    files = tables.optional("sesnsp_json")
    for value in violence.MUNICIPAL_FILES if files is not None else ():
        here, there = violence.municipal_files(files, value, places, known, months, quality)
        parts.municipal.append(here)
        parts.state.append(there)
    victims = tables.optional("sesnsp_victims_state")
    if victims is not None:
        people = violence.state_crimes(victims, violence.VICTIMS, "victims", "sesnsp_victims_state", quality)
        parts.state.append(people)
        violence.note_ratio(state, people, quality)
    opened = tables.optional("sesnsp_state")
    if opened is not None:
        parts.state.append(violence.state_crimes(opened, violence.FILES, "files", "sesnsp_state", quality))


def _span(parts: _Parts, months: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """From the first month of homicides to the last month of any outcome by state."""
    end = max(frame["period"].max() for frame in parts.state)
    return pd.date_range(months[0], end, freq="MS", unit="us", name="period")


def _state_population(population: pd.DataFrame) -> pd.DataFrame:
    rows = population.assign(state=population["cvegeo"].str[:2])
    return rows.groupby(["state", "year"], as_index=False)[["population"]].sum()


def _state_treatments(
    parts: _Parts,
    tables: Tables,
    config: RunConfig,
    by_state: pd.DataFrame,
    span: pd.DatetimeIndex,
    data: Path,
    quality: Quality,
) -> None:
    elements = tables.optional("guard")
    if elements is not None:
        repairs = guard.load_repairs(data / "guard_repairs.csv")
        table = guard.by_state_month(
            elements, repairs, sorted(by_state["state"].unique()), span, config.guard_headquarters, quality
        )
        table = table.assign(year=table["period"].dt.year).merge(by_state, on=["state", "year"], how="left")
        rates = {
            name.replace("elements", "per_100k"): PER * table[name] / table["population"]
            for name in map(str, table)
            if name.startswith("guard_elements")
        }
        parts.both.append(table[["state", "period", "guard_elements"]].assign(**rates))
        parts.state.append(table[["state", "period", "guard_elements_published"]])
    prices = tables.optional("consumer_prices")
    worth = money.deflator(prices) if prices is not None else None
    people = tables.optional("jcf_state_year")
    if people is not None:
        accounts = tables.optional("federal_accounts")
        table = money.jcf(people, accounts, worth, by_state, education=config.jcf_education)
        parts.both.append(_monthly(table, span))
        _note_jcf(people, accounts, config.jcf_education, quality)
    finance = tables.optional("efipem")
    if finance is not None and worth is not None:
        table = _monthly(money.transfers(finance, worth, by_state, quality), span)
        parts.both.append(table[["state", "period", "security_transfers_per_capita"]])
        parts.state.append(table.drop(columns="security_transfers_per_capita"))
    starts = tables.optional("joint_operations")
    if starts is not None:
        state, city = treatments.operations(starts)
        parts.both.append(state.rename("operation").rename_axis("state").reset_index())
        parts.municipal.append(city.rename("operation_city").rename_axis("cvegeo").reset_index())


def _monthly(table: pd.DataFrame, span: pd.DatetimeIndex) -> pd.DataFrame:
    """A table by year with every month of its years in the span in place of the year."""
    months = pd.DataFrame({"period": span, "year": span.year})
    return table.merge(months, on="year").drop(columns="year")


def _surroundings(
    parts: _Parts,
    tables: Tables,
    places: geography.Geography,
    known: names.Names,
    months: pd.DatetimeIndex,
    span: pd.DatetimeIndex,
    quality: Quality,
) -> None:
    index = tables.optional("marginalization")
    if index is not None:
        parts.municipal.append(context.marginalization(index, places))
        parts.state.append(context.marginalization_by_state(index))
    actors = tables.optional("criminal_presence")
    if actors is not None:
        years = range(months[0].year, months[-1].year + 1)
        parts.municipal.append(context.criminal_presence(actors, places, years, quality))
    elections = tables.optional("mayors")
    if elections is not None:
        parts.municipal.append(context.mayors(elections, places, months, quality))
    for reader, value in (("workforce_state", "workforce"), ("wage_state", "wage")):
        quarters = tables.optional(reader)
        if quarters is not None:
            parts.both.append(context.quarterly(quarters, value))
            _note_carried(value, "a quarter's figure stands for its three months", quarters["period"], quality)
    clashes = tables.optional("army_clashes")
    if clashes is not None:
        municipal, state = context.clashes(clashes, places, known, span, quality)
        parts.municipal.append(municipal)
        parts.state.append(state)


def _user_files(parts: _Parts, tables: Tables, places: geography.Geography, quality: Quality) -> None:
    openings = tables.optional("deployment")
    if openings is not None:
        parts.municipal.append(treatments.openings(openings, places, quality))
    elements = tables.optional("deployment_elements")
    if elements is not None:
        parts.municipal.append(treatments.elements(elements, places))
    spending, prices = tables.optional("spending"), tables.optional("consumer_prices")
    if spending is not None and prices is not None:
        parts.municipal.append(treatments.spending(spending, money.deflator(prices), places))


def _join(
    parts: _Parts,
    places: geography.Geography,
    population: pd.DataFrame,
    by_state: pd.DataFrame,
    months: pd.DatetimeIndex,
    span: pd.DatetimeIndex,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every unit in every month of homicides, and every state in every month of the span, with all columns."""
    municipal = _grid(places.units[["cvegeo", "state"]], months).merge(population, on=["cvegeo", "year"], how="left")
    states = pd.DataFrame({"state": sorted(set(places.units["state"]))})
    state = _grid(states, span).merge(by_state, on=["state", "year"], how="left")
    for frame in (*parts.municipal, *parts.both):
        municipal = _attach(municipal, frame)
    for frame in (*parts.state, *parts.both):
        state = _attach(state, frame)
    return municipal, state


def _grid(rows: pd.DataFrame, months: pd.DatetimeIndex) -> pd.DataFrame:
    return rows.merge(pd.DataFrame({"period": months, "year": months.year.astype("int64")}), how="cross")


def _attach(base: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("cvegeo", "state", "period", "year") if name in frame]
    return base.merge(frame, on=keys, how="left", validate="many_to_one")


SUMS = (
    "homicides",
    "feminicides",
    "kidnappings",
    "sesnsp_homicide_victims",
    "sesnsp_feminicide_victims",
    "sesnsp_kidnapping_victims",
    "sesnsp_extortion_victims",
    "sesnsp_homicide_files",
    "army_clashes",
)
MEANS = (
    "guard_elements",
    "guard_elements_published",
    "guard_per_100k",
    "guard_per_100k_published",
    "guard_per_100k_with_headquarters",
    "guard_per_100k_without_headquarters",
    "guard_per_100k_not_carried",
)
SURVEYS = ("workforce", "wage")
_QUARTERS = 9


def _by_year(state: pd.DataFrame) -> pd.DataFrame:
    """Whole years: sums and means of columns whose twelve months are all there (nine for the quarterly surveys)."""
    whole = state.groupby("year")["period"].transform("nunique") == 12
    groups = state[whole].groupby(["state", "year"], sort=True)
    columns = {}
    for name in state.columns.difference(["state", "year", "period"], sort=False):
        known = groups[name].count()
        if name in SUMS:
            columns[name] = groups[name].sum().where(known == 12)
        elif name in MEANS:
            columns[name] = groups[name].mean().where(known == 12)
        elif name in SURVEYS:
            columns[name] = groups[name].mean().where(known >= _QUARTERS)
        else:
            columns[name] = groups[name].first()
    return pd.DataFrame(columns).reset_index()


def _note_carried(column: str, rule: str, months: pd.DatetimeIndex | pd.Series, quality: Quality) -> None:
    quality.note(
        "imputed", column=column, rule=rule, **{"from": months.min().year, "to": months.max().year}, cells=None
    )


def _note_jcf(people: pd.DataFrame, accounts: pd.DataFrame | None, education: bool, quality: Quality) -> None:
    for year, total in people.groupby("year")["beneficiaries"].sum().items():
        quality.note("totals", measure="JCF beneficiaries", period=str(year), value=int(total))
    if accounts is not None:
        for year, pesos in money.jcf_pesos(accounts, education).items():
            quality.note("totals", measure="JCF pesos exercised (current)", period=str(year), value=round(pesos))


def _note_totals(municipal: pd.DataFrame, yearly: pd.DataFrame, state: pd.DataFrame, quality: Quality) -> None:
    units = municipal["cvegeo"].nunique()
    quality.note("totals", measure="municipalities of January 2000", period="2000-01", value=units)
    for name in ("population", "homicides", "feminicides", "kidnappings", "sesnsp_homicide_victims"):
        if name in yearly:
            whole = yearly.groupby("year")[name].sum(min_count=yearly["state"].nunique()).dropna()
            for year, value in whole.items():
                quality.note("totals", measure=name, period=str(year), value=int(value))
    if "guard_elements" in state:
        months = state[state["period"] >= guard.BEGINS].groupby("period")["guard_elements"]
        for period, value in months.sum(min_count=state["state"].nunique()).dropna().items():
            quality.note("totals", measure="guard_elements", period=f"{period:%Y-%m}", value=int(value))


def _note_disagreements(tables: Tables, deaths: pd.DataFrame, people: pd.DataFrame, quality: Quality) -> None:
    """National figures of other sources for the same years beside those that the panel uses."""
    occurred = deaths.groupby(deaths["period"].dt.year)["homicides"].sum()
    residents = people.groupby("year")["population"].sum()
    others = (
        ("inegi_homicides_raw", "homicides", "homicides by year of registration (official export)", occurred),
        ("inegi_homicides_2019_2021", "homicides", "homicides by year (cuentadesanti)", occurred),
        ("census", "population", "population, census", residents),
    )
    for reader, value, what, used in others:
        table = tables.optional(reader)
        if table is None:
            continue
        for year, other in table.groupby("year")[value].sum().items():
            if year in used.index and used[year] != other:
                quality.note(
                    "disagreements",
                    what=what,
                    place="00",
                    period=str(year),
                    used=int(used[year]),
                    other=int(other),
                )
