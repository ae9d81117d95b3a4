"""Whether trends parted before treatment, and which ones the test would have missed, after Roth (2022).

The kernel is `balanza.kernels.pretrend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.checks import _event_study
from balanza.checks._event_study import Path, Paths, shown
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.estimators import _summary
from balanza.kernels.pretrend import CLUSTERS_EACH, bias, joint_test, pretest, slope_missed, usual_test
from balanza.say import joined, say, say_n

if TYPE_CHECKING:
    import pandas as pd

SPEC = CheckSpec(
    name="pretrend",
    title="Trends before treatment",
    question="Did trends part before treatment, and could the test have seen one that matters?",
    reference="Roth (2022), American Economic Review: Insights 4(3)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
With $\hat\beta_{pre}$ for the coefficients before the reference, $\Sigma$ for the covariance of all, $C$ for $K$
contrasts of them and $z = C \hat\beta_{pre}$, $V = C \Sigma_{pre} C'$, the joint test is Hotelling's with the effective
number of clusters $m$, which $h_c$ gives, the part of each cluster in the variation of the treatment $d_i$ with mass
$w_i$ (events of the unit for effects on a logarithm, else its weight):

```math
F = \frac{m - K}{K (m - 1)} z' V^{-1} z \sim F_{K, m - K}, \quad
m = \frac{(\sum_c h_c)^2}{\sum_c h_c^2}, \quad
h_c = \sum_{i \in c} w_i (d_i - \bar d)^2
```

$C$ takes all coefficients where these are $m / 3$ at most; else the first $m / 3$ powers of event time from the
reference on: the straight trend, the parabola, and so on. A straight trend $\gamma t_e$, with $\Sigma$ taken as known
and $c$ for the Wald statistic above which the test rejects, is found with the power

```math
1 - P\left(\chi^2_K(\lambda) \leq c\right), \quad \lambda = \gamma^2 (C t_{pre})' V^{-1} C t_{pre}
```

The slopes found with a power of 50 and 80 per cent solve this for $\gamma$. To the mean effect over event times from 0
on, $l'\beta_{post}$, such a trend adds $\gamma l't_{post}$; and among all samples in which the test does not reject, on
average

```math
\gamma l't_{post} - (1 - r) \gamma l' \Sigma_{post,pre} C' V^{-1} C t_{pre}, \quad
r = \frac{P(\chi^2_{K+2}(\lambda) \leq c)}{P(\chi^2_K(\lambda) \leq c)}
```

Not passed: the test of the headline rejects at the level of the study. Passed: it does not, and the slope that it finds
with a power of 50 per cent would move the mean effect, in both readings, by less than half the width of that mean's own
interval, so that a trend that matters would rather have been seen. Else nothing is judged: the test has too little
power to reassure.
""",
    edge_cases=(
        "The usual test, of all coefficients by F with clusters less one degrees of freedom, rejected parallel trends"
        " of 32 simulated clusters in 12 to 63 % of tries at the 5 % level, this one in 2 to 6 %. The column `p_usual`"
        " has the usual one",
        "Roth's tables take one test for each coefficient, and count every coefficient; here tests are joint",
        "A departure that none of the tested powers of event time shows is not found",
        "Fewer than three effective clusters are not tested",
        "The reference is the last event-time bin before treatment (and before `anticipation`); event times between"
        " reference and treatment are neither tested nor part of the mean effect",
        "Event times beyond a gap, or that fewer than five effective clusters of those treated at some time reach (all"
        " of these where they are fewer), are left out and counted: a clustered error is far too small there",
        "Imputation, two-stage and spillover estimators and synthetic controls are not tested: their event times"
        " before and after treatment do not measure the same thing (Roth 2024, arXiv:2401.12309)",
        "`callaway_santanna` with a varying base: changes before treatment are added up to differences from the last"
        " one; it and `switchers` are tested with `event_bins: 1` only, since their reference is a single period",
        "A singular covariance is refused",
        "Where fewer than five clusters change a treatment, nothing is judged",
        "Where the headline cannot be tested, the sentence is about another estimator, and nothing is judged",
    ),
)
POWERS = (0.5, 0.8)
FEW = say("the treatment's variation lies in fewer than three effective clusters")
Row = dict[str, Any]


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Test the coefficients before treatment jointly, and ask which straight trends the test would miss.

    Parameters
    ----------
    study, panel : as in the contract
        The panel tells how many clusters change the treatment.
    estimates : mapping
        Those with rows of kind event_time and their covariance are tested.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed` by the rule above. `table` has a row for each estimate: the test, the mean effect with its interval,
        and for each power the slope per event time and its biases. `figure` holds the coefficients of those that lead,
        with the lines of both slopes in the direction of the mean effect.

    Raises
    ------
    Unsupported
        If no estimate has an event study with coefficients before and after one reference.
    """
    import pandas as pd

    paths = _event_study.read(SPEC.name, study, panel, estimates)
    clusters = {path.stem: _event_study.effective(study, panel, path) for path in paths.found}
    paths = _event_study.without(
        SPEC.name, study, paths, {stem: FEW for stem, count in clusters.items() if count < CLUSTERS_EACH}
    )
    rows = [_row(path, clusters[path.stem], study.level) for path in paths.found]
    void = _event_study.void_of(study, panel, paths)
    lead = {row["estimate"]: row for row in rows if row["estimate"] in {path.stem for path in paths.lead}}
    verdicts = [_verdict(row, study.level) for row in lead.values()]
    values = {
        "level": study.level,
        "verdicts": dict(zip(lead, verdicts, strict=True)),
        "lead": {stem: _numbers(row) for stem, row in lead.items()},
        "left_out": {path.stem: path.n_left_out for path in paths.found if path.n_left_out},
        "not_possible": dict(paths.refused),
    }
    figure = pd.concat([_figure(path, lead[path.stem], study.level) for path in paths.lead], ignore_index=True)
    passed = _joined(verdicts) if paths.judged and not void else None
    return CheckResult(SPEC.name, passed, _sentence(study, paths, lead, void), values, pd.DataFrame(rows), figure)


def _row(path: Path, clusters: float, level: float) -> Row:
    weights, study = path.weights("average"), path.study
    steps = (path.time - path.reference) / path.step
    test = pretest(study.n_before, clusters, level)
    statistic, p = joint_test(study, test)
    after = study.covariance[study.n_before :, study.n_before :]
    value, error = float(weights @ study.value[study.n_before :]), float(np.sqrt(weights @ after @ weights))
    half = path.quantile * _summary.critical(level) * error
    row: Row = {
        "estimate": path.stem,
        "treatment": path.estimate.treatment,
        "scale": path.estimate.scale,
        "n_before": study.n_before,
        "n_tested": len(test.contrasts),
        "effective_clusters": clusters,
        "statistic": statistic,
        "p_value": p,
        "p_usual": usual_test(study, max(path.estimate.n_clusters - 1, 1)),
        "average": value,
        "low": value - half,
        "high": value + half,
    }
    for power in POWERS:
        slope = slope_missed(study, steps, test, power)
        plain, passing = bias(study, steps, weights, slope, test)
        name = f"{100 * power:.0f}"
        row |= {f"slope_{name}": slope, f"bias_{name}": plain, f"bias_if_passed_{name}": passing}
    return row


def _numbers(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("estimate", "scale")}


def _verdict(row: Row, level: float) -> bool | None:
    if row["p_value"] < 1 - level:
        return False
    return True if _largest(row) < (row["high"] - row["low"]) / 2 else None


def _largest(row: Row) -> float:
    return float(max(abs(row["bias_50"]), abs(row["bias_if_passed_50"])))


def _joined(verdicts: list[bool | None]) -> bool | None:
    """False where one treatment fails, True where all pass."""
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _figure(path: Path, row: Row, level: float) -> pd.DataFrame:
    """Coefficients and lines from the first event time to the last, the reference among them with zero."""
    import pandas as pd

    place = path.study.n_before
    time = np.insert(path.time, place, path.reference)
    value = np.insert(path.study.value, place, 0.0)
    half = path.quantile * _summary.critical(level) * np.insert(np.sqrt(np.diag(path.study.covariance)), place, 0.0)
    steps = np.sign(row["average"]) * (time - path.reference) / path.step
    return pd.DataFrame(
        {
            "estimate": path.stem,
            "treatment": path.estimate.treatment,
            "event_time": time,
            "value": value,
            "low": value - half,
            "high": value + half,
            "line_50": row["slope_50"] * steps,
            "line_80": row["slope_80"] * steps,
        }
    )


def _sentence(study: Study, paths: Paths, lead: Mapping[str, Row], void: str | None) -> str:
    parts = [_found(path, lead[path.stem], study.level) for path in paths.lead]
    end = say(" Nothing is judged: {void}.", void=void) if void else ""
    left_out = _event_study.left_out_in_words(paths.lead[0])
    return joined([paths.preface(study), joined(parts, " "), left_out, end])


def _found(path: Path, row: Row, level: float) -> str:
    n, tested, verdict = row["n_before"], row["n_tested"], _verdict(row, level)
    times = say_n("the one event time before treatment", "the {n} event times before treatment", n)
    if tested < n:
        times = say_n(
            "a straight trend in {times}", "a trend (a polynomial of degree {n}) in {times}", tested, times=times
        )
    p = say("p = {p:.3f}", p=row["p_value"]) if row["p_value"] >= 0.001 else "p < 0.001"
    test = say(
        "F({tested}, {freedom:.1f}) = {statistic:.2f}, {p}, {clusters:.1f} effective clusters",
        tested=tested,
        freedom=row["effective_clusters"] - tested,
        statistic=row["statistic"],
        p=p,
        clusters=row["effective_clusters"],
    )
    told = {"estimate": path.stem, "times": times, "test": test}
    if verdict is not False:
        start = say("By {estimate}, the joint test does not tell {times} from zero ({test}).", **told)
    elif tested < n or n == 1:
        start = say("By {estimate}, trends were not parallel: {times} differs from zero ({test}).", **told)
    else:
        start = say("By {estimate}, trends were not parallel: {times} differ from zero ({test}).", **told)
    sign = float(np.sign(row["average"])) or 1.0
    slope, plain, passing = (shown(path, sign * row[name]) for name in ("slope_50", "bias_50", "bias_if_passed_50"))
    power = say(
        " It misses half the time a straight trend of {slope} per {step}, which alone"
        " would make a mean effect of {plain} ({passing} where the test does not reject), beside"
        " the estimated {average} ({low} to {high})",
        slope=slope,
        step=_event_study.step_in_words(path),
        plain=plain,
        passing=passing,
        average=shown(path, row["average"]),
        low=shown(path, row["low"]),
        high=shown(path, row["high"]),
    )
    ends = {
        True: say(": that is less than half that interval's width."),
        None: say(": that is half that interval's width or more, so that the test has too little power to reassure."),
        False: ".",
    }
    return start + power + ends[verdict]
