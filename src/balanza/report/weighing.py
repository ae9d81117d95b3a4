"""The page that weighs both arms: every sentence follows from the numbers of results/<world>/versus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from balanza.report import charts, next_door, themes, words
from balanza.report.language import N_, figures, ngettext, said
from balanza.report.language import gettext as _
from balanza.report.load import Weighing

SPREADS = {"people": N_("evenly"), "as_spent": N_("as now")}


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
        "targeting": None if found.targeting is None else themes.targeting(found.targeting, found.curves),
        "themes": [themes.standing(row) for row in found.themes["themes"]],
        "themes_digest": found.themes["themes_digest"],
    }


def summary(found: Weighing) -> list[str]:
    """The sentences that stand on the first page; none where nothing was weighed."""
    if found.pesos is None or found.pesos["status"] != "ran":
        return []
    return [*_bought(found.pesos, found.pesos["cases"][0]), _verdict(found.pesos, found.pesos["cases"][0])]


def picture(found: Weighing) -> dict[str, Any] | None:
    """The chart of what growing sums buy, with its caption; None where nothing was weighed."""
    if found.pesos is None or found.pesos["status"] != "ran" or found.lines is None:
        return None
    return {"chart": chart(found.pesos, found.lines), "caption": _caption(found.pesos, found.lines)}


def _caption(result: Mapping[str, Any], lines: pd.DataFrame) -> str:
    told = _(
        "{outcome} avoided a year by growing sums, the same for each person, with {level} % bands; by each cost."
    ).format(outcome=said(result["outcome"]).capitalize(), level=round(100 * result["level"]))
    if lines["beyond"].any():
        beyond = _(
            "Dashed: the mean dose with the sum added is above the highest dose that any place had, so that the line is"
            " carried beyond the data."
        )
    else:
        beyond = _("No sum lifts the mean dose above the highest that any place had.")
    return f"{told} {beyond}"


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
        "costs": [{"arm": arm["treatment"], **cost} for arm in result["arms"] for cost in arm["costs"]],
        "cases": [_case(result, case) for case in result["cases"]],
        "choices": _choices(result),
        "chart": chart(result, lines),
        "caption": _caption(result, lines),
        "alone": {name: sentence for name, sentence in result["checks"].items() if sentence},
        "truth": _truth(result, lead),
        "displacement": list(next_door.sentences(result, lead)),
        "next_door": next_door.rows(result),
    }


def chart(result: Mapping[str, Any], lines: pd.DataFrame) -> Markup:
    """What growing sums buy on each arm."""
    return charts.equal_pesos(
        lines.assign(arm=lines["arm"].map(said), cost=lines["cost"].map(said)),
        _("million pesos of {year} a year").format(year=result["base_year"]),
        _("{outcome} avoided a year").format(outcome=said(result["outcome"])),
    )


def _names(result: Mapping[str, Any]) -> tuple[str, str]:
    """The two arms, as the page calls them."""
    first, second = (said(name) for name in result["names"])
    return first, second


def _level(level: float) -> str:
    return figures(f"{100 * level:g}")


def _price(result: Mapping[str, Any], index: int, label: str) -> Mapping[str, Any]:
    arm = result["arms"][index]
    found: Mapping[str, Any] = next(cost for cost in arm["costs"] if cost["name"] == label)
    return found


def _bought(result: Mapping[str, Any], case: Mapping[str, Any]) -> Iterable[str]:
    """What the amount buys on each arm, and what one event avoided costs."""
    for index, name in enumerate(result["names"]):
        arm = case["arms"][index]
        price, each = _price(result, index, case["costs"][name])["pesos"], arm["pesos_each"]
        told = {
            "arm": said(name),
            "price": ngettext("{n} peso", "{n} pesos", 1 if price == 1 else 2).format(n=words.number(price)),
            "counts": said(result["arms"][index]["counts"]),
            "amount": words.number(result["amount_millions"]),
            "year": result["base_year"],
            "level": _level(result["level"]),
            "outcome": said(result["outcome"]),
        }
        told |= dict(zip(("value", "low", "high"), map(words.number, arm["avoided"]), strict=True))
        start = said(AVOID if arm["avoided"][0] >= 0 else BRING).format(**told)
        if each["word"] == "unbounded":
            yield start + _("; the interval contains zero, so that the pesos for one of them avoided are unbounded.")
        elif each["value"] < 0:
            yield start + _(": all of the interval is a rise, so that no pesos avoid any.")
        else:
            spelt = {key: words.number(each[key]) for key in ("value", "low", "high")}
            yield start + _(": {value} pesos for each ({low} to {high}).").format(**spelt)


NO_PRICE = {
    "the first arm avoids events and the second does not: at every price the first buys more": N_(
        "{first} avoids events and {second} does not, so that no price makes them equal"
    ),
    "the second arm avoids events and the first does not: at every price the second buys more": N_(
        "{second} avoids events and {first} does not, so that no price makes them equal"
    ),
    "neither arm avoids events: the dearer the first, the less harm its pesos do": N_(
        "neither arm avoids events: the dearer {first}, the less harm its pesos do"
    ),
}
"""Why no price turns the choice, as `balanza.compare.pesos` gives it, with the names of the arms."""
AVOID = N_(
    "Spent on {arm} at {price} for each {counts}, {amount} million pesos of {year} a year are estimated to avoid"
    " {value} ({level} % interval {low} to {high}) {outcome} a year"
)


BRING = N_(
    "Spent on {arm} at {price} for each {counts}, {amount} million pesos of {year} a year are estimated to bring,"
    " as a negative number avoided, {value} ({level} % interval {low} to {high}) {outcome} a year"
)


def _verdict(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    first, second = _names(result)
    contrast = case["contrast"]
    more, less = (second, first) if contrast["value"] > 0 else (first, second)
    low, high = (words.number(bound) for bound in contrast["interval"])
    if contrast["told"]:
        told = _(
            "The same pesos buy {gap} more on {more} than on {less} ({second} less {first}: {level} % interval {low} to"
            " {high}): {more} buys more, if the assumptions of both arms hold."
        )
    else:
        told = _(
            "The estimates are {gap} more on {more} than on {less} ({second} less {first}: {level} % interval {low} to"
            " {high}); the interval contains zero: which buys more cannot be told."
        )
    gap, level = words.number(abs(contrast["value"])), _level(result["level"])
    return told.format(gap=gap, more=more, less=less, first=first, second=second, level=level, low=low, high=high)


def _frequentist(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    first, second = _names(result)
    arms = result["arms"][0]
    return _(
        "One-sided p of the hypothesis that {second} buys no more than {first}: {p} (Student's t with {freedom} degrees"
        " of freedom, from {clusters} clusters; the two effects correlate by {correlation})."
    ).format(
        first=first,
        second=second,
        p=words.p_value(_p(case)),
        freedom=arms["n_clusters"] - 1,
        clusters=arms["n_clusters"],
        correlation=words.number(arms["correlation"], 2),
    )


def _randomized(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    """What handing both arms' doses round would say, which no one did."""
    first, second = _names(result)
    found = case["randomization"]
    if found["reason"]:
        return _("Both arms cannot be handed to other clusters together: {reason}").format(reason=said(found["reason"]))
    told = {
        "first": first,
        "second": second,
        "clusters": result["arms"][0]["n_clusters"],
        "strata": found["strata"],
        "outcome": said(result["outcome"]),
        "when": said(found["when"]),
        "p": words.p_value(found["p_one_sided"]),
        "draws": found["draws"],
    }
    return said(WITHIN if found["strata"] > 1 else AMONG_ALL).format(**told)


