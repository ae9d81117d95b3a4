"""Write the claim cards of a study: what it says of each treatment, what that withstood, and its grade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balanza.claims.card import Finding, card
from balanza.claims.rules import Rules
from balanza.config import load_study
from balanza.contract import Study
from balanza.provenance import file_digest, read_json, write_json
from balanza.registry import chosen, reason_against, registry
from balanza.say import say
from balanza.strict import load


def run(
    study_file: Path,
    comparison: Path,
    checks: Path,
    rules: Path,
    out: Path,
    identification: Path | None = None,
    level: float = 0.95,
) -> None:
    """Write `claim.json`.

    Parameters
    ----------
    study_file, rules : Path
        The study and config/grades.yaml; their digests go on the card.
    comparison, checks : Path
        What `compare` wrote, and the folder of the study's checks.
    out : Path
        The cards: a list, one a treatment.
    identification : Path, optional
        What the study's graph says.
    level : float
        Confidence level of the run.

    Raises
    ------
    ConfigError
        If the study or the rules cannot be read.
    """
    study = load_study(study_file, level)
    read = {name: read_json(checks / f"{name}.json") for name in chosen("checks", study)}
    arms = read_json(identification)["arms"] if identification else []
    found = read_json(comparison)
    headline = study.headline or next((row["estimator"] for row in found["rows"] if row["status"] == "ran"), None)
    stated = load(Rules, rules)
    cards = [
        card(_finding(study, treatment.name, headline, found["rows"], arms, read), stated)
        for treatment in study.treatments
    ]
    write_json(
        out,
        {
            "study": study.name,
            "headline": headline,
            "headline_named": study.headline is not None,
            "outcome": study.outcome.column,
            "window": [str(end) for end in study.window] if study.window else None,
            "study_digest": study.digest,
            "rules_digest": file_digest(rules),
            "cards": cards,
        },
    )


def _finding(
    study: Study,
    treatment: str,
    headline: str | None,
    rows: list[dict[str, Any]],
    arms: list[dict[str, Any]],
    checks: dict[str, dict[str, Any]],
) -> Finding:
    ran = [row for row in rows if row["treatment"] == treatment and row["status"] == "ran"]
    missing = {"status": "not run", "reason": say("no estimator ran"), "estimator": headline, "stem": headline}
    own = next((row for row in rows if row["estimator"] == headline and row["treatment"] == treatment), missing)
    entries = registry("checks").entries
    reasons = {name: reason_against(entry.spec, study) for name, entry in entries.items() if name not in checks}
    return Finding(
        treatment=treatment,
        row=own,
        others=tuple(row for row in ran if row["estimator"] != headline),
        arm=next((arm for arm in arms if arm["treatment"] == treatment), None),
        checks=checks,
        left_out={name: reason for name, reason in reasons.items() if reason},
        level=study.level,
    )
