"""The card of a claim: its sentence's numbers, what it withstood, and the grade that the rules give it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from balanza.claims.rules import Case, Criterion, Grade, Rules
from balanza.say import joined, say

Answer = Literal["passed", "failed", "open", "not possible", "not applicable"]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a study found of one treatment.

    `row` is the headline's of the comparison, `others` are those of all else that ran. `arm` is what the graph says of
    the treatment, None without a graph; `checks` are the JSON of checks by name, and `left_out` the reasons why the
    other checks are not for this study.
    """

    treatment: str
    row: Json
    others: tuple[Json, ...]
    arm: Json | None
    checks: Mapping[str, Json]
    left_out: Mapping[str, str]
    level: float


@dataclass(frozen=True)
class Answered:
    """A criterion with its answer and the reason for it."""

    name: str
    question: str
    essential: bool
    answer: Answer
    reason: str


def card(found: Finding, rules: Rules) -> dict[str, Any]:
    """Grade what was found of one treatment.

    Parameters
    ----------
    found : Finding
    rules : Rules

    Returns
    -------
    dict
        treatment; direction (`rise`, `fall`, `none` where the interval contains zero, `no estimate`); the headline's
        numbers; `strip`, the other estimates in per cent; `criteria`; `counts` of their answers; `breakdown` (largest
        Mbar that the claim survives); `detectable` (the effect in per cent found in four of five tries: [fall, rise]);
        `grade`, `title` and `matters`. A study whose headline did not run has no grade.
    """
    direction = _direction(found.row)
    base = {"treatment": found.treatment, "direction": direction, "headline": dict(found.row), "matters": rules.matters}
    strip = [{key: row[key] for key in ("estimator", "title", "percent_change")} for row in found.others]
    detectable = _detectable(found)
    if direction == "no estimate":
        return (
            base
            | {"strip": strip, "criteria": [], "counts": {}, "breakdown": None, "detectable": None}
            | {
                "grade": None,
                "title": say("no estimate"),
            }
        )
    case = rules.no_claim if direction == "none" else rules.claim
    answered = [_answer(criterion, found) for criterion in case.criteria]
    grade = _grade(case, answered, detectable)
    counts = {answer: sum(item.answer == answer for item in answered) for answer in get_args(Answer)}
    return base | {
        "strip": strip,
        "criteria": [asdict(item) for item in answered],
        "counts": counts,
        "breakdown": _breakdown(found),
        "detectable": detectable,
        "grade": grade.grade,
        "title": grade.title,
    }


def _direction(row: Json) -> str:
    if row["status"] != "ran":
        return "no estimate"
    low, high = row["interval"]
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    return "rise" if low > 0 else "fall" if high < 0 else "none"


def _answer(criterion: Criterion, found: Finding) -> Answered:
    if criterion.graph:
        answer, reason = _by_graph(found.arm)
    elif criterion.agreement:
        answer, reason = _by_agreement(found)
    else:
        answer, reason = _by_check(criterion, found)
    return Answered(criterion.name, criterion.question, criterion.essential, answer, reason)


def _by_graph(arm: Json | None) -> tuple[Answer, str]:
    if arm is None:
        return "not possible", say("The study names no causal graph.")
    return ("passed" if arm["identified_here"] else "failed"), arm["reason"]


def _by_agreement(found: Finding) -> tuple[Answer, str]:
    """Whether intervals of other estimators lie on the other side of zero; beside no claim, on either."""
    shown = [row for row in found.others if row["percent_change"] is not None]
    if not shown:
        return "not applicable", say("No other estimator ran with a change in per cent.")
    wrong = {"rise": ("fall",), "fall": ("rise",), "none": ("rise", "fall")}[_direction(found.row)]
    against = [row["estimator"] for row in shown if _direction(row) in wrong]
    if not against:
        return "passed", say("None of {n_shown} does.", n_shown=len(shown))
    return "failed", say(
        "{n_against} of {n_shown}: {against}.",
        n_against=len(against),
        n_shown=len(shown),
        against=joined(against, ", "),
    )


def _by_check(criterion: Criterion, found: Finding) -> tuple[Answer, str]:
    name = str(criterion.check)
    check = found.checks.get(name)
    if check is None:
        other = say("is not among those of the study")
        reason = found.left_out.get(name, other)
        return "not applicable", say("The check {name} {reason}.", name=name, reason=reason)
    if check["status"] != "ran":
        return "not possible", str(check["reason"])
    if criterion.column is None:
        verdict = check["passed"]
        return ("open" if verdict is None else "passed" if verdict else "failed"), check["sentence"]
    values = [row.get(criterion.column) for row in check["table"] or () if row.get("treatment") == found.treatment]
    values = [value for value in values if value is not None]
    if not values:
        return "open", check["sentence"]
    bound = 1 - found.level if criterion.at_most == "alpha" else float(criterion.at_most or 0.0)
    return ("passed" if max(values) <= bound + 1e-12 else "failed"), check["sentence"]


def _grade(case: Case, answered: Iterable[Answered], detectable: Mapping[str, float] | None) -> Grade:
    answered = list(answered)
    return next(grade for grade in case.grades if _fits(grade, answered, detectable))


def _fits(grade: Grade, answered: list[Answered], detectable: Mapping[str, float] | None) -> bool:
    failed = [item for item in answered if item.answer == "failed"]
    essential = [item for item in answered if item.essential]
    if grade.failed_at_most is not None and len(failed) > grade.failed_at_most:
        return False
    if grade.failed_only is not None and any(item.name not in grade.failed_only for item in failed):
        return False
    most = grade.essential_failed_at_most
    if most is not None and sum(item.essential for item in failed) > most:
        return False
    if grade.essential_passed and any(item.answer != "passed" for item in essential):
        return False
    if grade.detectable_at_most is not None:
        return detectable is not None and max(detectable.values()) <= grade.detectable_at_most
    return True


def _detectable(found: Finding) -> dict[str, float] | None:
    """The smallest fall and rise in per cent that the headline finds in four of five tries."""
    check = found.checks.get("minimum_detectable_effect")
    rows = (check or {}).get("table") or ()
    row = next((row for row in rows if row["estimate"] == found.row["stem"]), None)
    if row is None or row.get("rise") is None:
        return None
    return {"fall": float(row["fall"]), "rise": float(row["rise"])}


def _breakdown(found: Finding) -> float | None:
    check = found.checks.get("honest_did") or {}
    value = (check.get("values") or {}).get("breakdown", {}).get(found.row["stem"])
    return None if value is None else float(value)
