"""The charts of the report: each takes a table and gives an SVG, drawn by Vega-Lite."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from balanza.provenance import plain, text_digest
from balanza.report import hover
from balanza.report.language import ENGLISH, N_, active, said
from balanza.report.language import gettext as _
from balanza.report.words import interval, number

if TYPE_CHECKING:
    import altair as alt

WIDTH, LABEL = 860, 420
NAMED = re.compile(
    r'<(path|line|rect)((?: [^>]*?)?) aria-label="([^"]*)"'
    r'((?! role="graphics-symbol" aria-roledescription="(?:line|area) mark")[^>]*)/>'  # a line's is of its first point
)
GROUPED = re.compile(r'role="graphics-symbol"(?= aria-roledescription="[a-z -]+ container")')
DESCRIBED = re.compile(
    r'aria-label="(?:(?P<axis>[XY]-axis)|\w+ (?P<legend>legend)|(?P<text>Title) text)'
    r"(?: (?:titled )?'(?P<title>[^\"]*?)')?(?: for [^\"]*)?\""
)
ROLE = re.compile(r' aria-roledescription="[^"]*"')
COUNTED = r"(?<=[\"#])(?:clip|gradient_)\d+(?=[\")])"
MONTH = r"\d{4}-\d{2}"
BLUE, ORANGE, GREY = "#20639b", "#c4561f", "#767676"
GROUPS = {
    "low": "#a6bddb",
    "middle": "#3690c0",
    "high": "#023858",
    "treated": ORANGE,
    "later": "#e8b48f",
    "never": GREY,
}
GROUP_WORDS = {
    "low": N_("low dose (third of units)"),
    "middle": N_("middle dose"),
    "high": N_("high dose"),
    "treated": N_("treated"),
    "later": N_("treated later"),
    "never": N_("never treated"),
}
"""Blue to dark blue for doses, orange for treated: told apart by the colour-blind, and in grey by lightness."""


def styled(chart: Any) -> dict[str, Any]:
    """A chart as a specification, in the look of the report."""
    import altair as alt

    shown = chart.configure(font="sans-serif").configure_view(stroke=None).configure_axis(gridColor="#e6e6e6")
    tables = _Tables()
    alt.data_transformers.register("apart", tables.named)
    with alt.data_transformers.enable("apart"):
        spec = dict(shown.to_dict(validate=False))  # the renderer refuses what is wrong, and is quicker at it
    if tables.rows:
        spec["datasets"] = tables.rows
    return spec


class _Tables:
    """The tables of a chart, each once: the library writes a table out for every layer that shows it."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self._held: dict[int, tuple[str, pd.DataFrame]] = {}

    def named(self, table: Any) -> dict[str, str]:
        """The name that stands for a table in the specification."""
        if id(table) not in self._held:
            name = f"table-{len(self._held)}"
            self._held[id(table)] = name, table
            self.rows[name] = rows_of(table)
        return {"name": self._held[id(table)][0]}


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as the renderer takes it: dates as text, and what is missing or not finite as null."""
    gone = table.isna().to_numpy().tolist()
    columns = [table[name].tolist() for name in table]
    return [
        {str(name): None if lacks else _cell(value) for name, value, lacks in zip(table, row, lacking, strict=True)}
        for row, lacking in zip(zip(*columns, strict=True), gone, strict=True)
    ]


def _cell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else plain(value)


def svg(chart: Any, data: Mapping[str, Any] | None = None) -> Markup:
    """A chart as SVG, in the look of the report; the same for any charts drawn before it; data as in `drawn`.

    What a mark says of its values is its title, so that they show under the pointer without any script.
    """
    return Markup(described(drawn(chart, data)))  # noqa: S704 - the renderer escapes every text


def drawn(chart: Any, data: Mapping[str, Any] | None = None) -> str:
    """A chart as SVG before its parts are described in the active language.

    Parameters
    ----------
    chart : altair chart
        Or what `styled` made of one.
    data : mapping, optional
        Large data by the names that the chart gives them: the library copies whatever it holds at every step.
    """
    import vl_convert

    spec = chart if isinstance(chart, dict) else styled(chart)
    whole = spec | {"datasets": spec.get("datasets", {}) | dict(data or {})}
    spoken = active()
    text = vl_convert.vegalite_to_svg(whole, format_locale=spoken.d3, time_format_locale=spoken.d3)
    digest = text_digest([re.sub(COUNTED, "", text)])[:12]
    counted = list(dict.fromkeys(re.findall(COUNTED, text)))  # the renderer counts these on from chart to chart
    names = {name: f"n{digest}-{number}" for number, name in enumerate(counted)}
    text = re.sub(COUNTED, lambda found: names[found[0]], text)
    text = GROUPED.sub('role="graphics-object"', text)  # a symbol would need a name
    return NAMED.sub(r"<\1\2\4><title>\3</title></\1>", text)


def described(drawn: str) -> str:
    """Axes, legends and titles as a screen reader says them: the renderer's own words are English."""
    if active() is ENGLISH:
        return drawn
    words = {"X-axis": _("horizontal axis"), "Y-axis": _("vertical axis"), "legend": _("legend"), "Title": _("title")}

    def said_of(found: re.Match[str]) -> str:
        word, title = words[found["axis"] or found["legend"] or found["text"]], found["title"]
        return f'aria-label="{word}: {title}"' if title else f'aria-label="{word}"'

    return ROLE.sub("", DESCRIBED.sub(said_of, drawn))


