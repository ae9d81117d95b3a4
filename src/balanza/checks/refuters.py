"""Refuters: break the link, disturb the data, add a made-up cause, and see whether the two-way fit does as it should.

After the refuters of DoWhy (Sharma and Kiciman 2020, arXiv:2011.04216), over clusters, because treatment is assigned
there. They refute the two-way fit of a study (Poisson for counts, least squares otherwise) and no other estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from balanza.checks import _twoway, _words
from balanza.checks._twoway import Design, Effect
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.estimators import _summary
from balanza.kernels import cluster_moments
from balanza.kernels import refuters as kernel
from balanza.kernels.cluster_moments import Moments
from balanza.say import joined, say

if TYPE_CHECKING:
    import pandas as pd

SPEC = CheckSpec(
    name="refuters",
    title="Refuters of the two-way fit",
    question="Does the two-way fit find nothing where there is nothing, and the same where little was changed?",
    reference="Sharma & Kiciman (2020), arXiv:2011.04216; Bertrand, Duflo & Mullainathan (2004), QJE 119(1)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
The two-way fit is weighted least squares of $y_{it}$ on unit and period effects, covariates and treatments $D_{it}$;
for counts $y_{it}$ is the working response $\log(\mu_{it} / e_{it}) + (Y_{it} - \mu_{it}) / \mu_{it}$ of the Poisson
fit, with exposure $e_{it}$ and weights $\mu_{it}$, so that a draw is one Newton step. Each draw $b$ gives an estimate
$\hat\tau_b$:

- placebo treatment: $D_{it}$ of cluster $c$ becomes that of cluster $\pi_b(c)$, from the fit without the treatment
- dummy outcome: the residuals of the fit with the treatment, times a sign $\pm 1$ for each cluster
- random common cause: a random walk for each cluster is one more regressor
- data subset: a random 20 per cent of the clusters are left out
- bootstrap: clusters are drawn with replacement

The first two must give 0, the others $\hat\tau$. With $\theta$ for what must come out and $B$ draws:

```math
p = \min\left(1, \frac{2}{1 + B} \left(1 + \min\left(\sum_b \mathbf{1}\{\hat\tau_b \leq \theta\},
\sum_b \mathbf{1}\{\hat\tau_b \geq \theta\}\right)\right)\right)
```

Draws of the first two are each tested by the cluster jackknife with all other terms held, and `called_effects` is the
share of them that such a test calls an effect.
""",
    edge_cases=(
        "Placebo treatments need a treatment that is the same for all units of a cluster, seen in all periods",
        "A draw that identifies no effect is left out, and the number of draws that are left is shown",
        "Panels with thousands of clusters get fewer draws, no less than 99",
        "Refutes arithmetic and standard errors only: a cause that goes with the treatment passes all of it",
        "Common causes at random and subsets of the data inform, without a verdict",
        "Not judged where fewer than five clusters change a treatment that is on or off, or where it hangs on one",
        "A draw that hangs on a single cluster has no jackknife, and is tested by the sandwich",
        "It refutes the two-way fit only, whatever the headline is",
    ),
)
LEFT_OUT = 0.2
FALSE_ALARMS = 2.0
"""How many times as often as its level says a test may call noise an effect, give or take two Monte Carlo errors."""
BIAS, SPREAD = 0.25, 1.5
FEWEST_DRAWS = 99
WORK = 6e9
SHARES = np.linspace(0, 1, 101)
PLACEBO, DUMMY = say("placebo treatment"), say("dummy outcome")
CAUSE, SUBSET = say("random common cause"), say("data subset")
RULES = {
    CAUSE: say("informs: how far a cause that is made up at random moves the estimate"),
    SUBSET: say("informs: how far the estimate moves as clusters are left out"),
    "bootstrap": say("mean within a quarter of the spread of the estimate, spread at most 1.5 standard errors"),
}


INFORM = frozenset({CAUSE, SUBSET})
"""Refuters without a verdict: what is drawn at random goes with no treatment, and would let a confounded fit pass."""
REACH = say("They test arithmetic and standard errors, and cannot detect confounding.")


