"""Sentences that follow from numbers, and how numbers are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from balanza.report.language import MINUS, N_, figures, ngettext, said
from balanza.report.language import gettext as _

if TYPE_CHECKING:
    from balanza.contract import Treatment

NEGATIVE = r"(?<![\w.-])-(?=\d)"
THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float | None, digits: int = 3) -> str:
    """A number to some significant digits, with a true minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{min(places, 6)}f}"
    return figures(text)


def percent(value: float | None) -> str:
    """A change in per cent, signed, to one decimal."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{figures(f'{value:+,.1f}')}{THIN}%"


def code(text: str | None) -> Markup:
    """Text with what stands in backticks as code, and true minus signs in the rest; everything in it is escaped."""
    parts = str(escape(text or "")).split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner stays as it is
        parts[-2:] = ["`".join(parts[-2:])]
    marked = [
        f"<code>{part}</code>" if index % 2 else re.sub(NEGATIVE, MINUS, part) for index, part in enumerate(parts)
    ]
    return Markup("".join(marked))  # noqa: S704 - escaped above


def slug(text: str) -> str:
    """A name as part of an address: small letters, digits, underscores and hyphens."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-") or "unnamed"


def p_value(value: float | None) -> str:
    """A p-value to three decimals, with a floor."""
    if value is None:
        return "–"
    return f"< {figures('0.001')}" if value < 0.001 else figures(f"{value:.3f}")


