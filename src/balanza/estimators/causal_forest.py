"""A causal forest on changes, for effects that differ between kinds of units, by EconML.

The panel is collapsed to one row a unit (`balanza.estimators._collapsed`): its change at treatment, given its level
before, the baseline covariates and the moderators. What these explain of change and treatment is learned on other
clusters, by a learner that the study chooses (EconML's own defaults are biased), and taken off. Honest forests are then
grown on what is left, one for each fold of clusters, on the other folds; a unit's prediction comes from the forest that
saw no unit of its cluster. Within a forest, trees draw units, not clusters: predictions get no intervals. What learners
miss goes to zero faster than the standard error, but not fast: below some two thousand units a sentence says so.

What is reported rests on orthogonal scores summed by cluster (`balanza.kernels.forest`): for an absorbing treatment the
average effect on the treated, by augmented weights; for a dose the effect of a unit, weighted by the variance of dose
that covariates leave. So do the rows, one for each kind of unit that the moderators tell apart (values where there are
at most four, else ranges that cut units into thirds). The calibration test says whether the forest's differences are
there in the data of other clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _collapsed, _covariates, _crossfit, _guard, _level, _notes, _rates, _summary
from balanza.estimators._collapsed import Collapsed
from balanza.kernels import forest as kernel
from balanza.kernels.adjustment import clustered
from balanza.kernels.multiplier import critical_value
from balanza.say import joined, say

SPEC = EstimatorSpec(
    name="causal_forest",
    title="Causal forest",
    estimand="Average effect on the treated (of a dose: effect of one unit), on the scale of the outcome (a count with"
    " exposure: of its rate per 100,000 a year), given the level before and the covariates; the same by kind of unit",
    treatments=frozenset({"binary", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Athey, Tibshirani and Wager (2019), Annals of Statistics 47(2); Athey and Wager (2019), Observational"
    " Studies 5(2)",
    assumptions=(
        "Units with the same level before and the same covariates would have changed alike without treatment",
        "Among units with the same covariates some are treated and some are not, or doses differ",
        "The learners come close enough to what covariates explain of change and treatment",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Orthogonal scores summed by cluster, G/(G-1), Student's t with G-1 degrees of freedom; nuisances"
    " and forest are predicted from other clusters and count as known",
    needs=("covariates", "moderators"),
    options={"learner": "forest", "folds": 5, "trees": 500, "draws": 999, "unbalanced": "refuse"},
    option_notes={
        "learner": _notes.LEARNER,
        "folds": _notes.FOLDS,
        "trees": "Honest trees of the forest of each fold",
        "draws": _notes.DRAWS,
        "unbalanced": _notes.UNBALANCED,
    },
    equation=r"""
A unit's change $Y_i$ at treatment, its level before and its traits $X_i$ are those of `backdoor`. From other folds of
clusters come $\hat y_i$ and $\hat e_i$, what a learner expects of change and treatment, and $\hat\tau_i$, the effect
that an honest forest grown on $Y - \hat y$ and $D - \hat e$ predicts. With
$\hat\mu_i^0 = \hat y_i - \hat e_i \hat\tau_i$ and
$w_i = \hat e_i / (1 - \hat e_i)$, chances no closer than .02 to 0 and 1, of an absorbing treatment

```math
\hat\tau = \frac{\sum_i D_i (Y_i - \hat\mu_i^0)}{\sum_i D_i} -
\frac{\sum_i (1 - D_i) w_i (Y_i - \hat\mu_i^0)}{\sum_i (1 - D_i) w_i}
```

and of a dose

```math
\hat\tau = \frac{\sum_i (D_i - \hat e_i) (Y_i - \hat y_i)}{\sum_i (D_i - \hat e_i)^2}
```

for all units, and for each kind of unit that the moderators tell apart. The variance sums influences by cluster, times
$G/(G-1)$. The calibration test regresses, with $\bar\tau$ the mean prediction,

