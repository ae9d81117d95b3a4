"""Other definitions of the treatment: does the estimate hang on how presence is counted?

A study names them under `variants.treatment`: another column, another first treated period, the dose of one month in
place of a mean, another start.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balanza import altered
from balanza.checks import _refit
from balanza.checks._refit import Line, Lines, Refitter
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="dose_definition",
    title="Other definitions of the treatment",
    question="Does the estimate hang on how the treatment is defined?",
    reference="Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, on defensible alternatives",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
The study is refitted with each definition $d$ that `variants.treatment` names in place of its first treatment, in the
same stated units. A claim is an interval without zero. Where an effect is claimed the check fails if any $\hat\tau_d$
claims none or one of the other sign; where none is claimed, if any of $m$ has $p < (1 - \mathrm{level}) / m$.
""",
    edge_cases=(
        "Refused where the study names no other definition",
        "Rows where the other column is not known are left out of that refit, so that it may rest on fewer periods",
        "A definition that the rows cannot serve has a row with the reason, and judges nothing",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Refit under each other definition of the study's first treatment.

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
        `passed`: whether what the study claims stands under all definitions; None where errors judge nothing. `table`
        has a row for each definition, `figure` the same for a strip.

    Raises
    ------
    Unsupported
        If the study names no other definition, none can be had from the rows, or the study cannot be estimated.
    """
    given = study.variants.get("treatment", {})
    if not given:
        raise Unsupported(
            say("the study names no other definition of its treatment"),
            where=SPEC.name,
            cure=say("Add `variants: {treatment: {...}}` to the study, if there is a defensible one"),
        )
    fitter = _refit.refitter(SPEC, study, panel, rng, len(given) + 1)
    own = study.treatment.name
    lines: Lines = []
    for label in given:
        found = fitter.tried(title(study, label), study, altered.with_treatment, study, panel, label)
        lines += [line for line in found if line.treatment == own]
    made = _refit.of(lines, own)
    if not made:
        raise Unsupported(
            say(
                "no other definition can be fitted ({case}: {reason})",
                case=lines[0].case,
                reason=lines[0].why,
            ),
            where=SPEC.name,
            cure=say("Name columns that the rows have"),
        )
    passed, broken = _refit.verdict(fitter, lines, study)
    base = next(line for line in fitter.base if line.treatment == own)
    values = {
        "n_definitions": len(made),
        "n_same_sign": sum(_refit.numbers(line)[0] * _refit.numbers(base)[0] > 0 for line in made),
        "n_broken": len(broken),
        "engine": fitter.engine,
        "scale": fitter.scale,
    }
    every = [base, *lines]
    sentence = _sentence(study, fitter, base, made, broken, passed)
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(every), _refit.strip(every))


def title(study: Study, label: str) -> str:
    """A definition in words, or its label."""
    return study.variants["treatment"][label].get("title") or label.replace("_", " ")


def _sentence(study: Study, fitter: Refitter, base: Line, made: Lines, broken: Lines, passed: bool | None) -> str:
    same = sum(_refit.numbers(line)[0] * _refit.numbers(base)[0] > 0 for line in made)
    told = joined(
        (say("{shown} with {case}", shown=_refit.shown(line, fitter.scale), case=line.case) for line in made), ", "
    )
    text = say(
        "Refitted {engine}, {lead}{per} the estimate is {shown} as the study defines its"
        " treatment, and {told}. {agree}",
        engine=fitter.engine,
        lead=_refit.lead(study, base.treatment),
        per=_refit.per(study, base.treatment),
        shown=_refit.shown(base, fitter.scale),
        told=told,
        agree=_agree(same, len(made)),
    )
    if passed:
        return say_n(
            "{text} The finding ({claimed}) is the same under it.",
            "{text} The finding ({claimed}) is the same under each.",
            len(made),
            text=text,
            claimed=_refit.claimed(base),
        )
    if passed is None:
        return joined([text, _refit.not_judged(fitter)])
    names = joined((joined([line.case, " (", _refit.claimed(line), ")"]) for line in broken), ", ")
    return say(
        "{text} The finding ({claimed}) changes with {names}.", text=text, claimed=_refit.claimed(base), names=names
    )


def _agree(same: int, total: int) -> str:
    if total == 1:
        return (
            say("The other definition has the same sign.") if same else say("The other definition has the other sign.")
        )
    if same == total:
        return say("All {total} other definitions have the same sign.", total=total)
    return say_n(
        "{n} of {total} other definitions has the same sign.",
        "{n} of {total} other definitions have the same sign.",
        same,
        total=total,
    )
