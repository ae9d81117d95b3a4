"""The specification curve on the page of a study: estimates in their order, and the choices of each beneath."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from balanza.report import hover
from balanza.report.charts import BLUE, ORANGE, WIDTH, svg
from balanza.report.language import N_, said
from balanza.report.language import gettext as _
from balanza.report.words import number

if TYPE_CHECKING:
    import altair as alt

    from balanza.report.load import StudyResults

AXIS_WORDS = {
    "outcome": N_("outcome"),
    "treatment": N_("treatment"),
    "covariates": N_("covariates"),
    "window": N_("window"),
    "cluster": N_("clusters"),
    "scale": N_("scale"),
    "comparison": N_("comparison"),
    "estimator": N_("estimator"),
}
OWN, CLEAR, OPEN = N_("the study's own choices"), N_("interval leaves out zero"), N_("interval contains zero")
COLOURS = {OWN: ORANGE, CLEAR: BLUE, OPEN: "#9db8d2"}
FRAME = 4
"""Intervals that reach further than so many times the span of the estimates are cut at the frame."""
STEP, LEFT, AXIS_NAME = 15, 330, 75
"""Pixels: the height of a line of choices, the room left of the marks, and in it that of the names of the axes."""


def of_study(found: StudyResults) -> dict[str, Any] | None:
    """What the page shows of a study's curve: a chart and sentences for each treatment; None where it has no curve."""
    if found.curve is None or found.curve_rows is None:
        return None
    effects = []
    for effect in found.curve["effects"]:
        rows = found.curve_rows[found.curve_rows["arm"] == effect["treatment"]]
        truth = found.comparison["truth"].get(effect["treatment"])
        shown = rows[rows["percent"].notna()]
        effects.append({**effect, "chart": chart(shown, found.curve["axes"], _true_percent(found, effect, truth))})
    axes = found.curve["axes"]
    none_left_out = not found.curve["impossible"] and not any(
        effect["not_run"] or effect["without_percent"] or effect["left_out"] for effect in effects
    )
    return {
        **found.curve,
        "effects": effects,
        "transformed": [scale for scale in axes["scale"] if scale in ("log1p", "asinh")],
        "none_left_out": none_left_out,
        "left_out": list(_left_out(found.curve)),
    }


