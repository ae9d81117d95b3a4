"""The claim cards of a study in words; the numbers and the grades are those of claim.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from balanza.report import words
from balanza.report.load import StudyResults

ANSWERS = {
    "passed": "passed",
    "failed": "failed",
    "open": "left open",
    "not possible": "not possible with the data",
    "not applicable": "not applicable",
}


def of_study(found: StudyResults) -> list[dict[str, Any]]:
    """Each card of a study with its lines and the count of answers in words."""
    return [
        {**card, "lines": list(_lines(card)), "counts_words": _counts(card["counts"])} for card in found.claim["cards"]
    ]


def _counts(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    parts = [f"{counts[answer]} {said}" for answer, said in ANSWERS.items() if counts.get(answer)]
    return f"Of {total} criteria: {', '.join(parts)}." if total else ""


def _lines(card: Mapping[str, Any]) -> Iterable[str]:
    change = card["headline"].get("percent_change")
    if card["direction"] == "none" and change:
        yield _excluded(change, card["matters"])
    if card["direction"] in ("rise", "fall"):
        yield _breakdown(card["breakdown"])
    if card["detectable"]:
        fall, rise = (words.percent(card["detectable"][side]).lstrip("+") for side in ("fall", "rise"))
        found = f"a fall of {fall} or a rise of {rise}"
        yield f"The design finds {found} four times out of five; smaller ones it often misses."
    shown = [row["percent_change"] for row in card["strip"] if row["percent_change"]]
    if shown:
        values = [value for value, _, _ in shown]
        span = f"{words.percent(min(values))} to {words.percent(max(values))}"
        yield f"The other estimators ({len(shown)}) run from {span}."


def _excluded(change: list[float | None], matters: float) -> str:
    """What the interval around zero rules out, and whether that is anything that matters."""
    _, low, high = change
    parts = []
    if low is not None:
        parts.append(f"a fall of more than {words.percent(-low).lstrip('+')}")
    if high is not None:
        parts.append(f"a rise of more than {words.percent(high).lstrip('+')}")
    if not parts:
        return "The interval is unbounded: no effect of any size is excluded."
    told = f"The interval excludes {' and '.join(parts)}"
    size = words.percent(matters).lstrip("+")
    if low is not None and high is not None and max(-low, high) <= matters:
        return f"{told}: none of {size}, which would matter, is left."
    return f"{told}; it does not exclude all effects of {size}, which would matter."


def _breakdown(value: float | None) -> str:
    if value is None:
        return "No breakdown value: honest bounds were not possible here."
    if value == 0:
        return "It does not survive any difference in trends after treatment."
    return f"It survives differences in trends up to {words.number(value)} times the largest one before treatment."