def cell(value: Any, column: str) -> str:
    """A value of a table: numbers with their thousands told apart, but not years; a dash where there is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and column not in ("year", "from", "to"):
        return number(value, 5)
    return "–" if value is None else str(value)


def interval(bounds: Sequence[float] | None, write: Any = number) -> str:
    """An interval, each bound written by `write`."""
    return "–" if bounds is None else f"[{write(bounds[0])}, {write(bounds[1])}]"


def unit_of(treatment: Treatment) -> str:
    """What effects of a treatment are stated per: the unit that the study gives, else that of its column."""
    if treatment.unit:
        return said(treatment.unit)
    if treatment.kind != "dose":
        return _("unit of treatment")
    return ngettext("unit of {column}", "{size} units of {column}", 1 if treatment.per == 1 else 2).format(
        size=number(treatment.per), column=said(treatment.column)
    )


def measured_by(treatment: Treatment) -> str:
    """A treatment in a few words: its unit, or the column that holds it."""
    given = treatment.first_treated
    return said(treatment.unit or treatment.column or (given if isinstance(given, str) else treatment.name))


def finding(row: Mapping[str, Any], outcome: str, unit: str, level: float) -> str:
    """What one estimate says, and what it cannot say, in one or two sentences.

    Parameters
    ----------
    row : mapping
        A row of a study's comparison.
    outcome : str
        What is measured.
    unit : str
        The treatment's stated unit.
    level : float
        Confidence level of the interval.
    """
    if row["status"] != "ran":
        return _("No estimate: {reason}").format(reason=said(row["reason"]))
    about = {"outcome": said(outcome), "unit": unit, "level": figures(f"{100 * level:.0f}")}
    if row["percent_change"] is None:
        return _("The estimated change in {outcome} per {unit} is {value} ({level} % interval {interval}).").format(
            value=number(row["value"]), interval=interval(row["interval"]), **about
        )
    value, low, high = row["percent_change"]
    more = _(
        "Per {unit}, {outcome} are estimated to be {size} higher than they would have been ({level} % interval {low} to"
        " {high})."
    )
    less = _(
        "Per {unit}, {outcome} are estimated to be {size} lower than they would have been ({level} % interval {low} to"
        " {high})."
    )
    start = (more if value > 0 else less).format(size=share(abs(value)), low=percent(low), high=percent(high), **about)
    return f"{start} {_reach(low, high)}"


def briefly(row: Mapping[str, Any], outcome: str, unit: str) -> str:
    """What one estimate says as a figure with its interval, for a list; parameters as in `finding`."""
    if row["status"] != "ran":
        return _("No estimate: {reason}").format(reason=said(row["reason"]))
    if row["percent_change"] is None:
        change, bounds = f"{number(row['value'])} {said(outcome)}", interval(row["interval"])
    else:
        value, *ends = row["percent_change"]
        change, bounds = percent(value), interval(ends, percent)
    return _("{change} {interval} per {unit}.").format(change=change, interval=bounds, unit=unit)


def share(value: float | None) -> str:
    """A size in per cent, without the sign of a rise."""
    return percent(value).lstrip("+")


def _reach(low: float, high: float) -> str:
    if low > 0:
        return _("The interval leaves out zero: it is a rise, if the assumptions hold.")
    if high < 0:
        return _("The interval leaves out zero: it is a fall, if the assumptions hold.")
    return _(
        "The interval contains zero: no effect cannot be excluded, nor can a fall of {fall} or a rise of {rise}."
    ).format(fall=share(-low), rise=share(high))


def agreement(counts: Mapping[str, Any]) -> str:
    """Whether the estimators of a study agree, in one sentence; nothing where there is but one.

    Parameters
    ----------
    counts : mapping
        `n`, `n_rise`, `n_fall`, `lowest` and `highest` of a study's comparison.
    """
    n, rise, fall = counts["n"], counts["n_rise"], counts["n_fall"]
    if n < 2:
        return ""
    if rise and fall:
        told = _(
            "The {n} estimators contradict each other: {rise} intervals are a rise and {fall} a fall; estimates run"
            " from {low} to {high}."
        )
    elif rise and rise == n:
        told = _("Of {n} estimators, {rise} have an interval that is a rise; estimates run from {low} to {high}.")
    elif rise:
        told = _(
            "Of {n} estimators, {rise} have an interval that is a rise, and the others contain zero; estimates run"
            " from {low} to {high}."
        )
    elif fall and fall == n:
        told = _("Of {n} estimators, {fall} have an interval that is a fall; estimates run from {low} to {high}.")
    elif fall:
        told = _(
            "Of {n} estimators, {fall} have an interval that is a fall, and the others contain zero; estimates run"
            " from {low} to {high}."
        )
    else:
        told = _("The intervals of all {n} estimators contain zero; estimates run from {low} to {high}.")
    low, high = percent(counts["lowest"]), percent(counts["highest"])
    return told.format(n=n, rise=rise, fall=fall, low=low, high=high)


def consequence(check: Mapping[str, Any], family: str, headline: str | None) -> str:
    """What it means for the headline that the two-way fit was refuted; nothing where it was not.

    Parameters
    ----------
    check : mapping
        A check's JSON.
    family : str
        The family of the outcome, which says whose fit the check took apart.
    headline : str or None
        The estimator that the page leads with.
    """
    if check["name"] != "refuters" or check["passed"] is not False:
        return ""
    fit = "poisson" if family == "poisson" else "twfe"
    if headline == fit:
        told = _("That fit is the headline, `{fit}`: its estimate and interval stand under this doubt.")
    elif headline:
        told = _("That fit is `{fit}`; the headline, `{headline}`, was not tested by these attempts.")
    else:
        told = _("That fit is `{fit}`; what leads this page was not tested by these attempts.")
    return told.format(fit=fit, headline=headline)


def against_truth(row: Mapping[str, Any]) -> str:
    """How an estimate compares with the truth of the synthetic world."""
    if row.get("covers_truth") is None:
        return ""
    if row["covers_truth"]:
        told = _("The true change is {change}: the interval covers it.")
    else:
        told = _("The true change is {change}: the interval MISSES it.")
    return told.format(change=percent(row["true_percent"]))


THEMES = {
    "militarization": N_("militarization"),
    "coordination": N_("coordination"),
    "prevention": N_("prevention"),
    "justice": N_("justice"),
    "us_cooperation": N_("cooperation with the US, and the groups"),
    "rights_and_outlook": N_("rights and outlook"),
    "context": N_("context"),
    "outcome": N_("violence and its records"),
}
VALUES = (
    *(N_("ran"), N_("declined"), N_("failed"), N_("broken"), N_("not run"), N_("unsupported")),
    *(N_("passed"), N_("open"), N_("not possible"), N_("not applicable")),
    *(N_("beneficial"), N_("null"), N_("harmful"), N_("none"), N_("level"), N_("dip")),
    *(N_("published"), N_("modelled"), N_("low"), N_("high"), N_("guard"), N_("prevention"), N_("money")),
    *(N_("months"), N_("years"), N_("periods")),
    *(N_("state"), N_("municipality"), N_("region"), N_("unit"), N_("violence"), N_("poverty"), N_("people")),
    *(N_("homicides"), N_("deprivation"), N_("population"), N_("reported")),
)
"""What results and configurations say in one word, for the catalogue."""


def theme(name: str) -> str:
    """A theme of a causal graph as the report calls it."""
    return said(THEMES.get(name, name.replace("_", " ")))


def verdict(arm: Mapping[str, Any]) -> str:
    """Whether a causal graph identifies an effect, and with the columns at hand, in a few words.

    Parameters
    ----------
    arm : mapping
        An arm of a study's identification.json.
    """
    if not arm["identified"]:
        return _("not identified")
    return _("identified") if arm["identified_here"] else _("identified by the graph, but not with these columns")


def how_many_sets(count: int, *, complete: bool) -> str:
    """How many minimal adjustment sets there are, where at least one does."""
    if not complete:
        return _("There are more than {n} minimal sets").format(n=count)
    return ngettext("It is the only minimal set", "There are {n} minimal sets", count).format(n=count)


def arrow(mark: str | None) -> str:
    """An edge as a search writes it (``-->``, ``o->``), in arrows; an open end is a circle, no edge a dash."""
    if mark is None:
        return "–"
    left, right = {"<": "←", "o": "∘"}.get(mark[0], ""), {">": "→", "o": "∘"}.get(mark[-1], "")
    return {"←→": "↔", "": "—", "∘∘": "∘—∘"}.get(left + right, left + right)
