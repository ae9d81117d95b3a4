"""Sensitivity to what is not measured: how strong a hidden cause would have to be to explain the two-way fit away.

After Cinelli and Hazlett (2020), VanderWeele and Ding (2017) and Oster (2019). All speak of the two-way fit, net of
unit and period effects; a Poisson fit enters as least squares on its working response, weighted by the fitted counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.checks import _hidden, _twoway, _words
from balanza.checks._hidden import Case, squares
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.kernels import confounding as kernel
from balanza.kernels.cluster_moments import Moments, information, inverse
from balanza.say import joined, say, say_n

if TYPE_CHECKING:
    import pandas as pd

SPEC = CheckSpec(
    name="unmeasured_confounding",
    title="Sensitivity to unmeasured confounding",
    question="How strong would a hidden cause have to be to explain the estimate away?",
    reference="Cinelli & Hazlett (2020), JRSS B 82(1); VanderWeele & Ding (2017), Annals of Internal Medicine 167(4);"
    " Oster (2019), JBES 37(2)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
All net of unit and period effects; counts enter by the working response of the Poisson fit, weighted by the fitted
counts. With the treatment's classical $t$ and $\nu$ degrees of freedom, $f = |t| / \sqrt{\nu}$ and
$f^* = t_{G-1,1-\alpha/2} (\mathrm{se}_{\mathrm{clustered}} / \mathrm{se}_{\mathrm{classical}}) / \sqrt{\nu - 1}$, the
robustness value is, at $f_q = f$ for the estimate and $f_q = f - f^*$ for its interval:

```math
RV = \frac{1}{2} \left(\sqrt{f_q^4 + 4 f_q^2} - f_q^2\right)
```

A hidden cause $Z$ that explains the shares $R_D^2$ of the treatment and $R_Y^2$ of the outcome moves the estimate by

```math
\mathrm{se}_{\mathrm{classical}} \sqrt{\nu \, R_Y^2 R_D^2 / (1 - R_D^2)}
```

The benchmarks set these shares to $k = 1, 2, 3$ times those of a measured covariate (Cinelli and Hazlett 2020,
equation 58). The E-value of a rate ratio $r \geq 1$ is $r + \sqrt{r (r - 1)}$. Oster's ratio and bound take
$R_{\max} = \min(1, 1.3 R^2)$, where $R^2$ is that of the fit with covariates, net of unit and period effects; of the
two roots, the bound is that which her assumption 3 admits, in the direction in which the covariates moved the estimate.
A proxy of reliability $\lambda$ holds $1 - \lambda$ of its variation as error of measurement, which is taken off its
moments:

```math
\hat\beta_\lambda = \left(X'X - (1 - \lambda) P'P\right)^{-1} X'y
```
""",
    edge_cases=(
        "Where the interval contains zero without a hidden cause, nothing is judged",
        "A study without covariates is not judged: the outcome before treatment is shown, but is no measured cause",
        "Where fewer than five clusters change a treatment, or it hangs on one, nothing is judged: the clustered error"
        " is far too small",
        "The outcome before treatment is no benchmark where some treatment is there from the first period on",
        "Its benchmark is taken in a fit that holds it, with a slope for each period; row 0 shows that fit's estimate",
        "A covariate that explains half of the treatment or more has no hidden peer, and counts as explaining it away",
        "Oster's bound needs covariates, and the proxy's correction the covariate `criminal_presence`",
        "A reliability that leaves a proxy less variation than the treatment explains of it is ruled out",
        "E-values need a rate ratio: a headline in logs, a count, or an outcome in logarithms",
        "The clustered interval under a hidden cause assumes that it leaves the ratio of both standard errors as it is",
    ),
)
STRENGTHS = (1, 2, 3)
R2_MAX = 1.3
PROXY = "criminal_presence"
RELIABILITIES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
GRID = 21
ROBUSTNESS = say("robustness value")
COLUMNS = ("treatment", "measure", "of", "strength", "r2_treatment", "r2_outcome", "value", "low", "high", "note")
Row = dict[str, Any]


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """State robustness values, benchmarks, E-values, Oster's bound and what a weak proxy hides.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        The headline's rate ratio is what E-values are of; without one, the two-way fit's.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed`: True where a hidden cause as strong as the strongest benchmark (each covariate of the study, and the
        outcome before treatment) would leave the interval without zero, False where one would not; None where the
        interval contains zero anyway, the study has no measured covariate, or the standard error is no ground for a
        verdict (see `_twoway.void_error`). `table` has a row for each measure, `figure` the estimate and its t over a
        grid of strengths.

    Raises
    ------
    Unsupported
        If the two-way fit does not exist.
    """
    import pandas as pd

    design = _twoway.read(SPEC, study, panel)
    found, effects = _twoway.fit(design)
    before = _before(design)
    verdicts, rows, grids, sentences = [], [], [], []
    for index in range(len(design.names)):
        case = _hidden.case(study, design, found, index, effects[index])
        own = [*_robustness(case), *_benchmarks(case, before), *_e_values(case, estimates)]
        rows += [*own, *_selection(case), *_proxy(case)]
        grids.append(_grid(case))
        verdicts.append(_verdict(case, own))
        sentences.append(_sentence(case, own, verdicts[-1]))
    judged = [verdict for verdict in verdicts if verdict is not None]
    table = _words.table([{column: row.get(column) for column in COLUMNS} for row in rows], COLUMNS)
    values = {"errors": effects[0].error_type, "freedom": found.freedom}
    return CheckResult(
        SPEC.name, all(judged) if judged else None, joined(sentences, " "), values, table, pd.concat(grids)
    )


