"""Sentences on what the first arm does next door, from the weighing's `displacement`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from balanza.report import words


def sentences(result: Mapping[str, Any], case: Mapping[str, Any]) -> Iterable[str]:
    """Own effect, neighbours and total, and what that leaves of the first arm.

    Parameters
    ----------
    result : mapping
        pesos.json.
    case : mapping
        The headline case.
    """
    found, first = result["displacement"], result["names"][0]
    if found is None:
        yield f"No study of this run tells what {first} does next door: what neighbours feel is not in these pesos."
        return
    if found["status"] != "ran":
        yield f"The study {found['study']} could not tell what {first} does next door: {found['reason']}"
        return
    own, near, total = (_bounds(found[part], result["level"]) for part in ("own", "neighbours", "total"))
    yield (
        f"Per {found['unit']}, in {result['outcome']} per 100,000 people a year: {own} in the places themselves, {near}"
        f" next door for each of them, {total} in all."
    )
    yield _verdict(found["neighbours"], found["own"])
    yield _left(found, first, case["arms"][0]["avoided"][0])


def _bounds(part: Mapping[str, Any], level: float) -> str:
    low, high = words.number(part["low"]), words.number(part["high"])
    return f"{words.number(part['value'])} ({100 * level:g} % interval {low} to {high})"


def _verdict(near: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if not near["told"]:
        return "The effect next door is not told from zero: displacement is neither shown nor excluded."
    if (near["value"] > 0) == (own["value"] > 0):
        return "Neighbours move the same way: what the places themselves show is not all of it."
    return "Neighbours move the other way: the places themselves show more than there is in all."


def _left(found: Mapping[str, Any], first: str, avoided: float) -> str:
    """What the total is of the own effect, and what that would make of the pesos."""
    left = found["left"]
    if left["sort"] != "interval":
        return "What the total is of the own effect is unbounded, since that effect is not told from zero."
    low, high = (f"{100 * left[end]:.0f} %" for end in ("low", "high"))
    return (
        f"The total is {100 * left['value']:.0f} % of the own effect ({low} to {high}). If as much were left of what"
        f" pesos buy on {first}, {words.number(avoided)} avoided would be {words.number(avoided * left['value'])}; that"
        " is not estimated, since doses by state are not openings."
    )
