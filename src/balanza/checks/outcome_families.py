"""Several outcomes at once: p values adjusted within families of outcomes and across families.

Who looks at five outcomes finds one in four times where nothing is the matter. Within a family, declared in the study,
the largest of all statistics of the same draws is what a finding is held against (Romano and Wolf 2005); across
families the share of false findings is kept (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balanza.checks import _null, _twoway, _words
from balanza.checks._reassign import AUTO, all_paths, strata
from balanza.checks._twoway import Design
from balanza.contract import NEGATIVE_CONTROL, CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard
from balanza.kernels import inversion, permutation, stepdown, wild_bootstrap
from balanza.kernels.wild_bootstrap import Signs
from balanza.say import joined, say, say_n

SPEC = CheckSpec(
    name="outcome_families",
    title="Several outcomes",
    question="Does a finding stand when all outcomes that were looked at are counted?",
    reference="Romano & Wolf (2005), Econometrica 73(4), and (2016), Statistics & Probability Letters 113; Benjamini &"
    " Hochberg (1995), Journal of the Royal Statistical Society B 57(1)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    options={"by": "auto", "draws": None},
    option_notes={
        "by": "`bootstrap`; `randomization` of the treatment over clusters, as in the check of that name; or `auto`,"
        " which is the second where a treatment changes in too few clusters for the first",
        "draws": "draws of the bootstrap's signs; left out: ten times those of the run and nine (9,999 where the run"
        " has 999)",
    },
    equation=r"""
$t_{kb}$ is the statistic of outcome $k$ in draw $b$ of the bootstrap over clusters, no effect imposed (see
`bootstrap`), or of the treatment's reassignment (see `randomization`). A draw turns the same clusters' signs, or hands
the same paths to the same clusters, for all outcomes, and $b = 0$ is the observed one. In a family, with outcomes in
the order $|t_{(1)0}| \geq |t_{(2)0}| \geq \dots$

```math
p_{(j)} = \max_{i \leq j} \frac{1}{1 + B} \sum_{b=0}^{B} \mathbf{1}\left\{\max_{k \geq i} |t_{(k)b}|
\geq |t_{(i)0}|\right\}
```

The smallest of these is the p value of the family. The $m$ families (of all treatments), ordered by it, have

```math
q_{(j)} = \min_{i \geq j} \min\left(1, \frac{m}{i} p_{(i)}\right)
```
""",
    edge_cases=(
        "Declined where no family holds an outcome besides the study's own; `negative_control` is for its own check",
        "All outcomes are measured as the study's own is: counts by a Poisson fit with the same exposure",
        "An outcome is looked at where it is measured: its missing rows, units and periods without any event are out",
        "An outcome that cannot be fitted, or is a covariate as well, is listed with the reason and not counted",
        "Passes where the study's own outcome shows an effect that stands within its family, fails where it does not"
        " stand, and judges nothing where it shows none or is in no family",
        "By the bootstrap, an outcome whose treatment changes in too few clusters is listed with the reason and not"
        " counted",
    ),
)
COLUMNS = ("treatment", "family", "outcome", "estimate", "p_value", "p_adjusted", "p_family", "q_family", "note")


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Bootstrap all outcomes of all families by the same draws, and adjust their p values.

    Parameters
    ----------
    study, panel : as in the contract
        `study.families` names the outcomes.
    estimates : mapping
        Not used: the check makes its own two-way fits.
    rng : Generator
        Draws the signs.

    Returns
    -------
    CheckResult
        `passed`: whether an effect on the study's own outcome that is there alone stands within its family; None where
        there is none, or it cannot be judged. `table` has a row for each treatment, family and outcome.

    Raises
    ------
    Unsupported
        If no family holds an outcome besides the study's own, the two-way fit does not exist, an option is not legal,
        or a treatment to be reassigned differs within clusters.
    """

    families = {name: columns for name, columns in study.families.items() if name != NEGATIVE_CONTROL}
    if not {column for columns in families.values() for column in columns} - {study.outcome.column}:
        raise Unsupported(
            say("no family of outcomes holds any besides the study's own"),
            where=SPEC.name,
            cure=say("List outcomes in `families` of the study"),
        )
    whole = _twoway.whole(SPEC, study, panel)
    draws = _Draws(study, panel, whole, _null.signs(SPEC, study, panel.n_clusters, rng), rng)
    rows: list[dict[str, Any]] = []
    for index, treatment in enumerate(study.treatments):
        found = {
            column: _outcome(draws, column, index)
            for column in dict.fromkeys(column for columns in families.values() for column in columns)
        }
        for name, columns in families.items():
            rows += _family(treatment.name, name, {column: found[column] for column in columns})
    _across(rows)
    table = _words.table([{column: row.get(column) for column in COLUMNS} for row in rows])
    verdicts = [_stands(row, study) for row in rows if row["outcome"] == study.outcome.column]
    judged = [verdict for verdict in verdicts if verdict is not None]
    values = {
        "n_families": len({row["family"] for row in rows if "p_value" in row}),
        "n_outcomes": len({row["outcome"] for row in rows if "p_value" in row}),
    }
    return CheckResult(SPEC.name, all(judged) if judged else None, _sentence(study, rows), values, table)


