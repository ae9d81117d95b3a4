"""Who the estimate speaks of: units without any event, which Poisson drops, and small ones, which hardly weigh.

A proportional effect says nothing of a place where nothing ever happens. The check counts whom that leaves out, and
compares with the effect on the rate, which keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from balanza import altered
from balanza.checks import _refit
from balanza.checks._refit import Lines
from balanza.contract import CheckResult, CheckSpec, Estimate, Outcome, Panel, Study
from balanza.estimators import _rates
from balanza.say import joined, say, say_n

SMALL = 0.5

SPEC = CheckSpec(
    name="composition",
    title="Units that do not enter",
    question="How many units, people and events does the estimate leave out?",
    reference="Correia, Guimaraes & Zylkin (2020), Stata Journal 20(1), on units that fixed-effects Poisson drops",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"poisson"}),
    equation=r"""
Two-way fits: Poisson of all units that have an event, Poisson without the smaller half of the units (by mean exposure,
or by mean outcome where there is none), least squares of the rate (per 100,000 a year) of all units, and the same
without the units $i$ that have

```math
\sum_t Y_{it} = 0
```
""",
    edge_cases=(
        "It informs and does not judge: whom a proportional effect leaves out is no defect of the estimate",
        "Without exposure the outcome itself takes the place of its rate",
        "Where all units have events, that is said, and only small units are left out",
    ),
)
WORDS = {"cvegeo": (say("municipality"), say("municipalities")), "state": (say("state"), say("states"))}


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Count what is left out, and refit with and without it.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        Not used: the check makes its own two-way fits.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed` is None. `table` has the fits for each treatment, `values` the numbers of units, people and events.

    Raises
    ------
    Unsupported
        If the study cannot be estimated.
    """
    fitter = _refit.refitter(SPEC, study, panel, rng, 1, two_way_only=True)
    events = np.nansum(panel.matrix("outcome"), axis=1)
    people = np.nanmean(panel.matrix("exposure"), axis=1) if study.outcome.exposure else events / panel.n_periods
    empty = events == 0
    small = people < np.quantile(people, SMALL)
    what = _rates.scale(study, panel)
    rate = replace(study, outcome=Outcome(what, "gaussian"))
    cases = {
        "Poisson": (study, ~empty),
        say("Poisson, without the smaller half of the units"): (study, ~small),
        say("{what}, all units", what=what): (rate, np.ones(panel.n_units, bool)),
    }
    if empty.any():
        cases[f"{what}, without units that have no event"] = (rate, ~empty)
    lines: Lines = []
    for case, (own, kept) in cases.items():
        lines += fitter.tried(case, study, _altered, study, own, panel, kept)
    treated = np.logical_or.reduce([_ever(panel, item.name) for item in study.treatments])
    values = {
        "n_units": panel.n_units,
        "n_empty": int(empty.sum()),
        "n_empty_treated": int((empty & treated).sum()),
        "people_empty": float(people[empty].sum()) if study.outcome.exposure else None,
        "share_of_people_empty": float(people[empty].sum() / people.sum()) if study.outcome.exposure else None,
        "n_small": int(small.sum()),
        "share_of_people_small": float(people[small].sum() / people.sum()) if study.outcome.exposure else None,
        "share_of_events_small": float(events[small].sum() / events.sum()),
        "n_events": float(events.sum()),
    }
    sentence = _sentence(study, lines, values)
    return CheckResult(SPEC.name, None, sentence, values, _refit.table(lines), _refit.strip(lines))


def _altered(study: Study, own: Study, panel: Panel, kept: np.ndarray) -> tuple[Study, Panel]:
    if own is not study:
        rate = _rates.outcome(study, panel)[panel.frame["unit"], panel.frame["period"]]
        own, panel = altered.with_values(study, panel, own.outcome, rate)
    return own, altered.keep_units(panel, kept)


def _ever(panel: Panel, name: str) -> np.ndarray:
    return np.asarray(np.nan_to_num(panel.matrix(f"d_{name}")).any(axis=1))


def _sentence(study: Study, lines: Lines, values: Mapping[str, float | None]) -> str:
    one, many = WORDS.get(study.unit, (say("unit"), say("units")))
    column, n = study.outcome.column, int(values["n_empty"] or 0)
    if n:
        share = values["share_of_people_empty"]
        people = (
            say(
                " with {number:,.0f} people ({share:.1f} % of all)",
                number=values["people_empty"],
                share=100 * share,
            )
            if share is not None
            else ""
        )
        start = say_n(
            "{n:,} of {n_units:,} {many}{people} has no {column} in any period, and a proportional"
            " effect says nothing of it{treated}.",
            "{n:,} of {n_units:,} {many}{people} have no {column} in any period, and a proportional"
            " effect says nothing of them{treated}.",
            n,
            n_units=values["n_units"],
            many=many,
            people=people,
            column=column,
            treated=_treated(study, values),
        )
    else:
        start = say("Each {one} has {column} in some period, so that none is left out.", one=one, column=column)
    share = values["share_of_people_small"]
    weight = say("{share:.1f} % of the people and ", share=100 * share) if share is not None else ""
    half = say(
        " The smaller half of the {many} holds {weight}{share_of_events_small:.1f} % of the {column}",
        many=many,
        weight=weight,
        share_of_events_small=100 * (values["share_of_events_small"] or 0.0),
        column=column,
    )
    return start + half + _compared(study, lines)


def _treated(study: Study, values: Mapping[str, float | None]) -> str:
    """How many of those left out are treated, where not all units are anyway."""
    if study.treatment.kind == "dose":
        return ""
    count = int(values["n_empty_treated"] or 0)
    return say_n("; {n:,} of these is treated", "; {n:,} of these are treated", count)


def _compared(study: Study, lines: Lines) -> str:
    parts = []
    for treatment in study.treatments:
        own = {line.case: line for line in lines if line.treatment == treatment.name}
        first, second, *linear = own.values()
        if not (first.made and second.made):
            continue
        text = say(
            "{lead}{per} the two-way Poisson fit gives {all}, and {large} without them",
            lead=_refit.lead(study, treatment.name),
            per=_refit.per(study, treatment.name),
            all=_refit.shown(first, "log"),
            large=_refit.shown(second, "log"),
        )
        if len(linear) == 2 and all(line.made for line in linear):
            text += say(
                "; on the rate it gives {all} with units that have none, and {some} without these",
                all=_refit.shown(linear[0], "level"),
                some=_refit.shown(linear[1], "level"),
            )
        parts.append(text)
    return joined([": ", joined(parts, "; "), "."]) if parts else "."
