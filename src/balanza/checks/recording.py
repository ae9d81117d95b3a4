"""Violence or its recording: does the treatment move the outcome, or how much of it a recorder writes down?

The same homicides are counted by INEGI from death certificates and by the prosecutors (SESNSP) from their files. More
officers may record more, or classify otherwise, without a single homicide more or fewer. The effect on the ratio of the
two counts is the difference of the effects on each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from balanza import altered
from balanza.checks import _refit, _twoway
from balanza.checks._refit import Line, Lines
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Outcome, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say

SPEC = CheckSpec(
    name="recording",
    title="Violence or its recording",
    question="Does the treatment move violence, or how it is recorded?",
    reference="Levitt (1998), Journal of Quantitative Criminology 14(1), on police and the reporting of crime",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
For the study's outcome $Y$ and each other measure $S$ of `variants.outcome`, two-way fits (Poisson for counts, least
squares otherwise) on the rows where both are known and the units where both have events. The effect on what is
recorded, relative to what the study counts, is

```math
\hat\delta = \hat\beta_S - \hat\beta_Y, \quad
\hat V(\hat\delta) = \frac{G-1}{G} \sum_c \left(\hat\delta_{(c)} - \hat\delta\right)^2
```

where $\hat\delta_{(c)}$ leaves cluster $c$ out of both fits (one Newton step); with more than 100 clusters the sandwich
of the difference of influences. The check fails if zero lies outside the interval of a $\hat\delta$ at the level
$1 - (1 - \mathrm{level}) / m$, with $m$ differences in all.
""",
    edge_cases=(
        "Refused where the study names no other measure of its outcome, or none that is known in the rows",
        "Always the two-way fit, since both fits must leave out the same clusters together",
        "That the ratio stays does not show that both recorders are right: both may miss the same",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)


