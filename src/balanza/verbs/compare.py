"""Lay the estimates of a study side by side: who ran, who could not and why, and the truth where it is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from balanza.config import load_study
from balanza.contract import Study
from balanza.provenance import read_json, write_json
from balanza.registry import chosen, reason_against, registry, require_known
from balanza.results import file_names
from balanza.say import say


def run(study_file: Path, estimates: Path, out: Path, truth: Path | None = None, level: float = 0.95) -> None:
    """Write the comparison of a study as JSON.

    Parameters
    ----------
    study_file, estimates : Path
        The study, and the folder of its estimates.
    out : Path
        The comparison.
    truth : Path, optional
        truth.json of the synthetic world.

    Raises
    ------
    ConfigError
        If the study names an estimator, check or option that is not registered.
    """
    study = load_study(study_file, level)
    require_known(study, str(study_file))
    known = read_json(truth).get(study.name, {}) if truth else {}
    rows = [
        {"stem": stem} | _row(read_json(estimates / f"{stem}.json"), name, known.get(name))
        for estimator in chosen("estimators", study)
        for name, stem in file_names(estimator, study).items()
    ]
    rows += [_not_run(name, reason) for name, reason in _left_out(study).items()]
    rows = [row | {"new": _is_new(row["estimator"])} for row in rows]
    rows.sort(key=lambda row: row["estimator"] != study.headline)
    agreement = {name: _agreement(rows, name) for name in (treatment.name for treatment in study.treatments)}
    write_json(
        out,
        {"study": study.name, "headline": study.headline, "rows": rows, "agreement": agreement, "truth": known},
    )


def _row(estimate: dict[str, Any], treatment: str, truth: dict[str, Any] | None) -> dict[str, Any]:
    kept = ("estimator", "status", "reason", "scale", "value", "standard_error", "interval", "p_value", "n_clusters")
    row = {"treatment": treatment} | {key: estimate[key] for key in kept}
    row |= {key: estimate[key] for key in ("percent_change", "rate_change", "standard_error_type", "warnings")}
    row["title"] = registry("estimators").entries[estimate["estimator"]].spec.title
    return row | _against_truth(estimate, truth)


def _against_truth(estimate: dict[str, Any], truth: dict[str, Any] | None) -> dict[str, Any]:
    """Compare in per cent of the outcome, where estimators on every scale meet."""
    if truth is None or estimate["percent_change"] is None:
        return {"true_percent": None, "covers_truth": None}
    percent = 100 * math.expm1(truth["value"])
    _, low, high = estimate["percent_change"]
    return {"true_percent": percent, "covers_truth": low <= percent <= high}


def _agreement(rows: list[dict[str, Any]], treatment: str) -> dict[str, Any]:
    """How many intervals in per cent lie above zero, below it or around it, and the span of the estimates."""
    shown = [row["percent_change"] for row in rows if row["treatment"] == treatment and row.get("percent_change")]
    values = [value for value, _, _ in shown]
    return {
        "n": len(shown),
        "n_rise": sum(low > 0 for _, low, _ in shown),
        "n_fall": sum(high < 0 for _, _, high in shown),
        "lowest": min(values, default=None),
        "highest": max(values, default=None),
    }


def _left_out(study: Study) -> dict[str, str]:
    found = registry("estimators")
    reasons = {name: reason_against(entry.spec, study) for name, entry in found.entries.items()}
    listed = chosen("estimators", study)
    left_out = {name: reason or say("the study file does not list it") for name, reason in reasons.items()}
    return {name: reason for name, reason in left_out.items() if name not in listed} | {
        name: say("the file is broken: {reason}", reason=reason) for name, reason in found.broken.items()
    }


def _not_run(name: str, reason: str) -> dict[str, Any]:
    entry = registry("estimators").entries.get(name)
    title = entry.spec.title if entry else name
    status = "not run" if entry else "broken"
    return {"stem": name, "treatment": None, "estimator": name, "title": title, "status": status, "reason": reason}


def _is_new(name: str) -> bool:
    """Whether an estimator is in no release of this package, so that readers look at it twice."""
    entry = registry("estimators").entries.get(name)
    return entry is not None and (entry.outside or not entry.spec.since)
