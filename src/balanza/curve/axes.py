"""The axes of the specification curve: the choices that a study file names, and what each makes of the study.

On each axis the study's own choice comes first, and bears no value. What is changed is the study, never the rows: they
are selected anew for each design by `balanza.preparation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from balanza.contract import Outcome, Study, Treatment
from balanza.errors import ConfigError, GraphError
from balanza.graph.use import with_graph
from balanza.provenance import read_json
from balanza.say import joined, say

AXES = ("outcome", "treatment", "covariates", "window", "cluster", "scale", "comparison", "estimator")
"""In the order in which variants are listed: those that change the rows first."""
DESIGN = AXES[:5]
OWN_COMPARISON = say("each estimator's own")
MOST_SETS = 5
Choices = dict[str, Any]


def design_choices(study: Study, identification: Path | None = None) -> dict[str, Choices]:
    """The choices that decide the rows and columns of a variant, by axis and label; the study's own is None.

    Parameters
    ----------
    study : Study
        As its file states it, covariates of its graph not yet filled in.
    identification : Path, optional
        What the study's graph says. A choice of covariates `graph` becomes one choice for each adjustment set of the
        graph that lacks no more than the cheapest one does, if they are measured by different columns.

    Raises
    ------
    ConfigError
        If another choice bears the label of the study's own.
    """
    own = {
        "outcome": study.outcome.column,
        "treatment": _treatment_label(study),
        "covariates": "graph" if study.covariates == ("graph",) else joined(study.covariates, ", ") or say("none"),
        "window": say("{first} to {last}", first=study.window[0], last=study.window[1])
        if study.window
        else say("all periods"),
        "cluster": study.cluster,
    }
    found: dict[str, Choices] = {}
    for axis, label in own.items():
        others = dict(study.variants.get(axis, {}))
        if label in others:
            where = f"study {study.name}, variants.{axis}"
            raise ConfigError(f"{label!r} is the study's own choice", where=where, cure="Give it another label")
        found[axis] = {label: None} | others
    found["covariates"] = _with_further_sets(found["covariates"], identification)
    return found


def _treatment_label(study: Study) -> str:
    return joined((_definition(treatment) for treatment in study.treatments), " and ")


def _definition(treatment: Treatment) -> str:
    if treatment.kind == "binary":
        return treatment.first_treated if isinstance(treatment.first_treated, str) else say("dates of the study file")
    return (
        joined([treatment.column, ", ", treatment.dose.replace("_", " ")])
        if treatment.steady
        else str(treatment.column)
    )


def _with_further_sets(choices: Choices, identification: Path | None) -> Choices:
    """Other adjustment sets of the graph beside the chosen one, where a study asks for those of its graph."""
    asked = [label for label, value in choices.items() if value == "graph" or (value is None and label == "graph")]
    if not asked or identification is None or not identification.is_file():
        return choices
    answer = read_json(identification)
    arm = answer["joint"] or answer["arms"][0]
    chosen = arm["chosen"]
    if chosen is None:
        return choices
    lacking = len(chosen["unmeasured"])
    sets = [tuple(item["columns"]) for item in arm["adjustment_sets"] if len(item["unmeasured"]) == lacking]
    further = [columns for columns in dict.fromkeys(sets) if set(columns) != set(chosen["columns"])][:MOST_SETS]
    return choices | {
        say("{asked}, set {number}", asked=asked[0], number=number): columns
        for number, columns in enumerate(further, 2)
    }


def changed(study: Study, axis: str, value: Any) -> Study:
    """The study with one other choice; the same study where the value is None."""
    return study if value is None else _CHANGES[axis](study, value)


def _outcome(study: Study, value: Mapping[str, Any]) -> Study:
    """Another measure, on the rows where it is known: families and exposures are the study's unless it says more."""
    exposure = value.get("exposure") or study.outcome.exposure
    return replace(study, outcome=Outcome(value["column"], study.outcome.family, exposure), missing="drop")


def _treatment(study: Study, value: Mapping[str, Any]) -> Study:
    """Another definition of the first treatment, on the rows where it is known."""
    given = {key: value[key] for key in ("column", "first_treated", "dose", "start") if value.get(key) is not None}
    first = replace(study.treatment, **given)
    return replace(study, treatments=(first, *study.treatments[1:]), missing="drop")


def _covariates(study: Study, value: Any) -> Study:
    if isinstance(value, tuple):  # a further set of the graph
        return replace(study, covariates=value, baseline=value)
    return replace(study, covariates=("graph",) if value == "graph" else tuple(value), baseline=())


_CHANGES: dict[str, Callable[[Study, Any], Study]] = {
    "outcome": _outcome,
    "treatment": _treatment,
    "covariates": _covariates,
    "window": lambda study, value: replace(study, window=(value[0], value[1])),
    "cluster": lambda study, value: replace(study, cluster=str(value)),
}


def bare(study: Study) -> Study:
    """The study without what only its checks read, so that no column but those of the estimate is asked for."""
    return replace(study, variants={}, families={})


def columns(study: Study, study_file: Path, identification: Path | None) -> list[str]:
    """Columns that variants need and the study itself may not, each once.

    A choice of covariates that the graph refuses needs none: the variants say why they cannot run.
    """
    found = [str(name) for name in study.variants.get("cluster", {}).values()]
    dates = [other.get("first_treated") for other in study.variants.get("treatment", {}).values()]
    found += [name for name in dates if isinstance(name, str)]
    for value in design_choices(study, identification)["covariates"].values():
        try:
            asked, _ = with_graph(changed(study, "covariates", value), study_file, identification)
        except GraphError:
            continue
        found += asked.covariates
    return list(dict.fromkeys(found))
