"""What checks found, drawn: the columns of a check's figure say which chart it is, so that any check can have one.

| columns | chart |
|---|---|
| label, value, low, high | estimates with their intervals, one below the other |
| statistic, or coefficient | how often draws came out how large, and what was observed |
| refuter, share, estimate | the quantiles of each refuter's estimates |
| r2_treatment, r2_outcome, estimate | the estimate had a hidden cause explained so much of both |
| mbar, target, low, high | intervals of the mean effect under ever larger differences in trends |
| event_time, line_50, line_80 | event times before treatment, and the trends that their test misses |
| sort, weight, value | comparisons of two groups by weight and estimate |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
from markupsafe import Markup

from balanza.report import hover
from balanza.report.charts import BLUE, GREY, LABEL, ORANGE, WIDTH, rows_of, styled, svg
from balanza.report.language import N_, said
from balanza.report.language import gettext as _
from balanza.report.words import interval, number

BINS = 40
INNER, OUTER = (0.25, 0.75), (0.05, 0.95)
MULTIPLES = N_("differences in trends, in multiples of the largest before treatment")
HALF = WIDTH // 2


@dataclass(frozen=True)
class Drawn:
    """A chart and the sentence below it."""

    chart: Markup
    caption: str


NOTHING = Drawn(Markup(), "")


def of_check(check: Mapping[str, Any]) -> list[Drawn]:
    """The charts of a check, one a treatment; none where it has no figure that can be drawn."""
    if not check.get("figure"):
        return []
    figure = pd.DataFrame(check["figure"])
    draw = next((draw for columns, draw in CHARTS if set(columns) <= set(figure)), None)
    if draw is None:
        return []
    named = figure["treatment"] if "treatment" in figure else pd.Series("", index=figure.index)
    parts = {str(name): part for name, part in figure.groupby(named, sort=False)}
    drawn = {name: draw(part, check) for name, part in parts.items()}
    return [
        Drawn(item.chart, f"{said(name)}: {item.caption}" if len(drawn) > 1 else item.caption)
        for name, item in drawn.items()
        if item.chart
    ]


def _line(axis: str, at: float = 0.0, **style: Any) -> Any:
    """A straight line where an axis, `x` or `y`, has a value; of zero if none is given."""
    import altair as alt

    rule = alt.Chart(pd.DataFrame({axis: [at]})).mark_rule(color="#444", aria=False, **style)
    return rule.encode(x=alt.X("x:Q")) if axis == "x" else rule.encode(y=alt.Y("y:Q"))


def _strip(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    data = figure.astype(dict.fromkeys(("value", "low", "high"), float)).assign(label=figure["label"].map(said))
    shown = data[["label", "value", "low", "high"]].assign(told=hover.estimates(data["label"], data))
    spec = _strip_of(_("estimate"), 18 if len(data) > 12 else 26)
    return Drawn(svg(spec, {"rows": rows_of(shown)}), _("Estimates with their intervals."))


@cache
def _strip_of(title: str, step: int) -> dict[str, Any]:
    """The chart of most checks, which differs in its rows only: the library takes longer over it than the renderer."""
    import altair as alt

    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=LABEL))
    base = alt.Chart(alt.NamedData("rows")).encode(y=y, description=alt.Description("told:N"))
    layers = alt.layer(
        _line("x"),
        base.mark_rule(strokeWidth=2, color=BLUE).encode(x=alt.X("low:Q", title=title), x2=alt.X2("high:Q")),
        base.mark_point(filled=True, size=45, color=BLUE, opacity=1).encode(x=alt.X("value:Q")),
    )
    return styled(layers.properties(width=WIDTH - LABEL, height=alt.Step(step)))


def _draws(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    """The distribution of drawn statistics with the observed one."""
    import altair as alt

    field = "statistic" if "statistic" in figure else "coefficient"
    name = figure["treatment"].iloc[0] if "treatment" in figure else None
    row: Mapping[str, Any] = next((row for row in check["table"] if name in (None, row.get("treatment"))), {})
    observed = row.get("statistic", row.get("value"))
    title = _("statistic of each draw") if field == "statistic" else _("coefficient of each draw")
    data = pd.DataFrame({"draw": figure[field].astype(float)})
    bars = (
        alt.Chart(data)
        .mark_bar(color=GREY)
        .encode(
            x=alt.X("draw:Q", bin=alt.Bin(maxbins=BINS), title=title),
            y=alt.Y("count()", title=_("draws")),
        )
    )
    if observed is None:
        return Drawn(svg(bars.properties(width=HALF, height=160)), _("{n} draws.").format(n=number(len(data))))
    told = _("observed: {value}").format(value=number(observed))
    rule = alt.Chart(pd.DataFrame({"draw": [observed], "told": [told]})).mark_rule(color=ORANGE, strokeWidth=2.5)
    rule = rule.encode(x=alt.X("draw:Q"), description=alt.Description("told:N"))
    return Drawn(
        svg((bars + rule).properties(width=HALF, height=160)),
        _("{n} draws; orange: what was observed.").format(n=number(len(data))),
    )


def _quantiles(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    """For each refuter the middle half and the central nine tenths of its estimates, and what was to be expected."""
    import altair as alt

    name = figure["treatment"].iloc[0]
    expected = {row["refuter"]: row["expected"] for row in check["table"] if row["treatment"] == name}
    shares = figure.assign(share=figure["share"].round(3)).pivot_table(
        index="refuter", columns="share", values="estimate"
    )
    rows = pd.DataFrame(
        {
            "refuter": shares.index.map(said),
            "middle": _at(shares, 0.5),
            "q1": _at(shares, INNER[0]),
            "q3": _at(shares, INNER[1]),
            "low": _at(shares, OUTER[0]),
            "high": _at(shares, OUTER[1]),
            "expected": [expected[refuter] for refuter in shares.index],
        }
    )
    y = alt.Y("refuter:N", title=None, sort=[said(refuter) for refuter in expected], axis=alt.Axis(labelLimit=LABEL))
    told = [
        _("{refuter}: middle half {half}, from {low} % to {high} % {most}, expected {expected}").format(
            refuter=row["refuter"],
            low=round(100 * OUTER[0]),
            high=round(100 * OUTER[1]),
            half=interval((row["q1"], row["q3"])),
            most=interval((row["low"], row["high"])),
            expected=number(row["expected"]),
        )
        for row in rows.to_dict("records")
    ]
    base = alt.Chart(rows.assign(told=told)).encode(y=y, description=alt.Description("told:N"))
    layers = alt.layer(
        _line("x"),
        base.mark_rule(strokeWidth=2, color=GREY).encode(x=alt.X("low:Q", title=_("estimate")), x2=alt.X2("high:Q")),
        base.mark_rule(strokeWidth=7, color=GREY).encode(x=alt.X("q1:Q"), x2=alt.X2("q3:Q")),
        base.mark_point(shape="diamond", size=90, color=ORANGE, strokeWidth=2).encode(x=alt.X("expected:Q")),
    )
    caption = _(
        "Thick: the middle half of the draws; thin: from {low} % to {high} % of them; diamond: what was to be expected."
    ).format(low=round(100 * OUTER[0]), high=round(100 * OUTER[1]))
    return Drawn(svg(layers.properties(width=WIDTH - LABEL, height=alt.Step(28))), caption)


def _at(shares: pd.DataFrame, share: float) -> list[float]:
    nearest = min(shares.columns, key=lambda column: abs(float(column) - share))
    return [float(value) for value in shares[nearest]]


def _contours(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    """Lines of equal estimate over the strength of a hidden cause, after Cinelli and Hazlett (2020)."""
    import altair as alt
    import contourpy
    import numpy as np

    grid = figure.pivot_table(index="r2_outcome", columns="r2_treatment", values="estimate")
    x, y, z = grid.columns.to_numpy(float), grid.index.to_numpy(float), grid.to_numpy(float)
    maker: Any = contourpy.contour_generator(x, y, z)
    steps = np.linspace(z.min(), z.max(), 8)[1:-1]
    levels = [0.0, *steps[np.abs(steps) > (steps[1] - steps[0]) / 2].round(2)]
    lines = [
        pd.DataFrame({"x": line[:, 0], "y": line[:, 1], "level": level, "line": f"{level}-{number}"})
        for level in levels
        for number, line in enumerate(maker.lines(level))
    ]
    if not lines:
        return NOTHING
    data = pd.concat(lines).assign(zero=lambda frame: frame["level"] == 0)
    ends = data.groupby("line", sort=False).tail(1)
    axes = {
        "x": alt.X(
            "x:Q", title=_("share of the treatment that it explains"), scale=alt.Scale(domain=[0, float(x.max())])
        ),
        "y": alt.Y("y:Q", title=_("share of the outcome"), scale=alt.Scale(domain=[0, float(y.max())])),
    }
    colour = alt.ColorValue(GREY, condition={"test": "datum.zero", "value": ORANGE})
    drawn = alt.Chart(data).mark_line().encode(**axes, detail=alt.Detail("line:N"), color=colour)
    words = (
        alt.Chart(ends)
        .mark_text(align="left", dx=3, fontSize=10)
        .encode(**axes, text=alt.Text("level:Q", format=".2f"), color=colour)
    )
    points = _benchmarks(figure, check)
    layers = [drawn, words]
    if len(points):
        marks = alt.Chart(points)
        diamonds = marks.mark_point(shape="diamond", size=70, color=BLUE, filled=True, opacity=1)
        layers.append(diamonds.encode(**axes, description=alt.Description("label:N")))
        layers.append(
            marks.mark_text(align="left", dx=7, dy=-6, fontSize=10, color=BLUE).encode(**axes, text=alt.Text("label:N"))
        )
    chart = alt.layer(*layers).properties(width=HALF + 40, height=260)
    caption = _("The estimate, had a hidden cause explained so much of both; orange: nothing is left of it.")
    if len(points):
        caption = _(
            "The estimate, had a hidden cause explained so much of both; orange: nothing is left of it; blue: as strong"
            " as what is measured."
        )
    return Drawn(svg(chart), caption)


def _benchmarks(figure: pd.DataFrame, check: Mapping[str, Any]) -> pd.DataFrame:
    """Hidden causes one to three times as strong as a measured one, within the grid."""
    name = figure["treatment"].iloc[0]
    rows = [
        {
            "x": row["r2_treatment"],
            "y": row["r2_outcome"],
            "of": row["of"],
            "label": f"{row['strength']:g} × {row['of']}",
        }
        for row in check["table"]
        if row["measure"] == "benchmark" and row["treatment"] == name and row["r2_treatment"] is not None
    ]
    points = pd.DataFrame(rows, columns=["x", "y", "of", "label"])
    inside = (points["x"] <= figure["r2_treatment"].max()) & (points["y"] <= figure["r2_outcome"].max())
    return pd.DataFrame(points[inside])


def _lead(figure: pd.DataFrame, key: str, check: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of the estimate that the check is about."""
    stems = set(check["values"][key])
    chosen = figure[figure["estimate"].isin(stems)]
    return chosen if len(chosen) else figure[figure["estimate"] == figure["estimate"].iloc[0]]


