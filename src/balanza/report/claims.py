"""The claim cards of a study in words; the numbers and the grades are those of claim.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from balanza.report import words
from balanza.report.language import N_, said
from balanza.report.language import gettext as _
from balanza.report.load import StudyResults

ANSWERS = {
    "passed": N_("{n} passed"),
    "failed": N_("{n} failed"),
    "open": N_("{n} left open"),
    "not possible": N_("{n} not possible with the data"),
    "not applicable": N_("{n} not applicable"),
}


def of_study(found: StudyResults) -> list[dict[str, Any]]:
    """Each card of a study with its lines and the count of answers in words."""
    return [
        {**card, "lines": list(_lines(card)), "counts_words": _counts(card["counts"])} for card in found.claim["cards"]
    ]


def _counts(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    parts = [said(told).format(n=counts[answer]) for answer, told in ANSWERS.items() if counts.get(answer)]
    return _("Of {total} criteria: {counts}.").format(total=total, counts=", ".join(parts)) if total else ""


def _lines(card: Mapping[str, Any]) -> Iterable[str]:
    change = card["headline"].get("percent_change")
    if card["direction"] == "none" and change:
        yield _excluded(change, card["matters"])
    if card["direction"] in ("rise", "fall"):
        yield _breakdown(card["breakdown"])
    if card["detectable"]:
        yield _(
            "The design finds a fall of {fall} or a rise of {rise} four times out of five; smaller ones it often"
            " misses."
        ).format(**{side: words.share(card["detectable"][side]) for side in ("fall", "rise")})
    shown = [row["percent_change"] for row in card["strip"] if row["percent_change"]]
    if shown:
        values = [value for value, _, _ in shown]
        yield _("The other estimators ({n}) run from {low} to {high}.").format(
            n=len(shown), low=words.percent(min(values)), high=words.percent(max(values))
        )


def _excluded(change: list[float | None], matters: float) -> str:
    """What the interval around zero rules out, and whether that is anything that matters."""
    low, high = change[1:]
    told = {"fall": words.share(None if low is None else -low), "rise": words.share(high)}
    size = words.share(matters)
    if low is None and high is None:
        return _("The interval is unbounded: no effect of any size is excluded.")
    if high is None:
        start = _("The interval excludes a fall of more than {fall}").format(**told)
    elif low is None:
        start = _("The interval excludes a rise of more than {rise}").format(**told)
    else:
        start = _("The interval excludes a fall of more than {fall} and a rise of more than {rise}").format(**told)
        if max(-low, high) <= matters:
            return start + _(": none of {size}, which would matter, is left.").format(size=size)
    return start + _("; it does not exclude all effects of {size}, which would matter.").format(size=size)


def _breakdown(value: float | None) -> str:
    if value is None:
        return _("No breakdown value: honest bounds were not possible here.")
    if value == 0:
        return _("It does not survive any difference in trends after treatment.")
    return _("It survives differences in trends up to {times} times the largest one before treatment.").format(
        times=words.number(value)
    )