def _robustness(case: Case) -> Iterator[Row]:
    t = case.effect.value / case.error
    low, high = case.interval(case.effect.value, case.error)
    sort = say("Poisson, as weighted least squares") if case.design.counts else say("least squares")
    share = kernel.partial_r2(t, case.found.freedom)
    whole = kernel.robustness_value(t, case.found.freedom)
    reach = kernel.robustness_value(t, case.found.freedom, case.critical * case.ratio)
    name = {"treatment": case.name}
    yield name | {"measure": say("estimate"), "value": case.effect.value, "low": low, "high": high, "note": sort}
    yield name | {"measure": say("partial R2"), "value": share, "note": say("of the treatment with the outcome")}
    yield name | {"measure": ROBUSTNESS, "of": say("estimate"), "value": whole, "note": say("explains it away")}
    yield name | {
        "measure": ROBUSTNESS,
        "of": say("interval"),
        "value": reach,
        "note": say("makes it contain zero"),
    }


def _before(design: Design) -> np.ndarray | str:
    """The outcome before any treatment by unit, for counts per exposure; or why there is none."""
    treated = np.nan_to_num(design.treatments).any(axis=(0, 1))
    first = int(np.argmax(treated))
    if first == 0:
        return say("treatment is there from the first period on")
    weight, outcome = design.weight[:, :first], design.outcome[:, :first]
    total = np.nansum(weight, axis=1, where=~np.isnan(outcome))
    if not (total > 0).all():
        return say("a unit has no row before treatment")
    mean = np.nansum(outcome if design.counts else outcome * weight, axis=1) / total
    return mean if np.ptp(mean) > 0 else say("the outcome before treatment is the same for all units")


def _terms(found: Moments, place: int, varying: bool) -> np.ndarray:
    """Positions of a covariate: one, or the slopes of its baseline value in each period."""
    return np.array([place]) if varying else found.periods + 1 + place


def _benchmarks(case: Case, before: np.ndarray | str) -> Iterator[Row]:
    design = case.design
    treatments = len(design.names)
    for place, name in enumerate(design.varying_names):
        yield from _benchmark(case, case.found, _terms(case.found, treatments + place, True), name)
    for place, name in enumerate(design.baseline_names):
        yield from _benchmark(case, case.found, _terms(case.found, place, False), name)
    own = say("{column} before treatment", column=case.study.outcome.column)
    if isinstance(before, str):
        yield {
            "treatment": case.name,
            "measure": say("benchmark"),
            "of": own,
            "note": say("not possible: {reason}", reason=before),
        }
        return
    linear = _twoway.linearise(design, design.regressors)
    whole = np.hstack([design.baseline, before[:, None]])
    pooled = replace(design, cluster=np.zeros_like(design.cluster))  # sums are all that is wanted
    wide = _twoway.moments(pooled, linear, whole)
    yield from _benchmark(case, wide, _terms(wide, design.baseline.shape[1], False), own)


