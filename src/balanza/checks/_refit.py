"""Refits of a study on altered panels: which estimator makes them, their estimates, and whether a claim outlives them.

The headline makes them where that is cheap. Where it is slow, or many refits of many rows are asked for, the two-way
fit stands in (Poisson for counts, least squares otherwise), and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.checks import _twoway, _words
from balanza.contract import CheckSpec, Estimate, Panel, Scale, Study
from balanza.errors import BalanzaError, Unsupported
from balanza.estimators import _events, _summary
from balanza.kernels import cluster_moments
from balanza.kernels.cluster_moments import Moments
from balanza.kernels.jackknife import leaves_out
from balanza.registry import find
from balanza.say import joined, say

if TYPE_CHECKING:
    import pandas as pd

SLOW = frozenset({"backdoor", "causal_forest", "double_ml", "negative_binomial", "synthetic_control", "synthetic_did"})
"""Estimators that resample or learn in each fit: seconds to minutes each."""
MOST_ROWS = 4_000_000
"""Up to how many rows, over all refits, the headline is refitted: some ten seconds of the slowest that is not SLOW."""
MOST_TERMS = 4_000_000_000
"""The same for systems of all terms that change by period: their number cubed, times clusters, times refits."""
AS_IT_IS = say("as it is")
COLUMNS = ("case", "treatment", "value", "standard_error", "low", "high", "p_value", "n_units", "note")


@dataclass(frozen=True)
class Line:
    """One refit: what was altered, and what came out for a treatment, or the reason why nothing did."""

    case: str
    treatment: str
    value: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    n_units: int | None = None
    note: str = ""
    why: str = ""

    @property
    def made(self) -> bool:
        """Whether there is an estimate."""
        return self.value is not None

    @property
    def sign(self) -> int:
        """What is claimed at the study's level: a rise (1), a fall (-1), or nothing (0)."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def numbers(line: Line) -> tuple[float, float, float]:
    """Estimate and interval of a line that was made."""
    assert line.value is not None and line.low is not None and line.high is not None  # noqa: S101 - asked of made ones
    return line.value, line.low, line.high


Lines = list[Line]
Fit = Callable[[str, Study, Panel], Lines]
Altered = Panel | tuple[Study, Panel]


def from_effects(case: str, study: Study, effects: Sequence[_twoway.Effect], n_units: int | None = None) -> Lines:
    """The treatments' lines of a two-way fit."""
    lines = []
    for treatment, effect in zip(study.treatments, effects, strict=False):
        low, high = _summary.interval(effect.value, effect.error, study.level, effect.freedom)
        p = _summary.p_value(effect.value, effect.error, effect.freedom)
        lines.append(Line(case, treatment.name, effect.value, effect.error, low, high, p, n_units, effect.error_type))
    return lines


def refused(case: str, study: Study, reason: str) -> Lines:
    """Lines of a refit that could not be made."""
    return [
        Line(case, treatment.name, note=say("not possible: {reason}", reason=reason), why=reason)
        for treatment in study.treatments
    ]


def two_way(spec: CheckSpec) -> Fit:
    """Refits by the two-way fit, of any family of outcome."""
    spec = replace(spec, families=frozenset({"gaussian", "poisson"}))

    def fit(case: str, study: Study, panel: Panel) -> Lines:
        try:
            design = _twoway.read(spec, study, panel)
            return from_effects(case, study, _twoway.fit(design)[1], len(design.outcome))
        except Unsupported as refusal:
            return refused(case, study, refusal.problem)

    return fit


class Headline:
    """Refits by the study's headline, each with the same draws; `scale` is that of the last one."""

    def __init__(self, study: Study, seed: int) -> None:
        self.name, self.seed = str(study.headline), seed
        self.scale: Scale = "level"
        self.entry = find("estimators", self.name)
        # Draws make the uniform bands of event studies only, which no refit uses.
        self.fewer = {"draws": 19} if "draws" in self.entry.spec.options else {}

    def __call__(self, case: str, study: Study, panel: Panel) -> Lines:
        # No event study is read either: none, or that of the fewest bins.
        bins = 0 if self.name in _events.SEPARATE else panel.n_periods
        options = {**study.options, self.name: {**study.options_of(self.name), **self.fewer}}
        try:
            bare = replace(study, options=options, event_bins=bins)
            found = self.entry.function(bare, panel, np.random.default_rng(self.seed))
        except BalanzaError as refusal:
            return refused(case, study, refusal.problem)
        except np.linalg.LinAlgError:
            return refused(case, study, say("a singular matrix"))
        several: Mapping[str, Estimate] = {found.treatment: found} if isinstance(found, Estimate) else found
        self.scale = several[study.treatment.name].scale
        return [_line(case, several[treatment.name]) for treatment in study.treatments]