```math
Y_i - \hat y_i = \alpha (D_i - \hat e_i) \bar\tau + \beta (D_i - \hat e_i) (\hat\tau_i - \bar\tau) + \varepsilon_i
```
""",
    edge_cases=(
        "Refused without covariates and moderators, with weights, with more folds than clusters, or where a dose has no"
        " common start",
        "Units treated from the first period on have no before: left out and counted",
        _notes.FLAT,
        "Units with a probability of treatment below .02 or above .98 get the weight of that bound, and are counted",
        "Kinds whose treated or untreated units lie in a single cluster are named, and get no row",
        "Refused where the covariates explain the treatment without rest, or do not differ between units",
        _notes.COHORTS_OF_FEW,
        _notes.RATE,
        "There is no event study; rows are kinds of units",
    ),
    since="0.1.0",
)
SUBFOREST = 4
FEW_VALUES = 4
ENOUGH_UNITS = 2000
Effect = Callable[[kernel.Nuisances, np.ndarray], tuple[float, np.ndarray]]


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate the average effect, and effects by kind of unit.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind group. `percent_change` relates the effect to the mean outcome that treated rows
        would have had.

    Raises
    ------
    Unsupported
        If the study names neither covariates nor moderators, has weights, or fewer clusters than folds; if a dose has
        no common start, the panel holds no comparison, or units lack rows and may not be left out.
    """
    lacking = say("neither covariates nor moderators, and without them there is nothing that effects could differ by")
    named = study.covariates + study.moderators
    _covariates.require(SPEC, study, named, lacking, say("Add `covariates` or `moderators`"))
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, learner=_crossfit.LEARNERS, unbalanced=("refuse", "drop"))
    n_folds, draws = _guard.whole(SPEC, chosen, "folds", 2), _guard.whole(SPEC, chosen, "draws", 1)
    trees = _guard.whole(SPEC, chosen, "trees", SUBFOREST)
    _collapsed.no_weights(SPEC, study)
    data = _collapsed.collapse(SPEC, study, _crossfit.canonical(panel), chosen["unbalanced"])
    columns = np.column_stack([data.before, data.traits, data.moderators])
    size = float(np.abs(data.change).max() + abs(data.treated_level))
    asked = data.names + study.moderators
    features, kept = _collapsed.varying(columns, (say("the level before treatment"), *asked), size)
    if not features.shape[1]:
        raise Unsupported(
            say("no covariate differs between units before treatment"),
            where=SPEC.name,
            cure=say("Add covariates that do"),
        )
    fold = _crossfit.folds(SPEC, study, data.cluster, n_folds, rng)
    with _crossfit.watched() as noted:
        found = _predict(data, features, fold, chosen["learner"], trees - trees % SUBFOREST, rng)
    data = replace(data, warnings=(*data.warnings, *_collapsed.constant(asked, kept, say(" before treatment")), *noted))
    return _estimate(study, panel, data, found, chosen, rng, draws)


def _predict(
    data: Collapsed, features: np.ndarray, fold: np.ndarray, learner: str, trees: int, rng: np.random.Generator
) -> kernel.Nuisances:
    """What is expected of each unit, and the forest's effect for it, each from other clusters."""
    model = _crossfit.learner(learner, rng)
    known = _crossfit.dictionary(features) if learner == "lasso" else features
    expected, chance = (_crossfit.predicted(model, known, column, fold) for column in (data.change, data.treatment))
    effect = np.zeros(len(fold))
    for code in np.unique(fold):
        train, held = fold != code, fold == code
        forest = _forest(trees, rng)
        forest.fit(features[train], (data.treatment - chance)[train], (data.change - expected)[train])
        effect[held] = forest.predict(features[held])[:, 0]
    return kernel.Nuisances(data.change, data.treatment, expected, chance, effect)


def _forest(trees: int, rng: np.random.Generator) -> Any:
    from econml.grf import CausalForest

    return CausalForest(
        n_estimators=trees,
        criterion="mse",
        min_samples_leaf=5,
        max_samples=0.45,
        honest=True,
        inference=False,
        subforest_size=SUBFOREST,
        n_jobs=1,
        random_state=int(rng.integers(_crossfit.SEEDS)),
    )


def _estimate(
    study: Study,
    panel: Panel,
    data: Collapsed,
    found: kernel.Nuisances,
    chosen: Mapping[str, Any],
    rng: np.random.Generator,
    draws: int,
) -> Estimate:
    from importlib.metadata import version

    binary = study.treatment.kind == "binary"
    effect: Effect = kernel.effect_on_treated if binary else kernel.partial_effect
    value, influence = effect(found, np.ones(len(data.units), bool))
    if np.isnan(value):
        raise Unsupported(
            say("the covariates explain the treatment without rest"), where=SPEC.name, cure=say("Use fewer covariates")
        )
    sums = _clustered(influence, data.cluster)
    n_clusters = len(sums)
    freedom = n_clusters - 1
    unit = study.treatment.unit or say("unit of treatment")
    return _level.estimate(
        study,
        panel,
        say(
            "{effect} on {scale} (change at treatment, given the level before and the covariates)",
            effect=say("Average effect on the treated") if binary else say("Effect of one {unit}", unit=unit),
            scale=_rates.scale(study, panel),
        ),
        value,
        float(np.linalg.norm(sums)),
        _level.Sample(
            n_observations=data.n_observations,
            n_units=len(data.units),
            n_treated=int((data.treatment != 0).sum()),
            n_clusters=n_clusters,
            untreated=data.treated_level - value * data.treated_dose,
            lowest=data.lowest,
            warnings=data.warnings + _few(data) + _overlap(found, binary) + _calibration(study, data, found),
        ),
        _groups(study, data, found, effect, rng, draws),
        say(
            "orthogonal scores clustered by {cluster}, {folds} folds of clusters, G/(G-1), t({freedom})",
            cluster=study.cluster,
            folds=chosen["folds"],
            freedom=freedom,
        ),
        say(
            "econml {version} ({trees} honest trees a fold); {learner}",
            version=version("econml"),
            trees=chosen["trees"],
            learner=_crossfit.WORDS[chosen["learner"]],
        ),
        freedom,
    )


