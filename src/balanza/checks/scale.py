"""Scales of the outcome: does the sign hang on whether ratios or differences are compared, and on what weighs?

Poisson compares ratios and weighs events; the rate compares differences and follows violent units; log1p and asinh are
logarithms that let zeros in. These two depend on the unit of the outcome, so that any effect may be had from them by
another unit where zeros come or go (Chen and Roth 2024, Quarterly Journal of Economics 139(2)): their size means
nothing, and they are fitted in two units here to show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from balanza import altered
from balanza.checks import _refit
from balanza.checks._refit import Line, Lines
from balanza.contract import CheckResult, CheckSpec, Estimate, Outcome, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _rates
from balanza.say import capitalised, joined, say

if TYPE_CHECKING:
    import pandas as pd

OTHER_UNIT = 10.0

SPEC = CheckSpec(
    name="scale",
    title="Scales of the outcome",
    question="Does the sign of the effect hang on the scale of the outcome?",
    reference="Chen & Roth (2024), Quarterly Journal of Economics 139(2); on parallel trends and scale Roth & Sant'Anna"
    " (2023), Econometrica 91(2)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
Two-way fits of the outcome's mean by Poisson, and by least squares of its rate $r$ (per 100,000 a year; the outcome
itself where it has no exposure), of $\log(1 + r)$ and $\mathrm{asinh}(r)$, of $\log(1 + 10 r)$ and
$\mathrm{asinh}(10 r)$, and of $r$ weighted by the people at risk. The check fails if two of them claim effects of
unlike sign (intervals without zero), passes if all that were fitted have one sign, and judges nothing where signs
differ and no two claims collide.
""",
    edge_cases=(
        "Refused for an outcome that is a logarithm already or is negative somewhere",
        "Always the two-way fit, since few estimators take all scales",
        "The size of the effects on log1p and asinh is no percentage and must not be read",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)
WEIGHTED = say("rate, weighted by people")


@dataclass(frozen=True)
class _Scale:
    """A scale: its name, the transform (None: a count), whether people weigh, whether its size hangs on the unit."""

    name: str
    transform: Callable[[np.ndarray], np.ndarray] | None = None
    weighted: bool = False
    unit_bound: bool = False


