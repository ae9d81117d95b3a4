"""The page that weighs both arms: every sentence follows from the numbers of results/<world>/versus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from balanza.report import charts, next_door, words
from balanza.report.load import Weighing

SPREADS = {"people": "evenly", "as_spent": "as now"}
STATUSES = {
    "claimed": "an effect is claimed",
    "no claim": "no effect is claimed",
    "no estimate": "no estimate came",
    "estimated": "estimated, and judged by nothing else",
    "measured": "measured",
    "not measured": "not measured",
    "not in this run": "not in this run",
}
SETTLED = {
    "claimed": "at least one effect is claimed",
    "estimated": "estimated, and nothing claimed",
    "nothing": "nothing was estimated",
}
IDENTIFIED = {
    "passed": "identified by the graph",
    "failed": "not identified by the graph",
    "not possible": "no graph was asked",
}


def of_world(found: Weighing) -> dict[str, Any]:
    """What the template shows.

    Parameters
    ----------
    found : Weighing

    Returns
    -------
    dict
        `pesos`, `targeting` (None where the weighed study did not run) and `themes`.
    """
    return {
        "pesos": None if found.pesos is None else _pesos(found.pesos, found.lines),
        "targeting": None if found.targeting is None else _targeting(found.targeting, found.curves),
        "themes": [_theme(row) for row in found.themes["themes"]],
        "themes_digest": found.themes["themes_digest"],
    }


def summary(found: Weighing) -> list[str]:
    """The sentences that stand on the first page; none where nothing was weighed."""
    if found.pesos is None or found.pesos["status"] != "ran":
        return []
    return [*_bought(found.pesos, found.pesos["cases"][0]), _verdict(found.pesos, found.pesos["cases"][0])]


def _pesos(result: Mapping[str, Any], lines: pd.DataFrame | None) -> dict[str, Any]:
    base: dict[str, Any] = {
        "result": result,
        "outcomes": [_outcome(row, result) for row in result["outcomes"]],
        "moved": _moved(result),
        "estimators": result["estimators"],
    }
    if result["status"] != "ran" or lines is None:
        return base | {"ran": False}
    lead = result["cases"][0]
    return base | {
        "ran": True,
        "sentences": [*_bought(result, lead), _verdict(result, lead)],
        "frequentist": _frequentist(result, lead),
        "randomized": _randomized(result, lead),
        "bayesian": _bayesian(result, lead),
        "flips": list(_flips(result, lead)),
        "buys": list(_buys(result)),
        "cases": [_case(result, case) for case in result["cases"]],
        "choices": _choices(result),
        "chart": charts.equal_pesos(
            lines, f"million pesos of {result['base_year']} a year", f"{result['outcome']} avoided a year"
        ),
        "beyond": bool(lines["beyond"].any()),
        "alone": {name: sentence for name, sentence in result["checks"].items() if sentence},
        "truth": _truth(result, lead),
        "displacement": list(next_door.sentences(result, lead)),
    }


def _span(triple: Iterable[float], level: float) -> str:
    value, low, high = triple
    return f"{words.number(value)} ({_level(level)} interval {words.number(low)} to {words.number(high)})"


def _pesos_for(value: float) -> str:
    return f"{words.number(value)} {'peso' if value == 1 else 'pesos'}"


def _level(level: float) -> str:
    return f"{100 * level:g} %"


def _amount(result: Mapping[str, Any]) -> str:
    return f"{words.number(result['amount_millions'])} million pesos of {result['base_year']} a year"


def _price(result: Mapping[str, Any], index: int, label: str) -> Mapping[str, Any]:
    arm = result["arms"][index]
    found: Mapping[str, Any] = next(cost for cost in arm["costs"] if cost["name"] == label)
    return found


def _bought(result: Mapping[str, Any], case: Mapping[str, Any]) -> Iterable[str]:
    """What the amount buys on each arm, and what one event avoided costs."""
    for index, name in enumerate(result["names"]):
        arm, counts = case["arms"][index], result["arms"][index]["counts"]
        price = _pesos_for(_price(result, index, case["costs"][name])["pesos"])
        each = arm["pesos_each"]
        verb = "avoid" if arm["avoided"][0] >= 0 else "bring, as a negative number avoided,"
        start = (
            f"Spent on {name} at {price} for each {counts}, {_amount(result)} are estimated to {verb}"
            f" {_span(arm['avoided'], result['level'])} {result['outcome']} a year"
        )
        if each["word"] == "unbounded":
            yield f"{start}; the interval contains zero, so that the pesos for one of them avoided are unbounded."
        elif each["value"] < 0:
            yield f"{start}: all of the interval is a rise, so that no pesos avoid any."
        else:
            low, high = words.number(each["low"]), words.number(each["high"])
            yield f"{start}: {words.number(each['value'])} pesos for each ({low} to {high})."


def _verdict(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    first, second = result["names"]
    contrast = case["contrast"]
    more, less = (second, first) if contrast["value"] > 0 else (first, second)
    low, high = (words.number(bound) for bound in contrast["interval"])
    gap = f"{words.number(abs(contrast['value']))} more on {more} than on {less}"
    bounds = f"{second} less {first}: {_level(result['level'])} interval {low} to {high}"
    if contrast["told"]:
        return f"The same pesos buy {gap} ({bounds}): {more} buys more, if the assumptions of both arms hold."
    return f"The estimates are {gap} ({bounds}); the interval contains zero: which buys more cannot be told."


def _frequentist(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    first, second = result["names"]
    arms = result["arms"][0]
    return (
        f"One-sided p of the hypothesis that {second} buys no more than {first}: {words.p_value(_p(case))}"
        f" (Student's t with {arms['n_clusters'] - 1} degrees of freedom, from {arms['n_clusters']} clusters; the two"
        f" effects correlate by {words.number(arms['correlation'], 2)})."
    )


def _randomized(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    """What handing both arms' doses round would say, which no one did."""
    first, second = result["names"]
    found, clusters = case["randomization"], result["arms"][0]["n_clusters"]
    if found["reason"]:
        return f"Both arms cannot be handed to other clusters together: {found['reason']}"
    strata = f" within {found['strata']} strata of {result['outcome']} {found['when']}" if found["strata"] > 1 else ""
    return (
        f"Had {first} and {second} bought the same, and had the doses of both been handed to the {clusters} clusters"
        f" together and at random{strata} (which they were not), the difference would have favoured {second} as much or"
        f" more with one-sided p {words.p_value(found['p_one_sided'])} ({found['draws']} draws)."
    )