def _clustered(influence: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Influence by cluster, with the factor G/(G-1)."""
    sums = clustered(influence, cluster)
    return np.asarray(sums * np.sqrt(len(sums) / (len(sums) - 1)))


def _groups(
    study: Study, data: Collapsed, found: kernel.Nuisances, effect: Effect, rng: np.random.Generator, draws: int
) -> _level.EventStudy:
    """Effects by kind of unit; kinds whose treated or untreated units lie in a single cluster are left out."""
    kinds = {
        label: rows
        for name, values in zip(study.moderators, data.moderators.T, strict=True)
        for label, rows in kinds_of(name, values).items()
    }
    told = {label: effect(found, rows) for label, rows in kinds.items() if _comparable(study, data, rows)}
    told = {label: item for label, item in told.items() if np.isfinite(item[0])}
    lost = [label for label in kinds if label not in told]
    warnings = (
        (say("No effect is told for {lost}: too few clusters to compare", lost=joined(lost, ", ")),) if lost else ()
    )
    if not told:
        return _level.EventStudy(None, None, warnings)
    sums = _clustered(np.column_stack([influence for _, influence in told.values()]), data.cluster)
    rows = _summary.rows_frame(
        "group",
        np.array([value for value, _ in told.values()]),
        np.linalg.norm(sums, axis=0),
        study.level,
        len(sums) - 1,
        critical_value(sums, draws, study.level, rng),
        group=np.array(list(told)),
    )
    return _level.EventStudy(rows, _summary.covariance_frame(sums, [str(row) for row in range(len(rows))]), warnings)


def kinds_of(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of each kind that a moderator tells apart: its values where they are few, else ranges.

    Ranges end at the quantiles 1/3 and 2/3, of which ties may leave one.

    Parameters
    ----------
    name : str
    values : ndarray, shape (n,)

    Returns
    -------
    dict of str to ndarray of bool, shape (n,)
    """
    found = np.unique(values)
    if len(found) == 1:
        return {}
    if len(found) <= FEW_VALUES:
        return {say("{name} = {value:g}", name=name, value=value): values == value for value in found}
    ends = np.unique(np.quantile(values, [1 / 3, 2 / 3], method="lower"))
    low, high = (
        say("{name} up to {high:.4g}", name=name, high=ends[0]),
        say("{name} above {low:.4g}", name=name, low=ends[-1]),
    )
    middle = say("{name} above {low:.4g}, up to {high:.4g}", name=name, low=ends[0], high=ends[-1])
    labels = [low, middle, high] if len(ends) == 2 else [low, high]
    position = np.searchsorted(ends, values)
    return {label: position == code for code, label in enumerate(labels) if (position == code).any()}


def _comparable(study: Study, data: Collapsed, rows: np.ndarray) -> bool:
    """Whether treated and untreated units among the rows lie in two clusters each; of a dose, all."""
    arms = [rows & (data.treatment != 0), rows & (data.treatment == 0)] if study.treatment.kind == "binary" else [rows]
    return all(len(np.unique(data.cluster[arm])) > 1 for arm in arms)


def _few(data: Collapsed) -> tuple[str, ...]:
    if len(data.units) >= ENOUGH_UNITS:
        return ()
    return (
        say(
            "Only {n_units} units: with fewer than {enough_units:,}, what the learners miss biases"
            " the effect by a part of the standard error that the interval does not count",
            n_units=len(data.units),
            enough_units=ENOUGH_UNITS,
        ),
    )


def _overlap(found: kernel.Nuisances, binary: bool) -> tuple[str, ...]:
    extreme = int((np.abs(found.chance - 0.5) > 0.5 - kernel.LIMIT).sum())
    if not binary or not extreme:
        return ()
    return (
        say(
            "{extreme} of {units} units have a probability of treatment below {low} or above"
            " {high}, and get the weight of that bound",
            extreme=extreme,
            units=len(found.chance),
            low=kernel.LIMIT,
            high=1 - kernel.LIMIT,
        ),
    )


def _calibration(study: Study, data: Collapsed, found: kernel.Nuisances) -> tuple[str, ...]:
    """What the calibration test says."""
    fit = kernel.calibrate(found)
    if np.isnan(fit.coefficients[1]):
        return (say("Calibration: the forest predicts the same effect for all units"),)
    errors = np.linalg.norm(_clustered(fit.influence, data.cluster), axis=0)
    freedom = len(np.unique(data.cluster)) - 1
    mean, differences = fit.coefficients
    two_sided = _summary.p_value(float(differences), float(errors[1]), freedom)
    p_value = two_sided / 2 if differences > 0 else 1 - two_sided / 2
    finds = (
        say("differ as the forest says")
        if p_value < 1 - study.level
        else say("are not shown to differ as the forest says")
    )
    return (
        say(
            "Calibration (1 is right): mean effect {mean:.2f} ({mean_error:.2f}), differences"
            " {differences:.2f} ({error:.2f}), one-sided p = {p_value:.3f}: effects {finds}",
            mean=mean,
            mean_error=errors[0],
            differences=differences,
            error=errors[1],
            p_value=p_value,
            finds=finds,
        ),
    )