def _line(case: str, found: Estimate) -> Line:
    if not np.isfinite([found.value, found.standard_error, *found.interval]).all():
        return Line(case, found.treatment, note=say("not possible: the interval has no end"))
    low, high = found.interval
    return Line(
        case,
        found.treatment,
        found.value,
        found.standard_error,
        low,
        high,
        found.p_value,
        found.n_units,
        found.standard_error_type,
    )


@dataclass(frozen=True)
class Refitter:
    """The estimator that refits a study, the study's own estimates by it, and why some are no ground for a verdict.

    engine : the words for the estimator
    scale : of its estimates
    base : the study as it is, one line a treatment
    void : by treatment, why its standard error judges nothing; None where it does
    """

    fit: Fit
    engine: str
    scale: Scale
    base: Lines
    void: Mapping[str, str | None]

    def __call__(self, case: str, study: Study, panel: Panel) -> Lines:
        return self.fit(case, study, panel)

    def tried(self, case: str, study: Study, alter: Callable[..., Altered], *arguments: Any) -> Lines:
        """Refit what an alteration makes of its arguments; where that is refused the lines say why."""
        try:
            made = alter(*arguments)
        except BalanzaError as refusal:
            return refused(case, study, refusal.problem)
        return self.fit(case, study, made) if isinstance(made, Panel) else self.fit(case, *made)


def refitter(
    spec: CheckSpec, study: Study, panel: Panel, rng: np.random.Generator, refits: int, two_way_only: bool = False
) -> Refitter:
    """Choose the estimator that refits a study: the headline, or the two-way fit where that would cost too much.

    Parameters
    ----------
    spec : CheckSpec
        Of the check, for refusals.
    study, panel, rng : as in the contract
    refits : int
        How many will be asked for, of at most the rows that the panel has.
    two_way_only : bool
        For what is defined for the two-way fit only.

    Raises
    ------
    Unsupported
        If neither can estimate the study as it is.
    """
    seed = int(rng.integers(2**63))
    void = _void(spec, study, panel)
    why = "" if two_way_only else _against(study, panel, refits)
    if not two_way_only and not why:
        fit = Headline(study, seed)
        base = fit(AS_IT_IS, study, panel)
        if all(line.made for line in base):
            scale: Scale = "log" if fit.scale == "log" or study.outcome.log else "level"
            return Refitter(fit, say("by {headline}, the headline", headline=study.headline), scale, base, void)
        why = say("the headline, {headline}, cannot be fitted here", headline=study.headline) if study.headline else why
    _, effects = _twoway.fit(design := _twoway.read(spec, study, panel))
    base = from_effects(AS_IT_IS, study, effects, len(design.outcome))
    engine = say("by the two-way fit ({why})", why=why) if why else say("by the two-way fit")
    return Refitter(two_way(spec), engine, two_way_scale(study), base, void)


def two_way_scale(study: Study) -> Scale:
    """Whether effects of the two-way fit are logarithms of ratios or differences."""
    return "log" if study.outcome.family == "poisson" or study.outcome.log else "level"


def _against(study: Study, panel: Panel, refits: int) -> str:
    """Why the headline is not refitted; empty where it is."""
    if study.headline is None:
        return say("the study names no headline")
    if study.headline in SLOW:
        return say("the headline, {headline}, takes too long to refit", headline=study.headline)
    if len(panel.frame) * refits > MOST_ROWS:
        return say(
            "with {n_frame:,} rows the headline, {headline}, takes too long for {refits} refits",
            n_frame=len(panel.frame),
            headline=study.headline,
            refits=refits,
        )
    terms = panel.n_periods * (1 + len([name for name in study.covariates if name != "graph"]))
    clusters = panel.n_clusters if leaves_out(panel.n_clusters) else 1
    if terms**3 * clusters * refits > MOST_TERMS:
        return say(
            "with its covariates the headline, {headline}, takes too long for {refits} refits",
            headline=study.headline,
            refits=refits,
        )
    return ""


def _void(spec: CheckSpec, study: Study, panel: Panel) -> dict[str, str | None]:
    try:
        design = _twoway.read(spec, study, panel)
        effects = _twoway.fit(design)[1]
    except Unsupported:
        return {treatment.name: None for treatment in study.treatments}
    return {
        treatment.name: _twoway.void_error(design, index, treatment, effects[index])
        for index, treatment in enumerate(study.treatments)
    }


def difference(one: Moments, other: Moments, index: int) -> _twoway.Effect:
    """The first fit's coefficient less the second's, with the clustered error of the difference.

    Both fits must have the same clusters in the same order. The jackknife leaves each cluster out of both at once; with
    many clusters, or where a coefficient hangs on one, the difference of influences makes a sandwich.
    """
    value = float(one.coefficients[index] - other.coefficients[index])
    clusters = len(one.gram)
    if leaves_out(clusters):
        away = 1.0 - np.eye(clusters)
        left = [cluster_moments.refitted(found, away)[:, index] for found in (one, other)]
        changes = left[0] - left[1] - value
        if not np.isnan(changes).any():
            error = float(np.sqrt((clusters - 1) / clusters * (changes**2).sum()))
            return _twoway.Effect(value, error, clusters - 1, say("cluster jackknife (CV3)"))
    influence = [found.residual @ found.inverse[:, index] for found in (one, other)]
    error = float(np.sqrt(clusters / (clusters - 1) * ((influence[0] - influence[1]) ** 2).sum()))
    return _twoway.Effect(value, error, clusters - 1, cluster_moments.SANDWICH)


