"""From one study to its variants: every legal combination of choices, in a fixed order, and which of them are drawn.

A combination is left out, and counted with its reason, where an estimator cannot take it, where it would only repeat
another one, or where the graph forbids it. Scales and comparison groups belong to some estimators only: a linear
estimator takes a count with people at risk as a rate, and a Poisson one takes it as a count. So each has a scale of its
own, which is no deviation by itself.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from balanza.contract import EstimatorSpec, Study
from balanza.curve.axes import AXES, DESIGN, OWN_COMPARISON, bare, changed, design_choices
from balanza.errors import BalanzaError, ConfigError
from balanza.graph.use import with_graph
from balanza.registry import chosen, find, reason_against, registry
from balanza.say import joined, say

FEW, MANY = 30, 600
"""How many variants the default run and the target `full` draw at most, beside those that show each choice once."""
TRANSFORMED = ("log1p", "asinh")
RULE = say(
    "The study's own choices; for each other choice of each axis the variant that has it and"
    " differs least from them; and of the rest a random sample, up to {size} in all"
)


@dataclass(frozen=True)
class Variant:
    """One combination of choices.

    labels : the choice on each axis, in the order of AXES
    study : what is asked, covariates of the graph filled in
    rows : the same with the study's own treatment, the other definition beside it, for `balanza.altered`
    estimator, scale : by whom, and on which scale of the outcome
    distance : how many choices differ from the study's own, the estimator's own scale not counted
    """

    labels: Mapping[str, str]
    study: Study
    rows: Study
    estimator: str
    scale: str
    distance: int

    @property
    def design(self) -> tuple[str, ...]:
        """The choices that decide the rows: variants that share them share a panel."""
        return tuple(self.labels[axis] for axis in DESIGN)


@dataclass(frozen=True)
class Expansion:
    """All variants of a study, the choices by axis, and how many combinations cannot be had, by reason."""

    variants: tuple[Variant, ...]
    choices: Mapping[str, tuple[str, ...]]
    impossible: Mapping[str, int]


def expand(study: Study, study_file: Path, identification: Path | None = None) -> Expansion:
    """Every legal combination of the choices of a study.

    Parameters
    ----------
    study : Study
        As its file states it.
    study_file, identification : Path
        For the covariates that the graph asks for, as in `balanza.graph.use.with_graph`.

    Returns
    -------
    Expansion
        The study's own combination comes first.

    Raises
    ------
    ConfigError
        If the study's own combination is not legal, so that there is nothing to compare with.
    """
    axes = design_choices(study, identification)
    estimators, impossible = _estimators(study)
    axes["scale"] = dict.fromkeys(_scales(study, estimators))
    axes["comparison"] = {OWN_COMPARISON: None} | dict(study.variants.get("comparison", {}))
    axes["estimator"] = dict.fromkeys(estimators)
    own = {axis: next(iter(choices), "") for axis, choices in axes.items()}
    found: list[Variant] = []
    inner = [axes[axis] for axis in AXES[len(DESIGN) :]]
    for labels in itertools.product(*(axes[axis] for axis in DESIGN)):
        design = dict(zip(DESIGN, labels, strict=True))
        rows, reason = _design(study, axes, design, study_file, identification)
        asked = bare(changed(rows, "treatment", axes["treatment"][design["treatment"]]))
        for rest in itertools.product(*inner):
            combination = design | dict(zip(AXES[len(DESIGN) :], rest, strict=True))
            against = _illegal(asked, axes["comparison"], combination)
            if against is None and reason is None:
                found.append(_variant(asked, rows, axes["comparison"], combination, own))
            elif against != "":
                impossible[reason or str(against)] += 1
    if not found or dict(found[0].labels) != own:
        reason = next(iter(impossible), say("no reason"))
        raise ConfigError(
            f"the study's own choices cannot run ({reason}), so that there is no curve",
            where=f"study {study.name}, variants",
            cure="Name a headline that can, or mend the reason",
        )
    return Expansion(tuple(found), {axis: tuple(axes[axis]) for axis in AXES}, dict(sorted(impossible.items())))


def _estimators(study: Study) -> tuple[list[str], Counter[str]]:
    """The headline, or the first estimator that the study runs, and those that the axis names; and broken ones."""
    named = list(study.variants.get("estimator", ()))
    first = study.headline or next(iter([*named, *chosen("estimators", study)]), None)
    every = list(dict.fromkeys([*([first] if first else []), *named]))
    broken = registry("estimators").broken
    reasons = Counter(
        say("the file of {name} is broken: {reason}", name=name, reason=broken[name])
        for name in every
        if name in broken
    )
    return [name for name in every if name not in broken], reasons


def natural_scale(study: Study, spec: EstimatorSpec) -> str:
    """The scale on which an estimator takes the study's outcome as it stands."""
    if study.outcome.family == "gaussian":
        return "log" if study.outcome.log else "level"
    if "gaussian" not in spec.families:
        return "poisson"
    return "rate" if study.outcome.exposure else "count"


