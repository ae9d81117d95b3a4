"""Leave one state out: does a single state, or the three that referees name, carry the estimate?

Guanajuato, Baja California and Mexico City are also left out together: the first two make up much of the homicides of
the years since 2017, and the third holds the headquarters of every federal force. In a panel of the user's own, whose
states are not known, clusters take their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from balanza import altered
from balanza.checks import _refit, _twoway
from balanza.checks._refit import Line, Lines, Refitter
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels import cluster_moments
from balanza.kernels.cluster_moments import Moments
from balanza.places import STATES
from balanza.say import joined, say, say_n

NAMED = ("11", "02", "09")
ENGLISH = {"09": say("Mexico City"), "15": say("the State of Mexico")}
FEWEST = 3

SPEC = CheckSpec(
    name="leave_one_state_out",
    title="One state left out",
    question="Does a single state carry the estimate?",
    reference="MacKinnon, Nielsen & Webb (2023), Stata Journal 23(4), on leaving clusters out as a measure of their"
    " influence",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
With $\hat\tau$ for the estimate and $\hat\tau_{(s)}$ for that on all rows outside state $s$, and a claim being an
interval without zero:

```math
R = \left[\min_s \hat\tau_{(s)}, \max_s \hat\tau_{(s)}\right]
```

Where an effect is claimed the check fails if any $\hat\tau_{(s)}$ claims none or one of the other sign; where none is
claimed, if any of the $m$ refits has $p < (1 - \mathrm{level}) / m$.

With many rows the two-way fit stands in for the headline, and each refit (of counts, one Newton step from the fit of
all rows) comes from the sums $G_c$ and $g_c$ of each cluster:

```math
\hat\beta_{(s)} = \left(\sum_{c \notin s} G_c\right)^{-1} \sum_{c \notin s} g_c
```
""",
    edge_cases=(
        "States are the first two digits of the unit's code; in a panel of the user's own, clusters take their place",
        "Refused with fewer than three states or clusters",
        "Guanajuato, Baja California and Mexico City are left out together where two of them or more are in the rows",
        "A refit that the estimator refuses has a row with the reason, and judges nothing",
        "Not judged where a clustered error is void: a treatment that changes in fewer than five clusters",
    ),
)