def _scales(people: bool) -> tuple[_Scale, ...]:
    found = [_Scale("Poisson"), _Scale(say("rate") if people else say("level"), lambda rate: rate)]
    if people:
        found.append(_Scale(WEIGHTED, lambda rate: rate, weighted=True))
    what = say("of the rate") if people else say("of the level")
    return (
        *found,
        _Scale(say("log1p {what}", what=what), np.log1p, unit_bound=True),
        _Scale(say("asinh {what}", what=what), np.arcsinh, unit_bound=True),
        _Scale(say("log1p {what} times 10", what=what), lambda rate: np.log1p(OTHER_UNIT * rate), unit_bound=True),
        _Scale(say("asinh {what} times 10", what=what), lambda rate: np.arcsinh(OTHER_UNIT * rate), unit_bound=True),
    )


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Fit the study on each scale.

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
        `passed`: True where all scales have one sign, False where two claim effects of unlike sign, else None. `table`
        has a row for each scale and treatment, each in its own unit; `figure` their ratios to the standard error.

    Raises
    ------
    Unsupported
        If the outcome is a logarithm or negative somewhere, or the study cannot be estimated.
    """
    if study.outcome.log or (panel.frame["outcome"] < 0).any():
        name = study.outcome.column
        log = say("{outcome} is a logarithm already", outcome=name)
        what = log if study.outcome.log else say("{outcome} is negative somewhere", outcome=name)
        raise Unsupported(what, where=SPEC.name, cure=say("Nothing else is to be compared"))
    fitter = _refit.refitter(SPEC, study, panel, rng, 1, two_way_only=True)
    scales = _scales(_rates.is_rate(study))
    lines: Lines = []
    for scale in scales:
        lines += fitter.tried(scale.name, study, _on, study, panel, scale)
    told = [_told(study, _refit.of(lines, base.treatment), scales) for base in fitter.base]
    verdicts = [_verdict(_refit.of(lines, base.treatment)) for base in fitter.base if not fitter.void[base.treatment]]
    passed = False if False in verdicts else True if verdicts and all(verdicts) else None
    values = {
        "n_scales": len(scales),
        "signs": {base.treatment: _signs(_refit.of(lines, base.treatment)) for base in fitter.base},
    }
    sentence = joined([joined(told, " "), _refit.not_judged(fitter)])
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(lines), _in_errors(lines))


def _on(study: Study, panel: Panel, scale: _Scale) -> tuple[Study, Panel]:
    """The study with its outcome on a scale."""
    if scale.transform is None:
        if study.outcome.family == "poisson":
            return study, panel
        return replace(study, outcome=replace(study.outcome, family="poisson")), panel
    rate = scale.transform(_rates.outcome(study, panel))[panel.frame["unit"], panel.frame["period"]]
    changed, other = altered.with_values(study, panel, Outcome(scale.name, "gaussian"), rate)
    if not scale.weighted:
        return changed, other
    people = panel.frame["exposure"].to_numpy() * (panel.frame["weight"].to_numpy() if study.weights else 1.0)
    return replace(changed, weights="people"), replace(other, frame=other.frame.assign(weight=people))


def _signs(lines: Lines) -> dict[str, int]:
    return {line.case: int(np.sign(_refit.numbers(line)[0])) for line in lines}


def _verdict(lines: Lines) -> bool | None:
    claims = {line.sign for line in lines} - {0}
    if len(claims) > 1:
        return False
    return True if len({np.sign(_refit.numbers(line)[0]) for line in lines}) == 1 else None


def _told(study: Study, lines: Lines, scales: tuple[_Scale, ...]) -> str:
    if not lines:
        return say("No scale can be fitted.")
    up = [line.case for line in lines if _refit.numbers(line)[0] > 0]
    down = [line.case for line in lines if _refit.numbers(line)[0] <= 0]
    start = _refit.lead(study, lines[0].treatment)
    clear = sum(line.sign != 0 for line in lines)
    if not (up and down):
        text = say(
            "{start}the two-way effect is {claim} on all {n_lines} scales (Poisson, the rate and"
            " logarithms that let zeros in), clearly so on {clear}.",
            start=start,
            claim=say("a rise") if up else say("a fall"),
            n_lines=len(lines),
            clear=clear or say("none"),
        )
    else:
        text = say(
            "{start}the sign of the two-way effect hangs on the scale: a rise by {up}, but a fall by"
            " {down}, clearly so on {clear}. {why}",
            start=start,
            up=joined(up, "; "),
            down=joined(down, "; "),
            clear=clear or say("none"),
            why=_why(lines),
        )
    return capitalised(text) + _unit(lines, scales)


def _why(lines: Lines) -> str:
    """Why scales disagree, as far as the fits tell."""
    sign = {line.case: _refit.numbers(line)[0] > 0 for line in lines}
    poisson, rate, weighted = (sign.get(name) for name in ("Poisson", "rate", WEIGHTED))
    if None not in (poisson, rate, weighted) and poisson == weighted != rate:
        return say(
            "Weighing the rate by people turns its sign to that of Poisson: large units and small"
            " ones moved apart, and the rate counts them alike."
        )
    if None not in (poisson, rate, weighted) and rate == weighted != poisson:
        return say(
            "Weighing the rate by people does not turn its sign: ratios and differences moved apart,"
            " since units differ in their level, and parallel trends can hold on one of these scales"
            " only."
        )
    return say("Trends that are parallel on one scale are not on another where units differ in their level.")


def _unit(lines: Lines, scales: tuple[_Scale, ...]) -> str:
    """What another unit does to log1p."""
    bound = {scale.name for scale in scales if scale.unit_bound and scale.name.startswith("log1p")}
    found: list[Line] = [line for line in lines if line.case in bound]
    if len(found) < 2:
        return ""
    one, ten = (_refit.numbers(line)[0] for line in found[:2])
    return say(
        " The sizes on log1p and asinh are no percentages: merely counting in tenths of a unit"
        " takes the effect on log1p from {one:.3g} to {ten:.3g}.",
        one=one,
        ten=ten,
    )


def _in_errors(lines: Lines) -> pd.DataFrame:
    """Effects in their standard errors, which alone can share an axis."""
    return _refit.strip(
        replace(
            line,
            value=line.value / line.error,
            low=line.low / line.error,
            high=line.high / line.error,
        )
        for line in lines
        if line.value is not None and line.error and line.low is not None and line.high is not None
    )