def _benchmark(case: Case, found: Moments, terms: np.ndarray, name: str) -> Iterator[Row]:
    """The estimate had a hidden cause been as strong as a covariate, twice and three times as strong."""
    target = np.array([case.index])
    others = np.setdiff1d(np.arange(found.gram.shape[1]), [case.index, *terms])
    left, net = (float(information(found, target, rest)[0, 0]) for rest in (others, None))
    ours = 1 - net / left
    theirs = 1 - squares(found) / squares(found, terms)
    value, error = float(found.coefficients[case.index]), np.sqrt(squares(found) / found.freedom / net)
    start: Row = {"treatment": case.name, "measure": say("benchmark"), "of": name}
    if found is not case.found:
        low, high = case.interval(value, float(error))
        yield start | {
            "strength": 0,
            "value": value,
            "low": low,
            "high": high,
            "note": say("with {name} in the fit", name=name),
        }
    for k in STRENGTHS:
        row = start | {"strength": k}
        shares = kernel.benchmark(ours, theirs, k)
        if shares is None:
            yield row | {"note": say("stronger than any hidden cause can be: less explains the estimate away")}
            continue
        moved, errors = kernel.adjusted(value, error, found.freedom, np.array(shares[0]), np.array(shares[1]))
        low, high = case.interval(float(moved), float(errors))
        yield row | {
            "r2_treatment": shares[0],
            "r2_outcome": shares[1],
            "value": float(moved),
            "low": low,
            "high": high,
            "note": say_n("as strong as {name}", "{n} times as strong as {name}", k, name=name),
        }


def _e_values(case: Case, estimates: Mapping[str, Estimate]) -> Iterator[Row]:
    name: Row = {"treatment": case.name, "measure": "E-value"}
    stem = case.study.headline or ""
    headline = estimates.get(stem if len(case.design.names) == 1 else f"{stem}.{case.name}")
    if headline is not None and headline.scale == "log":
        value, (low, high), source = headline.value, headline.interval, stem
    elif case.design.counts or case.study.outcome.log:
        value, (low, high), source = case.effect.value, case.interval(case.effect.value, case.error), say("two-way fit")
    else:
        yield name | {
            "note": say("not possible: needs a rate ratio, and the outcome is neither a count nor a logarithm")
        }
        return
    ratio, bounds = float(np.exp(value)), (float(np.exp(low)), float(np.exp(high)))
    per = say("of the rate ratio {ratio:.3g} by {source}", ratio=ratio, source=source)
    yield name | {"of": say("estimate"), "value": kernel.e_value(ratio), "note": per}
    limit = kernel.e_value_of_limit(*bounds)
    yield name | {
        "of": say("interval"),
        "value": limit,
        "note": say("interval {low:.3g} to {high:.3g}", low=bounds[0], high=bounds[1]),
    }


def _selection(case: Case) -> Iterator[Row]:
    name: Row = {"treatment": case.name, "measure": say("Oster (2019)")}
    found, treatments = case.found, np.arange(len(case.design.names))
    controls = np.setdiff1d(np.arange(found.gram.shape[1]), [*treatments, *found.periods])
    if not len(controls):
        yield name | {"note": say("not possible: needs covariates, to compare the fit with and without them")}
        return
    target = np.array([case.index])
    rest = np.setdiff1d([*treatments, *found.periods], target)
    total, gradient = found.gram.sum(axis=0), found.gradient.sum(axis=0)
    project = total[np.ix_(target, rest)] @ inverse(total[np.ix_(rest, rest)])
    raw = float(information(found, target, rest)[0, 0])
    uncontrolled = float((gradient[target] - project @ gradient[rest])[0] / raw)
    outcome = squares(found, np.r_[target, controls])
    given = kernel.Selection(
        uncontrolled=uncontrolled,
        controlled=case.effect.value,
        r2_uncontrolled=1 - squares(found, controls) / outcome,
        r2_controlled=1 - squares(found) / outcome,
        outcome=outcome,
        treatment=raw,
        left=float(information(found, target)[0, 0]),
    )
    r2_max = min(1.0, R2_MAX * given.r2_controlled)
    ratio = kernel.selection_ratio(given, r2_max)
    bound = kernel.equal_selection_bound(given, r2_max)
    note = say("R_max {r2_max:.3g}, without covariates {uncontrolled:.3g}", r2_max=r2_max, uncontrolled=uncontrolled)
    yield name | {"of": say("ratio of selection for no effect"), "value": ratio, "note": note}
    yield name | {"of": say("effect under equal selection"), "value": bound, "note": note}


