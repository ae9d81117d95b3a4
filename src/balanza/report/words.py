"""Sentences that follow from numbers, and how numbers are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from balanza.report.language import MINUS, figures

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
        return treatment.unit
    if treatment.kind != "dose":
        return "unit of treatment"
    size = "unit" if treatment.per == 1 else f"{number(treatment.per)} units"
    return f"{size} of {treatment.column}"


def measured_by(treatment: Treatment) -> str:
    """A treatment in a few words: its unit, or the column that holds it."""
    given = treatment.first_treated
    return treatment.unit or treatment.column or (given if isinstance(given, str) else treatment.name)


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
        return f"No estimate: {row['reason']}"
    if row["percent_change"] is None:
        change = f"{number(row['value'])} ({100 * level:.0f} % interval {interval(row['interval'])})"
        return f"The estimated change in {outcome} per {unit} is {change}."
    value, low, high = row["percent_change"]
    start = (
        f"Per {unit}, {outcome} are estimated to be {percent(abs(value)).lstrip('+')} "
        f"{'higher' if value > 0 else 'lower'} than they would have been ({100 * level:.0f} % interval "
        f"{percent(low)} to {percent(high)})."
    )
    return f"{start} {_reach(low, high)}"


def _reach(low: float, high: float) -> str:
    if low > 0 or high < 0:
        return f"The interval leaves out zero: it is {'a rise' if low > 0 else 'a fall'}, if the assumptions hold."
    return (
        f"The interval contains zero: no effect cannot be excluded, nor can a fall of {percent(-low).lstrip('+')} "
        f"or a rise of {percent(high).lstrip('+')}."
    )


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
    span = f"estimates run from {percent(counts['lowest'])} to {percent(counts['highest'])}"
    if rise and fall:
        return f"The {n} estimators contradict each other: {rise} intervals are a rise and {fall} a fall; {span}."
    if rise or fall:
        what, others = "a rise" if rise else "a fall", "" if n == rise + fall else ", and the others contain zero"
        return f"Of {n} estimators, {rise or fall} have an interval that is {what}{others}; {span}."
    return f"The intervals of all {n} estimators contain zero; {span}."


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
        return f"That fit is the headline, `{fit}`: its estimate and interval stand under this doubt."
    other = f"the headline, `{headline}`," if headline else "what leads this page"
    return f"That fit is `{fit}`; {other} was not tested by these attempts."


def against_truth(row: Mapping[str, Any]) -> str:
    """How an estimate compares with the truth of the synthetic world."""
    if row.get("covers_truth") is None:
        return ""
    verdict = "covers" if row["covers_truth"] else "MISSES"
    return f"The true change is {percent(row['true_percent'])}: the interval {verdict} it."


THEMES = {
    "us_cooperation": "cooperation with the US, and the groups",
    "rights_and_outlook": "rights and outlook",
    "outcome": "violence and its records",
}


def theme(name: str) -> str:
    """A theme of a causal graph as the report calls it."""
    return THEMES.get(name, name.replace("_", " "))


def verdict(arm: Mapping[str, Any]) -> str:
    """Whether a causal graph identifies an effect, and with the columns at hand, in a few words.

    Parameters
    ----------
    arm : mapping
        An arm of a study's identification.json.
    """
    if not arm["identified"]:
        return "not identified"
    return "identified" if arm["identified_here"] else "identified by the graph, but not with these columns"


def how_many_sets(count: int, *, complete: bool) -> str:
    """How many minimal adjustment sets there are, where at least one does."""
    if not complete:
        return f"There are more than {count} minimal sets"
    return "It is the only minimal set" if count == 1 else f"There are {count} minimal sets"


def arrow(mark: str | None) -> str:
    """An edge as a search writes it (``-->``, ``o->``), in arrows; an open end is a circle, no edge a dash."""
    if mark is None:
        return "–"
    left, right = {"<": "←", "o": "∘"}.get(mark[0], ""), {">": "→", "o": "∘"}.get(mark[-1], "")
    return {"←→": "↔", "": "—", "∘∘": "∘—∘"}.get(left + right, left + right)