def _scales(study: Study, estimators: Sequence[str]) -> list[str]:
    own = [natural_scale(study, find("estimators", name).spec) for name in estimators]
    return list(dict.fromkeys([*own, *study.variants.get("scale", ())]))


def _design(
    study: Study, axes: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str], file: Path, answer: Path | None
) -> tuple[Study, str | None]:
    """The study with the choices that decide its rows, the treatment's as a variant; and why it cannot be had."""
    asked, other = study, axes["treatment"][labels["treatment"]]
    if other and (reason := _wrong_kind(study, other)):
        return study, joined([labels["treatment"], ": ", reason])
    for axis, label in labels.items():
        if axis != "treatment":
            asked = changed(asked, axis, axes[axis][label])
    try:
        found = bare(with_graph(asked, file, answer)[0])
    except BalanzaError as refusal:
        return study, str(refusal)
    return replace(found, variants={"treatment": {labels["treatment"]: other}} if other else {}), None


def _wrong_kind(study: Study, value: Mapping[str, Any]) -> str | None:
    wrong = ("column", "dose", "start") if study.treatment.kind == "binary" else ("first_treated",)
    named = [key for key in wrong if value.get(key) is not None]
    return say("a {kind} treatment takes no {option}", kind=study.treatment.kind, option=named[0]) if named else None


def _illegal(study: Study, comparisons: Mapping[str, Any], labels: Mapping[str, str]) -> str | None:
    """Why an estimator cannot take a scale and a comparison group, or would only repeat another variant.

    Empty where there is nothing to tell: a scale or a comparison group is of other estimators by its nature.
    """
    name, scale = labels["estimator"], labels["scale"]
    spec, given = find("estimators", name).spec, comparisons[labels["comparison"]]
    natural = natural_scale(study, spec)
    if scale != natural and (scale not in TRANSFORMED or "gaussian" not in spec.families):
        return ""
    if given is not None and name not in given:
        return ""
    if reason := reason_against(spec, study):
        return joined([name, " ", reason])
    if scale != natural and study.outcome.log:
        return say("the outcome is a logarithm already, and has no {scale}", scale=scale)
    own = {**spec.options, **study.options_of(name)}
    if given is not None and own == {**own, **given[name]}:
        return say("{comparison} is what {name} does already", comparison=labels["comparison"], name=name)
    return None


def _variant(
    study: Study, rows: Study, comparisons: Mapping[str, Any], labels: Mapping[str, str], own: Mapping[str, str]
) -> Variant:
    name, given = labels["estimator"], comparisons[labels["comparison"]]
    natural = natural_scale(study, find("estimators", name).spec)
    if given is not None:
        study = replace(study, options={**study.options, name: {**study.options_of(name), **given[name]}})
    differ = [axis for axis in AXES if labels[axis] != own[axis]]
    counted = [axis for axis in differ if axis != "scale" or labels["scale"] != natural]
    return Variant({axis: labels[axis] for axis in AXES}, study, rows, name, labels["scale"], len(counted))


def select(variants: Sequence[Variant], size: int, seed: int) -> tuple[Variant, ...]:
    """Which variants are drawn, in the order given: RULE.

    Parameters
    ----------
    variants : sequence of Variant
        From `expand`.
    size : int
        How many; more where it takes more to show each choice once.
    seed : int
    """
    if len(variants) <= size:
        return tuple(variants)
    kept = set(_nearest(variants))
    rest = [index for index in range(len(variants)) if index not in kept]
    wanted = max(0, size - len(kept))
    kept |= set(np.random.default_rng(seed).choice(rest, wanted, replace=False).tolist()) if wanted else set()
    return tuple(variants[index] for index in sorted(kept))


def _nearest(variants: Sequence[Variant]) -> Iterator[int]:
    """The position of the nearest variant with each choice; of equally near ones the first."""
    order = sorted(range(len(variants)), key=lambda index: (variants[index].distance, index))
    seen: set[tuple[str, str]] = set()
    for index in order:
        choices = set(variants[index].labels.items())
        if choices - seen:
            yield index
        seen |= choices


def batch(n_variants: int, number: int, of: int) -> range:
    """The positions of one part of a curve, counted from 1; neighbours, which share panels, stay together."""
    if not 1 <= number <= of:
        raise ConfigError(f"there is no batch {number} of {of}", where="curve", cure=f"Count from 1 to {of}")
    return range(n_variants * (number - 1) // of, n_variants * number // of)
