"""Anticipation: did the outcome move before the treatment began, and what is left without the months before it?

Troops are announced, recruited and moved before they are counted. If units react before the first treated period, the
periods just before are no comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from balanza import altered
from balanza.checks import _refit, _twoway
from balanza.checks._refit import Line, Lines, Refitter
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say, say_n

MONTHS = (1, 3, 6)

SPEC = CheckSpec(
    name="anticipation",
    title="Effects before the treatment",
    question="Did the outcome move before the treatment began?",
    reference="Malani & Reif (2015), Journal of Public Economics 124, on anticipation in differences in differences",
    treatments=frozenset({"binary", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
For $h$ of 1, 3 and 6 months (of other periods, 1), with $g_i$ for the start of a unit's treatment, $D_{it}$ for the
treatment and $L^h_{it} = D_{i,t+h} - D_{it}$ before $g_i$, 0 from then on:

- left out: the study on the rows without $g_i - h \leq t < g_i$
- lead: the two-way fit with $\lambda_h L^h_{it}$ beside $\tau D_{it}$

A claim is an interval without zero. The check fails if a $\hat\lambda_h$ has $p < (1 - \mathrm{level}) / m$, $m$ leads
in all; if an effect is claimed and a refit without the rows before claims none or one of the other sign; or if none is
claimed and one of these $m$ refits has $p < (1 - \mathrm{level}) / m$.
""",
    edge_cases=(
        "Refused for a dose without a start, which is there from the first period on; see `negative_controls`",
        "Leads that leave no period before them, and refits that the estimator refuses, have a row with the reason",
        "With a common start the rows left out are whole periods, and with cohorts those of each cohort's units",
        "A trend that was there all along shows here, too: see `placebo_date`",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Leave out the periods before the treatment, and fit an effect on them.

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
        `passed`: whether no lead tells itself from zero and the finding stands without the periods before; None where
        errors judge nothing. `table` has both for each number of periods and treatment.

    Raises
    ------
    Unsupported
        If a dose has no start, no period lies before it, or the study cannot be estimated.
    """
    first = {item.name: altered.first_treated(panel, item) for item in study.treatments}
    wanted = MONTHS if panel.periods_per_year == 12 else (1,)
    steps = [step for step in wanted if step < min(int(code.min()) for code in _begun(first, panel))]
    if not steps:
        raise Unsupported(
            say("no time lies before the treatment"),
            where=SPEC.name,
            cure=say("Start the window earlier, or give a `start`"),
        )
    fitter = _refit.refitter(SPEC, study, panel, rng, len(steps) + 1)
    out: Lines = []
    leads: Lines = []
    times: dict[str, str] = {}
    for step in steps:
        what = (
            say_n("month", "{n} months", step) if panel.periods_per_year == 12 else say_n("period", "{n} periods", step)
        )
        case = say("without the {what} before", what=what)
        times[case] = what
        out += fitter.tried(case, study, altered.keep, panel, _outside(panel, first, step))
        leads += _lead(study, panel, first, step, say("in the {what} before", what=what))
    passed, broken = _refit.verdict(fitter, out, study)
    limit = (1 - study.level) / max(1, sum(line.made for line in leads))
    early = [line for line in leads if _clear(line, limit) and not fitter.void[line.treatment]]
    if early:
        passed = False
    values = {
        "n_leads": len(leads),
        "n_early": len(early),
        "n_broken": len(broken),
        "engine": fitter.engine,
        "scale": fitter.scale,
    }
    every = [*fitter.base, *out, *leads]
    sentence = _sentence(study, fitter, out, times, leads, broken, early, passed)
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(every), _refit.strip(every))


def _begun(first: Mapping[str, np.ndarray], panel: Panel) -> list[np.ndarray]:
    """First treated periods of the units that are not treated from the first period on, by treatment."""
    found = [code[(code > 0) & (code < panel.n_periods)] for code in first.values()]
    return [code if len(code) else np.zeros(1, int) for code in found]


def _clear(line: Line, limit: float) -> bool:
    return line.p_value is not None and line.p_value < limit


def _outside(panel: Panel, first: Mapping[str, np.ndarray], step: int) -> np.ndarray:
    """Rows that do not lie in the last periods before a treatment of their unit, shape (n_rows,)."""
    unit, period = (panel.frame[name].to_numpy() for name in ("unit", "period"))
    kept = np.ones(len(unit), bool)
    for code in first.values():
        start = np.where(code < panel.n_periods, code, panel.n_periods + step)[unit]
        kept &= ~((period >= start - step) & (period < start))
    return kept


def _lead(study: Study, panel: Panel, first: Mapping[str, np.ndarray], step: int, case: str) -> Lines:
    """The effect in the last periods before the treatment, beside its effect from then on."""
    try:
        design = _twoway.whole(SPEC, study, panel)
        period = np.arange(panel.n_periods)
        ahead = []
        for item in study.treatments:
            moved = altered.earlier(panel, item, step).matrix(f"d_{item.name}")
            before = period < first[item.name][:, None]
            ahead.append(np.where(before, moved - panel.matrix(f"d_{item.name}"), 0.0))
        both = replace(
            design,
            treatments=np.concatenate([np.stack(ahead), design.treatments]),
            names=(*(say("{name} to come", name=name) for name in design.names), *design.names),
        )
        effects = _twoway.fit(_twoway.trimmed(both))[1]
    except Unsupported as refusal:
        return _refit.refused(case, study, refusal.problem)
    return _refit.from_effects(case, study, effects)


def _sentence(
    study: Study,
    fitter: Refitter,
    out: Lines,
    times: Mapping[str, str],
    leads: Lines,
    broken: Lines,
    early: Lines,
    passed: bool | None,
) -> str:
    scale = _refit.two_way_scale(study)
    parts = []
    for base in fitter.base:
        left, ahead = _refit.of(out, base.treatment), _refit.of(leads, base.treatment)
        parts.append(
            say(
                "{lead}{per} the estimate is {shown}; without {times} before the treatment it is {spread}",
                lead=_refit.lead(study, base.treatment),
                per=_refit.per(study, base.treatment),
                shown=_refit.shown(base, fitter.scale),
                times=_listed([times[line.case] for line in left]),
                spread=_refit.spread(left, fitter.scale),
            )
            if left
            else say(
                "{lead}the estimate cannot be had without the time just before", lead=_refit.lead(study, base.treatment)
            )
        )
        if ahead:
            parts.append(
                say(
                    "in that time itself the two-way fit finds {spread} ({ahead} of {n_ahead} with an"
                    " interval without zero)",
                    spread=_refit.spread(ahead, scale),
                    ahead=sum(line.sign != 0 for line in ahead) or say("none"),
                    n_ahead=len(ahead),
                )
            )
    text = say("Refitted {engine}: {parts}.", engine=fitter.engine, parts=joined(parts, "; "))
    if passed is None:
        return joined([text, _refit.not_judged(fitter)])
    if passed:
        return say(
            "{text} The outcome did not clearly move ahead of the treatment, and the finding ({told}) stands.",
            text=text,
            told=_refit.all_claimed(fitter),
        )
    ends = []
    if early:
        names = joined((joined([_refit.lead(study, line.treatment), line.case]) for line in early), ", ")
        ends.append(say(" The outcome moved before the treatment began: {names}.", names=names))
    if broken:
        names = joined(
            (
                joined([_refit.lead(study, line.treatment), line.case, " (", _refit.claimed(line), ")"])
                for line in broken
            ),
            ", ",
        )
        ends.append(say(" {finding} changes {names} the treatment.", finding=_refit.finding(fitter), names=names))
    return joined([text, joined(ends, "")])


def _listed(times: list[str]) -> str:
    """Which times were left out, in short."""
    if len(times) == 1:
        return say("the {time}", time=times[0])
    return say("the {times} or {last}", times=joined(times[:-1], ", "), last=times[-1])