def _p(case: Mapping[str, Any]) -> float:
    return float(case["contrast"]["p_one_sided"])


def _chance(value: float) -> str:
    percent = 100 * value
    return "under 1 %" if percent < 1 else "over 99 %" if percent > 99 else f"{percent:.0f} %"


def _bayesian(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    first, second = result["names"]
    held = "; ".join(f"{arm['treatment']} N(0, {arm['prior']['deviation']:g}²)" for arm in result["arms"])
    posterior = case["posterior"]["contrast"]
    low, high = (words.number(bound) for bound in posterior["interval"])
    return (
        f"Under the priors ({held}; on the {result['prior_about']}) the probability that {second} buys more than"
        f" {first} is {_chance(posterior['probability'])}, from 50 % before the data; the difference is then"
        f" {words.number(posterior['mean'])} on average ({_level(result['level'])} of the posterior from {low} to"
        f" {high})."
    )


def _flips(result: Mapping[str, Any], case: Mapping[str, Any]) -> Iterable[str]:
    """At which price and at which effect of the first arm the choice turns."""
    first, second = result["names"]
    arm, turning = result["arms"][0], case["flips"]
    price = turning["price"]
    if price["reason"]:
        reason = price["reason"]
        for told, name in (("the first", first), ("the second", second)):
            reason = reason.replace(f"{told} arm", name).replace(told, name)
        doubt = "" if case["contrast"]["told"] else " So far as the estimates go: they are not told apart."
        yield f"At the estimates no price of a {arm['counts']} turns the choice: {reason}.{doubt}"
    else:
        sets = {
            "interval": f"between {words.number(price['low'])} and {words.number(price['high'])}",
            "outside": f"anything but between {words.number(price['low'])} and {words.number(price['high'])}",
            "all": "any price: the data exclude none",
        }
        yield (
            f"At the estimates both buy the same where a {arm['counts']} costs {words.number(price['value'])} pesos a"
            f" year: below it {first} buys more, above it {second} ({_level(result['level'])} confidence set:"
            f" {sets[price['sort']]})."
        )
    effect = turning["effect"]
    yield (
        f"At the first of its costs the choice turns where the effect of {first} per {arm['unit']} is"
        f" {words.number(effect['value'])} in logs; it is estimated at {words.number(effect['estimate'])}, which is"
        f" {words.number(effect['errors_away'], 2)} standard errors away."
    )


def _buys(result: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """A row for each arm and cost, in the first spread; the other arm's cost does not matter to it."""
    for index, name in enumerate(result["names"]):
        for cost in result["arms"][index]["costs"]:
            case = next(
                case
                for case in result["cases"]
                if case["spread"] == result["spread"][0] and case["costs"][name] == cost["name"]
            )
            arm = case["arms"][index]
            believed = case["posterior"]["arms"][index]
            yield {"arm": name, "cost": cost, "counts": result["arms"][index]["counts"], **arm, "believed": believed}


def _case(result: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    contrast = case["contrast"]
    first, second = result["names"]
    winner = second if contrast["value"] > 0 else first
    missed = bool(case["truth"]) and not case["truth"]["covers"]["contrast"]
    return {
        **case,
        "spread_words": SPREADS[case["spread"]],
        "choice": f"{winner} buys more" if contrast["told"] else "cannot be told",
        "leans": winner,
        "chance": _chance(case["posterior"]["contrast"]["probability"]),
        "missed": missed,
    }


def _choices(result: Mapping[str, Any]) -> str:
    """What changes over the table, in one sentence."""
    second = result["names"][1]
    told = [case for case in result["cases"] if case["contrast"]["told"]]
    leaning = sum(case["contrast"]["value"] > 0 for case in result["cases"])
    n = len(result["cases"])
    chances = [case["posterior"]["contrast"]["probability"] for case in result["cases"]]
    reach = f"{_chance(min(chances))} to {_chance(max(chances))}"
    start = f"In {len(told)} of {n} rows the interval of the difference leaves zero out"
    return f"{start}; the estimate favours {second} in {leaning} of {n}, its probability under the prior is {reach}."


def _truth(result: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any] | None:
    if not case["truth"]:
        return None
    true = case["truth"]
    verdict = "covers" if true["covers"]["contrast"] else "MISSES"
    parts = ", ".join(f"{words.number(true['avoided'][name])} on {name}" for name in result["names"])
    return {
        "text": f"The truth of this world: {parts}; the difference is {words.number(true['contrast'])},"
        f" and the interval {verdict} it.",
        "missed": not true["covers"]["contrast"],
    }


def _outcome(row: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    arms = {arm["treatment"]: arm for arm in row["arms"]}
    return {**row, "by_arm": [arms.get(name) for name in result["names"]]}


def _moved(result: Mapping[str, Any]) -> str:
    """On how many other outcomes an arm shows, once their number is counted."""
    ran = [row for row in result["outcomes"] if row["status"] == "ran"]
    if not ran:
        return "None of them could be estimated."
    alpha = 1 - result["level"]
    moved = [
        f"{arm['treatment']} on {row['title']}"
        for row in ran
        for arm in row["arms"]
        if (arm["p_adjusted"] or 1) <= alpha
    ]
    n = sum(len(row["arms"]) for row in ran)
    if not moved:
        return f"Once all {n} effects are counted, none is told from zero."
    verb = "is" if len(moved) == 1 else "are"
    return f"Once all {n} effects are counted, {len(moved)} {verb} told from zero: {'; '.join(moved)}."


def _targeting(result: Mapping[str, Any], curves: pd.DataFrame | None) -> dict[str, Any]:
    assert curves is not None  # noqa: S101 - written together
    levels = []
    for level in dict.fromkeys(row["level"] for row in result["indices"]):
        points = curves[curves["level"] == level]
        label = points["arm"] + " (" + points["basis"] + ")"
        by = list(dict.fromkeys(points["by"]))
        shown = points.assign(label=label, panel="by " + points["by"])
        rows = [row for row in result["indices"] if row["level"] == level]
        levels.append(
            {
                "level": level,
                "chart": charts.concentration(shown, [f"by {name}" for name in by]),
                "rows": rows,
                "sentences": [_concentrated(row) for row in rows if row["by"] == "violence"],
                "modelled": sorted({row["arm"] for row in rows if row["basis"] == "modelled"}),
                "n_places": rows[0]["n_places"],
                "n_unknown": max(row["n_unknown"] for row in rows),
            }
        )
    return {"result": result, "levels": levels}


def _concentrated(row: Mapping[str, Any]) -> str:
    """Where something lies along violence, in words."""
    index, share = row["index"], f"{100 * row['top_tenth']:.0f} %"
    where = "violent" if index > 0 else "peaceful"
    size = "close to even over violence" if abs(index) < 0.05 else f"more in the {where} places"
    called = ", as modelled" if row["basis"] == "modelled" else ""
    return (
        f"{row['arm'].capitalize()}{called}: {size} (index {words.number(index, 2)}); the tenth of people in the most"
        f" violent places has {share}."
    )


def _theme(row: Mapping[str, Any]) -> dict[str, Any]:
    found = [
        {
            **item,
            "said": STATUSES[item["status"]],
            "graph": IDENTIFIED.get(item["identified"] or "", ""),
            "grade": item["grade"],
        }
        for item in row["found"]
    ]
    return {**row, "found": found, "settled_words": SETTLED[row["settled"]]}
