"""What the page on pesos says of who gets what, and of where each theme stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from balanza.report import charts, words
from balanza.report.language import N_, said
from balanza.report.language import gettext as _

STATUSES = {
    "claimed": N_("an effect is claimed"),
    "not supported": N_("an effect is found, and not supported"),
    "no claim": N_("no effect is claimed"),
    "no estimate": N_("no estimate came"),
    "estimated": N_("estimated, and judged by nothing else"),
    "measured": N_("measured"),
    "not measured": N_("not measured"),
    "not in this run": N_("not in this run"),
}
SETTLED = {
    "claimed": N_("at least one effect is claimed"),
    "estimated": N_("estimated, and nothing claimed"),
    "nothing": N_("nothing was estimated"),
}
IDENTIFIED = {
    "passed": N_("identified by the graph"),
    "failed": N_("not identified by the graph"),
    "not possible": N_("no graph was asked"),
}


def targeting(result: Mapping[str, Any], curves: pd.DataFrame | None) -> dict[str, Any]:
    """Where elements and money are: a chart, sentences and rows for each level.

    Parameters
    ----------
    result : mapping
        targeting.json.
    curves : DataFrame
        Its curves, written with it.
    """
    assert curves is not None  # noqa: S101 - written together
    levels = []
    for level in dict.fromkeys(row["level"] for row in result["indices"]):
        points = curves[curves["level"] == level]
        label = points["arm"].map(said) + " (" + points["basis"].map(said) + ")"
        panels = {name: _("by {rank}").format(rank=said(name)) for name in dict.fromkeys(points["by"])}
        shown = points.assign(label=label, panel=points["by"].map(panels))
        rows = [row for row in result["indices"] if row["level"] == level]
        levels.append(
            {
                "level": level,
                "chart": charts.concentration(shown, list(panels.values())),
                "rows": rows,
                "sentences": [_concentrated(row) for row in rows if row["by"] == "violence"],
                "modelled": sorted({row["arm"] for row in rows if row["basis"] == "modelled"}),
                "n_places": rows[0]["n_places"],
                "n_unknown": max(row["n_unknown"] for row in rows),
            }
        )
    return {"result": result, "levels": levels}


def _concentrated(row: Mapping[str, Any]) -> str:
    """Where something lies along violence, in words."""
    index = row["index"]
    if abs(index) < 0.05:
        told = _(
            "{arm}: close to even over violence (index {index}); the tenth of people in the most violent places has"
            " {share} %."
        )
    elif index > 0:
        told = _(
            "{arm}: more in the violent places (index {index}); the tenth of people in the most violent places has"
            " {share} %."
        )
    else:
        told = _(
            "{arm}: more in the peaceful places (index {index}); the tenth of people in the most violent places has"
            " {share} %."
        )
    arm = said(row["arm"]).capitalize()
    if row["basis"] == "modelled":
        arm = _("{arm}, as modelled").format(arm=arm)
    return told.format(arm=arm, index=words.number(index, 2), share=f"{100 * row['top_tenth']:.0f}")


def standing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Where a theme stands, a row of themes.json, in words."""
    found = [
        {
            **item,
            "said": said(STATUSES[item["status"]]),
            "graph": said(IDENTIFIED.get(item["identified"] or "", "")),
            "grade": item["grade"],
        }
        for item in row["found"]
    ]
    return {**row, "found": found, "settled_words": said(SETTLED[row["settled"]])}
