"""Negative controls: effects that must be nil if the design is sound, because cause or time forbids them.

After Lipsitch, Tchetgen Tchetgen and Cohen (2010), Epidemiology 21(3). Built in are the effect on the time before the
treatment and the effect of the treatment to come; a study adds outcomes that the treatment cannot change as the family
`negative_control`. All are two-way fits (Poisson for counts, least squares otherwise).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balanza.checks import _twoway, _words
from balanza.checks._twoway import Design, Effect
from balanza.contract import NEGATIVE_CONTROL, CheckResult, CheckSpec, Estimate, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.estimators import _summary
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="negative_controls",
    title="Negative controls",
    question="Does the design find effects where none can be?",
    reference="Lipsitch, Tchetgen Tchetgen & Cohen (2010), Epidemiology 21(3)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
Each control is a two-way fit (Poisson for counts, least squares otherwise) whose coefficient $\beta$ must be nil. With
$h$ for a number of periods:

- outcome before the treatment, $h$ of two years, only on rows before a unit's treatment:
  $\mathrm{E}[Y_{it}]$ on $\beta D_{i,t+h}$
- treatment ahead, $h$ of one and of two years: $\mathrm{E}[Y_{it}]$ on $\beta D_{i,t+h} + \tau D_{it}$
- outcomes of the family `negative_control`: that outcome on $\beta D_{it}$

P values are adjusted after Holm (1979) over all controls:

```math
\tilde p_{(j)} = \max_{i \leq j} \min\left(1, (m - i + 1) p_{(i)}\right)
```
""",
    edge_cases=(
        "A treatment that is there from the first period on has no time before it",
        "Doses that move are known ahead only to the panel's end: the rows of the last periods are left out",
        "A control outcome of a study of counts is a count with the same exposure; its missing rows are left out",
        "A control whose treatment changes in fewer than five clusters, or hangs on a single one, is not judged: its"
        " clustered error is far too small (the interval is shown and must not be read); see `conley_taber` and"
        " `randomization`",
        "A control too blurred to show an effect of the estimate's size passes, and is said to prove little",
    ),
)
YEARS_EARLIER = 2
YEARS_AHEAD = (1, 2)
NEEDS = {
    say("complaints against agencies without a part in security"): say("complaints by agency and state"),
    say("deaths by cancer or diabetes"): say(
        "causes of death by municipality and month (INEGI, the same file as homicides)"
    ),
    say("deaths of people over 65 by falls"): say("causes and ages of death by municipality and month (INEGI)"),
    say("files of civil law"): say("court files by municipality"),
    say("deployments for disaster relief"): say("missions of Plan DN-III-E and GN-A by place and month"),
    say("barracks announced and never opened"): say("the list of announced barracks"),
    say("places just under the cut of the design's score"): say("the score, which is not published"),
    say("pensions for people over 65"): say("the pension's beneficiaries by place and year"),
    "FORTAMUN": say("its split over municipalities from 32 state gazettes"),
}
"""Controls that a referee may ask for (outcomes first, then exposures), and the data that each would take."""

COLUMNS = (
    "control",
    "treatment",
    "nil",
    "estimate",
    "low",
    "high",
    "p_value",
    "p_adjusted",
    "rules_out_estimate",
    "passed",
    "note",
)