@dataclass(frozen=True)
class _Pair:
    """What came of one other measure: by treatment the effect on each and on the ratio, and why that judges nothing."""

    column: str
    title: str
    share: float
    own: Lines
    other: Lines
    ratio: Lines
    void: Mapping[str, str | None]


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Fit the study's outcome and each other measure on the same rows, and compare.

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
        `passed`: whether no difference tells itself from zero; None where errors judge nothing. `table` has for each
        other measure and treatment the effect on the study's outcome, on the other, and on their ratio.

    Raises
    ------
    Unsupported
        If the study names no other measure, or none can be fitted.
    """
    given = study.variants.get("outcome", {})
    if not given:
        raise Unsupported(
            say("the study names no other measure of its outcome"),
            where=SPEC.name,
            cure=say("Add `variants: {outcome: {...}}` to the study, if another recorder counts the same"),
        )
    pairs, refusals = [], []
    level = 1 - (1 - study.level) / (len(given) * len(study.treatments))
    for label in given:
        try:
            pairs.append(_pair(study, panel, label, level))
        except Unsupported as refusal:
            refusals.append(joined([label, ": ", refusal.problem]))
    if not pairs:
        raise Unsupported(joined(refusals, "; "), where=SPEC.name, cure=say("Name measures that are known in the rows"))
    lines = [line for pair in pairs for line in (*pair.own, *pair.other, *pair.ratio)]
    judged = [line for pair in pairs for line in pair.ratio if not pair.void[line.treatment]]
    moved = [line for line in judged if line.sign]
    passed = not moved if judged else None
    values = {
        "measures": [pair.column for pair in pairs],
        "recorded_share": [pair.share for pair in pairs],
        "n_judged": len(judged),
        "n_moved": len(moved),
        "scale": _refit.two_way_scale(study),
        "level": level,
        "not_possible": refusals,
    }
    return CheckResult(
        SPEC.name,
        passed,
        joined((_told(study, pair) for pair in pairs), " "),
        values,
        _refit.table(lines),
        _refit.strip(lines),
    )


def _pair(study: Study, panel: Panel, label: str, level: float) -> _Pair:
    other = altered.other_outcome(study, label)
    known = altered.with_outcome(study, panel, other)[1]
    own_study, own = altered.with_outcome(study, panel, study.outcome)
    column = panel.frame[other.column].to_numpy(float)
    both = altered.keep(own, np.isfinite(column))
    designs = _same(_twoway.whole(SPEC, own_study, both), _whole(study, known, other))
    found = [_twoway.fit(design) for design in designs]
    effects, moments = [item[1] for item in found], [item[0] for item in found]
    ratio = [_refit.difference(moments[1], moments[0], place) for place in range(len(study.treatments))]
    void = {
        treatment.name: _twoway.void_error(designs[0], place, treatment, ratio[place])
        for place, treatment in enumerate(study.treatments)
    }
    name, n_units = other.column, len(designs[0].outcome)
    counted = np.nansum(designs[0].outcome)
    return _Pair(
        column=name,
        title=study.variants["outcome"][label].get("title") or name.replace("_", " "),
        share=float(np.nansum(designs[1].outcome) / counted) if counted else float("nan"),
        own=_refit.from_effects(
            say("{column}, where {other} is known", column=study.outcome.column, other=name), study, effects[0], n_units
        ),
        other=_refit.from_effects(name, study, effects[1], n_units),
        ratio=_refit.from_effects(_case(study, name), replace(study, level=level), ratio, n_units),
        void=void,
    )


def _whole(study: Study, panel: Panel, other: Outcome) -> Design:
    return _twoway.whole(SPEC, replace(study, outcome=other), panel)


def _case(study: Study, name: str) -> str:
    told = {"one": name, "other": study.outcome.column}
    return (
        say("{one} per {other}", **told) if _refit.two_way_scale(study) == "log" else say("{one} less {other}", **told)
    )


def _same(one: Design, other: Design) -> tuple[Design, Design]:
    """Both designs on the units that tell anything in both, with the same clusters."""
    if one.outcome.shape != other.outcome.shape:
        raise Unsupported(
            say("its rows are not those of the study"), where=SPEC.name, cure=say("Give both the same exposure")
        )

    units = _twoway.told(one)[0] & _twoway.told(other)[0]
    if not units.any():
        raise Unsupported(say("no unit has events of both measures"), where=SPEC.name, cure=say("Use wider rows"))
    return _twoway.trimmed(_twoway.of_units(one, units)), _twoway.trimmed(_twoway.of_units(other, units))


def _told(study: Study, pair: _Pair) -> str:
    scale = _refit.two_way_scale(study)
    what = say("their ratio") if scale == "log" else say("their difference")
    parts = [
        say(
            "{lead}{per} the first change by {own}, the second by {other}, and {what} by {ratio}; {judged}",
            lead=_refit.lead(study, own.treatment),
            per=_refit.per(study, own.treatment),
            own=_refit.shown(own, scale),
            other=_refit.shown(other, scale),
            what=what,
            ratio=_refit.shown(ratio, scale),
            judged=_judged(study, pair, ratio),
        )
        for own, other, ratio in zip(pair.own, pair.other, pair.ratio, strict=True)
    ]
    count = say(" ({share:.0f} for 100 of these)", share=100 * pair.share) if study.outcome.family == "poisson" else ""
    return say(
        "{column} against {title}{count}: {parts}.",
        column=study.outcome.column.capitalize(),
        title=pair.title,
        count=count,
        parts=joined(parts, ". "),
    )


def _judged(study: Study, pair: _Pair, ratio: Line) -> str:
    void = pair.void[ratio.treatment]
    if void:
        return say("whether recording moves with the treatment is not judged: {void}", void=void)
    if not ratio.sign:
        return say("no change of recording with the treatment can be told from none")
    return say(
        "{more} is recorded in the second for the same {column} where there is more treatment, so"
        " that an effect on it is not one on violence alone",
        more=say("more") if ratio.sign > 0 else say("less"),
        column=study.outcome.column,
    )