WITHIN = N_(
    "Had {first} and {second} bought the same, and had the doses of both been handed to the {clusters} clusters"
    " together and at random within {strata} strata of {outcome} {when} (which they were not), the difference would"
    " have favoured {second} as much or more with one-sided p {p} ({draws} draws)."
)
AMONG_ALL = N_(
    "Had {first} and {second} bought the same, and had the doses of both been handed to the {clusters} clusters"
    " together and at random (which they were not), the difference would have favoured {second} as much or more with"
    " one-sided p {p} ({draws} draws)."
)


def _p(case: Mapping[str, Any]) -> float:
    return float(case["contrast"]["p_one_sided"])


def _chance(value: float) -> str:
    percent = 100 * value
    if percent < 1:
        return _("under 1 %")
    return _("over 99 %") if percent > 99 else f"{percent:.0f} %"


def _bayesian(result: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    first, second = _names(result)
    held = "; ".join(
        f"{said(arm['treatment'])} N(0, {figures(format(arm['prior']['deviation'], 'g'))}²)" for arm in result["arms"]
    )
    posterior = case["posterior"]["contrast"]
    low, high = (words.number(bound) for bound in posterior["interval"])
    return _(
        "Under the priors ({held}; on the {about}) the probability that {second} buys more than {first} is {chance},"
        " from 50 % before the data; the difference is then {mean} on average ({level} % of the posterior from {low} to"
        " {high})."
    ).format(
        held=held,
        about=said(result["prior_about"]),
        first=first,
        second=second,
        chance=_chance(posterior["probability"]),
        mean=words.number(posterior["mean"]),
        level=_level(result["level"]),
        low=low,
        high=high,
    )


def _flips(result: Mapping[str, Any], case: Mapping[str, Any]) -> Iterable[str]:
    """At which price and at which effect of the first arm the choice turns."""
    first, second = _names(result)
    arm, turning = result["arms"][0], case["flips"]
    price, counts = turning["price"], said(arm["counts"])
    if price["reason"]:
        reason = said(NO_PRICE[price["reason"]]).format(first=first, second=second)
        told = _("At the estimates no price of a {counts} turns the choice: {reason}.")
        yield told.format(counts=counts, reason=reason)
        if not case["contrast"]["told"]:
            yield _("So far as the estimates go: they are not told apart.")
    else:
        sets = {
            "interval": _("between {low} and {high}"),
            "outside": _("anything but between {low} and {high}"),
            "all": _("any price: the data exclude none"),
        }
        bounds = {end: words.number(price[end]) for end in ("low", "high")}
        yield _(
            "At the estimates both buy the same where a {counts} costs {price} pesos a year: below it {first} buys"
            " more, above it {second} ({level} % confidence set: {set})."
        ).format(
            counts=counts,
            price=words.number(price["value"]),
            first=first,
            second=second,
            level=_level(result["level"]),
            set=sets[price["sort"]].format(**bounds),
        )
    effect = turning["effect"]
    yield _(
        "At the first of its costs the choice turns where the effect of {arm} per {unit} is {value} in logs; it is"
        " estimated at {estimate}, which is {away} standard errors away."
    ).format(
        arm=first,
        unit=said(arm["unit"]),
        value=words.number(effect["value"]),
        estimate=words.number(effect["estimate"]),
        away=words.number(effect["errors_away"], 2),
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
    first, second = _names(result)
    winner = second if contrast["value"] > 0 else first
    missed = bool(case["truth"]) and not case["truth"]["covers"]["contrast"]
    return {
        **case,
        "spread_words": said(SPREADS[case["spread"]]),
        "choice": _("{arm} buys more").format(arm=winner) if contrast["told"] else _("cannot be told"),
        "leans": winner,
        "chance": _chance(case["posterior"]["contrast"]["probability"]),
        "missed": missed,
    }


def _choices(result: Mapping[str, Any]) -> str:
    """What changes over the table, in one sentence."""
    second = _names(result)[1]
    told = [case for case in result["cases"] if case["contrast"]["told"]]
    leaning = sum(case["contrast"]["value"] > 0 for case in result["cases"])
    n = len(result["cases"])
    chances = [case["posterior"]["contrast"]["probability"] for case in result["cases"]]
    return _(
        "In {told} of {n} rows the interval of the difference leaves zero out; the estimate favours {second} in"
        " {leaning} of {n}, its posterior probability is {low} to {high}."
    ).format(told=len(told), n=n, second=second, leaning=leaning, low=_chance(min(chances)), high=_chance(max(chances)))


def _truth(result: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any] | None:
    if not case["truth"]:
        return None
    true = case["truth"]
    covered = true["covers"]["contrast"]
    told = N_("The truth of this world: {parts}; the difference is {difference}, and the interval covers it.")
    missed = N_("The truth of this world: {parts}; the difference is {difference}, and the interval MISSES it.")
    parts = [
        _("{n} on {arm}").format(n=words.number(true["avoided"][name]), arm=said(name)) for name in result["names"]
    ]
    text = said(told if covered else missed).format(parts=", ".join(parts), difference=words.number(true["contrast"]))
    return {"text": text, "missed": not covered}


def _outcome(row: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    arms = {arm["treatment"]: arm for arm in row["arms"]}
    return {**row, "by_arm": [arms.get(name) for name in result["names"]]}


def _moved(result: Mapping[str, Any]) -> str:
    """On how many other outcomes an arm shows, once their number is counted."""
    ran = [row for row in result["outcomes"] if row["status"] == "ran"]
    if not ran:
        return _("None of them could be estimated.")
    alpha = 1 - result["level"]
    moved = [
        _("{treatment} on {outcome}").format(treatment=said(arm["treatment"]), outcome=said(row["title"]))
        for row in ran
        for arm in row["arms"]
        if (arm["p_adjusted"] or 1) <= alpha
    ]
    n = sum(len(row["arms"]) for row in ran)
    if not moved:
        return _("Once all {n} effects are counted, none is told from zero.").format(n=n)
    return ngettext(
        "Once all {n} effects are counted, {moved} is told from zero: {list}.",
        "Once all {n} effects are counted, {moved} are told from zero: {list}.",
        len(moved),
    ).format(n=n, moved=len(moved), list="; ".join(moved))