@dataclass(frozen=True)
class _Control:
    """A control, what must be nil, and its design: the first regressor is the one; or the reason why there is none."""

    name: str
    nil: str
    design: Design | str
    comparable: bool = True


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Fit each control and test it, all together by Holm's rule.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        Not used: the check makes its own two-way fit.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed`: whether no control shows an effect at the study's level, p values adjusted after Holm (1979) over all
        controls that can be judged (see `_twoway.void_error`); None where none can. `table` has a row for
        each, with `rules_out_estimate`: whether its interval leaves the study's own two-way estimate out, since a
        control too blurred to show an effect of that size proves little.

    Raises
    ------
    Unsupported
        If the two-way fit does not exist.
    """

    design = _twoway.whole(SPEC, study, panel)
    _, effects = _twoway.fit(_twoway.trimmed(design))
    rows = []
    for index, treatment in enumerate(study.treatments):
        controls = [
            _before(panel, design, index, treatment),
            *(_ahead(panel, design, index, treatment, years) for years in YEARS_AHEAD),
            *_outcomes(study, panel, design, index),
        ]
        rows += [_row(control, treatment, effects[index], study.level) for control in controls]
    adjusted = _holm([row["p_value"] for row in rows])
    for row, p in zip(rows, adjusted, strict=True):
        row |= {"p_adjusted": p, "passed": None if p is None else p >= 1 - study.level}
    lacking = [
        {"control": name, "note": say("not possible with the data: needs {needs}", needs=needs), "passed": None}
        for name, needs in (NEEDS if study.rows != "panel" else {}).items()
    ]
    table = _words.table([{column: row.get(column) for column in COLUMNS} for row in [*rows, *lacking]])
    judged = [row for row in rows if row["passed"] is not None]
    failed = [row for row in judged if not row["passed"]]
    values = {"n_judged": len(judged), "n_failed": len(failed), "errors": effects[0].error_type}
    sentence = _sentence(rows, study) + _missing(study)
    return CheckResult(SPEC.name, not failed if judged else None, sentence, values, table)


def _periods(panel: Panel, years: int) -> int:
    return round(years * (panel.periods_per_year or 1.0))


def _first(panel: Panel, design: Design, index: int, treatment: Treatment) -> np.ndarray:
    """The first treated period of each unit, shape (n_units,); the number of periods where it is not seen."""
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")
        return np.where(cohort >= 0, cohort, panel.n_periods)
    if treatment.name in panel.start:
        return np.full(panel.n_units, panel.start[treatment.name])
    treated = np.nan_to_num(design.treatments[index]) != 0
    return np.where(treated.any(axis=1), treated.argmax(axis=1), panel.n_periods)


def _future(panel: Panel, design: Design, index: int, treatment: Treatment, steps: int) -> np.ndarray:
    """The treatment `steps` periods ahead, shape (n_units, n_periods), NaN where the panel does not tell."""
    later = np.arange(panel.n_periods) + steps
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")[:, None]
        return np.asarray((cohort >= 0) & (later >= cohort), float)
    values = design.treatments[index]
    if treatment.steady and treatment.name in panel.start:
        size = np.nanmax(np.where(np.isnan(values), -np.inf, values), axis=1, keepdims=True)
        lowest = np.nanmin(np.where(np.isnan(values), np.inf, values), axis=1, keepdims=True)
        return np.asarray(np.where(size > 0, size, lowest) * (later >= panel.start[treatment.name]))
    out = np.full(values.shape, np.nan)
    out[:, : max(0, panel.n_periods - steps)] = values[:, steps:]
    return out


def _before(panel: Panel, design: Design, index: int, treatment: Treatment) -> _Control:
    """The treatment moved two years ahead of itself, on the rows before it."""
    steps = _periods(panel, YEARS_EARLIER)
    if panel.periods_per_year:
        name = say("outcome up to {n} years before the treatment", n=YEARS_EARLIER)
    else:
        name = say("outcome up to {n} periods before the treatment", n=YEARS_EARLIER)
    nil = say("effect of a treatment that has not begun")
    earlier = np.arange(panel.n_periods) < _first(panel, design, index, treatment)[:, None]
    if not earlier.any():
        return _Control(name, nil, say("not possible: treatment is there from the first period on"))
    moved = _future(panel, design, index, treatment, steps)
    others = [other for other in range(len(design.names)) if other != index]
    return _Control(name, nil, _with_regressors(design, [moved], others, earlier, design.names[index]))


def _ahead(panel: Panel, design: Design, index: int, treatment: Treatment, years: int) -> _Control:
    """The treatment to come, beside the one that is."""
    if panel.periods_per_year:
        name = say_n("treatment {n} year ahead", "treatment {n} years ahead", years)
    else:
        name = say_n("treatment {n} period ahead", "treatment {n} periods ahead", years)
    moved = _future(panel, design, index, treatment, _periods(panel, years))
    order = [index, *(other for other in range(len(design.names)) if other != index)]
    rows = np.ones(moved.shape, bool)
    label = say("{name} to come", name=design.names[index])
    return _Control(name, say("effect of the treatment to come"), _with_regressors(design, [moved], order, rows, label))


def _with_regressors(
    design: Design, first: list[np.ndarray], others: list[int], rows: np.ndarray, name: str
) -> Design | str:
    """The design on some rows, with a new first treatment beside those of the others that still vary."""
    seen = rows & ~np.isnan(design.outcome) & ~np.isnan(first[0])
    if not seen.any():
        return say("not possible: the window is too short")
    kept = [other for other in others if np.ptp(design.treatments[other][seen]) > 0]
    outcome = np.where(seen, design.outcome, np.nan)
    names = (name, *(design.names[other] for other in kept))
    treatments = np.stack([*first, *design.treatments[kept]])
    return replace(design, outcome=outcome, treatments=treatments, names=names)


def _outcomes(study: Study, panel: Panel, design: Design, index: int) -> Iterator[_Control]:
    """The outcomes of the family `negative_control`, in place of the study's and measured as it is."""
    order = [index, *(other for other in range(len(design.names)) if other != index)]
    weights = panel.matrix("weight") if study.weights and design.counts else 1.0
    for column in study.families.get(NEGATIVE_CONTROL, ()):
        nil = say("effect on {column}", column=column)
        if column == study.outcome.column or column not in panel.frame:
            yield _Control(column, nil, say("not possible: it is the study's own outcome"), False)
            continue
        outcome = np.where(np.isnan(design.outcome), np.nan, panel.matrix(column) * weights)
        if design.counts and (outcome < 0).any():
            yield _Control(
                column, nil, say("not possible: it is negative somewhere, and the study's outcome is a count")
            )
            continue
        names = tuple(design.names[place] for place in order)
        treatments = design.treatments[order]
        yield _Control(column, nil, replace(design, outcome=outcome, treatments=treatments, names=names), False)


