"""What the pages of the map and of one municipality hand to their scripts: figures of the results in compact lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from balanza.places import STATES
from balanza.report import atlas, charts
from balanza.report.language import active, period
from balanza.report.language import gettext as _
from balanza.report.load import Places, WorldResults
from balanza.report.scripts import Script

if TYPE_CHECKING:
    from markupsafe import Markup

SHOWN = 2  # decimals of a rate where it is only shown
LICENCE = "Vega, Vega-Lite, Vega-Embed and what they bring along: BSD 3-Clause (vega.github.io) and ISC (d3js.org)"
STATE_COLUMNS = {
    "guard": "guard_per_100k",
    "months": "guard_months",
    "jcf": "jcf_pesos_per_capita",
    "beneficiaries": "jcf_beneficiaries",
    "fasp": "fasp_per_capita",
    "agreements": "security_agreements_per_capita",
}


@cache
def vega() -> Script:
    """The charting library as a script; in a scope of its own, since its bundle names hundreds of things."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Script("vega", f"/* {LICENCE} */\n(() => {{{bundle}}})();")


def picture(world: WorldResults) -> Markup:
    """The map of the last year."""
    rates = _by_year(world.places.municipal, "cvegeo", "rate", list(world.outlines["cvegeo"]), SHOWN)
    return atlas.picture(_shapes(world), [own[-1] for own in rates])


def legend() -> list[tuple[str, str]]:
    """The colour and the words of each class of the map."""
    return list(zip(atlas.COLOURS, atlas.labels(), strict=False))


def _shapes(world: WorldResults) -> atlas.Shapes:
    return atlas.shapes(municipalities=world.outlines, states=world.states)


def of_map(world: WorldResults) -> dict[str, Any]:
    """The data of the map on home."""
    places, laid = world.places, _shapes(world)
    years = sorted(int(year) for year in places.municipal["year"].unique())
    states = places.states_by_year[places.states_by_year["year"].isin(years)]
    outlines, codes = world.outlines, list(world.states["state"])
    municipal = _figures(places.municipal, "cvegeo", list(outlines["cvegeo"]), SHOWN)
    return {
        "years": years,
        "states": STATES,
        "municipalities": municipal | {"names": list(outlines["municipality"])},
        "wholes": _figures(states, "state", codes, SHOWN) | {"names": [STATES[code] for code in codes]},
        "shapes": {level: atlas.packed(areas) for level, areas in laid.areas.items()},
        "born": _born(places),
        "spec": atlas.live(laid.height, len(years) - 1),
        "words": _words(),
    }


def of_municipalities(world: WorldResults) -> dict[str, Any]:
    """The data of the page of one municipality: those of all."""
    places, outlines = world.places, world.outlines
    codes = list(outlines["cvegeo"])
    patterns, pattern_of = _gaps(places, codes)
    return {
        "years": sorted(int(year) for year in places.municipal["year"].unique()),
        "names": list(outlines["municipality"]),
        **_figures(places.municipal, "cvegeo", codes),
        "peers": _peers(places.peers, codes),
        "states": _states(places.states_by_year),
        "state_years": sorted(int(year) for year in places.states_by_year["year"].unique()),
        "gaps": patterns,
        "gaps_of": pattern_of,
        "born": _born(places),
        "spec": _chart(),
        "words": _words(),
    }


def peers_words(places: Places) -> Mapping[str, int] | None:
    """How many peers each has and over which years they were chosen; None where nobody has any."""
    if places.peers.empty:
        return None
    first = places.peers.iloc[0]
    span = {"first": int(first["first_year"]), "last": int(first["last_year"])}
    return {"n": int(places.peers["rank"].max())} | span


def state_only(places: Places) -> list[str]:
    """The labels of what is published for states and for no municipality."""
    return list(places.columns.loc[~places.columns["municipal"].astype(bool), active().code])


def _figures(rows: pd.DataFrame, unit: str, codes: Sequence[str], decimals: int | None = None) -> dict[str, Any]:
    """People, homicides and rates of each unit by year; rates to some decimals, or exactly as they are."""
    return {
        "codes": list(codes),
        "people": _by_year(rows, unit, "population", codes),
        "homicides": _by_year(rows, unit, "homicides", codes),
        "rates": _by_year(rows, unit, "rate", codes, decimals),
    }


def _by_year(
    rows: pd.DataFrame, unit: str, column: str, codes: Sequence[str], decimals: int | None = None
) -> list[list[float | None]]:
    table = rows.set_index([unit, "year"])[column].unstack("year").reindex(list(codes))  # noqa: PD010 - one row a cell
    return [_numbers(own, decimals) for own in table.to_numpy(dtype=float).tolist()]


def _numbers(values: Sequence[float], decimals: int | None = None) -> list[float | None]:
    """Numbers as JSON says them shortest: whole ones without a point, unknown ones as null."""
    rounded = [value if decimals is None else round(value, decimals) for value in values]
    return [None if pd.isna(value) else int(value) if value == int(value) else value for value in rounded]


def _born(places: Places) -> list[list[str]]:
    return [list(row) for row in places.births[["child", "name", "parent", "born"]].itertuples(index=False)]