def _left_out(curve: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each reason why variants are not in the curve, or in its test."""
    yield from ({"treatment": None, "what": "impossible", **item} for item in curve["impossible"])
    for effect in curve["effects"]:
        for what in ("not_run", "left_out"):
            yield from ({"treatment": effect["treatment"], "what": what, **item} for item in effect[what])
        if effect["without_percent"]:
            yield {"treatment": effect["treatment"], "what": "without_percent", "n": effect["without_percent"]}


def _true_percent(found: StudyResults, effect: Mapping[str, Any], truth: Mapping[str, Any] | None) -> float | None:
    """The true effect in per cent as the comparison has it."""
    if truth is None:
        return None
    known = [row.get("true_percent") for row in found.comparison["rows"] if row["treatment"] == effect["treatment"]]
    return next((value for value in known if value is not None), None)


def chart(rows: pd.DataFrame, axes: Mapping[str, list[str]], truth: float | None) -> Markup | None:
    """Estimates in per cent from the lowest to the highest, and a mark beneath for each choice.

    Parameters
    ----------
    rows : DataFrame
        Variants with an estimate in per cent.
    axes : mapping
        The labels of each axis, the study's own first.
    truth : float, optional
        The true effect in per cent.
    """
    import altair as alt

    if len(rows) < 2:
        return None
    data = rows.sort_values(["percent", "variant"]).reset_index(drop=True)
    data["place"] = range(1, len(data) + 1)
    clear = (data["low"] > 0) | (data["high"] < 0)
    data["kind"] = clear.map({True: CLEAR, False: OPEN}).mask(data["distance"] == 0, OWN)
    x = alt.X("place:Q", axis=None, scale=alt.Scale(domain=[0, len(data) + 1], nice=False))
    top = _estimates(data, x, truth).properties(width=WIDTH - LEFT, height=240)
    beneath = _choices(data, axes, x)
    return svg(alt.vconcat(top, *beneath, spacing=4).resolve_scale(x="shared", color="independent"))


def _estimates(data: pd.DataFrame, x: alt.X, truth: float | None) -> Any:
    import altair as alt

    kinds = [kind for kind in COLOURS if kind in set(data["kind"])]
    legend = alt.Legend(orient="top", symbolType="circle", labelLimit=260)
    scale = alt.Scale(domain=[said(kind) for kind in kinds], range=[COLOURS[kind] for kind in kinds])
    data = data.assign(kind=data["kind"].map(said), own=data["kind"] == OWN)
    data["told"] = hover.estimates(data["kind"], data.assign(value=data["percent"]))
    colour = alt.Color("kind:N", title=None, scale=scale, legend=legend)
    y = alt.Scale(domain=frame(data, truth), nice=False, clamp=False)
    describe = alt.Description("told:N")
    base = alt.Chart(data).encode(x=x, color=colour, description=describe)
    few = len(data) <= WIDTH // 8
    level = alt.Chart(pd.DataFrame({"y": [0.0]})).mark_rule(color="#444", aria=False).encode(y=alt.Y("y:Q", scale=y))
    layers = [level]
    if truth is not None:
        true = pd.DataFrame({"y": [truth], "told": [_("truth {value}").format(value=number(truth))]})
        line = alt.Chart(true).mark_rule(color=ORANGE, strokeDash=[5, 3])
        layers.append(line.encode(y=alt.Y("y:Q", scale=y), description=describe))
    span = base.mark_rule(strokeWidth=2 if few else 1, clip=True)
    layers.append(span.encode(y=alt.Y("low:Q", title=_("per cent"), scale=y), y2=alt.Y2("high:Q")))
    layers.append(base.mark_point(filled=True, size=40 if few else 10, opacity=1).encode(y=alt.Y("percent:Q", scale=y)))
    own = alt.Chart(data[data["own"]]).mark_point(filled=True, shape="diamond", size=130, opacity=1)
    layers.append(own.encode(x=x, color=colour, y=alt.Y("percent:Q", scale=y), description=describe))
    return alt.layer(*layers)


def frame(data: pd.DataFrame, truth: float | None) -> list[float]:
    """The lowest and the highest per cent that the chart shows.

    All estimates, zero and the truth are inside; an interval that reaches further than FRAME times their span is cut.
    """
    marks = [0.0, float(data["percent"].min()), float(data["percent"].max()), *([truth] if truth is not None else [])]
    room = FRAME / 2 * max(max(marks) - min(marks), 1.0)
    low, high = max(min(marks) - room, float(data["low"].min())), min(max(marks) + room, float(data["high"].max()))
    edge = 0.03 * (high - low)
    return [min(low, *marks) - edge, max(high, *marks) + edge]


def _choices(data: pd.DataFrame, axes: Mapping[str, list[str]], x: alt.X) -> list[alt.Chart]:
    """One small chart an axis with more than one choice: a line a choice, a mark where a variant has it."""
    import altair as alt

    colour = alt.ColorValue("#444", condition={"test": "datum.own", "value": ORANGE})
    width = max(0.8, min(6.0, 0.7 * (WIDTH - LEFT) / len(data)))
    found = []
    for axis, labels in axes.items():
        present = [label for label in labels if label in set(data[axis])]
        if len(present) < 2:
            continue
        own = data["kind"] == OWN
        marks = pd.DataFrame({"place": data["place"], "choice": data[axis].map(said), "own": own})
        shown = [said(label) for label in present]
        names = alt.Axis(
            labelLimit=LEFT - AXIS_NAME - 15,
            ticks=False,
            titleAngle=0,
            titleAlign="left",
            titleBaseline="middle",
            titleX=10 - LEFT,
            titleY=STEP / 2,
        )
        y = alt.Y("choice:N", title=said(AXIS_WORDS[axis]), sort=shown, scale=alt.Scale(domain=shown), axis=names)
        mark = alt.Chart(marks).mark_tick(orient="vertical", thickness=width, bandSize=STEP - 5, opacity=1)
        mark = mark.encode(x=x, y=y, color=colour, description=alt.Description("choice:N"))
        found.append(mark.properties(width=WIDTH - LEFT, height=alt.Step(STEP)))
    return found
