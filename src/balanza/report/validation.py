"""The page of the validation: what each estimator scores where the truth is known. It computes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from balanza.config import load_study_file
from balanza.provenance import read_json
from balanza.report import words
from balanza.report.language import LANGUAGES, N_, figures, said, speaking
from balanza.report.language import gettext as _
from balanza.report.pages import environment, publish

KINDS = {
    "world": (
        N_("Invented countries"),
        N_("Whole synthetic worlds, drawn anew for each number: violence, assignment and effects."),
    ),
    "plasmode": (
        N_("This world's own rows, with an effect put in"),
        N_(
            "The study's rows before its treatment began, with their own levels, trends, noise and zeros. The observed "
            "doses or first months are dealt out at random to other states from a placebo date on, and the counts are "
            "thinned or raised by a known share."
        ),
    ),
}
SELECTIONS = {
    "none": N_("Assignment looks at nothing"),
    "level": N_("Assignment follows the level of violence"),
    "dip": N_("Assignment follows the recent rise of violence"),
}
LESSONS = {
    "none": N_("Trends are parallel on every scale."),
    "level": N_(
        "Trends are parallel in logarithms, and not in rates: where violence is high, its ups and downs are larger."
    ),
    "dip": N_(
        "Trends are not parallel on any scale: what rose before treatment falls back without it. The bias is the lesson"
        " here."
    ),
}
RECORDED = N_("Violence does not answer to the Guard here, and what is recorded of it does: the bias is the lesson.")
UNITS = {"homicides per 100,000 a year": N_("rate"), "log points": N_("log points"), "share": N_("share")}


@dataclass(frozen=True)
class Frame:
    """What the frame of a page needs to know of a world."""

    config: Mapping[str, Any]
    weighing = outlook = provenance = True  # pages that every run has

    @property
    def synthetic(self) -> bool:
        return bool(self.config["world"] == "synthetic")

    @property
    def blind(self) -> bool:
        return bool(self.config.get("blind"))


def write(results: Path, scores: Path, study_files: Iterable[Path], out: Path) -> None:
    """Write the page.

    Parameters
    ----------
    results : Path
        results/<world>, with config.yaml.
    scores : Path
        scores.json, small or full.
    study_files : iterable of Path
        The studies of the menu, in its order.
    out : Path
        The page in English; the others go to folders beside it.
    """
    config = yaml.safe_load((results / "config.yaml").read_text("utf-8"))
    found = read_json(scores)
    titles = {file.name: file.title for file in map(load_study_file, study_files)}
    draws = max((row["n"] for row in found["rows"]), default=0)
    for language in LANGUAGES:
        with speaking(language, found.get("messages")):
            env = environment(Frame(config), list(titles.items()), out.stem)
            page, file = env.get_template("validation.html.j2"), out.parent / language.folder / out.name
            publish(page, file, found=found, draws=draws, kinds=_kinds(found, titles))


def _kinds(found: Mapping[str, Any], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Kinds of worlds, in each the studies, in each the rules of assignment with their rows, all in the given order."""
    advised = {(item["kind"], item["study"], item["selection"]): item["sentence"] for item in found["advice"]}
    return [
        {
            "title": said(KINDS[kind][0]),
            "words": said(KINDS[kind][1]),
            "studies": [
                {
                    "name": study,
                    "title": _title(study, titles),
                    "selections": _selections(rows, advised),
                    "without": _without(rows),
                }
                for study, rows in _by(of_kind, "study")
            ],
        }
        for kind, of_kind in sorted(_by(found["rows"], "kind"), key=lambda item: list(KINDS).index(item[0]))
    ]


def _title(study: str, titles: Mapping[str, str]) -> str:
    bare = study.removesuffix("_recorded")
    title = said(titles.get(bare, bare))
    if bare == study:
        return title
    return _("{title}, as the prosecutors record it where the Guard moves recording and not violence").format(
        title=title
    )


def _selections(rows: Sequence[Mapping[str, Any]], advised: Mapping[tuple[str, str, str], str]) -> list[dict[str, Any]]:
    return [
        {
            "title": said(SELECTIONS[name]),
            "lesson": said(RECORDED if inside[0]["study"].endswith("_recorded") else LESSONS[name]),
            "advice": advised.get((inside[0]["kind"], inside[0]["study"], name), _("No estimator gave a number.")),
            "rows": [_row(row) for row in inside if row["n"]],
            "scores": [row for row in inside if row["n"]],
            "several": len({row["treatment"] for row in inside}) > 1,
        }
        for name, inside in _by(rows, "selection")
    ]


def _by(rows: Sequence[Mapping[str, Any]], key: str) -> list[tuple[str, list[Mapping[str, Any]]]]:
    return [(str(name), list(members)) for name, members in groupby(rows, key=lambda row: row[key])]


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    if not row["judged"]:
        verdict = _("not asked")
    elif row["passed"] is None:
        verdict = _("too few draws")
    else:
        verdict = _("not shown short") if row["passed"] else _("TOO SHORT")
    error = "" if row["bias_error"] is None else f" ± {_short(row['bias_error'])}"
    low, high = (f"{100 * row[key]:.0f}" for key in ("coverage_low", "coverage_high"))
    return {
        **row,
        "verdict": verdict,
        "missed": row["passed"] is False,
        "draws": _("{n} ({none} without)").format(n=row["n"], none=row["n_none"]) if row["n_none"] else f"{row['n']}",
        "off": f"{_short(row['bias'])}{error}",
        "middle": _short(row["bias_median"]),
        "unit": said(UNITS.get(row["measure"], row["measure"])),
        "covered": _("{share} ({low} to {high})").format(share=_share(row["coverage"]), low=low, high=high),
        "rejects": _share(row["excludes_zero"]),
    }


def _short(value: float) -> str:
    """Three decimals, two from ten on: the rows of a column under each other."""
    digits = 3 if abs(value) < 10 else 2
    return figures(f"{round(value, digits) + 0.0:.{digits}f}")  # no -0.000


def _share(value: float) -> str:
    return f"{100 * value:.0f}{words.THIN}%"


def _without(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Estimators without a number in any draw, once each, with the first reason."""
    ran = {row["estimator"] for row in rows if row["n"]}
    reasons: dict[str, str] = {}
    for row in rows:
        if row["estimator"] not in ran:
            reasons.setdefault(row["estimator"], str(row["reason"]))
    return [
        {"name": name, "reason": said(reason).removeprefix(f"{name}: ").rstrip(".")} for name, reason in reasons.items()
    ]