class _Draws:
    """Statistics of all draws for any outcome: the signs or the orders are the same for all."""

    def __init__(self, study: Study, panel: Panel, whole: Design, flips: Signs, rng: np.random.Generator) -> None:
        self.study, self.panel, self.whole, self.flips = study, panel, whole, flips
        by = _guard.options(SPEC, study, by=("auto", "bootstrap", "randomization"))["by"]
        own = _twoway.trimmed(whole)
        effects = _null.unrestricted(own)
        few = [
            _twoway.void_error(own, place, item, effects[place]) is not None
            for place, item in enumerate(study.treatments)
        ]
        self.reassigned = [by == "randomization" or (by == "auto" and one) for one in few]
        if any(self.reassigned):
            self.paths = all_paths(study, panel, SPEC.name)
            codes = strata(study, panel, self.paths, AUTO, SPEC.name).codes
            self.orders = permutation.reorder(codes, study.draws, rng)

    def reassign(self, own: Design, index: int, units: np.ndarray, periods: np.ndarray) -> np.ndarray:
        """Statistics of the treatment handed to other clusters, shape (1 + n_draws,)."""
        others = np.delete(own.regressors, index, axis=0)
        null = _null.fit(own.outcome, own.weight, others, own.baseline, own.counts, own.where)
        path = self.paths[own.names[index]][:, periods]
        cluster = self.whole.cluster[units]
        return permutation.score_statistics(null.residual, null.mass, path, self.orders, others, cluster, own.baseline)

    def bootstrap(self, own: Design, index: int, units: np.ndarray) -> np.ndarray:
        """Statistics with the clusters' signs turned, shape (n_draws,)."""
        scores = _null.scores(own, np.array([index]), np.zeros(1))
        sums, squares = wild_bootstrap.draw(scores, replace(self.flips, only=np.unique(self.whole.cluster[units])))
        return inversion.statistics(sums[:, 0], squares[:, 0, 0])


def _outcome(draws: _Draws, column: str, index: int) -> dict[str, Any]:
    """The estimate and the statistics of all draws for one outcome, or the reason why there are none."""
    design = _measured(draws.study, draws.panel, draws.whole, column)
    if isinstance(design, str):
        return {"note": say("not possible: {reason}", reason=design)}
    units, periods = _twoway.told(design)
    try:
        own = _twoway.trimmed(design)
        effects = _null.unrestricted(own)
        if draws.reassigned[index]:
            return {
                "estimate": effects[index].value,
                "statistics": draws.reassign(own, index, units, periods),
                "note": "randomization",
            }
        void = _twoway.void_error(own, index, draws.study.treatments[index], effects[index])
        if void:
            return {"estimate": effects[index].value, "note": say("not judged: {void}", void=void)}
        return {"estimate": effects[index].value, "statistics": draws.bootstrap(own, index, units), "note": "bootstrap"}
    except Unsupported as refusal:
        return {"note": say("not possible: {problem}", problem=refusal.problem)}