def _group_words() -> dict[str, str]:
    return {key: said(word) for key, word in GROUP_WORDS.items()}


def _group_scale(groups: pd.Series) -> tuple[list[str], list[str]]:
    """Words and colours of the groups that occur, in their fixed order."""
    present = [key for key in GROUPS if key in set(groups)]
    return [said(GROUP_WORDS[key]) for key in present], [GROUPS[key] for key in present]


def series(frame: pd.DataFrame, title: str, start: str | int | None) -> Markup:
    """The outcome over time, one line a treatment group, with a rule where treatment starts.

    Parameters
    ----------
    frame : DataFrame
        Columns period (as text: 2019-07 for months, else the number of the year or wave), group, value.
    title : str
        Title of the vertical axis.
    start : str, int or None
        The first treated period.
    """
    import altair as alt

    monthly = bool(frame["period"].str.fullmatch(MONTH).all())
    data = frame.assign(time=_times(frame["period"], monthly), group=frame["group"].map(_group_words()))
    order, colours = _group_scale(frame["group"])
    x = _time_axis(None if monthly else sorted(set(data["time"])))
    base = alt.Chart(data).encode(
        x=x,
        y=alt.Y("value:Q", title=title),
        color=alt.Color(
            "group:N", title=None, sort=order, scale=alt.Scale(domain=order, range=colours), legend=_legend()
        ),
    )
    told = data["period"] + ": " + data["value"].map(number) + ", " + data["group"]
    lines = base.mark_line(strokeWidth=1.2 if monthly else 2) + _readable(base, data.assign(told=told))
    if start is None:
        return svg(lines.properties(width=WIDTH, height=300))
    starts = _("treatment starts: {when}").format(when=start)
    began = pd.DataFrame({"time": _times(pd.Series([str(start)]), monthly), "told": [starts]})
    rule = alt.Chart(began).mark_rule(strokeDash=[4, 3], color=GREY)
    rule = rule.encode(x=x, description=alt.Description("told:N"))
    return svg(alt.layer(lines, rule).properties(width=WIDTH, height=300))


def _readable(base: Any, data: pd.DataFrame) -> Any:
    """Points that nobody sees, so that a line says its values (column `told`) under the pointer."""
    import altair as alt

    points = base.mark_point(opacity=0, filled=True, size=60)
    return points.encode(description=alt.Description("told:N")).properties(data=data)


def _times(periods: pd.Series, monthly: bool) -> pd.Series:
    """Months as dates, and years and waves as the numbers that they are."""
    return pd.to_datetime(periods, format="%Y-%m") if monthly else pd.to_numeric(periods)


def _time_axis(numbers: list[int] | None) -> alt.X:
    """The horizontal axis of months, or of years or waves, with ticks at these numbers only."""
    import altair as alt

    if numbers is None:
        return alt.X("time:T", title=None, axis=alt.Axis(format="%Y", tickCount="year", labelOverlap=True))
    axis = alt.Axis(format="d", values=numbers, labelOverlap=True)
    return alt.X("time:Q", title=None, scale=alt.Scale(zero=False, nice=False), axis=axis)


def _legend() -> alt.Legend:
    """Strokes as strong as lines, where a band would lend them its faintness."""
    import altair as alt

    return alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1, labelLimit=260)