def _proxy(case: Case) -> Iterator[Row]:
    name: Row = {"treatment": case.name, "measure": "proxy", "of": PROXY}
    design, found = case.design, case.found
    if PROXY in design.varying_names:
        terms = _terms(found, len(design.names) + design.varying_names.index(PROXY), True)
    elif PROXY in design.baseline_names:
        terms = _terms(found, design.baseline_names.index(PROXY), False)
    else:
        yield name | {"note": say("not possible: needs {proxy} among the study's covariates", proxy=PROXY)}
        return
    slopes = terms if len(terms) == 1 else terms[1:]  # unit effects absorb one period's slope
    kept = np.r_[case.index, slopes]
    rest = np.setdiff1d(np.arange(found.gram.shape[1]), np.r_[kept, terms])
    gram = information(found, kept, rest)
    total, gradient = found.gram.sum(axis=0), found.gradient.sum(axis=0)
    moment = gradient[kept] - total[np.ix_(kept, rest)] @ inverse(total[np.ix_(rest, rest)]) @ gradient[rest]
    variation = information(found, slopes, found.periods)
    for reliability in RELIABILITIES:
        noise = np.zeros_like(gram)
        noise[1:, 1:] = (1 - reliability) * variation
        solved = kernel.with_reliable_proxy(gram, moment, noise)
        value = None if solved is None else float(solved[0])
        note = (
            say("share of its variation that is the thing itself")
            if solved is not None
            else say("the data rule it out")
        )
        yield name | {"strength": reliability, "value": value, "note": note}


def _grid(case: Case) -> pd.DataFrame:
    """The estimate and its t, clustered, over strengths of a hidden cause."""
    import pandas as pd

    t = case.effect.value / case.error
    reach = min(0.95, max(0.1, 2 * kernel.robustness_value(t, case.found.freedom)))
    ours, theirs = (part.ravel() for part in np.meshgrid(*[np.linspace(0, reach, GRID)] * 2, indexing="ij"))
    moved, errors = kernel.adjusted(case.effect.value, case.error, case.found.freedom, ours, theirs)
    return pd.DataFrame(
        {
            "treatment": case.name,
            "r2_treatment": ours,
            "r2_outcome": theirs,
            "estimate": moved,
            "t": moved / (case.ratio * errors),
        }
    )


def _rivals(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["measure"] == "benchmark" and row.get("strength") == 1]


def _measured(case: Case) -> bool:
    """Whether the study has a covariate, without which nothing measured tells how strong causes are."""
    return bool(case.design.varying_names or case.design.baseline_names)


def _holds_zero(row: Row) -> bool:
    return bool(row["low"] <= 0 <= row["high"])


def _explains_away(case: Case, row: Row) -> bool:
    """Whether a hidden cause as strong as a benchmark brings zero into the interval, or takes it beyond zero."""
    return "low" not in row or _holds_zero(row) or row["value"] * case.effect.value <= 0


def _verdict(case: Case, rows: list[Row]) -> bool | None:
    """Whether no benchmark explains the estimate away; None where nothing is to be explained away, or held against."""
    rivals = _rivals(rows)
    if case.void or not _measured(case) or _holds_zero(rows[0]) or not rivals:
        return None
    return not any(_explains_away(case, row) for row in rivals)


def _sentence(case: Case, rows: list[Row], verdict: bool | None) -> str:
    whole, reach = (100 * row["value"] for row in rows if row["measure"] == ROBUSTNESS)
    start = say(
        "A hidden cause that explains {whole:.1f} % of what unit and period effects leave of both"
        " {name} and {column} would explain the two-way fit away",
        whole=whole,
        name=case.name if len(case.design.names) > 1 else say("treatment"),
        column=case.study.outcome.column,
    )
    if case.void:
        return say("{start}; whether zero lies in its interval is not judged: {void}.", start=start, void=case.void)
    if _holds_zero(rows[0]):
        return say("{start}; its interval contains zero without one.", start=start)
    end = say("; {reach:.1f} % would bring zero into its interval", reach=reach)
    if not _measured(case):
        return say(
            "{start}{end}; nothing is judged, since no measured covariate tells how strong causes are.",
            start=start,
            end=end,
        )
    if verdict is None:
        return joined([start, end, "."])
    named = [row["of"] for row in _rivals(rows) if verdict or _explains_away(case, row)]
    told = {"start": start, "end": end, "named": joined(named, say(" or "))}
    if verdict:
        return say("{start}{end}, and none as strong as {named} would.", **told)
    return say("{start}{end}, and one as strong as {named} would.", **told)
