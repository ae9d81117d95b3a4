"""Sentences on what the first arm does next door, from the weighing's `displacement`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from balanza.report import words
from balanza.report.language import figures, said
from balanza.report.language import gettext as _

PARTS = ("own", "neighbours", "total")


def sentences(result: Mapping[str, Any], case: Mapping[str, Any]) -> Iterable[str]:
    """Own effect, neighbours and total, and what that leaves of the first arm.

    Parameters
    ----------
    result : mapping
        pesos.json.
    case : mapping
        The headline case.
    """
    found, first = result["displacement"], said(result["names"][0])
    if found is None:
        none = _("No study of this run tells what {first} does next door: what neighbours feel is not in these pesos.")
        yield none.format(first=first)
        return
    if found["status"] != "ran":
        failed = _("The study {study} could not tell what {first} does next door: {reason}")
        yield failed.format(study=found["study"], first=first, reason=said(found["reason"]))
        return
    bounds = {part: _bounds(found[part], result["level"]) for part in PARTS}
    told = _(
        "Per {unit}, in {outcome} per 100,000 people a year: {own} in the places themselves, {neighbours} next door for"
        " each of them, {total} in all."
    )
    yield told.format(unit=said(found["unit"]), outcome=said(result["outcome"]), **bounds)
    yield _verdict(found["neighbours"], found["own"])
    yield _left(found, first, case["arms"][0]["avoided"][0])


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The effects in the places themselves, next door, in all, and by ring; none where nothing tells them."""
    found = result["displacement"]
    if found is None or found["status"] != "ran":
        return []
    return [{"part": part, **found[part]} for part in PARTS] + [dict(ring) for ring in found["rings"]]


def _bounds(part: Mapping[str, Any], level: float) -> str:
    return _("{value} ({level} % interval {low} to {high})").format(
        value=words.number(part["value"]),
        level=figures(f"{100 * level:g}"),
        low=words.number(part["low"]),
        high=words.number(part["high"]),
    )


def _verdict(near: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if not near["told"]:
        return _("The effect next door is not told from zero: displacement is neither shown nor excluded.")
    if (near["value"] > 0) == (own["value"] > 0):
        return _("Neighbours move the same way: what the places themselves show is not all of it.")
    return _("Neighbours move the other way: the places themselves show more than there is in all.")


def _left(found: Mapping[str, Any], first: str, avoided: float) -> str:
    """What the total is of the own effect, and what that would make of the pesos."""
    left = found["left"]
    if left["sort"] != "interval":
        return _("What the total is of the own effect is unbounded, since that effect is not told from zero.")
    told = _(
        "The total is {share} % of the own effect ({low} % to {high} %). If as much were left of what pesos buy on"
        " {first}, {avoided} avoided would be {remaining}; that is not estimated, since doses by state are not"
        " openings."
    )
    shares = {"share": left["value"], "low": left["low"], "high": left["high"]}
    return told.format(
        first=first,
        avoided=words.number(avoided),
        remaining=words.number(avoided * left["value"]),
        **{name: figures(f"{100 * value:.0f}") for name, value in shares.items()},
    )