def event_study(rows: pd.DataFrame, x_title: str, y_title: str) -> Markup:
    """Effects by event time with pointwise intervals (thick) and uniform bands (thin) where there are any.

    Parameters
    ----------
    rows : DataFrame
        Rows of an estimate of kind `event_time`.
    x_title, y_title : str
        Titles of the axes.
    """
    return svg(_event_layers(rows, x_title, y_title).properties(width=WIDTH, height=280))


def event_studies(rows: pd.DataFrame, x_title: str) -> Markup:
    """Several event studies as small multiples, each on its own scale.

    Parameters
    ----------
    rows : DataFrame
        As in `event_study`, and `panel`, the title of each.
    x_title : str
        Title of the horizontal axes.
    """
    import altair as alt

    small = _event_layers(rows, x_title, None).properties(width=WIDTH / 2 - 50, height=130)
    header = alt.Header(labelFontWeight="bold", labelLimit=WIDTH // 2 - 40, labelAnchor="start")
    panels = small.facet(alt.Facet("panel:N", title=None, sort=None, header=header), columns=2)
    return svg(panels.resolve_scale(y="independent", x="independent"))


def _event_layers(rows: pd.DataFrame, x_title: str, y_title: str | None) -> Any:
    import altair as alt

    numbers = ["event_time", "value", "low", "high", "low_uniform", "high_uniform"]
    data = rows[[*numbers, *(["panel"] if "panel" in rows else [])]].astype(dict.fromkeys(numbers, float))
    before, after = _("before"), _("after")
    data["when"] = data["event_time"].map(lambda time: before if time < 0 else after)
    data["zero"] = 0.0
    data["told"] = hover.estimates(hover.event_times(data["event_time"]), data)
    known = {before: GREY, after: BLUE}
    present = [when for when in known if when in set(data["when"])]
    scale = alt.Scale(domain=present, range=[known[when] for when in present])
    colour = alt.Color("when:N", scale=scale, title=None, legend=_points_legend())
    x = alt.X("event_time:Q", title=x_title, scale=alt.Scale(padding=12), axis=alt.Axis(tickMinStep=1, format="d"))
    base = alt.Chart(data).encode(x=x, color=colour, description=alt.Description("told:N"))
    layers = [alt.Chart(data).mark_rule(color="#444", aria=False).encode(y=alt.Y("zero:Q"))]
    if data["low_uniform"].notna().any():
        uniform = data[["low_uniform", "high_uniform"]].itertuples(index=False, name=None)
        data["told"] += [", " + _("uniform {band}").format(band=interval(band)) for band in uniform]
        layers.append(base.mark_rule(strokeWidth=1).encode(y=alt.Y("low_uniform:Q"), y2=alt.Y2("high_uniform:Q")))
    layers.append(base.mark_rule(strokeWidth=2.5).encode(y=alt.Y("low:Q", title=y_title), y2=alt.Y2("high:Q")))
    layers.append(base.mark_point(filled=True, size=45, opacity=1).encode(y=alt.Y("value:Q")))
    return alt.layer(*layers, data=data)


def _points_legend() -> alt.Legend:
    import altair as alt

    return alt.Legend(orient="top", symbolType="circle")


def forest(rows: pd.DataFrame, title: str) -> Markup:
    """Estimates in per cent side by side, each with its interval, and the truth as a mark where it is known.

    Parameters
    ----------
    rows : DataFrame
        Columns label, value, low, high and, where known, truth.
    title : str
        Title of the horizontal axis.
    """
    import altair as alt

    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=LABEL))
    told = hover.estimates(rows["label"], rows)
    if rows["truth"].notna().any():
        told += [", " + _("truth {value}").format(value=number(truth)) for truth in rows["truth"]]
    base = alt.Chart(rows.assign(told=told)).encode(y=y, description=alt.Description("told:N"))
    layers = [
        alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color="#444", aria=False).encode(x=alt.X("x:Q")),
        base.mark_rule(strokeWidth=2.5, color=BLUE).encode(x=alt.X("low:Q", title=title), x2=alt.X2("high:Q")),
        base.mark_point(filled=True, size=60, color=BLUE, opacity=1).encode(x=alt.X("value:Q")),
    ]
    if rows["truth"].notna().any():
        layers.append(base.mark_point(shape="diamond", size=90, color=ORANGE, strokeWidth=2).encode(x=alt.X("truth:Q")))
    return svg(alt.layer(*layers).properties(width=WIDTH - LABEL, height=alt.Step(34)))