def _peers(peers: pd.DataFrame, codes: Sequence[str]) -> list[list[list[float | None]]]:
    """For each municipality itself and its peers: place in the list, people and rate before; none where it has none."""
    place = {code: number for number, code in enumerate(codes)}
    found: list[list[list[float | None]]] = [[] for _code in codes]
    ordered = peers.sort_values(["cvegeo", "rank"])
    before = ordered[["population", "rate"]].to_numpy(dtype=float).tolist()
    for code, peer, own in zip(ordered["cvegeo"], ordered["peer"], before, strict=True):
        found[place[code]].append([place[peer], *_numbers(own, SHOWN)])
    return found


def _states(rows: pd.DataFrame) -> dict[str, Any]:
    codes = sorted(rows["state"].unique())
    figures = _figures(rows, "state", codes, SHOWN)
    more = {name: _by_year(rows, "state", column, codes, SHOWN) for name, column in STATE_COLUMNS.items()}
    return {
        code: {"name": STATES[code], "rates": figures["rates"][number]}
        | {name: lists[number] for name, lists in more.items()}
        for number, code in enumerate(codes)
    }


Gap = tuple[str, str, str]
"""The first and last month, and the column."""


def _gaps(places: Places, codes: Sequence[str]) -> tuple[list[list[list[Any]]], list[int]]:
    """The different lists of what is unknown, as [span in words, labels], and which list is whose."""
    labels = dict(zip(places.columns["name"], places.columns[active().code], strict=True))
    whole = (places.gaps["first"].min(), places.gaps["last"].max())
    found: dict[str, list[Gap]] = {code: [] for code in codes}
    ordered = places.gaps.sort_values(["cvegeo", "first", "last", "column"])
    for code, *gap in ordered[["cvegeo", "first", "last", "column"]].itertuples(index=False, name=None):
        found[code].append((gap[0], gap[1], gap[2]))
    numbers: dict[tuple[Gap, ...], int] = {}
    whose = [numbers.setdefault(tuple(found[code]), len(numbers)) for code in codes]
    return [_spans(gaps, labels, whole) for gaps in numbers], whose


def _spans(gaps: Sequence[Gap], labels: Mapping[str, str], whole: tuple[str, str]) -> list[list[Any]]:
    """Columns that are unknown over the same span together, the span in words."""
    spans: dict[tuple[str, str], list[str]] = {}
    for start, end, column in gaps:
        spans.setdefault((start, end), []).append(labels[column])
    return [[_span(start, end, (start, end) == whole), names] for (start, end), names in spans.items()]


def _span(start: str, end: str, whole: bool) -> str:
    if whole:
        return _("In no month")
    if start == end:
        return period(start)
    return _("%(first)s to %(last)s") % {"first": period(start), "last": period(end)}


def _chart() -> dict[str, Any]:
    """Homicides as bars, and the rate as a line beside the state's, to which the page brings `rows` and `lines`."""
    import altair as alt

    x = alt.X("year:O", title=None, axis=alt.Axis(labelOverlap=True, labelAngle=0))
    hint = [alt.Tooltip("year:O", title=_("year")), alt.Tooltip("value:Q", title=_("homicides"))]
    bars = alt.Chart(alt.NamedData(name="rows")).mark_bar(color=charts.BLUE, aria=False)
    bars = bars.encode(x=x, y=alt.Y("value:Q", title=_("homicides"), axis=alt.Axis(tickMinStep=1)), tooltip=hint)
    names = [_("the municipality"), _("its state")]
    scale = alt.Scale(domain=names, range=[charts.BLUE, charts.ORANGE])
    dash = alt.Scale(domain=names, range=[[1, 0], [5, 3]])
    legend = alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3)
    lines = alt.Chart(alt.NamedData(name="lines")).mark_line(
        strokeWidth=2, aria=False, invalid="break-paths-show-domains"
    )
    lines = lines.encode(
        x=x,
        y=alt.Y("value:Q", title=_("per 100,000 people")),
        color=alt.Color("whose:N", title=None, scale=scale, legend=legend),
        strokeDash=alt.StrokeDash("whose:N", title=None, scale=dash, legend=legend),
    )
    size = {"width": 360, "height": 130}
    return charts.styled(alt.vconcat(bars.properties(**size), lines.properties(**size)))


def _words() -> dict[str, str]:
    """What the scripts say; braces hold what they fill in."""
    return {
        "unknown": _("unknown"),
        "place": _(
            "{name}, {state}, {year}: {rate} homicides per 100,000 people (homicides: {homicides}; people: {people})."
        ),
        "whole": _("{name}, {year}: {rate} homicides per 100,000 people (homicides: {homicides}; people: {people})."),
        "born": _("{child} was created out of {name} ({born}) and is counted there in all years."),
        "nobody": _("No municipality is called “{text}”."),
        "matches": _("{n} municipalities match; the first are listed."),
        "code": _("No municipality has the code “{text}”: codes have five digits, such as {example}. Search by name."),
        "open": _("Open its page"),
        "months": _("{value} ({n} months)"),
        "folded": _("Counted here as well, in all years: {names}."),
        "municipality": _("the municipality"),
        "state": _("its state"),
        "nothing": _("Nothing that the panel measures is unknown here."),
        "alone": _("No peers: a year before the first Guard elements is unknown here, or nobody lived here."),
    }
