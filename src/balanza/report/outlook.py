"""The page of the outlook: fans over the known months, scores, and scenarios, each with what it may claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd
from markupsafe import Markup

from balanza.report.charts import BLUE, GREY, ORANGE, WIDTH, svg
from balanza.report.language import N_, ngettext, said
from balanza.report.language import gettext as _
from balanza.report.load import OutlookResults
from balanza.report.words import interval, number, percent, share

COUNTRY = "00"
BANDS = ("95", "80", "50")
CLAIMED = ("#d3e2f1", "#9fc1e0", "#5c93c4")
PRIOR = ("#ece6dc", "#d6c9b4", "#b5a284")
"""Blue for what rests on data alone or on a claimed effect, sand for a prior's fan."""
METHODS = {"baseline": N_("baseline"), "seasonal_naive": N_("seasonal-naive"), "drift": N_("drift")}
SCOPES = {"states": N_("state by state"), "country": N_("whole country")}
WINDOWS = {"rolling": N_("rolling origins"), "held out": N_("held out")}
LAYERS = {
    "all": N_("all together"),
    "noise": N_("chance (the baseline's own noise)"),
    "effect": N_("size of the effect"),
    "displacement": N_("displacement to neighbours*"),
    "cost": N_("cost of an element*"),
}
ARMS = {
    "guard": N_("Guard"),
    "prevention": N_("youth programme"),
    "coordination": N_("coordination"),
    "impunity": N_("less impunity"),
    "shock": N_("shock"),
}


def of_world(found: OutlookResults) -> dict[str, Any]:
    """What the template shows.

    Parameters
    ----------
    found : OutlookResults
    """
    scores = found.scores
    country = found.fan[found.fan["state"] == COUNTRY]
    known, ahead = country[country["kind"] == "history"], country[country["kind"] == "outlook"]
    return {
        "scores": scores,
        "lead": _lead(known, scores["years"]),
        "fan": _fan(known, ahead, scores["breaks"], CLAIMED),
        "years": scores["years"],
        "verdicts": [_verdict(row) for row in scores["verdicts"]],
        "table": [
            row
            | {key: said(names[row[key]]) for key, names in _NAMES.items()}
            | {"best": _is_best(row, scores["summary"])}
            for row in scores["summary"]
        ],
        "held_out": _held_out(found.tried, known, scores),
        "scenarios": [_scenario(found, item, known) for item in found.scenarios["scenarios"]],
    }


_NAMES = {"method": METHODS, "scope": SCOPES, "window": WINDOWS}


