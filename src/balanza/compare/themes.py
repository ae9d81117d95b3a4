"""The themes of the project, each with its place: what was estimated, how well identified, what would close the gap.

What is known of a theme is read from the claim cards and the weighing of a run; only questions and gaps are written by
hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balanza.say import joined, say
from balanza.strict import Strict

NOT_RUN = say("not in this run")
NOT_SUPPORTED = "E"
"""The grade of an effect that was found and that checks have refuted (config/grades.yaml)."""


class Theme(Strict):
    """A theme: its question, the studies (or `study.treatment`), checks (`study.check`) and outcomes that speak to it,
    and what is missing."""

    theme: str
    question: str
    studies: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    rests_on: str
    missing: str
    closes: str


class Themes(Strict):
    """All of config/themes.yaml."""

    themes: tuple[Theme, ...]


def place(
    themes: Themes,
    claims: Mapping[str, Any],
    weighed: Mapping[str, Any] | None,
    checks: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Each theme with what the run found.

    Parameters
    ----------
    themes : Themes
    claims : mapping
        The claim.json of each study that ran, by its name.
    weighed : mapping or None
        pesos.json, None where nothing was weighed.
    checks : mapping, optional
        The result of each check that a theme names, by `study.check`.

    Returns
    -------
    list of dict
        The theme's own words and `found`: `what` (study and treatment, check, or outcomes), `status` (`claimed`, `not
        supported`, `no claim`, `no estimate`, `estimated`, `measured`, `not measured` or `not in this run`), `grade`,
        `title`, `identified` (the graph's answer, null where it was not asked), `change` (per cent and interval) and
        `sentence`.
        `settled` is the best that was reached: `claimed`, `estimated` or `nothing`.
    """
    return [_place(theme, claims, weighed or {}, checks or {}) for theme in themes.themes]


def _place(
    theme: Theme, claims: Mapping[str, Any], weighed: Mapping[str, Any], checks: Mapping[str, Any]
) -> dict[str, Any]:
    found = [row for study in theme.studies for row in _study(study, claims)]
    found += [_check(name, checks.get(name)) for name in theme.checks]
    found += [_outcome(about, weighed) for about in theme.outcomes]
    reached = {row["status"] for row in found}
    settled = (
        "claimed"
        if "claimed" in reached
        else "estimated"
        if reached & {"not supported", "no claim", "measured", "estimated"}
        else "nothing"
    )
    words = theme.model_dump(include={"theme", "question", "rests_on", "missing", "closes"})
    return words | {"found": found, "settled": settled}


def _row(what: str, status: str, **known: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("grade", "title", "identified", "change", "sentence"))
    return {"what": what, "status": status} | blank | known


def _study(asked: str, claims: Mapping[str, Any]) -> list[dict[str, Any]]:
    name, _, treatment = asked.partition(".")
    claim = claims.get(name)
    if claim is None:
        return [_row(asked.replace(".", ": "), NOT_RUN)]
    several = len(claim["cards"]) > 1
    rows = []
    for card in claim["cards"]:
        if treatment not in ("", card["treatment"]):
            continue
        status = {"rise": "claimed", "fall": "claimed", "none": say("no claim")}.get(
            card["direction"], say("no estimate")
        )
        if status == "claimed" and card["grade"] == NOT_SUPPORTED:
            status = "not supported"
        identified = next((item["answer"] for item in card["criteria"] if item["name"] == "identified"), None)
        known = {"grade": card["grade"], "title": card["title"], "identified": identified}
        known["change"] = card["headline"].get("percent_change")
        rows.append(_row(joined([name, ": ", card["treatment"]]) if several else name, status, **known))
    return rows


def _check(asked: str, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a check of a study says, which claims nothing."""
    what = asked.replace(".", ": ")
    if found is None:
        return _row(what, NOT_RUN)
    if found["status"] != "ran":
        return _row(what, "no estimate", sentence=found["reason"])
    return _row(what, "estimated", sentence=found["sentence"].rstrip("."))


def _outcome(about: str, weighed: Mapping[str, Any]) -> dict[str, Any]:
    """How many outcomes of a sort were measured, and on how many an arm shows after adjustment for their number."""
    if not weighed:
        return _row(about, NOT_RUN)
    ran = [row for row in weighed["outcomes"] if row["about"] == about and row["status"] == "ran"]
    lacking = [row["title"] for row in weighed["unmeasured"] if row["about"] == about]
    if not ran:
        return _row(
            about,
            say("not measured"),
            sentence=say("lacks {lacking}", lacking=joined(lacking, "; ")) if lacking else None,
        )
    alpha = 1 - weighed["level"]
    moved = [row for row in ran if any((arm["p_adjusted"] or 1.0) <= alpha for arm in row["arms"])]
    told = say(
        "{n_ran} measured, {n_moved} of them associated with an arm once their number is counted",
        n_ran=len(ran),
        n_moved=len(moved),
    )
    return _row(
        about, "measured", sentence=told + (say("; lacks {lacking}", lacking=joined(lacking, "; ")) if lacking else "")
    )