def _row(control: _Control, treatment: Treatment, own: Effect, level: float) -> dict[str, Any]:
    """One line of the table, before the adjustment of p values."""
    row: dict[str, Any] = {"control": control.name, "treatment": treatment.name, "nil": control.nil, "p_value": None}
    if isinstance(control.design, str):
        return row | {"note": control.design}
    try:
        design = _twoway.trimmed(control.design)
        _, effects = _twoway.fit(design)
    except Unsupported as refusal:
        return row | {"note": say("not possible: {problem}", problem=refusal.problem)}
    found = effects[0]
    void = _twoway.void_error(design, 0, treatment, found)
    low, high = _summary.interval(found.value, found.error, level, found.freedom)
    return row | {
        "estimate": found.value,
        "low": low,
        "high": high,
        "p_value": None if void else _summary.p_value(found.value, found.error, found.freedom),
        "rules_out_estimate": not low <= own.value <= high if control.comparable else None,
        "note": say("not judged: {void}", void=void) if void else found.error_type,
        "void": void,
    }


def _holm(p_values: list[float | None]) -> list[float | None]:
    """P values adjusted after Holm (1979), None where there is none."""
    given = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    out: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(given):
        highest = max(highest, min(1.0, (len(given) - rank) * p))
        out[place] = highest
    return out


def _missing(study: Study) -> str:
    """What is declared missing where no outcome is there that the treatment cannot move."""
    if study.families.get(NEGATIVE_CONTROL):
        return ""
    return say(
        " Declared missing: an outcome that the treatment cannot move (deaths by diabetes,"
        " complaints against agencies without a part in security); the study names none in the"
        " family `{negative_control}`.",
        negative_control=NEGATIVE_CONTROL,
    )


def _sentence(rows: list[dict[str, Any]], study: Study) -> str:
    judged = [row for row in rows if row["passed"] is not None]
    failed = [row for row in judged if not row["passed"]]
    if not judged:
        void = next((row["void"] for row in rows if row.get("void")), None)
        if void:
            return say("No negative control can be judged: {void}.", void=void)
        return say("No negative control is possible with these data.")
    if failed:
        named = [
            row["control"] + (joined([" (", row["treatment"], ")"]) if len(study.treatments) > 1 else "")
            for row in failed
        ]
        return say(
            "The two-way fit shows an effect where none can be, in {n_failed} of {n_judged} negative"
            " controls: {named}.",
            n_failed=len(failed),
            n_judged=len(judged),
            named=joined(named, ", "),
        )
    blurred = sum(row["rules_out_estimate"] is False for row in judged)
    start = say(
        "In none of {n_judged} negative controls does the two-way fit show an effect where none can be",
        n_judged=len(judged),
    )
    if blurred:
        return say(
            "{start}, though {blurred} of them could not have shown one of the size of the estimate.",
            start=start,
            blurred=blurred,
        )
    return start + "."