def _is_best(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> bool:
    same = [item["crps"] for item in rows if (item["window"], item["scope"]) == (row["window"], row["scope"])]
    return bool(row["crps"] == min(same))


def _lead(known: pd.DataFrame, years: Sequence[Mapping[str, Any]]) -> str:
    last = years[-1]
    past = known["value"].tail(12)
    so_far = _("The last twelve months known had {n} victims.").format(n=number(past.sum(), 9))
    ahead = _(
        "If nothing changes but chance, the baseline expects {median} in {year}, and with 80 % probability between"
        " {low} and {high}."
    ).format(year=last["year"], **{key: _whole(last[name]) for key, name in _LEAD.items()})
    return f"{so_far} {ahead}" if past.notna().all() else ahead


_LEAD = {"median": "median", "low": "low_80", "high": "high_80"}


def _whole(value: float) -> str:
    return number(round(value), 9)


def _verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    skill = row["skill"] or 0.0
    if row["beats_all"]:
        told = _(
            "{window}, {scope}: the baseline beats both, and saves {size} of the score of {rival}, the better one."
        )
    else:
        told = _("{window}, {scope}: the baseline does not beat {rival}; its score is {size} higher, which is worse.")
    text = told.format(
        window=said(WINDOWS[row["window"]]).capitalize(),
        scope=said(SCOPES[row["scope"]]),
        rival=said(METHODS[row["best_rival"]]),
        size=share(100 * (skill if row["beats_all"] else -skill)),
    )
    return {"text": text, "beaten": not row["beats_all"]}


def _held_out(tried: pd.DataFrame, known: pd.DataFrame, scores: Mapping[str, Any]) -> Markup:
    chosen = (tried["window"] == "held out") & (tried["method"] == "baseline") & (tried["state"] == COUNTRY)
    past = known[known["period"] >= str(int(scores["held_out"][:4]) - 4)]
    return _fan(past, tried[chosen], (), CLAIMED)


def _scenario(found: OutlookResults, item: Mapping[str, Any], known: pd.DataFrame) -> dict[str, Any]:
    months = found.months[(found.months["scenario"] == item["name"]) & (found.months["layer"] == "all")]
    quo = found.fan[(found.fan["state"] == COUNTRY) & (found.fan["kind"] == "outlook")]
    claimed = item["claim"] is not False
    rows = [row for row in item["years"] if row["layer"] == "all"]
    told = _told(rows)
    acts = bool(item["effects"])
    return {
        "item": item,
        "no_claim": item["claim"] is False,
        "sentence": _sentence(item, told) if acts else None,
        "arms": [
            effect | {"arm": said(ARMS[effect["arm"]]), "course": _course(effect["course"])}
            for effect in item["effects"]
        ],
        "budget": _budget(item["budget"]) if acts else [],
        "displacement": _displacement(item["displacement"]),
        "years": [_year(row) for row in rows] if acts else [],
        "told": told["year"],
        "fan": _fan(known, months, found.scores["breaks"], CLAIMED if claimed else PRIOR, quo) if acts else None,
        "sources": _sources([row for row in item["years"] if row["year"] == told["year"]]) if acts else None,
    }


def _told(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last year; but the year that is moved most, where the last is moved less than half as much."""

    def reach(row: Mapping[str, Any]) -> float:
        return float(row["change_high_95"] - row["change_low_95"])

    most = max(rows, key=reach)
    return most if 2 * reach(rows[-1]) < reach(most) else rows[-1]


def _year(row: Mapping[str, Any]) -> dict[str, Any]:
    """A year's change against the status quo, in words."""
    spans = {level: (row[f"change_low_{level}"], row[f"change_high_{level}"]) for level in ("80", "95")}
    spans["set"] = tuple(row["ends"])
    texts = {f"span_{name}": _to(low, high) for name, (low, high) in spans.items()}
    return {"year": row["year"], "median": _change(row["change_median"])} | texts


def _sentence(item: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """What a scenario says of its last year, and what it does not."""
    told = {
        "year": row["year"],
        "median": _change(row["change_median"]),
        "span": _to(row["change_low_95"], row["change_high_95"]),
        "set": _to(*row["ends"]),
    }
    if item["claim"]:
        return _(
            "In {year} the country would have {median} victims against the status quo (95 % of draws: {span}). Over the"
            " whole set, chance aside, it is {set}."
        ).format(**told)
    return _(
        "No claim: this project has no estimate that may be used for every effect here. What is shown is what the"
        " stated priors imply, and no finding: in {year}, {span} against the status quo (95 % of draws, median"
        " {median})."
    ).format(**told)


def _to(low: float, high: float) -> str:
    return _("{low} to {high}").format(low=_change(low), high=_change(high))


def _change(value: float) -> str:
    """A change in per cent; what rounds to nothing has no sign."""
    return percent(value) if abs(value) >= 0.05 else percent(0.0).lstrip("+")


def _course(course: Mapping[str, Any]) -> str:
    begins, full, fades = _("begins at once"), _("full from the first month"), _("lasts")
    if course["delay"] != 0:
        begins = _("begins after {months}").format(months=_months(course["delay"]))
    if course["ramp"] > 1:
        full = _("full {months} later").format(months=_months(course["ramp"]))
    if course["half_life"]:
        fades = _("halves every {months}").format(months=_months(course["half_life"]))
    return f"{begins}, {full}, {fades}"


def _months(value: float) -> str:
    return ngettext("{n} month", "{n} months", 1 if value == 1 else 2).format(n=number(value))


def _budget(budget: Mapping[str, Sequence[float]]) -> list[str]:
    """Elements and money, at the low and the high cost of an element."""
    out = []
    if any(abs(value) >= 1 for value in budget["elements"]):
        out.append(_("Elements of the Guard: {span}.").format(span=_span(budget["elements"], 1, signed=True)))
    if any(budget["freed"]):
        out.append(_("Millions of pesos of 2021 a year freed: {span}.").format(span=_span(budget["freed"], 1e6)))
    if any(budget["spent"]):
        out.append(_("Millions of pesos of 2021 a year spent again: {span}.").format(span=_span(budget["spent"], 1e6)))
    return out


def _span(values: Sequence[float], unit: float, *, signed: bool = False) -> str:
    low, high = (round(value / unit) for value in values)
    texts = [("+" if signed and value > 0 else "") + number(value, 9) for value in (low, high)]
    if low == high:
        return texts[0]
    return _("{low} at the low cost of an element, {high} at the high one").format(low=texts[0], high=texts[1])


def _displacement(given: Mapping[str, Any] | None) -> str:
    if given is None:
        return _("No displacement to neighbours is assumed.")
    low, high = (percent(100 * given[end]) for end in ("low", "high"))
    return _(
        "Between {low} and {high} of what a state loses arrives in its neighbours, all shares as likely; a negative"
        " share means that they move alike. {source}."
    ).format(low=low, high=high, source=said(given["source"]))


def _fan(
    known: pd.DataFrame,
    ahead: pd.DataFrame,
    breaks: Sequence[Mapping[str, Any]],
    colours: Sequence[str],
    status_quo: pd.DataFrame | None = None,
) -> Markup:
    """Victims a month: what is known, and bands of 50, 80 and 95 per cent around the median ahead."""
    import altair as alt

    x = alt.X("time:T", title=None, axis=alt.Axis(format="%Y", tickCount="year", labelOverlap=True))
    names = {level: f"{level} %" for level in BANDS}
    bands = pd.concat(
        [
            pd.DataFrame(
                {"time": ahead["period"], "low": ahead[f"low_{level}"], "high": ahead[f"high_{level}"]}
            ).assign(band=name)
            for level, name in names.items()
        ]
    )
    lines = [_line(known, "value", _("known")), _line(ahead, "median", _("median"))]
    lines += [] if status_quo is None else [_line(status_quo, "median", _("status quo, median"))]
    domain = [str(line["line"].iloc[0]) for line in lines]
    scale = alt.Scale(domain=list(names.values()), range=list(colours))
    legend = alt.Legend(orient="top", symbolType="square", symbolOpacity=1, symbolStrokeWidth=0)
    area = (
        alt.Chart(bands)
        .mark_area(opacity=1)
        .encode(
            x=x,
            y=alt.Y("low:Q", title=_("victims a month"), scale=alt.Scale(domainMin=0)),
            y2=alt.Y2("high:Q"),
            color=alt.Color("band:N", title=_("interval"), scale=scale, sort=None, legend=legend),
        )
    )
    hues = alt.Scale(domain=domain, range=["#1c1c1c", BLUE if colours == CLAIMED else "#6b5a3c", ORANGE][: len(domain)])
    dashes = alt.Scale(domain=domain, range=[[1, 0], [1, 0], [5, 3]][: len(domain)])
    line = (
        alt.Chart(pd.concat(lines))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=x,
            y=alt.Y("value:Q"),
            color=alt.Color(
                "line:N", title=None, scale=hues, sort=None, legend=alt.Legend(orient="top", symbolType="stroke")
            ),
            strokeDash=alt.StrokeDash("line:N", title=None, scale=dashes, legend=None),
        )
    )
    layers = [area, line, *_rules(breaks)]
    return svg(alt.layer(*layers).resolve_scale(color="independent").properties(width=WIDTH, height=280))


def _line(rows: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    return pd.DataFrame({"time": rows["period"], "value": rows[column], "line": name})


def _rules(breaks: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Where the series means something else: a dashed rule with its name, each name on a line of its own."""
    import altair as alt

    out, at = [], cast("Any", alt.YValue)  # the library has no types for it
    for index, item in enumerate(breaks):
        data = alt.Chart(pd.DataFrame({"time": [item["from"]], "name": [said(item["name"])]}))
        out.append(
            data.mark_rule(color=GREY, strokeDash=[3, 3]).encode(
                x=alt.X("time:T"), description=alt.Description("name:N")
            )
        )
        text = data.mark_text(align="left", dx=9, color="#4a4a4a", fontSize=11, baseline="top")
        out.append(text.encode(x=alt.X("time:T"), y=at(2 + 13 * index), text=alt.Text("name:N")))
    return out


def _sources(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The country's sum in one year by source of uncertainty: 95 and 80 per cent of draws, and the median."""
    import altair as alt

    # What is not uncertain in a scenario is no source of it.
    shown = [row for row in rows if row["high_95"] - row["low_95"] >= 1]
    table = pd.DataFrame(
        [{"label": said(LAYERS[row["layer"]])} | {key: row[key] for key in ("median", *_ENDS)} for row in shown]
    )
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=300))
    told = [
        f"{row['label']}: {number(row['median'])}; 80 %: {interval((row['low_80'], row['high_80']))};"
        f" 95 %: {interval((row['low_95'], row['high_95']))}"
        for row in table.to_dict("records")
    ]
    base = alt.Chart(table.assign(told=told)).encode(y=y, description=alt.Description("told:N"))
    title = _("victims in {year}").format(year=rows[0]["year"])
    x = alt.X("low_95:Q", title=title, scale=alt.Scale(zero=False, nice=True))
    layers = [
        base.mark_rule(strokeWidth=1.5, color=BLUE).encode(x=x, x2=alt.X2("high_95:Q")),
        base.mark_rule(strokeWidth=4, color=BLUE).encode(x=alt.X("low_80:Q"), x2=alt.X2("high_80:Q")),
        base.mark_point(filled=True, size=50, color="#1c1c1c", opacity=1).encode(x=alt.X("median:Q")),
    ]
    return svg(alt.layer(*layers).properties(width=WIDTH - 260, height=alt.Step(26)))


_ENDS = ("low_95", "high_95", "low_80", "high_80")