def national(frame: pd.DataFrame) -> Markup:
    """Homicides a month in the country, as a yearly rate.

    Parameters
    ----------
    frame : DataFrame
        Columns period, rate.
    """
    import altair as alt

    x = alt.X("period:T", title=None, axis=alt.Axis(format="%Y", labelOverlap=True))
    base = alt.Chart(frame).encode(x=x, y=alt.Y("rate:Q", title=_("homicides per 100,000 a year")))
    told = pd.to_datetime(frame["period"]).dt.strftime("%Y-%m") + ": " + frame["rate"].map(number)
    lines = base.mark_line(color=BLUE, strokeWidth=1.3) + _readable(base, frame.assign(told=told))
    return svg(lines.properties(width=WIDTH, height=260))


def equal_pesos(lines: pd.DataFrame, x_title: str, y_title: str) -> Markup:
    """What growing sums buy on each arm, one panel an arm on the same scale, a line with its band for each cost.

    Parameters
    ----------
    lines : DataFrame
        Columns arm, cost, millions, value, low, high, beyond (drawn dashed: outside the doses that were seen).
    x_title, y_title : str
        Titles of the axes.
    """
    import altair as alt

    costs = list(dict.fromkeys(lines["cost"]))
    colour = alt.Color(
        "cost:N",
        title=_("cost"),
        scale=alt.Scale(domain=costs, range=[BLUE, ORANGE, GREY][: len(costs)]),
        legend=_legend(),
    )
    base = alt.Chart().encode(x=alt.X("millions:Q", title=x_title, axis=alt.Axis(labelOverlap=True)), color=colour)
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title=y_title), y2=alt.Y2("high:Q"))
    seen, beyond = (base.transform_filter(f"{sign}datum.beyond") for sign in ("!", ""))
    layers = [
        alt.Chart().mark_rule(color="#444", aria=False).encode(y=alt.YDatum(0)),
        band,
        seen.mark_line(strokeWidth=2).encode(y=alt.Y("value:Q")),
        beyond.mark_line(strokeWidth=2, strokeDash=[5, 4]).encode(y=alt.Y("value:Q")),
    ]
    header = alt.Header(labelFontWeight="bold", labelAnchor="start")
    panels = alt.layer(*layers, data=lines).properties(width=WIDTH / 2 - 60, height=260)
    return svg(panels.facet(alt.Facet("arm:N", title=None, sort=None, header=header), columns=2))


def concentration(points: pd.DataFrame, panels: list[str]) -> Markup:
    """Concentration curves, a panel for each ranking, with the diagonal of equal shares.

    Parameters
    ----------
    points : DataFrame
        Columns panel, label (of the curve), people, share.
    panels : list of str
        The panels in their order.
    """
    import altair as alt

    labels = list(dict.fromkeys(points["label"]))
    scale = alt.Scale(domain=labels, range=[BLUE, ORANGE, "#555555", GREY][: len(labels)])
    axis = alt.Axis(format="%", tickCount=5)
    x = alt.X("people:Q", title=_("share of people"), axis=axis, scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("share:Q", title=_("share that they get"), axis=axis, scale=alt.Scale(domain=[0, 1]))
    dash = alt.StrokeDash(
        "label:N", scale=alt.Scale(domain=labels, range=[[1, 0], [6, 3], [2, 2], [8, 2]][: len(labels)])
    )
    curves = (
        alt.Chart()
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=alt.Color("label:N", title=None, scale=scale, legend=_legend()), strokeDash=dash)
    )
    ends = alt.Chart().transform_filter("datum.people == 0 || datum.people == 1")
    diagonal = ends.mark_line(color="#bbbbbb", strokeWidth=1).encode(
        x=x, y=alt.Y("people:Q"), detail=alt.Detail("label:N")
    )
    header = alt.Header(labelFontWeight="bold", labelAnchor="start")
    drawn = alt.layer(diagonal, curves, data=points).properties(width=WIDTH / 3 - 55, height=WIDTH / 3 - 55)
    return svg(drawn.facet(alt.Facet("panel:N", title=None, sort=panels, header=header), columns=3))
