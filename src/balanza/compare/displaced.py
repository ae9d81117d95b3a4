"""What an arm does next door, and in all: read from a study that tells effects on neighbours by rings of distance.

The joint fit that pesos are weighed by takes places for independent: what a place loses and its neighbours gain counts
twice in it, with opposite signs, or not at all. A study with `spillover` (Butts 2021) adds up own effect and rings; the
ratio of that total to the own effect says what displacement leaves of it, with Fieller's set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.contract import Estimate, Study
from balanza.estimators import _summary
from balanza.kernels import fieller
from balanza.provenance import read_json
from balanza.results import read_estimate

ESTIMATOR = "spillover"


def read(study: Study, folder: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Own effect, effect on neighbours and total of a study.

    Parameters
    ----------
    study : Study
    folder : Path
        Of its estimates.
    known : mapping, optional
        The truth of a synthetic world for this study's treatment.

    Returns
    -------
    dict
        study, title, unit, status (`ran` or `declined`), reason, and where it ran: `own`, `neighbours` (all rings, for
        each treated row) and `total`, each with `value`, `low`, `high` and `told`, in the units of the estimate;
        `rings`, each with `part` and the same per exposed row; `left`, what the total is of the own effect: `value`,
        `low`, `high` and `sort`, as `fieller.ratio` has them; `truth`: own, neighbours and total, or null.
    """
    base: dict[str, Any] = {"study": study.name, "title": study.title, "unit": study.treatment.unit, "truth": None}
    found = read_estimate(folder, ESTIMATOR)
    if found is None:
        return base | {"status": "declined", "reason": read_json(folder / f"{ESTIMATOR}.json")["reason"]}
    if known and "rate" in known:
        rate = known["rate"]
        base["truth"] = {"own": rate["own"], "neighbours": rate["neighbours"], "total": rate["value"]}
    return base | {"status": "ran", "reason": None, "estimand": found.estimand} | _parts(found, study.level)


def _parts(found: Estimate, level: float) -> dict[str, Any]:
    rows, covariance = found.rows, found.covariance
    assert rows is not None and covariance is not None  # noqa: S101 - the estimator always gives both
    groups = rows[rows["kind"] == "group"]
    at = {str(name): index for index, name in zip(groups.index, groups["group"], strict=True)}
    labels = [str(at["own"]), str(at["total"])]
    matrix = covariance.loc[labels, labels].to_numpy(float)
    own, total = (float(rows.loc[at[name], "value"]) for name in ("own", "total"))
    next_door = np.array([-1.0, 1.0])
    error = float(np.sqrt(next_door @ matrix @ next_door))
    ratio = fieller.ratio(total, own, matrix[::-1, ::-1], _summary.critical(level))
    return {
        "own": _reading(own, float(np.sqrt(matrix[0, 0])), level),
        "neighbours": _reading(total - own, error, level),
        "total": _reading(total, float(np.sqrt(matrix[1, 1])), level),
        "rings": [
            {"part": str(row["group"])} | _reading(row["value"], row["standard_error"], level)
            for row in groups.to_dict("records")
            if row["group"] not in ("own", "total") and not pd.isna(row["value"])
        ],
        "left": {"value": ratio.value, "low": ratio.low, "high": ratio.high, "sort": ratio.sort},
    }


def _reading(value: float, error: float, level: float) -> dict[str, Any]:
    low, high = _summary.interval(value, error, level)
    return {"value": value, "low": low, "high": high, "told": bool(low > 0 or high < 0)}
