"""Placebo dates: the same treatment moved to times when nobody had it, on rows before it only.

If units that were treated more were on another path already, a made-up date shows an effect, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from balanza import altered
from balanza.checks import _refit
from balanza.checks._refit import Line, Lines, Refitter
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="placebo_date",
    title="Placebo dates",
    question="Does the same treatment show an effect at dates before it began?",
    reference="Bertrand, Duflo & Mullainathan (2004), Quarterly Journal of Economics 119(1), on placebo laws;"
    " Rüger (1978), Metrika 25, on p-values that depend on each other",
    treatments=frozenset({"binary", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
On the periods $t < g$ before the earliest treatment $g$ of any unit, the study is refitted with the treatment moved by
$k$ periods, doses and order of the cohorts unchanged:

```math
D^k_{it} = D_{i,t+k}, \quad k = y, y + s, y + 2s, \ldots \leq g - y
```

with $y$ periods a year and $s$ half of it (1 where periods are years or waves), so that a year lies before and after
the first made-up start. Of $m$ placebos with p-values $p_{(1)} \leq \ldots \leq p_{(m)}$ at least half are small if
$p_{(h)}$ is, $h = \lceil m / 2 \rceil$. For each treatment of $n$ the check fails if

```math
\frac{m}{h} p_{(h)} \leq \frac{1 - \mathrm{level}}{n}
```

which is a test at that level however much the placebos depend on each other, as those that share rows do (Rüger 1978).
""",
    edge_cases=(
        "Refused where less than two years lie before the earliest treatment, and for a dose without a start",
        "Units whose made-up start lies beyond the rows before the treatment count as not yet treated",
        "A placebo that the estimator refuses has a row with the reason, and is not counted",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Refit with the treatment at earlier dates.

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
        `passed`: whether no half of the placebos tells itself from zero; None where errors judge nothing. `table` has
        the estimate and each placebo, `figure` the same for a strip.

    Raises
    ------
    Unsupported
        If less than two years lie before the treatment, or the study cannot be estimated.
    """
    first = min(int(altered.first_treated(panel, item).min()) for item in study.treatments)
    year = round(panel.periods_per_year or 1)
    moves = range(year, first - year + 1, max(1, year // 2))
    if not moves:
        raise Unsupported(
            say(
                "{periods} before the earliest treatment leave no year before and after a made-up start",
                periods=say_n("{n:,} period", "{n:,} periods", first),
            ),
            where=SPEC.name,
            cure=say("Start the window earlier"),
        )
    fitter = _refit.refitter(SPEC, study, panel, rng, len(moves) + 1)
    lines: Lines = []
    for move in moves:
        case = say("as if from {period}", period=panel.period_labels[first - move])
        lines += fitter.tried(case, study, _moved, study, panel, move, first)
    made = {base.treatment: _refit.of(lines, base.treatment) for base in fitter.base}
    if not any(made.values()):
        reason = lines[0].why
        raise Unsupported(
            say("no placebo can be fitted ({reason})", reason=reason),
            where=SPEC.name,
            cure=say("Start the window earlier"),
        )
    alpha = (1 - study.level) / len(study.treatments)
    told = {name: _together(own) for name, own in made.items() if own and not fitter.void[name]}
    failed = [name for name, p_value in told.items() if p_value <= alpha * (1 + 1e-9)]
    values = {
        "n_placebos": {name: len(own) for name, own in made.items()},
        "n_significant": {name: sum(line.sign != 0 for line in own) for name, own in made.items()},
        "p_value": told,
        "share_as_large": {base.treatment: _as_large(base, made[base.treatment]) for base in fitter.base},
        "engine": fitter.engine,
        "scale": fitter.scale,
    }
    every = [*fitter.base, *lines]
    passed = not failed if told else None
    sentence = _sentence(study, fitter, made, failed, passed)
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(every), _refit.strip(every))


def _moved(study: Study, panel: Panel, move: int, first: int) -> Panel:
    """The rows before the treatment, with all treatments moved back into them."""
    for item in study.treatments:
        panel = altered.earlier(panel, item, move)
    return altered.keep_periods(panel, np.arange(panel.n_periods) < first)


def _together(lines: Lines) -> float:
    """The p-value of all placebos, however they depend on each other: that of the middle one times two, or less."""
    p_values = sorted(line.p_value for line in lines if line.p_value is not None)
    half = math.ceil(len(p_values) / 2)
    return min(1.0, len(p_values) / half * p_values[half - 1])


def _as_large(base: Line, lines: Lines) -> float | None:
    """Share of placebos that are at least as large as the estimate."""
    if not lines:
        return None
    return float(np.mean([abs(_refit.numbers(line)[0]) >= abs(_refit.numbers(base)[0]) for line in lines]))


def _sentence(study: Study, fitter: Refitter, made: Mapping[str, Lines], failed: list[str], passed: bool | None) -> str:
    parts = []
    for base in fitter.base:
        own = made[base.treatment]
        if not own:
            parts.append(say("{lead}no placebo can be fitted", lead=_refit.lead(study, base.treatment)))
            continue
        clear = sum(line.sign != 0 for line in own)
        larger = round((_as_large(base, own) or 0.0) * len(own))
        dates = say_n("a made-up date", "{n} made-up dates", len(own))
        parts.append(
            say_n(
                "{lead}at {dates} before the treatment it shows {span} {per}, {clear} of {n_own} with an"
                " interval that leaves out zero; the estimate itself is {shown}, and {n} of {n_own}"
                " placebos is as large or larger",
                "{lead}at {dates} before the treatment it shows {span} {per}, {clear} of {n_own} with an"
                " interval that leaves out zero; the estimate itself is {shown}, and {n} of {n_own}"
                " placebos are as large or larger",
                larger,
                lead=_refit.lead(study, base.treatment),
                dates=dates,
                span=_range(own, fitter),
                per=_refit.per(study, base.treatment),
                clear=clear,
                n_own=len(own),
                shown=_refit.shown(base, fitter.scale),
            )
        )
    text = say("Refitted {engine}: {parts}.", engine=fitter.engine, parts=joined(parts, "; "))
    if passed is None:
        return joined([text, _refit.not_judged(fitter)])
    if passed:
        return say(
            "{text} That is no more than chance allows at the {level:.0f} % level.", text=text, level=100 * study.level
        )
    who = joined([" (", joined(failed, ", "), ")"]) if len(study.treatments) > 1 else ""
    return say(
        "{text} That is more than chance allows{who}: units that were to be treated more were on"
        " another path before, and the estimate may be a continuation of it.",
        text=text,
        who=who,
    )


def _range(lines: Lines, fitter: Refitter) -> str:
    if len(lines) == 1:
        return _refit.size(_refit.numbers(lines[0])[0], fitter.scale)
    return _refit.spread(lines, fitter.scale)
