"""Run one estimator on one study, and write what it found, or why it could not."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from balanza.config import load_study
from balanza.contract import Estimate, Panel, Study
from balanza.errors import BalanzaError, Unsupported
from balanza.graph.use import with_graph
from balanza.preparation import read_panel
from balanza.provenance import code_digest, derive_seed
from balanza.registry import Entry, find, reason_against, require_known
from balanza.results import file_names, write_estimate, write_no_estimate
from balanza.say import joined, say


def run(
    study_file: Path,
    estimator: str,
    out: Path,
    rows: Path | None = None,
    world: str = "own panel",
    seed: int = 20190701,
    level: float = 0.95,
    identification: Path | None = None,
) -> str:
    """Estimate, and write `<estimator>[.<treatment>].json` with its rows and covariance.

    Parameters
    ----------
    study_file : Path
        The study.
    estimator : str
        A name of the registry.
    out : Path
        Folder of the results.
    rows : Path, optional
        The study's rows; not needed where the study brings its own panel.
    world : str
        Name of the world, for the record.
    seed, level : int, float
        Seed of the run and confidence level.
    identification : Path, optional
        What the study's graph says; needed by a study with a graph and covariates.

    Returns
    -------
    str
        `ran`, `declined` (the estimator does not support the study) or `failed` (its code broke).

    Raises
    ------
    BalanzaError
        If the study or its rows are not usable, or the estimator is unknown.
    """
    study, assumptions = with_graph(load_study(study_file, level), study_file, identification)
    entry = find("estimators", estimator)
    require_known(study, str(study_file))
    panel = read_panel(study_file, study, rows)
    job_seed = derive_seed(seed, study.name, estimator)
    meta: dict[str, Any] = {
        "study": study.name,
        "world": world,
        "outcome": study.outcome.column,
        "estimator": estimator,
        "level": level,
        "seed": job_seed,
        "code_digest": code_digest("balanza.verbs.estimate", entry.module),
        "data_digest": panel.digest,
        "graph_assumptions": assumptions,
    }
    started = time.perf_counter()
    try:
        found = _estimates(study, panel, entry, job_seed)
    except BalanzaError as refusal:
        return _record_none(out, study, estimator, "declined", str(refusal), meta)
    except Exception as error:  # whatever breaks in one estimator must not stop the others; the report names it
        traceback.print_exc()
        return _record_none(out, study, estimator, "failed", joined([type(error).__name__, ": ", error]), meta)
    meta["seconds"] = round(time.perf_counter() - started, 3)
    lost = tuple(
        say("{n:,} rows are left out: {why}", n=n, why=why)
        for why, n in panel.dropped.items()
        if why != "outside the window"
    )
    for name, stem in file_names(estimator, study).items():
        write_estimate(out, stem, replace(found[name], warnings=(*found[name].warnings, *lost, *panel.warnings)), meta)
    return "ran"


def _estimates(study: Study, panel: Panel, entry: Entry, seed: int) -> Mapping[str, Estimate]:
    reason = reason_against(entry.spec, study)
    if reason:
        raise Unsupported(reason, where=entry.spec.name)
    found = entry.function(study, panel, np.random.default_rng(seed))
    if isinstance(found, Estimate):
        return {study.treatment.name: found}
    return dict(found)


def _record_none(out: Path, study: Study, estimator: str, status: str, reason: str, meta: dict[str, Any]) -> str:
    print(f"{estimator} {status} on study {study.name}: {reason}", file=sys.stderr)
    for name, stem in file_names(estimator, study).items():
        write_no_estimate(out, stem, name, status, reason, meta)
    return status
