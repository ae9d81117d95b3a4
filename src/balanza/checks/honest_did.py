"""How far trends may have parted before an effect is gone, after Rambachan and Roth (2023).

The kernels are `balanza.kernels.honest` (relative magnitudes) and `balanza.kernels.smoothness`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from balanza.checks import _event_study, _words
from balanza.checks._event_study import Path, Paths, shown
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.kernels.honest import breakdown, relative_magnitudes
from balanza.kernels.smoothness import smoothness
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="honest_did",
    title="Honest intervals",
    question="How much may trends have parted after treatment, measured by how much they did before, for the effect to"
    " stand?",
    reference="Rambachan and Roth (2023), Review of Economic Studies 90(5); Andrews, Roth and Pakes (2023), Review of"
    " Economic Studies 90(6)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
The event study's coefficients are $\beta = \delta + \tau$: the trend $\delta_e$ by which treated units would have
parted from the others since the reference, $\delta_{ref} = 0$, and from treatment on the effect $\tau_e$. The targets
are $\theta = l'\tau$: the plain mean over event times from 0 on, and the first of them. By relative magnitudes,
between neighbouring event times,

```math
\left|\delta_{e+1} - \delta_e\right| \leq \bar M \max_{s < ref} \left|\delta_{s+1} - \delta_s\right| \quad
\text{for all } e \geq ref
```

For each change $s$ before treatment and each sign of it this is a set of inequalities $A \delta \leq 0$ (those that
bind $\delta$ after the reference). With $Y(\theta)$ for $A (\hat\beta - \tau)$ where $l'\tau = \theta$, $X$ for what
the rest of $\tau$ adds, and $\sigma$ for the standard errors,

```math
\hat\eta(\theta) = \min_{\eta, \tilde\tau} \eta \quad \text{subject to} \quad Y(\theta) - X \tilde\tau \leq \eta \sigma
```

$\theta$ is refused by a set where $\hat\eta$ exceeds its least favourable quantile of $1 - \alpha / 10$, or else the
quantile of $1 - 0.9 \alpha / (1 - 0.1 \alpha)$ of a normal cut to the values at which the same inequalities bind
(hybrid test); the interval holds all $\theta$ that some set does not refuse. The breakdown value is the largest
$\bar M$ at which it excludes zero. By smoothness,

```math
\left|(\delta_{e+1} - \delta_e) - (\delta_e - \delta_{e-1})\right| \leq M,
```

and the interval is the shortest of fixed length around a linear combination of $\hat\beta$, with the quantile of a
folded normal, $|N(B / \mathrm{se}, 1)|$, times $\mathrm{se}$ on both sides, $B$ being its largest bias. $M$ is stated
as a multiple of the largest change of slope among the coefficients before treatment, a yardstick and no estimate.

Passed: an effect is claimed by the headline (its interval excludes zero) and its mean over event times has a breakdown
value of 1 or more. Not passed: an effect is claimed and the breakdown value is below 1. Where no effect is claimed,
nothing is judged.
""",
    edge_cases=(
        "The reference is the last event-time bin before treatment (and before `anticipation`, whose event times lie"
        " between reference and treatment: trends may part there, but they are no part of the effect)",
        "The mean over event times weighs each alike, and need not be the headline's average of the same effects",
        "Event times beyond a gap, or that fewer than five effective clusters of those treated at some time reach (all"
        " of these where they are fewer), are left out and counted: a clustered error is far too small there",
        "An estimate needs at least one event time before the reference, which makes one change; smoothness has no"
        " yardstick, and is shown for a straight trend only, where there are fewer than two",
        "Imputation, two-stage and spillover estimators and synthetic controls are not bounded: their event times"
        " before and after treatment do not measure the same thing (Roth 2024, arXiv:2401.12309)",
        "`callaway_santanna` with a varying base: changes before treatment are added up to differences from the last"
        " one; it and `switchers` are bounded with `event_bins: 1` only, since their reference is a single period",
        "An estimator of another package is taken to measure event times against the last bin before treatment",
        "Coefficients count as normal and their covariance as known, as in R HonestDiD; but where the rows' intervals"
        " are those of Student's t, standard errors are widened by its quantile over the normal one, so that without"
        " any departure the interval of an event time is that of its row",
        "Where fewer than five clusters change a treatment, nothing is judged",
        "Where the headline cannot be bounded, the sentence is about another estimator, and nothing is judged",
        "The search for a breakdown value ends at 10",
    ),
)
MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0)
MOST = 10.0
ENOUGH = 1.0
RELATIVE, SMOOTH = say("relative magnitudes"), say("smoothness")
COLUMNS = (
    "estimate",
    "treatment",
    "scale",
    "target",
    "restriction",
    "bound",
    "low",
    "high",
    "low_percent",
    "high_percent",
    "breakdown",
)
Row = dict[str, Any]


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Bound the mean and the first effect of each event study, and find how far trends may part.

    Parameters
    ----------
    study, panel : as in the contract
        The panel tells how many clusters change the treatment.
    estimates : mapping
        Those with rows of kind event_time and their covariance are bounded.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed` by the rule above. `table` has a row for each estimate, target (`average`, `first`), restriction
        (`relative magnitudes`, `smoothness`) and bound; `breakdown` is null where zero is inside without any departure.
        `figure` holds the relative magnitudes: treatment, estimate, target, mbar, low, high.

    Raises
    ------
    Unsupported
        If no estimate has an event study with coefficients before and after one reference.
    """

    paths = _event_study.read(SPEC.name, study, panel, estimates)
    table = _words.table(
        [
            row
            for path in paths.found
            for target in _event_study.TARGETS
            for row in _rows(path, target, study.level, path.claimed or path in paths.lead)
        ],
        columns=list(COLUMNS),
    )
    void = _event_study.void_of(study, panel, paths)
    verdicts = [_verdict(path, table) for path in paths.lead if path.claimed]
    passed = all(verdicts) if verdicts and paths.judged and not void else None
    values = {
        "level": study.level,
        "judged": passed is not None,
        "breakdown": {path.stem: _breakdown(table, path, "average") for path in paths.lead},
        "breakdown_first": {path.stem: _breakdown(table, path, "first") for path in paths.lead},
        "claimed": {path.stem: path.claimed for path in paths.lead},
        "left_out": {path.stem: path.n_left_out for path in paths.found if path.n_left_out},
        "not_possible": dict(paths.refused),
    }
    figure = table[table["restriction"] == RELATIVE].rename(columns={"bound": "mbar"})
    figure = figure[["treatment", "estimate", "target", "mbar", "low", "high"]].reset_index(drop=True)
    return CheckResult(SPEC.name, passed, _sentence(study, paths, table, void), values, table, figure)


def _rows(path: Path, target: str, level: float, search: bool) -> list[Row]:
    """All intervals of one target; the breakdown value where it is searched for."""
    weights = path.weights(target)
    limit = breakdown(path.widened, weights, level, MOST) if search else math.nan

    def row(restriction: str, bound: float, ends: tuple[float, float]) -> Row:
        return {
            "estimate": path.stem,
            "treatment": path.estimate.treatment,
            "scale": path.estimate.scale,
            "target": target,
            "restriction": restriction,
            "bound": bound,
            "low": ends[0],
            "high": ends[1],
            "low_percent": _event_study.in_percent(path, ends[0]),
            "high_percent": _event_study.in_percent(path, ends[1]),
            "breakdown": limit if restriction == RELATIVE else math.nan,
        }

    found = [row(RELATIVE, mbar, relative_magnitudes(path.widened, weights, mbar, level)) for mbar in MAGNITUDES]
    yardstick = _largest_bend(path)
    for bound in [multiple * yardstick for multiple in MAGNITUDES] if yardstick else [0.0]:
        found.append(row(SMOOTH, bound, smoothness(path.widened, weights, bound, level)))
    return found


def _largest_bend(path: Path) -> float:
    """Largest change of slope among the coefficients up to the reference, 0 where there is none."""
    bends = np.diff(np.append(path.study.value[: path.study.n_before], 0.0), 2)
    return float(np.abs(bends).max(initial=0.0))


def _of(table: Any, path: Path, target: str) -> Any:
    chosen = (table["estimate"] == path.stem) & (table["target"] == target)
    return table[chosen & (table["restriction"] == RELATIVE)]


def _breakdown(table: Any, path: Path, target: str) -> float | None:
    value = float(_of(table, path, target)["breakdown"].iloc[0])
    return None if math.isnan(value) else value


def _verdict(path: Path, table: Any) -> bool:
    value = _breakdown(table, path, "average")
    return value is not None and value >= ENOUGH


def _sentence(study: Study, paths: Paths, table: Any, void: str | None) -> str:
    units = {treatment.name: _event_study.unit_in_words(treatment) for treatment in study.treatments}
    parts = [_claim(path, table, units[path.estimate.treatment], study.level) for path in paths.lead]
    end = say(" Nothing is judged: {void}.", void=void) if void else ""
    left_out = _event_study.left_out_in_words(paths.lead[0])
    return joined([paths.preface(study), joined(parts, " "), left_out, end])


def _claim(path: Path, table: Any, unit: str, level: float) -> str:
    n = int((path.weights("average") > 0).sum())
    what = say_n("the effect of the one event time", "the mean effect of {n} event times", n)
    share = say("{level:.0f} %", level=100 * level)
    changes = path.study.n_before
    before = say_n("its one change before it", "the largest of its {n} changes before treatment", changes)
    if not path.claimed:
        ends = {
            row["bound"]: say("{low} to {high}", low=shown(path, row["low"]), high=shown(path, row["high"]))
            for row in _records(table, path)
        }
        listed = joined((say("{ends} for {mbar:g}", ends=ends[mbar], mbar=mbar) for mbar in MAGNITUDES), "; ")
        return say(
            "By {estimate}, no effect per {unit} is claimed. Where the trend changes from one event time"
            " ({step}) to the next by no more than a multiple of {before}, {what} lies"
            " within these {share} intervals, and effects beyond them are excluded: {listed} times.",
            estimate=path.stem,
            unit=unit,
            step=_event_study.step_in_words(path),
            before=before,
            what=what,
            share=share,
            listed=listed,
        )
    value, first = _breakdown(table, path, "average"), _breakdown(table, path, "first")
    if value is None:
        row = _records(table, path)[0]
        return say(
            "By {estimate}, an effect per {unit} is claimed, but {what} does not exclude zero even if"
            " trends never parted: its {share} interval is {low} to {high}.",
            estimate=path.stem,
            unit=unit,
            what=what,
            share=share,
            low=shown(path, row["low"]),
            high=shown(path, row["high"]),
        )
    start = say(
        "By {estimate}, an effect per {unit} is claimed: the {share} interval of {what} excludes zero",
        estimate=path.stem,
        unit=unit,
        share=share,
        what=what,
    )
    if value >= MOST:
        return say(
            "{start} even where the trend changes by {most:g} times {before}, as far as was searched.",
            start=start,
            most=MOST,
            before=before,
        )
    tail = say(" ({number} times for the first of them)", number=_number(first)) if n > 1 else ""
    return say(
        "{start} as long as the trend changes from one event time ({step}) to the next"
        " by no more than {number} times {before}, its breakdown value{tail}.",
        start=start,
        step=_event_study.step_in_words(path),
        number=_number(value),
        before=before,
        tail=tail,
    )


def _records(table: Any, path: Path) -> list[Row]:
    return list(_of(table, path, "average").to_dict("records"))


def _number(value: float | None) -> str:
    """Rounded down, so that no more is said than was found."""
    return "none" if value is None else f"{math.floor(100 * value + 1e-9) / 100:.2f}"