@dataclass(frozen=True)
class _Case:
    """One treatment of a study, its two-way fit with moments, and the run's draws.

    void : why the standard error is no ground for a verdict, if it is none
    """

    design: Design
    index: int
    full: Moments
    effect: Effect
    level: float
    draws: int
    rng: np.random.Generator
    void: str | None

    @cached_property
    def null(self) -> Moments:
        """Moments at the fit without the treatment: the same for least squares."""
        if not self.design.counts:
            return self.full
        others = np.delete(self.design.regressors, self.index, axis=0)
        return _twoway.moments(self.design, _twoway.linearise(self.design, others))

    @property
    def n_clusters(self) -> int:
        return len(self.full.gram)

    def orders(self) -> np.ndarray:
        """Random orders of the clusters, shape (draws, n_clusters)."""
        return self.rng.permuted(np.tile(np.arange(self.n_clusters), (self.draws, 1)), axis=1)


@dataclass(frozen=True)
class _Found:
    """Drawn estimates, and where a test was made of each the share that it called an effect."""

    estimates: np.ndarray
    alarms: float | None = None


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Draw each refuter many times and hold what it finds against what a sound fit would give.

    Parameters
    ----------
    study, panel, estimates : as in the contract
        The estimates are not used: the check makes its own two-way fit.
    rng : Generator
        Draws `study.draws` of each refuter, fewer (no less than 99) on panels with thousands of clusters.

    Returns
    -------
    CheckResult
        `passed`: whether placebo treatment, dummy outcome and bootstrap passed, as far as they are possible, by the
        rules in the table; None where the standard error is no ground for a verdict (see `_twoway.void_error`). The
        other two refuters inform. `table` has a row for each
        refuter and treatment: what a sound fit gives, mean and spread of the draws, the two-sided share of draws beyond
        what is expected (`p_value`), the share of draws that a test at the study's level called an effect, and the
        rule. `figure` holds the quantiles of the drawn estimates.

    Raises
    ------
    Unsupported
        If the two-way fit does not exist.
    """
    import pandas as pd

    design = _twoway.read(SPEC, study, panel)
    full, effects = _twoway.fit(design)
    draws = int(min(study.draws, max(FEWEST_DRAWS, WORK // full.gram.size)))
    rows, drawn = [], []
    for index, name in enumerate(design.names):
        void = _twoway.void_error(design, index, study.treatments[index], effects[index])
        case = _Case(design, index, full, effects[index], study.level, draws, rng, void)
        for refuter, draw in REFUTERS.items():
            found = draw(case)
            rows.append({"refuter": refuter, "treatment": name, **_row(case, refuter, found)})
            if isinstance(found, _Found):
                quantiles = {"share": SHARES, "estimate": np.quantile(found.estimates, SHARES)}
                drawn.append(pd.DataFrame({"refuter": refuter, "treatment": name, **quantiles}))
    table = _words.table(rows)
    judged = table.loc[table["passed"].notna()]
    passed = bool(judged["passed"].astype(bool).all()) if len(judged) else None
    values: dict[str, object] = {"draws": draws, "n_clusters": case.n_clusters, "errors": effects[0].error_type}
    values |= {"n_passed": int(judged["passed"].astype(bool).sum()), "n_judged": len(judged)}
    return CheckResult(SPEC.name, passed, _sentence(judged, case), values, table, pd.concat(drawn, ignore_index=True))


def _placebo_treatment(case: _Case) -> _Found | str:
    paths = _twoway.paths(case.design, case.index)
    if isinstance(paths, str):
        return paths
    return _tested(case, kernel.placebo_treatment(case.null, case.index, paths, case.orders()))


def _dummy_outcome(case: _Case) -> _Found | str:
    signs = 2.0 * case.rng.integers(0, 2, (case.draws, case.n_clusters)) - 1.0
    return _tested(case, kernel.dummy_outcome(case.full, case.index, signs))


def _random_common_cause(case: _Case) -> _Found | str:
    shape = (case.n_clusters, case.full.n_periods)
    size = max(1, cluster_moments.BATCH_CELLS // (case.n_clusters * case.full.gram.shape[1]))
    batches = [min(size, case.draws - start) for start in range(0, case.draws, size)]
    # Random walks, since what moves homicide persists: white noise would never disturb anything.
    found = [
        kernel.common_cause(case.full, case.rng.standard_normal((batch, *shape)).cumsum(axis=2)) for batch in batches
    ]
    return _Found(np.concatenate(found)[:, case.index])


def _data_subset(case: _Case) -> _Found | str:
    kept = case.n_clusters - max(1, round(LEFT_OUT * case.n_clusters))
    return _refitted(case, (case.orders() < kept).astype(float))


def _bootstrap(case: _Case) -> _Found | str:
    share = np.full(case.n_clusters, 1 / case.n_clusters)
    return _refitted(case, case.rng.multinomial(case.n_clusters, share, size=case.draws).astype(float))


REFUTERS: Mapping[str, Callable[[_Case], _Found | str]] = {
    PLACEBO: _placebo_treatment,
    DUMMY: _dummy_outcome,
    CAUSE: _random_common_cause,
    SUBSET: _data_subset,
    "bootstrap": _bootstrap,
}


def _tested(case: _Case, draws: kernel.Draws) -> _Found | str:
    usable = ~np.isnan(draws.t)
    if not usable.any():
        return say("no draw leaves the treatment variation of its own")
    critical = _summary.critical(case.level, case.n_clusters - 1)
    return _Found(draws.estimates[usable], float(np.mean(np.abs(draws.t[usable]) > critical)))


def _refitted(case: _Case, multiplicity: np.ndarray) -> _Found | str:
    estimates = cluster_moments.refitted(case.full, multiplicity)[:, case.index]
    usable = estimates[~np.isnan(estimates)]
    return _Found(usable) if len(usable) else say("no draw identifies the effect")


def _row(case: _Case, refuter: str, found: _Found | str) -> dict[str, object]:
    """One line of the table."""
    level, effect = case.level, case.effect
    rule = RULES.get(refuter) or _null_rule(level)
    expected = effect.value if refuter in RULES else 0.0
    if isinstance(found, str):
        empty = dict.fromkeys(("mean", "spread", "p_value", "called_effects", "draws"))
        return {"expected": expected, **empty, "passed": None, "rule": say("not possible: {reason}", reason=found)}
    draws = found.estimates
    mean, spread = float(draws.mean()), float(draws.std(ddof=1)) if len(draws) > 1 else 0.0
    p_value = _two_sided(draws, expected)
    if found.alarms is not None:
        passed = p_value >= 1 - level and found.alarms <= _most_alarms(level, len(draws))
    else:
        passed = abs(mean - effect.value) <= BIAS * spread and spread <= SPREAD * effect.error
    return {
        "expected": expected,
        "mean": mean,
        "spread": spread,
        "p_value": p_value,
        "called_effects": found.alarms,
        "draws": len(draws),
        "passed": None if case.void or refuter in INFORM else bool(passed),
        "rule": say("not judged: {void}", void=case.void) if case.void else rule,
    }


def _null_rule(level: float) -> str:
    return say(
        "0 within the central {level:.0f} % of draws, and no more than {alarms:.0f} % called an effect",
        level=100 * level,
        alarms=100 * FALSE_ALARMS * (1 - level),
    )


def _most_alarms(level: float, draws: int) -> float:
    """The share of false alarms that is let pass, with two Monte Carlo standard errors."""
    share = FALSE_ALARMS * (1 - level)
    return float(share + 2 * np.sqrt(share * (1 - share) / draws))


def _two_sided(draws: np.ndarray, expected: float) -> float:
    """Twice the smaller share of draws at or beyond what is expected, the expectation counted as one of them."""
    slack = 1e-12 * max(1.0, abs(expected))
    beyond = min(np.sum(draws <= expected + slack), np.sum(draws >= expected - slack))
    return float(min(1.0, 2 * (1 + beyond) / (1 + len(draws))))


def _sentence(judged: pd.DataFrame, case: _Case) -> str:
    if judged.empty:
        if case.void:
            return say(
                "The attempts to refute the two-way fit are not judged: {void}. {reach}", void=case.void, reach=REACH
            )
        return say("None of the attempts to refute the two-way fit is possible with these data. {reach}", reach=REACH)
    several = len(case.design.names) > 1
    fell = [
        row["refuter"] + (joined([" (", row["treatment"], ")"]) if several else "")
        for row in judged.to_dict("records")
        if not row["passed"]
    ]
    stood = say(
        "The two-way fit withstood {n_stood} of {n_judged} attempts to refute it",
        n_stood=len(judged) - len(fell),
        n_judged=len(judged),
    )
    if not fell:
        return say(
            "{stood}: it finds nothing where there is nothing, and its error is that of redrawn clusters. {reach}",
            stood=stood,
            reach=REACH,
        )
    return say("{stood}, but not these: {fell}. {reach}", stood=stood, fell=joined(fell, ", "), reach=REACH)
