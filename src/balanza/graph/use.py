"""What a study takes from the answer of its graph: covariates, what it may not adjust for, and its assumptions.

Reads identification.json only, so that an estimate does not depend on the code that made it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from balanza.contract import Study
from balanza.errors import GraphError
from balanza.provenance import read_json
from balanza.say import say

REFUSED = ("mediator", "descendant", "collider")


def with_graph(study: Study, study_file: Path, identification: Path | None) -> tuple[Study, list[str]]:
    """A study with the covariates that its graph asks for, and the sentences on what that takes for granted.

    With `covariates: graph` they are the measured columns of the chosen adjustment set; where nothing observed
    identifies the effect, of the set that a proxy completes. They enter by their value before treatment.

    Parameters
    ----------
    study : Study
    study_file : Path
        Its file, for messages.
    identification : Path or None
        What the verb `identify` wrote; needed by a study with a graph and covariates, moderators or instruments.

    Raises
    ------
    GraphError
        If the answer is missing or is of another study, if no set identifies the effect or the measured part of it
        opens a path; or if, without a reason in `overrides`, a covariate or moderator that the study names is a
        mediator, a descendant or a collider, or an instrument is none on the graph.
    """
    if study.graph is None:
        return study, []
    command = f"python -m balanza identify --study {study_file} --out identification.json"
    if identification is None:
        if study.covariates or study.moderators or study.instruments:
            raise GraphError(
                f"its columns depend on the graph {study.graph}",
                where=f"study {study.name}",
                cure=f"First run `{command}`, then give --identification identification.json",
            )
        return study, [say("The graph {graph} was not asked what this estimate takes for granted.", graph=study.graph)]
    answer = _read(identification, study, command)
    asked = answer["joint"] or answer["arms"][0]
    said = [*asked["assumptions"], *_overridden(study, asked), *_instruments(study, answer["arms"])]
    if study.covariates == ("graph",):
        columns = _columns(study, asked)
        return replace(study, covariates=columns, baseline=columns), said
    return study, said


def _read(identification: Path, study: Study, command: str) -> dict[str, Any]:
    if not identification.is_file():
        raise GraphError("there is no such file", where=str(identification), cure=f"First run `{command}`")
    answer: dict[str, Any] = read_json(identification)
    if (answer["study"], answer["study_digest"]) != (study.name, study.digest):
        raise GraphError(
            f"was made for study {answer['study']} as it stood then, not for {study.name} as it stands now",
            where=str(identification),
            cure=f"Run `{command}` again",
        )
    return answer


def _columns(study: Study, asked: dict[str, Any]) -> tuple[str, ...]:
    proxied = asked["if_proxied"] or {"chosen": None, "latents": []}
    chosen = asked["chosen"] or proxied["chosen"]
    lacking = sorted(set(proxied["latents"]) & set(chosen["unmeasured"])) if chosen else []
    if chosen is None or lacking:
        rest = f" In the study's rows nothing stands for {' or '.join(lacking)}" if lacking else ""
        raise GraphError(
            asked["reason"] + rest,
            where=f"study {study.name}, graph {study.graph}",
            cure="Leave `covariates: graph` out, and read the estimate as descriptive",
        )
    if asked["opened"]:
        raise GraphError(
            f"{' and '.join(chosen['unmeasured'])} cannot be held fixed, and what is left of the adjustment set opens"
            f" {asked['opened']}, which is closed without it",
            where=f"study {study.name}, graph {study.graph}",
            cure=f"Measure {' and '.join(chosen['unmeasured'])}, or name the covariates yourself",
        )
    return tuple(chosen["columns"])


def _overridden(study: Study, asked: dict[str, Any]) -> list[str]:
    """Sentences on covariates and moderators that the graph forbids and the study insists on."""
    against = {item["column"]: item for item in asked["forbidden"] if item["column"] and item["kind"] in REFUSED}
    found = []
    named = [("covariate", say("adjusted for"), column) for column in study.covariates]
    named += [
        ("moderator", say("a moderator"), column) for column in study.moderators if column not in study.covariates
    ]
    for role, used, column in named:
        if column in against:
            why = against[column]["reason"]
            words = _reason_for(
                study,
                column,
                f"{role} {column} is forbidden by the graph {study.graph}: {why}",
            )
            found.append(
                say(
                    "{column} is {used} although {why}, because: {words}",
                    column=column,
                    used=used,
                    why=why.rstrip("."),
                    words=words,
                )
            )
    return found


def _instruments(study: Study, arms: list[dict[str, Any]]) -> list[str]:
    """Sentences on instruments that the graph rules out and the study insists on."""
    found = []
    for arm in arms:
        for item in arm["not_instruments"]:
            column, why = item["column"], item["reason"]
            what = f"{column} is no instrument for {arm['node']} on the graph {study.graph}: {why}"
            words = _reason_for(study, column, what)
            found.append(
                say(
                    "{column} is an instrument although {why}, because: {words}",
                    column=column,
                    why=why.rstrip("."),
                    words=words,
                )
            )
    return found


def _reason_for(study: Study, column: str, problem: str) -> str:
    """The study's words for a column that the graph refuses."""
    if column not in study.overrides:
        raise GraphError(
            problem,
            where=f"study {study.name}",
            cure=f"Remove it, or give your reason in `overrides: {{{column}: ...}}`",
        )
    return study.overrides[column]
