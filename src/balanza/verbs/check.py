"""Run one check on the estimates of one study, and write what it found, or why it does not apply."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from balanza.config import load_study
from balanza.contract import CheckResult, Estimate, Panel, Study
from balanza.errors import BalanzaError, Unsupported
from balanza.graph.use import with_graph
from balanza.preparation import read_panel
from balanza.provenance import code_digest, derive_seed
from balanza.registry import Entry, chosen, find, reason_against, require_known
from balanza.results import StoredEstimates, file_names, write_check
from balanza.say import joined


def run(
    study_file: Path,
    check: str,
    estimates: Path,
    out: Path,
    rows: Path | None = None,
    world: str = "own panel",
    seed: int = 20190701,
    level: float = 0.95,
    draws: int = 999,
    identification: Path | None = None,
) -> str:
    """Check, and write `<check>.json`.

    Parameters
    ----------
    study_file : Path
        The study.
    check : str
        A name of the registry.
    estimates, out : Path
        Folders of the study's estimates and of its checks.
    rows, world, seed, level : as in `balanza.verbs.estimate`
    draws : int
        Draws of randomization and bootstrap.
    identification : Path, optional
        What the study's graph says; needed by a study with a graph and covariates.

    Returns
    -------
    str
        `ran`, `declined` or `failed`.

    Raises
    ------
    BalanzaError
        If the study or its rows are not usable, or the check is unknown.
    """
    study, _ = with_graph(load_study(study_file, level, draws), study_file, identification)
    entry = find("checks", check)
    require_known(study, str(study_file))
    panel = read_panel(study_file, study, rows)
    job_seed = derive_seed(seed, study.name, check)
    meta: dict[str, Any] = {
        "name": check,
        "title": entry.spec.title,
        "study": study.name,
        "world": world,
        "seed": job_seed,
        "code_digest": code_digest("balanza.verbs.check", entry.module),
        "data_digest": panel.digest,
    }
    stems = [stem for name in chosen("estimators", study) for stem in file_names(name, study).values()]
    status, result, reason = _outcome(study, panel, entry, StoredEstimates(estimates, stems), job_seed)
    if reason:
        print(f"{check} {status} on study {study.name}: {reason}", file=sys.stderr)
    write_check(out, result, meta | {"status": status, "reason": reason})
    return status


def _outcome(
    study: Study, panel: Panel, entry: Entry, estimates: Mapping[str, Estimate], seed: int
) -> tuple[str, CheckResult | None, str | None]:
    try:
        reason = reason_against(entry.spec, study)
        if reason:
            raise Unsupported(reason, where=entry.spec.name)
        return "ran", entry.function(study, panel, estimates, np.random.default_rng(seed)), None
    except BalanzaError as refusal:
        return "declined", None, str(refusal)
    except Exception as error:  # one broken check must not stop the others; the report names it
        traceback.print_exc()
        return "failed", None, joined([type(error).__name__, ": ", error])
