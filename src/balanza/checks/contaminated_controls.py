"""Contaminated controls: does the estimate stand without the untreated units that lie near treated ones?

A treatment that drives crime next door, or that calms the neighbourhood too, moves the units that it is compared with.
The rings are those of the estimator `spillover`, which measures what happens in them; here they are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balanza import altered
from balanza.checks import _refit
from balanza.checks._refit import Lines, Refitter
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels.group_time import NEVER
from balanza.kernels.rings import exposed_since
from balanza.registry import find
from balanza.say import joined, say

ESTIMATOR = "spillover"

SPEC = CheckSpec(
    name="contaminated_controls",
    title="Controls near treated units left out",
    question="Does the estimate stand if untreated neighbours of treated units are left out?",
    reference="Butts (2021), Difference-in-Differences Estimation with Spatial Spillovers, arXiv:2105.03737",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
With $d_{ij}$ for the distance of two units in kilometres and $r$ for each outer edge of the rings of `spillover`, the
study is refitted without the units $i$ that are not treated in the window and have

```math
\min_{j : \mathrm{treated}} d_{ij} \leq r
```

A claim is an interval without zero. The check fails if a refit lies outside the interval of all rows; if an effect is
claimed and a refit claims none or one of the other sign; or if none is claimed and one of $m$ refits has
$p < (1 - \mathrm{level}) / m$.
""",
    edge_cases=(
        "Refused where the study gives `spillover` no places (`latitude_column`, `longitude_column`)",
        "Units that are treated later in the window stay, although they may be exposed before",
        "A ring within which all untreated units lie has a row with the reason, and judges nothing",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Refit without the untreated units within each ring.

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
        `passed`: whether the finding stands without any of these controls; None where errors judge nothing. `table` has
        a row for each ring, `figure` the same for a strip.

    Raises
    ------
    Unsupported
        If the study names no places or has no untreated unit, or cannot be estimated.
    """
    edges, since, control = _near(study, panel)
    fitter = _refit.refitter(SPEC, study, panel, rng, len(edges) + 1)
    lines: Lines = []
    left_out: dict[str, int] = {}
    for place, edge in enumerate(edges):
        near = control & (since[:, : place + 1] < NEVER).any(axis=1)
        case = say("without controls within {edge:g} km", edge=edge)
        left_out[case] = int(near.sum())
        if near.sum() == control.sum():
            lines += _refit.refused(case, study, say("all untreated units lie within it"))
            continue
        lines += fitter.tried(case, study, altered.keep_units, panel, ~near)
    passed, broken = _refit.verdict(fitter, lines, study)
    base = fitter.base[0]
    outside = [line for line in lines if line.made and not _inside(line, base)]
    if passed is not None and outside:
        passed, broken = False, [line for line in lines if line in broken or line in outside]
    values = {
        "n_controls": int(control.sum()),
        "n_left_out": list(left_out.values()),
        "n_broken": len(broken),
        "engine": fitter.engine,
        "scale": fitter.scale,
    }
    every = [base, *lines]
    sentence = _sentence(study, fitter, lines, broken, passed, left_out, int(control.sum()))
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(every, left_out=left_out), _refit.strip(every))


def _inside(line: _refit.Line, base: _refit.Line) -> bool:
    _, low, high = _refit.numbers(base)
    return low <= _refit.numbers(line)[0] <= high


def _near(study: Study, panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outer edges of the rings, since when each holds a treated unit by unit and ring, and who is never treated."""
    given = study.options_of(ESTIMATOR)
    columns = [given.get(name) for name in ("latitude_column", "longitude_column")]
    if None in columns or any(name not in panel.frame for name in columns):
        raise Unsupported(
            say("the study does not say where its units lie"),
            where=SPEC.name,
            cure=say("Give the options `latitude_column` and `longitude_column` of `{estimator}`", estimator=ESTIMATOR),
        )
    rings = given.get("rings", find("estimators", ESTIMATOR).spec.options["rings"])
    edges = np.array(rings, float)
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    cohort = np.where((cohort < 0) | (cohort >= panel.n_periods), NEVER, cohort)
    control = cohort == NEVER
    if not control.any():
        raise Unsupported(say("there is no untreated unit"), where=SPEC.name, cure=say("Nothing is to be left out"))
    latitude, longitude = (panel.by_unit(str(name)) for name in columns)
    return edges, exposed_since(latitude, longitude, cohort, edges), control


def _sentence(
    study: Study,
    fitter: Refitter,
    lines: Lines,
    broken: Lines,
    passed: bool | None,
    left_out: Mapping[str, int],
    controls: int,
) -> str:
    base = fitter.base[0]
    told = [
        say(
            "{shown} {case} ({left_out:,} of {controls:,})",
            shown=_refit.shown(line, fitter.scale),
            case=line.case,
            left_out=left_out[line.case],
            controls=controls,
        )
        for line in lines
        if line.made
    ]
    lost = [
        say(
            "{case} nothing can be told, since {reason}",
            case=line.case,
            reason=line.why,
        )
        for line in lines
        if not line.made
    ]
    text = say(
        "Refitted {engine}, {per} the estimate is {shown} with all controls; {part}.",
        engine=fitter.engine,
        per=_refit.per(study, base.treatment),
        shown=_refit.shown(base, fitter.scale),
        part=joined([*told, *lost], "; "),
    )
    if passed:
        return say(
            "{text} {finding} does not come from neighbours that the treatment moved too.",
            text=text,
            finding=_refit.finding(fitter),
        )
    if passed is None:
        return joined([text, _refit.not_judged(fitter)])
    names = joined((line.case for line in broken), ", ")
    return say(
        "{text} The estimate leaves its interval, or the finding ({claimed}) changes, {names}:"
        " neighbours of treated units may have been moved too, or what controls are left are"
        " others.",
        text=text,
        claimed=_refit.claimed(base),
        names=names,
    )
