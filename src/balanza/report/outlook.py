"""The page of the outlook: fans over the known months, scores, and scenarios, each with what it may claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from balanza.report.charts import BLUE, GREY, ORANGE, WIDTH, svg
from balanza.report.load import OutlookResults
from balanza.report.words import number, percent

COUNTRY = "00"
BANDS = ("95", "80", "50")
CLAIMED = ("#d3e2f1", "#9fc1e0", "#5c93c4")
PRIOR = ("#ece6dc", "#d6c9b4", "#b5a284")
"""Blue for what rests on data alone or on a claimed effect, sand for a prior's fan."""
METHODS = {"baseline": "baseline", "seasonal_naive": "seasonal-naive", "drift": "drift"}
SCOPES = {"states": "state by state", "country": "whole country"}
WINDOWS = {"rolling": "rolling origins", "held out": "held out"}
LAYERS = {
    "all": "all together",
    "noise": "chance (the baseline's own noise)",
    "effect": "size of the effect",
    "displacement": "displacement to neighbours*",
    "cost": "cost of an element*",
}
ARMS = {
    "guard": "Guard",
    "prevention": "youth programme",
    "coordination": "coordination",
    "impunity": "less impunity",
    "shock": "shock",
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
            row | {key: names[row[key]] for key, names in _NAMES.items()} | {"best": _is_best(row, scores["summary"])}
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
    so_far = f"The last twelve months known had {number(past.sum(), 9)} victims. " if past.notna().all() else ""
    return (
        f"{so_far}If nothing changes but chance, the baseline expects {_whole(last['median'])} in {last['year']}, and "
        f"with 80 % probability between {_whole(last['low_80'])} and {_whole(last['high_80'])}."
    )


def _whole(value: float) -> str:
    return number(round(value), 9)


def _verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    rival = METHODS[row["best_rival"]]
    where = f"{WINDOWS[row['window']].capitalize()}, {SCOPES[row['scope']]}"
    if row["beats_all"]:
        saved = _share(row["skill"])
        text = f"{where}: the baseline beats both, and saves {saved} of the score of {rival}, the better one."
    else:
        worse = _share(-(row["skill"] or 0.0))
        text = f"{where}: the baseline does not beat {rival}; its score is {worse} higher, which is worse."
    return {"text": text, "beaten": not row["beats_all"]}


def _share(value: float | None) -> str:
    return percent(100 * (value or 0.0)).lstrip("+")


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
            effect | {"arm": ARMS[effect["arm"]], "course": _course(effect["course"])} for effect in item["effects"]
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
    texts = {f"span_{name}": f"{_change(low)} to {_change(high)}" for name, (low, high) in spans.items()}
    return {"year": row["year"], "median": _change(row["change_median"])} | texts


def _sentence(item: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """What a scenario says of its last year, and what it does not."""
    span = f"{_change(row['change_low_95'])} to {_change(row['change_high_95'])}"
    middle = _change(row["change_median"])
    if item["claim"]:
        start = (
            f"In {row['year']} the country would have {middle} victims against the status quo (95 % of draws: {span})."
        )
        low, high = row["ends"]
        return f"{start} Over the whole set, chance aside, it is {_change(low)} to {_change(high)}."
    return (
        "No claim: this project has no estimate that may be used for every effect here. What is shown is what the "
        f"stated priors imply, and no finding: in {row['year']}, {span} against the status quo (95 % of draws, median "
        f"{middle})."
    )


def _change(value: float) -> str:
    """A change in per cent; what rounds to nothing has no sign."""
    return percent(value) if abs(value) >= 0.05 else percent(0.0).lstrip("+")


def _course(course: Mapping[str, Any]) -> str:
    begins = "begins at once" if course["delay"] == 0 else f"begins after {_months(course['delay'])}"
    full = f"full {_months(course['ramp'])} later" if course["ramp"] > 1 else "full from the first month"
    fades = f"halves every {_months(course['half_life'])}" if course["half_life"] else "lasts"
    return f"{begins}, {full}, {fades}"


def _months(value: float) -> str:
    return f"{number(value)} month{'' if value == 1 else 's'}"


def _budget(budget: Mapping[str, Sequence[float]]) -> list[str]:
    """Elements and money, at the low and the high cost of an element."""
    out = []
    if any(abs(value) >= 1 for value in budget["elements"]):
        out.append(f"Elements of the Guard: {_span(budget['elements'], 1, signed=True)}.")
    for key, verb in (("freed", "freed"), ("spent", "spent again")):
        if any(budget[key]):
            out.append(f"Millions of pesos of 2021 a year {verb}: {_span(budget[key], 1e6)}.")
    return out


def _span(values: Sequence[float], unit: float, *, signed: bool = False) -> str:
    low, high = (round(value / unit) for value in values)
    texts = [("+" if signed and value > 0 else "") + number(value, 9) for value in (low, high)]
    return texts[0] if low == high else f"{texts[0]} at the low cost of an element, {texts[1]} at the high one"


def _displacement(given: Mapping[str, Any] | None) -> str:
    if given is None:
        return "No displacement to neighbours is assumed."
    low, high = (percent(100 * given[end]) for end in ("low", "high"))
    return (
        f"Between {low} and {high} of what a state loses arrives in its neighbours, all shares as likely; a negative "
        f"share means that they move alike. {given['source']}."
    )


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
    lines = [_line(known, "value", "known"), _line(ahead, "median", "median")]
    lines += [] if status_quo is None else [_line(status_quo, "median", "status quo, median")]
    domain = [str(line["line"].iloc[0]) for line in lines]
    scale = alt.Scale(domain=list(names.values()), range=list(colours))
    legend = alt.Legend(orient="top", symbolType="square", symbolOpacity=1, symbolStrokeWidth=0)
    area = (
        alt.Chart(bands)
        .mark_area(opacity=1)
        .encode(
            x=x,
            y=alt.Y("low:Q", title="victims a month", scale=alt.Scale(domainMin=0)),
            y2="high:Q",
            color=alt.Color("band:N", title="interval", scale=scale, sort=None, legend=legend),
        )
    )
    hues = alt.Scale(domain=domain, range=["#1c1c1c", BLUE if colours == CLAIMED else "#6b5a3c", ORANGE][: len(domain)])
    dashes = alt.Scale(domain=domain, range=[[1, 0], [1, 0], [5, 3]][: len(domain)])
    line = (
        alt.Chart(pd.concat(lines))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=x,
            y="value:Q",
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

    out = []
    for index, item in enumerate(breaks):
        data = alt.Chart(pd.DataFrame({"time": [item["from"]], "name": [item["name"]]}))
        out.append(data.mark_rule(color=GREY, strokeDash=[3, 3]).encode(x="time:T"))
        text = data.mark_text(align="left", dx=9, color="#4a4a4a", fontSize=11, baseline="top")
        out.append(text.encode(x="time:T", y=alt.value(2 + 13 * index), text="name:N"))
    return out


def _sources(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The country's sum in one year by source of uncertainty: 95 and 80 per cent of draws, and the median."""
    import altair as alt

    # What is not uncertain in a scenario is no source of it.
    shown = [row for row in rows if row["high_95"] - row["low_95"] >= 1]
    table = pd.DataFrame(
        [{"label": LAYERS[row["layer"]]} | {key: row[key] for key in ("median", *_ENDS)} for row in shown]
    )
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=300))
    base = alt.Chart(table).encode(y=y)
    title = f"victims in {rows[0]['year']}"
    x = alt.X("low_95:Q", title=title, scale=alt.Scale(zero=False, nice=True))
    layers = [
        base.mark_rule(strokeWidth=1.5, color=BLUE).encode(x=x, x2="high_95:Q"),
        base.mark_rule(strokeWidth=4, color=BLUE).encode(x="low_80:Q", x2="high_80:Q"),
        base.mark_point(filled=True, size=50, color="#1c1c1c", opacity=1).encode(x="median:Q"),
    ]
    return svg(alt.layer(*layers).properties(width=WIDTH - 260, height=alt.Step(26)))


_ENDS = ("low_95", "high_95", "low_80", "high_80")
