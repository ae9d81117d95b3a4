"""COVID-19: does the estimate stand without the pandemic, and without the months of its lockdown?

Mexico suspended non-essential activities from 30 March to 31 May 2020 (agreement of the Ministry of Health, Diario
Oficial de la Federacion, 31 March 2020), schools from 23 March. Crime, its reporting and the courts' opening hours all
changed then, and the Guard was still filling its ranks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balanza import altered, periods
from balanza.checks import _refit
from balanza.checks._refit import Lines, Refitter
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say

BEGINS, ENDS = "2020-03", "2020-05"

SPEC = CheckSpec(
    name="covid",
    title="The pandemic left out",
    question="Does the estimate stand without COVID-19?",
    reference="Agreement of 31 March 2020 of the Ministry of Health, Diario Oficial de la Federación, for the dates of"
    " the lockdown",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
Two refits: on the rows before March 2020, and on all rows but those from March to May 2020 (of yearly rows, before 2020
and without 2020). A claim is an interval without zero. Where an effect is claimed the check fails if a refit claims
none or one of the other sign; where none is claimed, if one of the two has $p < (1 - \mathrm{level}) / 2$.
""",
    edge_cases=(
        "Refused where the rows end before March 2020 or begin after it, and for periods that are no months or years",
        "A dose that stays the same in each unit keeps the size that it has over the whole window",
        "Where no row of treatment lies before the pandemic, the effect cannot be told apart from it: nothing is"
        " judged, and the sentence says so",
        "Fewer months of treatment make a wider interval, so that a claim may be lost for want of data alone",
    ),
)
BEFORE, WITHOUT = say("before the pandemic"), say("without the lockdown")


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Refit before the pandemic and without its lockdown.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        Not used.
    rng : Generator
        Draws the seed of all refits.

    Returns
    -------
    CheckResult
        `passed`: whether what the study claims stands in both refits; None where errors judge nothing, or no treated
        row lies before the pandemic. `table` has a row for each refit and treatment.

    Raises
    ------
    Unsupported
        If the window does not hold the spring of 2020, or the study cannot be estimated.
    """
    span, monthly = altered.ordinals(panel)
    if not monthly and panel.periods_per_year is None:
        raise Unsupported(
            say("periods are neither months nor years"), where=SPEC.name, cure=say("Give periods as dates")
        )
    first, last = (periods.ordinal(day if monthly else int(day[:4]), monthly, SPEC.name) for day in (BEGINS, ENDS))
    if not span[0] < first <= span[-1]:
        raise Unsupported(
            say(
                "the rows, {first} to {last}, do not hold the spring of 2020 and time before it",
                first=panel.period_labels[0],
                last=panel.period_labels[-1],
            ),
            where=SPEC.name,
            cure=say("Nothing is to be left out"),
        )
    cases = {BEFORE: span < first, WITHOUT: (span < first) | (span > last)}
    fitter = _refit.refitter(SPEC, study, panel, rng, len(cases) + 1)
    lines: Lines = []
    for case, kept in cases.items():
        lines += fitter.tried(case, study, altered.keep_periods, panel, kept)
    lost = [line for line in lines if line.case == BEFORE and not line.made]
    passed, broken = _refit.verdict(fitter, lines, study)
    if passed and lost:
        passed = None
    values = {"engine": fitter.engine, "scale": fitter.scale, "n_broken": len(broken), "n_not_possible": len(lost)}
    every = [*fitter.base, *lines]
    sentence = _sentence(study, fitter, lines, broken, passed)
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(every), _refit.strip(every))


def _sentence(study: Study, fitter: Refitter, lines: Lines, broken: Lines, passed: bool | None) -> str:
    parts, apart = [], []
    for base in fitter.base:
        own = {line.case: line for line in lines if line.treatment == base.treatment}
        told = [say("{shown} over the whole window", shown=_refit.shown(base, fitter.scale))]
        told += [joined([_refit.shown(line, fitter.scale), " ", line.case]) for line in own.values() if line.made]
        parts.append(
            joined([_refit.lead(study, base.treatment), _refit.per(study, base.treatment), ", ", joined(told, ", ")])
        )
        if not own[BEFORE].made:
            reason = own[BEFORE].why
            apart.append(
                say(
                    " The effect{of_which} cannot be told apart from the pandemic ({reason}, before March 2020).",
                    of_which=say(" of {treatment}", treatment=base.treatment) if len(fitter.base) > 1 else "",
                    reason=reason,
                )
            )
    text = say(
        "Refitted {engine}: {parts}.{apart}", engine=fitter.engine, parts=joined(parts, "; "), apart=joined(apart, "")
    )
    if passed:
        return say("{text} {finding} stands without the pandemic.", text=text, finding=_refit.finding(fitter))
    if passed is None:
        return joined([text, _refit.not_judged(fitter)])
    changes = joined(
        dict.fromkeys(
            joined([line.case, " (", _refit.lead(study, line.treatment), _refit.claimed(line), ")"]) for line in broken
        ),
        " and ",
    )
    return say("{text} {finding} changes {changes}.", text=text, finding=_refit.finding(fitter), changes=changes)