def _measured(study: Study, panel: Panel, whole: Design, column: str) -> Design | str:
    """The design with another outcome, where that is measured."""
    if column == study.outcome.column:
        return whole
    if column in {*study.covariates, *study.moderators, *study.instruments}:
        return say("the study uses it otherwise")
    values = panel.matrix(column)
    if np.isnan(values).all():
        return say("it is not measured in these rows")
    if whole.counts and (values < 0).any():
        return say("it is negative somewhere, and the study's outcome is a count")
    weight = panel.matrix("weight") if study.weights and whole.counts else 1.0
    return replace(whole, outcome=np.where(np.isnan(whole.outcome), np.nan, values * weight))


def _family(treatment: str, family: str, found: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one family, p values adjusted within."""
    rows = [{"treatment": treatment, "family": family, "outcome": column, **item} for column, item in found.items()]
    counted = [row for row in rows if "statistics" in row]
    if counted:
        statistics = np.stack([row.pop("statistics") for row in counted])
        adjusted = stepdown.romano_wolf(statistics)
        alone = inversion.p_value(statistics)
        for row, p, p_adjusted in zip(counted, alone, adjusted, strict=True):
            row |= {"p_value": float(p), "p_adjusted": float(p_adjusted), "p_family": float(adjusted.min())}
    return rows


def _across(rows: list[dict[str, Any]]) -> None:
    """Add to each row its family's p value adjusted over the families of all treatments."""
    p = {(row["treatment"], row["family"]): row["p_family"] for row in rows if "p_family" in row}
    q = dict(zip(p, stepdown.benjamini_hochberg(np.array(list(p.values()))), strict=True))
    for row in rows:
        if "p_family" in row:
            row["q_family"] = float(q[row["treatment"], row["family"]])


def _stands(row: Mapping[str, Any], study: Study) -> bool | None:
    """Whether a finding that is there alone is there within its family; None without a finding."""
    alpha = 1 - study.level
    if row.get("p_value", 1.0) > alpha:
        return None
    return bool(row["p_adjusted"] <= alpha)


def _sentence(study: Study, rows: list[dict[str, Any]]) -> str:
    alpha = 1 - study.level
    counted = [row for row in rows if "p_value" in row]
    if not counted:
        return say(
            "No outcome of any family can be tested. The first is {outcome}: {note}.",
            outcome=rows[0]["outcome"],
            note=rows[0]["note"],
        )
    families = len({row["family"] for row in counted})
    alone = [row for row in counted if row["p_value"] <= alpha]
    within = [row for row in alone if row["p_adjusted"] <= alpha]
    across = [row for row in within if row["q_family"] <= alpha]
    what = say("an effect") if len(study.treatments) == 1 else say("an effect of any treatment")
    values = {
        "tests": say_n("{n:,} test", "{n:,} tests", len(counted)),
        "families": say_n("{n} family of outcomes", "{n} families of outcomes", families),
        "alone": len(alone) or say("none"),
        "what": what,
        "alpha": 100 * alpha,
    }
    if len(alone) > 1:
        start = say(
            "Of {tests} in {families}, {alone} find {what} at the {alpha:.0f} % level when read alone", **values
        )
    else:
        start = say(
            "Of {tests} in {families}, {alone} finds {what} at the {alpha:.0f} % level when read alone", **values
        )
    if alone:
        start += say(
            ", {n_within} when its family is counted (Romano and Wolf), and {n_across} when the"
            " families are as well (Benjamini and Hochberg)",
            n_within=len(within) or say("none"),
            n_across=len(across) or say("none"),
        )
    least = min(counted, key=lambda row: row["p_value"])
    named = (
        say("{treatment} on {outcome}", treatment=least["treatment"], outcome=least["outcome"])
        if len(study.treatments) > 1
        else least["outcome"]
    )
    alone_p, within_p = inversion.shown(least["p_value"]), inversion.shown(least["p_adjusted"])
    text = say(
        "{start}. The strongest is that of {named}: {alone_p} alone, {within_p} within {family}.",
        start=start,
        named=named,
        alone_p=alone_p,
        within_p=within_p,
        family=least["family"],
    )
    if any(row["note"] == "randomization" for row in counted):
        text += say(
            " P values are those of a random reassignment of the treatment over clusters, which is hypothetical."
        )
    out = list(dict.fromkeys(joined([row["outcome"], " (", row["note"], ")"]) for row in rows if "p_value" not in row))
    return text + (say(" Not counted: {out}.", out=joined(out, "; ")) if out else "")