def _bounds(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    """Honest intervals of the mean effect, after Rambachan and Roth (2023)."""
    import altair as alt

    data = _lead(figure, "claimed", check).query("target == 'average'").astype({"low": float, "high": float})
    if data.empty:
        return NOTHING
    x = alt.X("mbar:O", title=said(MULTIPLES), axis=alt.Axis(labelAngle=0))
    bounds = data[["mbar", "low", "high"]].itertuples(index=False, name=None)
    told = [f"× {number(mbar)}: {interval(held)}" for mbar, *held in bounds]
    rules = alt.Chart(data.assign(told=told)).mark_rule(strokeWidth=3, color=BLUE)
    rules = rules.encode(
        x=x,
        y=alt.Y("low:Q", title=_("mean effect")),
        y2=alt.Y2("high:Q"),
        description=alt.Description("told:N"),
    )
    caption = _("Intervals of {estimate} that hold whatever trends did, up to so many times as much as before.").format(
        estimate=data["estimate"].iloc[0]
    )
    return Drawn(svg((_line("y") + rules).properties(width=HALF, height=200)), caption)


def _pretrend(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    """Event times before treatment with the straight trends that their test would miss, after Roth (2022)."""
    import altair as alt

    data = _lead(figure, "lead", check)
    x = alt.X("event_time:Q", title=_("event time"), scale=alt.Scale(padding=12))
    points = data[data["event_time"] < 0]
    points = points.assign(told=hover.estimates(hover.event_times(points["event_time"]), points))
    base = alt.Chart(points).encode(x=x, description=alt.Description("told:N"))
    layers = [
        _line("y"),
        base.mark_rule(strokeWidth=2, color=GREY).encode(y=alt.Y("low:Q", title=_("estimate")), y2=alt.Y2("high:Q")),
        base.mark_point(filled=True, size=45, color=GREY, opacity=1).encode(y=alt.Y("value:Q")),
    ]
    for line, dash in (("line_50", [1, 0]), ("line_80", [5, 3])):
        layers.append(alt.Chart(data).mark_line(color=ORANGE, strokeDash=dash).encode(x=x, y=alt.Y(f"{line}:Q")))
    caption = _(
        "{estimate}: event times before treatment; orange: the trend that the joint test finds in half (solid) and in"
        " four fifths (dashed) of tries, drawn on after treatment as the effect that it would feign."
    ).format(estimate=data["estimate"].iloc[0])
    return Drawn(svg(alt.layer(*layers).properties(width=WIDTH - 200, height=220)), caption)


def _comparisons(figure: pd.DataFrame, check: Mapping[str, Any]) -> Drawn:
    """Goodman-Bacon's comparisons: which carry the weight, and what each says."""
    import altair as alt

    figure = figure.assign(sort=figure["sort"].map(said))
    sorts = list(dict.fromkeys(figure["sort"]))
    scale = alt.Scale(domain=sorts, range=[BLUE, GREY, ORANGE][: len(sorts)])
    colour = alt.Color("sort:N", title=None, scale=scale, legend=alt.Legend(orient="top", labelLimit=300))
    told = [
        _("{comparison}: weight {weight}, estimate {value}").format(
            comparison=row["sort"], weight=number(row["weight"]), value=number(row["value"])
        )
        for row in figure.to_dict("records")
    ]
    points = alt.Chart(figure.assign(told=told)).mark_point(filled=True, size=60, opacity=0.9)
    points = points.encode(
        x=alt.X("weight:Q", title=_("weight")),
        y=alt.Y("value:Q", title=_("estimate")),
        color=colour,
        description=alt.Description("told:N"),
    )
    whole = _line("y", check["values"]["coefficient"], strokeDash=[4, 3])
    chart = (_line("y") + whole + points).properties(width=WIDTH - 200, height=240)
    return Drawn(
        svg(chart), _("Each comparison of two groups by its weight; dashed: their mean, the two-way estimate.")
    )


CHARTS: tuple[tuple[tuple[str, ...], Callable[[pd.DataFrame, Mapping[str, Any]], Drawn]], ...] = (
    (("label", "value", "low", "high"), _strip),
    (("refuter", "share", "estimate"), _quantiles),
    (("r2_treatment", "r2_outcome", "estimate"), _contours),
    (("mbar", "target", "low", "high"), _bounds),
    (("event_time", "line_50", "line_80"), _pretrend),
    (("sort", "weight", "value"), _comparisons),
    (("statistic",), _draws),
    (("coefficient",), _draws),
)