def of(lines: Iterable[Line], treatment: str) -> Lines:
    """The lines of one treatment that were made."""
    return [line for line in lines if line.treatment == treatment and line.made]


def broken_claims(base: Line, others: Lines, level: float) -> Lines:
    """Refits under which what the study claims of a treatment no longer stands.

    A claimed effect breaks where zero enters the interval or the sign turns. Where no effect is claimed, that breaks
    where a refit claims one, at a level shared among all refits (Bonferroni), since of many some will by chance.
    """
    if base.sign:
        return [line for line in others if line.sign != base.sign]
    limit = (1 - level) / max(1, len(others))
    return [line for line in others if line.sign and line.p_value is not None and line.p_value < limit]


def verdict(fitter: Refitter, lines: Lines, study: Study) -> tuple[bool | None, Lines]:
    """Whether each claim outlives all its refits, and those that break one; None where nothing is judged."""
    broken, judged = [], False
    for base in fitter.base:
        others = of(lines, base.treatment)
        if fitter.void[base.treatment] or not others:
            continue
        judged = True
        broken += broken_claims(base, others, study.level)
    return (not broken if judged else None), broken


def not_judged(fitter: Refitter) -> str:
    """A sentence on why nothing is judged of some treatments, with a space before it; empty where all are."""
    reasons = dict.fromkeys(reason for reason in fitter.void.values() if reason)
    return joined(say(" Nothing is judged: {void}.", void=reason) for reason in reasons)


def shown(line: Line, scale: Scale) -> str:
    """An estimate with its interval, in words for a reader."""
    value, low, high = numbers(line)
    if scale == "log":
        return say(
            "{value} ({low} to {high})",
            value=percent(value),
            low=percent(low),
            high=percent(high),
        )
    return say("{value:.3g} ({low:.3g} to {high:.3g})", value=value, low=low, high=high)


def size(value: float, scale: Scale) -> str:
    """An estimate without its interval."""
    return percent(value) if scale == "log" else say("{value:.3g}", value=value)


def percent(value: float) -> str:
    """A logarithm of a ratio as a change in per cent."""
    change = 100 * float(np.expm1(min(value, 50.0)))
    return say("{change:+.1f} %", change=change) if abs(change) < 1e4 else say("{change:+.2g} %", change=change)


def spread(lines: Lines, scale: Scale) -> str:
    """The lowest and the highest of some estimates."""
    values = [numbers(line)[0] for line in lines]
    return say("{low} to {high}", low=size(min(values), scale), high=size(max(values), scale))


def claimed(line: Line) -> str:
    """What an estimate claims, in words."""
    return {1: say("a rise"), -1: say("a fall"), 0: say("no clear effect")}[line.sign]


def finding(fitter: Refitter) -> str:
    """What the study finds, as the subject of a sentence in the singular."""
    return say("The finding ({told})", told=all_claimed(fitter))


def all_claimed(fitter: Refitter) -> str:
    """What the study claims of each treatment that is judged."""
    told = [
        (joined([line.treatment, ": "]) if len(fitter.base) > 1 else "") + claimed(line)
        for line in fitter.base
        if not fitter.void[line.treatment]
    ]
    return joined(told, "; ")


def lead(study: Study, treatment: str) -> str:
    """How a part of a sentence names its treatment: not at all where there is one only."""
    return joined([treatment, ": "]) if len(study.treatments) > 1 else ""


def per(study: Study, treatment: str) -> str:
    """The unit that an effect is stated for."""
    item = next(item for item in study.treatments if item.name == treatment)
    return say("per {unit}", unit=item.unit or say("unit of treatment"))


def table(lines: Iterable[Line], **more: Mapping[str, Any]) -> pd.DataFrame:
    """All refits, a row each; `more` are further columns by case."""

    rows = [
        {
            "case": line.case,
            "treatment": line.treatment,
            "value": line.value,
            "standard_error": line.error,
            "low": line.low,
            "high": line.high,
            "p_value": line.p_value,
            "n_units": line.n_units,
            "note": line.note,
        }
        | {name: values.get(line.case) for name, values in more.items()}
        for line in lines
    ]
    return _words.table(rows, [*COLUMNS, *more])


def strip(lines: Iterable[Line]) -> pd.DataFrame:
    """Label, value, low and high of each refit that was made, for a strip of estimates."""

    rows = [
        {"label": line.case, "treatment": line.treatment, "value": line.value, "low": line.low, "high": line.high}
        for line in lines
        if line.made
    ]
    return _words.table(rows, ["label", "treatment", "value", "low", "high"])