@dataclass(frozen=True)
class _Groups:
    """What is left out in turn: the code of each unit's group, shape (n_units,), and the groups' names."""

    code: np.ndarray
    names: tuple[str, ...]
    what: str

    def cases(self) -> dict[str, np.ndarray]:
        """By name of the case, which groups it leaves out, bool of shape (n_groups,)."""
        single = np.eye(len(self.names), dtype=bool)
        named = np.array([name in NAMED for name in self.names]) & (self.what == "state")
        found = {say("without {place}", place=self.title(name)): single[place] for place, name in enumerate(self.names)}
        if named.sum() > 1:
            who = [self.title(name) for name in NAMED if name in self.names]
            both = say("{places} and {last}", places=joined(who[:-1], ", "), last=who[-1])
            found[say("without {place}", place=both)] = named
        return found

    def title(self, name: str) -> str:
        return ENGLISH.get(name, STATES.get(name, say("state {name}", name=name))) if self.what == "state" else name


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Refit without each state in turn, and without the three together.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        Not used: the check refits the study as it is, too.
    rng : Generator
        Draws the seed of all refits.

    Returns
    -------
    CheckResult
        `passed`: whether what the study claims (a rise, a fall, or no effect) stands in every refit; None where errors
        judge nothing. `table` has a row for each refit and treatment, `figure` the same for a strip.

    Raises
    ------
    Unsupported
        If there are fewer than three states, or the study cannot be estimated.
    """
    groups = _groups(study, panel)
    n = len(groups.names)
    if n < FEWEST:
        raise Unsupported(
            say(
                "the rows lie in {groups}",
                groups=say_n("{n} state", "{n} states", n)
                if groups.what == "state"
                else say_n("{n} cluster", "{n} clusters", n),
            ),
            where=SPEC.name,
            cure=say("Use rows of three or more"),
        )
    cases = groups.cases()
    fitter = _refit.refitter(SPEC, study, panel, rng, len(cases) + 1)
    if "two-way" in fitter.engine:
        lines = _by_sums(study, panel, groups, cases)
        how = say(", one Newton step each") if study.outcome.family == "poisson" else ""
    else:
        lines, how = _refitted(study, panel, groups, cases, fitter), ""
    passed, broken = _refit.verdict(fitter, lines, study)
    values = {
        "n_refits": len(cases),
        "n_broken": len(broken),
        "engine": fitter.engine,
        "scale": fitter.scale,
        "broken": [line.case for line in broken],
    }
    sentence = _sentence(study, fitter, lines, broken, passed, groups.what, how)
    return CheckResult(
        SPEC.name, passed, sentence, values, _refit.table([*fitter.base, *lines]), _refit.strip([*fitter.base, *lines])
    )


def _groups(study: Study, panel: Panel) -> _Groups:
    if study.rows == "panel":
        return _Groups(panel.by_unit("cluster"), tuple(map(str, panel.cluster_labels)), "cluster")
    states, code = np.unique([str(label)[:2] for label in panel.unit_labels], return_inverse=True)
    return _Groups(code, tuple(map(str, states)), "state")


def _refitted(study: Study, panel: Panel, groups: _Groups, cases: Mapping[str, np.ndarray], fitter: Refitter) -> Lines:
    lines: Lines = []
    for case, out in cases.items():
        kept = ~out[groups.code]
        lines += fitter.tried(case, study, altered.keep_units, panel, kept)
    return lines


def _by_sums(study: Study, panel: Panel, groups: _Groups, cases: Mapping[str, np.ndarray]) -> Lines:
    """Refits from sums by cluster, where clusters lie within states, and else by state."""
    design = _twoway.whole(SPEC, study, panel)
    units = (np.nan_to_num(design.outcome) > 0).any(axis=1) if design.counts else ~np.isnan(design.outcome).all(axis=1)
    group, trimmed = groups.code[units], _twoway.trimmed(design)
    home = np.full(int(trimmed.cluster.max()) + 1, -1)
    home[trimmed.cluster] = group
    if (home[trimmed.cluster] != group).any():
        codes, cluster = np.unique(group, return_inverse=True)
        trimmed, home = replace(trimmed, cluster=cluster), codes
    found = _twoway.moments(trimmed, _twoway.linearise(trimmed, trimmed.regressors))
    lines: Lines = []
    for case, out in cases.items():
        kept = ~out[home]
        lines += _without(case, study, found, kept)
    return lines


def _without(case: str, study: Study, found: Moments, kept: np.ndarray) -> Lines:
    if kept.sum() < 2:
        return _refit.refused(case, study, say("fewer than two clusters are left"))
    left = replace(found, gram=found.gram[kept], gradient=found.gradient[kept], square=found.square[kept])
    k = np.arange(found.n_regressors)
    share = np.diag(cluster_moments.information(left, k)) / np.diag(cluster_moments.information(found, k))
    if (share < cluster_moments.IDENTIFIED).any():
        return _refit.refused(case, study, say("the treatment has no variation of its own left"))
    return _refit.from_effects(case, study, _twoway.effects(left))


def _sentence(
    study: Study, fitter: Refitter, lines: Lines, broken: Lines, passed: bool | None, what: str, how: str
) -> str:
    parts = []
    for base in fitter.base:
        others = _refit.of(lines, base.treatment)
        if not others:
            parts.append(say("{lead}no refit is possible", lead=_refit.lead(study, base.treatment)))
            continue
        parts.append(
            say(
                "{lead}the estimate {per} is {shown}, and lies between {span}",
                lead=_refit.lead(study, base.treatment),
                per=_refit.per(study, base.treatment),
                shown=_refit.shown(base, fitter.scale),
                span=_span(others, fitter),
            )
        )
    start = say(
        "With each {what} left out in turn ({n_refits} refits {engine}{how})",
        what=what,
        n_refits=len(lines) // len(fitter.base),
        engine=fitter.engine,
        how=how,
    )
    text = joined([start, ", ", joined(parts, "; "), "."])
    if passed:
        return say("{text} {finding} does not hang on one of them.", text=text, finding=_refit.finding(fitter))
    if passed is None:
        return joined([text, _refit.not_judged(fitter)])
    return joined([text, " ", _hangs(study, fitter, broken)])


def _span(lines: Lines, fitter: Refitter) -> str:
    ordered = sorted(lines, key=lambda line: _refit.numbers(line)[0])
    low, high = (
        joined([_refit.size(_refit.numbers(line)[0], fitter.scale), " (", line.case, ")"])
        for line in (ordered[0], ordered[-1])
    )
    return say("{low} and {high}", low=low, high=high)


def _hangs(study: Study, fitter: Refitter, broken: Lines) -> str:
    """Which of them the finding hangs on; at most five by name."""
    named: list[Line] = broken[:5]
    told = joined(
        (joined([line.case, " (", _refit.lead(study, line.treatment), _refit.claimed(line), ")"]) for line in named),
        ", ",
    )
    more = say(" and {n} more", n=len(broken) - 5) if len(broken) > 5 else ""
    return say("{finding} changes {told}{more}.", finding=_refit.finding(fitter), told=told, more=more)
